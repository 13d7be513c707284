"""The way of the hot path's statements to PostgreSQL: by their names, and several of them in one round trip.

psycopg's cursors take a round trip for each statement, and let go of the interpreter lock some six times in each, where
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
    begins: bool = False  # a transaction


COMMIT = Text(b"commit", b"COMMIT")


class _Waiting(NamedTuple):
    """A statement that was not sent yet, its values as they are sent."""

    text: Text
    values: "Sequence[Buffer | None]"
    formats: Sequence[int]


class Wire:
    """The way from one connection to its database."""

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
        return bool(self._waiting) or self._pgconn.transaction_status != pq.TransactionStatus.IDLE

    def take(self, text: Text, values: Sequence[Any] = ()) -> None:
        """Take a statement along when something is sent next; at once, if it is in no transaction."""
        alone = not (text.begins or self.in_transaction)
        self._waiting.append(_Waiting(text, self._adapt.dump_sequence(values, text.formats), self._adapt.formats or ()))
        if alone:
            self.send()

    def ask(self, text: Text, values: Sequence[Any]) -> "PGresult":
        """Send a statement, after those that wait, and return what came of it.

        Raises:
            psycopg.Error: the first of them that failed; those after it were not executed.

        """
        self._waiting.append(_Waiting(text, self._adapt.dump_sequence(values, text.formats), self._adapt.formats or ()))
        return self.send()[-1]

    def rows_of(self, result: "PGresult") -> list[tuple[Any, ...]]:
        """Turn the rows of a result into Python's values."""
        self._adapt.set_pgresult(result)
        return self._adapt.load_rows(0, result.ntuples, tuple)

    def commit(self) -> None:
        """Commit, and send what waits on the way; where one of it fails, nothing is committed."""
        if len(self._waiting) == 1 and self._waiting[0].text.begins:
            self.forget()  # nothing was done in it
        if self.in_transaction:
            self.take(COMMIT)
            self.send()

    def forget(self) -> None:
        """Drop what was not sent yet: its transaction is undone."""
        self._waiting.clear()

    def forget_names(self) -> None:
        """Prepare every statement anew: the database is told to forget them."""
        self._known.clear()

    def send(self) -> "list[PGresult]":
        """Send what waits, wait until all of it is answered, and return what came of each.

        Raises:
            psycopg.Error: the first that failed; those after it were not executed.

        """
        if not self._waiting:
            return []
        waiting, self._waiting = self._waiting, []
        try:
            self._pgconn.enter_pipeline_mode()
            sent = self._write(waiting)
            answers = self._read(len(sent))
            self._pgconn.exit_pipeline_mode()
        except BaseException:
            self._pgconn.finish()  # nobody knows how far it came
            raise
        results = []
        for prepared, answer in zip(sent, answers, strict=True):
            if answer.status == pq.ExecStatus.FATAL_ERROR:
                raise error_from_result(answer, self._connection.info.encoding)
            if prepared is None:
                results.append(answer)
            else:
                self._known.add(prepared)
        return results

    def _write(self, waiting: Sequence[_Waiting]) -> list[bytes | None]:
        """Hand statements to libpq; return what will be answered, in order: the name of one to prepare, or None."""
        # A pooler that lends its connections by the transaction forgets names: nothing is prepared then (kit.patience).
        by_name = self._connection.prepare_threshold is not None
        sent: list[bytes | None] = []
        for text, values, formats in waiting:
            if not by_name:
                self._pgconn.send_query_params(text.text, values, text.types, formats)
            else:
                if text.name not in self._known and text.name not in sent:
                    self._pgconn.send_prepare(text.name, text.text, text.types)
                    sent.append(text.name)
                self._pgconn.send_query_prepared(text.name, values, formats)
            sent.append(None)
        self._pgconn.pipeline_sync()
        while self._pgconn.flush():  # more than the socket takes: the database may wait for us to listen
            if self._ready(POLLIN | POLLOUT) & POLLIN:
                self._pgconn.consume_input()
        return sent

    def _read(self, count: int) -> "list[PGresult]":
        answers = []
        for _ in range(count):
            answers.append(self._next())
            self._pgconn.get_result()  # None: there is one for each
        self._next()  # the mark behind the last
        return answers

    def _next(self) -> "PGresult":
        while self._pgconn.is_busy():
            self._ready(POLLIN)
            self._pgconn.consume_input()
        answer = self._pgconn.get_result()
        if answer is None:
            raise psycopg.OperationalError("the database ended the conversation")
        return answer
