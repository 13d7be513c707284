"""Writers of one SQLite file: one after the other, also across processes; those that wait are committed together.

SQLite waits for the disk at each commit, and nobody else can write meanwhile. So whoever has done its part leaves the
transaction open for the next that waits, and waits itself for the commit, which the last of them makes: a group commit.
To each it is a transaction of its own: a part that raises is rolled back alone, to its savepoint, and nobody goes on
before what they wrote is committed. docs/decisions/0027-committed-together.md says what it buys.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from twofold.kit import clock
from twofold.kit.sql.sqlite_queue import WriterQueue
from twofold.kit.sql.statement import Statement
from twofold.kit.sql.waits import noted

MOST_TOGETHER = 16  # in one commit: another process waits meanwhile
DURABLE = "twofold_durable"  # beside a connection: whether it waits for the disk when it commits

# The lock on the file is taken at once, not at the first statement that writes, when it may be too late.
_begin = Statement({"sqlite": sa.text("BEGIN IMMEDIATE")})
_savepoint = Statement({"sqlite": sa.text("SAVEPOINT part")})
_release = Statement({"sqlite": sa.text("RELEASE part")})
_roll_back = Statement({"sqlite": sa.text("ROLLBACK TO part")})


class Writers:
    """The writers of one process."""

    def __init__(self, url: str, lend: Callable[[], sa.Connection], timeout: float) -> None:
        """Take connections from `lend`; a thread that somebody waits for gives up after `timeout` seconds."""
        self.queue = WriterQueue(url, timeout)
        self._lend = lend
        self._mutex = threading.Lock()  # guards the two below
        self._waiting: deque[_Ticket] = deque()
        self._busy = False

    @contextmanager
    def transaction(self, *, durable: bool) -> Iterator[sa.Connection]:
        """Lend a connection in a transaction that is committed once this has ended; one that raises is rolled back."""
        group = self._enter(durable=durable)
        try:
            with group.part():
                yield group.connection
        except BaseException:
            if not self._hand_over(group):
                self._end(group)
            raise
        if self._hand_over(group):
            group.done.wait()
        else:
            self._end(group)
        if group.error is not None:
            raise sa.exc.OperationalError("COMMIT", None, group.error)

    def close(self) -> None:
        """Close the file of the lock."""
        self.queue.close()

    def _enter(self, *, durable: bool) -> "_Group":
        """Wait for the right to write, first come, first served; return the group that is handed over, or a new one."""
        until = self.queue.limit()
        group = self._wait(until, durable=durable)
        if group is not None:
            return group
        try:
            self.queue.take(until)
        except BaseException:
            self._pass_on()
            raise
        try:
            return _Group(self._lend(), durable=durable)
        except BaseException:
            self.queue.give()
            self._pass_on()
            raise

    def _wait(self, until: float | None, *, durable: bool) -> "_Group | None":
        with self._mutex:
            if not self._busy:
                self._busy = True
                return None
            ticket = _Ticket(durable=durable)
            self._waiting.append(ticket)
        with noted("turn"):
            ticket.granted.wait(None if until is None else max(0.0, until - clock.stopwatch()))
        with self._mutex:
            if not ticket.granted.is_set():
                self._waiting.remove(ticket)
                raise sa.exc.TimeoutError("another writer holds the database")
        return ticket.group

    def _hand_over(self, group: "_Group") -> bool:
        """Hand an open transaction on to whoever waits next; False where nobody does, or it takes no more parts."""
        with self._mutex:
            if not group.takes_more or not self._waiting or (self._waiting[0].durable and not group.durable):
                return False
            ticket = self._waiting.popleft()
            ticket.group = group
            ticket.granted.set()
            return True

    def _end(self, group: "_Group") -> None:
        """Commit what is open, wake all who wait for that, and pass the right to write on."""
        try:
            group.end()
        finally:
            self.queue.give()
            self._pass_on()

    def _pass_on(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().granted.set()
            else:
                self._busy = False


class _Ticket:
    """A thread that waits to write, and the open group that it is handed, if there is one."""

    def __init__(self, *, durable: bool) -> None:
        self.durable = durable
        self.granted = threading.Event()
        self.group: _Group | None = None


class _Group:
    """A transaction that several threads share; only the one that has the right to write touches it."""

    def __init__(self, connection: sa.Connection, *, durable: bool) -> None:
        """Begin it."""
        self.connection, self.durable = connection, durable
        self.done = threading.Event()
        self.error: BaseException | None = None  # why nothing of it was committed
        self._parts = 0
        self._kept = False  # something that has to be committed
        try:
            if connection.info.get(DURABLE, True) is not durable:
                self._driver.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                connection.info[DURABLE] = durable
            self._transaction = connection.begin()
            _begin.enqueue(connection)
        except BaseException:
            connection.close()
            raise

    @property
    def takes_more(self) -> bool:
        return self._kept and self.error is None and self._parts < MOST_TOGETHER and self._driver.in_transaction

    @property
    def _driver(self) -> Any:
        return self.connection.connection.driver_connection

    @contextmanager
    def part(self) -> Iterator[None]:
        """Do one part; one that raises is rolled back alone, unless SQLite has rolled everything back by itself."""
        self._parts += 1
        if self._parts > 1:
            _savepoint.enqueue(self.connection)
        try:
            yield
            if self._parts > 1:
                _release.enqueue(self.connection)
        except BaseException as error:
            self._take_back(error)
            raise
        self._kept = True

    def _take_back(self, error: BaseException) -> None:
        """Roll back the part that raised; where that cannot be done alone, nothing of the group may be committed."""
        if not self._driver.in_transaction:
            self.error = error
        elif self._parts > 1:
            try:
                _roll_back.enqueue(self.connection)
                _release.enqueue(self.connection)
            except BaseException:
                self.error = error
                raise

    def end(self) -> None:
        """Commit what was kept, and let those go on who wait for that."""
        try:
            if self._parts == 1 and not self._transaction.is_active:
                return  # whoever had it alone has taken it back
            if self.error is None and not self._driver.in_transaction:
                self.error = RuntimeError("the transaction was rolled back")
            if self._kept and self.error is None:
                self._transaction.commit()
            elif self._transaction.is_active:
                self._transaction.rollback()
        except BaseException as error:  # noqa: BLE001 - raised in each thread that waits for it
            self.error = self.error or error
            if self._transaction.is_active:
                with contextlib.suppress(sa.exc.DBAPIError):
                    self._transaction.rollback()
            if self._driver.in_transaction:  # SQLAlchemy holds a commit that failed for the end
                self._driver.execute("ROLLBACK")
        finally:
            try:
                self.connection.close()
            finally:
                self.done.set()
