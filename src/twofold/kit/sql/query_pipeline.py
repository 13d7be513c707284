"""How statements of the hot path are sent to PostgreSQL: prepared, and several of them in one round trip.

psycopg's cursors take a round trip for each statement, and let go of the interpreter lock several times in each, where
another thread may take it. What is sent from here is prepared once for each connection; and a statement whose outcome
nobody needs waits for the next one whose outcome somebody does, or for the commit (libpq calls that pipeline mode).
Where the database is half a millisecond away, that is what a request waits for most.

A statement that fails takes those after it with it, and the transaction. Its error is raised where it is found out.
"""

from collections.abc import Callable, Sequence
from select import POLLIN, POLLOUT
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result

if TYPE_CHECKING:
    from psycopg.abc import Buffer
    from psycopg.pq.abc import PGresult


class Text(NamedTuple):
    """A statement as PostgreSQL gets it, with `$1` and so on for its parameters."""

    name: bytes
    text: bytes
    types: Sequence[int] = ()  # of the parameters: their oids, or 0 where the text tells
    formats: Sequence[PyFormat] = ()
    begins: bool = False  # a transaction, or says how it is to be


COMMIT = Text(b"commit", b"COMMIT")


class Answer:
    """What comes of a statement; it has to be waited for before anybody looks."""

    __slots__ = ("query_pipeline", "result", "waits")

    def __init__(self, query_pipeline: "QueryPipeline") -> None:
        self.query_pipeline = query_pipeline
        self.waits = True  # it was neither sent nor dropped
        self.result: PGresult | None = None

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows that came back."""
        return self.query_pipeline.rows_of(self._arrived())

    @property
    def changed(self) -> int:
        """How many rows were stored, changed or deleted."""
        return self._arrived().command_tuples or 0

    def wait(self) -> None:
        """Wait for it; that sends off what waits.

        Raises:
            psycopg.Error: this one failed, or one before it, or it was dropped: the last two were not executed.

        """
        if self.waits:  # else the connection may be somebody else's by now
            self.query_pipeline.send()
        self._arrived()

    def _arrived(self) -> "PGresult":
        if self.result is None:
            raise psycopg.OperationalError("not executed: a statement before it failed, or nobody sent it")
        return self.result


class _Waiting(NamedTuple):
    """A statement that was not sent yet, its values as they are sent, and where its answer is to go."""

    text: Text
    values: "Sequence[Buffer | None]"
    formats: Sequence[int]
    answer: Answer


class QueryPipeline:
    """The statements of one connection, in libpq's pipeline mode."""

    def __init__(self, connection: "psycopg.Connection[Any]", ready: Callable[[int], int]) -> None:
        """`ready` waits for one of some events (POLLIN, POLLOUT) on the connection's socket, and says which came."""
        self._connection = connection
        self._pgconn = connection.pgconn
        self._ready = ready
        self._adapt = Transformer(connection)
        self._waiting: list[_Waiting] = []
        self._known: set[bytes] = set()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction was begun, even if the database does not know yet."""
        begun = bool(self._waiting) and self._waiting[0].text.begins
        return begun or self._pgconn.transaction_status != pq.TransactionStatus.IDLE

    def take(self, text: Text, values: Sequence[Any] = ()) -> Answer:
        """Take a statement along when something is sent next."""
        answer = Answer(self)
        dumped = self._adapt.dump_sequence(values, text.formats)
        self._waiting.append(_Waiting(text, dumped, self._adapt.formats or (), answer))
        return answer

    def rows_of(self, result: "PGresult") -> list[tuple[Any, ...]]:
        """Turn the rows of a result into Python's values."""
        self._adapt.set_pgresult(result)
        return self._adapt.load_rows(0, result.ntuples, tuple)

    def commit(self) -> None:
        """Commit, and send what waits in the same round trip.

        Raises:
            psycopg.Error: the first statement that failed: nothing is committed. Or the connection was lost: it may be.

        """
        if all(waiting.text.begins for waiting in self._waiting):
            self.forget()  # nothing was done in it
        if self.in_transaction:
            self.take(COMMIT)
            self.send()

    def forget(self) -> None:
        """Drop what was not sent yet: its transaction is undone."""
        self._waiting_no_more()

    def forget_names(self) -> None:
        """Prepare every statement anew: the database is told to forget them."""
        self._known.clear()

    def send(self) -> None:
        """Send what waits, and wait until all of it is answered.

        Raises:
            psycopg.Error: the first that failed; those after it were not executed.

        """
        if not self._waiting:
            return
        waiting = self._waiting_no_more()
        try:
            self._pgconn.enter_pipeline_mode()
            sent = self._write(waiting)
            results = self._read(len(sent))
            self._pgconn.exit_pipeline_mode()
        except BaseException:
            self._pgconn.finish()  # nobody knows how far it came
            raise
        for (name, answer), result in zip(sent, results, strict=True):
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise error_from_result(result, self._connection.info.encoding)
            if answer is None:
                self._known.add(name)
            else:
                answer.result = result

    def _waiting_no_more(self) -> list[_Waiting]:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.answer.waits = False
        return waiting

    def _write(self, waiting: Sequence[_Waiting]) -> list[tuple[bytes, Answer | None]]:
        """Hand statements to libpq; return what will be answered, in order: that one was prepared, or what it found."""
        # A pooler that lends its connections by the transaction forgets names: nothing is prepared then (timeouts.py).
        by_name = self._connection.prepare_threshold is not None
        sent: list[tuple[bytes, Answer | None]] = []
        for text, values, formats, answer in waiting:
            if not by_name:
                self._pgconn.send_query_params(text.text, values, text.types, formats)
            else:
                if text.name not in self._known and (text.name, None) not in sent:
                    self._pgconn.send_prepare(text.name, text.text, text.types)
                    sent.append((text.name, None))
                self._pgconn.send_query_prepared(text.name, values, formats)
            sent.append((text.name, answer))
        self._pgconn.pipeline_sync()
        while self._pgconn.flush():  # more than the socket takes: the database may wait for us to listen
            if self._ready(POLLIN | POLLOUT) & POLLIN:
                self._pgconn.consume_input()
        return sent

    def _read(self, count: int) -> "list[PGresult]":
        results = []
        for _ in range(count):
            results.append(self._next())
            self._pgconn.get_result()  # None: there is one for each
        self._next()  # the answer to the sync message
        return results

    def _next(self) -> "PGresult":
        while self._pgconn.is_busy():
            self._ready(POLLIN)
            self._pgconn.consume_input()
        result = self._pgconn.get_result()
        if result is None:
            raise psycopg.OperationalError("the database ended the conversation")
        return result
