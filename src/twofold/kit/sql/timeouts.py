"""Connections to PostgreSQL that keep nobody waiting for ever.

A database that is stopped refuses at once. One that hangs (a frozen machine, a dead network, a pooler before it whose
database is gone) keeps its sockets open and says nothing, and a server that waits for it has every thread waiting
within moments. So a thread that somebody waits for gives a connection up once it has heard nothing for the time-out;
and while the database is silent to everybody, one thread, the monitor, looks for it, and the others refuse at once.

All of this happens on our side of the connection: a time-out set for the session would leak or get lost in a pooler
that lends its connections by the transaction, and such poolers refuse start-up options.
"""

import threading
from collections.abc import Generator
from select import POLLIN, poll
from typing import Any, Self

import psycopg
import sqlalchemy as sa
import structlog

from twofold.kit import clock
from twofold.kit.sql.away import what_it_says
from twofold.kit.sql.query_pipeline import QueryPipeline

READABLE = 1  # psycopg's word for "something came"
FIRST_PROBE_AFTER, LONGEST_PROBE_WAIT = 0.1, 1.0  # seconds between two probes of the monitor, growing

# Nobody waits for the threads of a command or of a job: they may be slow, but find out when the other machine is gone.
LONGEST_SILENCE = 300.0  # seconds
KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}

# What an address does not say itself.
DEFAULTS = {"connect_timeout": 10, "application_name": "twofold", **KEEPALIVES}
TAKES_WRITES = {"target_session_attrs": "read-write"}

log = structlog.get_logger("twofold.database")

_this_thread = threading.local()


class ConnectionSilent(psycopg.OperationalError):
    """The database has said nothing for the whole time-out."""


class DatabaseUnavailable(psycopg.OperationalError):
    """The database was found to be away, and the monitor has not reached it since."""


def mark_interactive() -> None:
    """Make this thread one that somebody waits for: it gives a silent database up after the time-out."""
    _this_thread.is_interactive = True


def is_interactive() -> bool:
    """Tell whether somebody waits for this thread."""
    return getattr(_this_thread, "is_interactive", False)


class ReadOnly(psycopg.OperationalError):
    """The database takes no writes: it is a replica, or has become one."""


REPLICA = "the database is a read-only replica"
SILENT = "the database has said nothing for {} seconds"


class Monitor:
    """Knows whether the database is away, and looks for it until it is back."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self.heard_at = clock.stopwatch()
        self.away = False
        self._why = ""  # what the last try to reach it has said
        self._lock = threading.Lock()
        self._closed = threading.Event()

    @property
    def limit(self) -> float:
        """How many seconds of silence this thread waits."""
        return self.timeout if is_interactive() else LONGEST_SILENCE

    def connect(self, *arguments: Any, **options: Any) -> "psycopg.Connection[Any]":
        """Connect; a thread that somebody waits for does not even try while the database is away.

        Raises:
            DatabaseUnavailable: the monitor has not reached it since it was lost.
            ReadOnly: it is a replica, and its address sets no `target_session_attrs`.

        """
        if not is_interactive():
            return self._connect(arguments, options)
        if self.away:
            raise DatabaseUnavailable(f"the database is away: {self._why}")
        try:
            return self._connect(arguments, options)
        except psycopg.OperationalError as error:
            self._lost(arguments, options, what_it_says(error))
            raise

    def fell_silent(self, reach: tuple[Any, Any]) -> None:
        """Note that one connection got no answer: that may be one slow statement, unless nobody got any."""
        if clock.stopwatch() - self.heard_at > self.timeout / 2:
            self._lost(*reach, SILENT.format(self.limit))

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()

    def _lost(self, arguments: Any, options: Any, why: str) -> None:
        with self._lock:
            if self.away or self._closed.is_set():
                return
            self._why = why
            threading.Thread(
                target=self._probe, args=(arguments, options), name="database-monitor", daemon=True
            ).start()
            self.away = True  # only now: where no thread starts, nobody would find out that it is back
        log.error("the database is away", says=why)

    def _probe(self, arguments: Any, options: Any) -> None:
        mark_interactive()
        wait = FIRST_PROBE_AFTER
        while not self._closed.wait(wait):
            wait = min(LONGEST_PROBE_WAIT, wait * 1.5)
            try:
                self._connect(arguments, options).close()
            except (psycopg.Error, OSError) as error:  # OSError: no file may be opened any more
                self._why = what_it_says(error)
                continue
            self.away = False
            log.warning("the database is back")
            return

    def _connect(self, arguments: Any, options: Any) -> "psycopg.Connection[Any]":
        hosts = 1 + str(options.get("host", "")).count(",")  # tried one after the other, and one of them may be silent
        options = DEFAULTS | (TAKES_WRITES if hosts > 1 else {}) | options
        _this_thread.monitor, _this_thread.reach, _this_thread.limit = self, (arguments, options), self.limit / hosts
        connection = _TimedConnection.connect(*arguments, autocommit=True, **options)
        try:
            _get_to_know(connection, any_will_do="target_session_attrs" in options)
        except BaseException:
            connection.close()
            raise
        return connection


def _get_to_know(connection: "psycopg.Connection[Any]", *, any_will_do: bool) -> None:
    """Ask a new connection whom it leads to.

    To a replica is wrong, unless the address asks for one: it lags behind, and would accept a session that the primary
    has just ended. libpq could tell without a question, but believes a pooler that may remember how it was once.

    A pooler may lend each transaction another connection, and a statement that was prepared on one is unknown on the
    next. It makes up the process id that it greets us with, while the database knows its own. It may also take us in
    while its database is gone, which the question finds out.

    Raises:
        ReadOnly: it takes no writes.

    """
    question = "SELECT pg_backend_pid(), current_setting('transaction_read_only')"
    pid, read_only = connection.execute(question).fetchone() or (None, "off")
    if read_only == "on" and not any_will_do:
        raise ReadOnly(REPLICA)
    if pid != connection.info.backend_pid:
        connection.prepare_threshold = None


class _TimedConnection(psycopg.Connection[Any]):
    """A connection that is given up once it has heard nothing for as long as its monitor's time-out."""

    monitor: Monitor
    reach: tuple[Any, Any]
    query_pipeline: QueryPipeline

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Generator[Any, Any, Self]:
        # psycopg rounds a connect_timeout below two seconds up to two, which is all the time that we have.
        monitor: Monitor = _this_thread.monitor
        connection: Self = yield from _within_timeout(super()._connect_gen(conninfo), monitor, _this_thread.limit)
        connection.monitor, connection.reach = monitor, _this_thread.reach
        connection.query_pipeline = QueryPipeline(connection, connection.ready)
        return connection

    def wait(self, gen: Generator[Any, Any, Any], *arguments: Any, **options: Any) -> Any:
        """Wait for an answer; psycopg calls this for every round trip.

        Raises:
            ConnectionSilent: none came. Of a COMMIT nobody knows then whether it was carried out.

        """
        self.query_pipeline.send()
        try:
            return super().wait(_within_timeout(gen, self.monitor, self.monitor.limit), *arguments, **options)
        except ConnectionSilent:
            self._give_up()
            raise

    def ready(self, events: int) -> int:
        """Wait until the socket is ready for one of some events (POLLIN, POLLOUT), and return those.

        Raises:
            ConnectionSilent: nothing came.

        """
        limit = self.monitor.limit
        ready = self._poll(events, limit)
        if not ready:
            self._give_up()
            raise ConnectionSilent(SILENT.format(limit))
        if ready & POLLIN:
            self.monitor.heard_at = clock.stopwatch()
        return ready

    def hung_up(self) -> bool:
        """Tell whether something came that nobody asked for: that is the end of a connection at rest."""
        return bool(self._poll(POLLIN, 0))

    def commit(self) -> None:
        """Commit, on the way of what was not sent yet."""
        self.query_pipeline.commit()

    def rollback(self) -> None:
        """Undo the transaction; what was not sent yet never leaves, and a lost connection has undone it itself."""
        self.query_pipeline.forget()
        if not self.closed and self.query_pipeline.in_transaction:
            super().rollback()

    def _deallocate(self, name: bytes | None) -> Generator[Any, Any, None]:
        # psycopg deallocates all statements, ours among them, when one that it has prepared may have lost its tables.
        if name is None:
            self.query_pipeline.forget_names()
        yield from super()._deallocate(name)

    def _poll(self, events: int, seconds: float) -> int:
        line = poll()
        line.register(self.pgconn.socket, events)
        found = line.poll(seconds * 1000)
        return found[0][1] if found else 0

    def _give_up(self) -> None:
        self.pgconn.finish()
        self.monitor.fell_silent(self.reach)


def _within_timeout(gen: Generator[Any, Any, Any], monitor: Monitor, limit: float) -> Generator[Any, Any, Any]:
    """Drive one of psycopg's generators: it is sent what is ready, and every 0.1 s that nothing is."""
    since = clock.stopwatch()
    try:
        awaited = next(gen)
        while True:
            ready = yield awaited
            now = clock.stopwatch()
            if ready:
                since = now
                if ready & READABLE:
                    monitor.heard_at = now
            elif now - since > limit:
                raise ConnectionSilent(SILENT.format(limit))
            awaited = gen.send(ready)
    except StopIteration as end:
        return end.value


def engine(url: str, pool_size: int, timeout: float, monitor: Monitor | None = None) -> tuple[sa.Engine, Monitor]:
    """Make a pool of connections under a monitor, its own or another pool's; `timeout` is in seconds."""
    monitor = monitor or Monitor(timeout)
    made = sa.create_engine(
        url,
        hide_parameters=True,  # what an error says of a statement ends in a log
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeout,
        pool_pre_ping=False,
        isolation_level="AUTOCOMMIT",  # transactions begin where kit.sql.database says so
    )

    @sa.event.listens_for(made, "do_connect")
    def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
        return monitor.connect(*arguments, **options)

    @sa.event.listens_for(made, "checkout")
    def refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
        """Leave an idle connection that was hung up on: looking costs no round trip, and spares somebody a refusal.

        So is every one while the database is away: whoever took it would wait for an answer once more.
        """
        if connection.closed or connection.hung_up() or (monitor.away and is_interactive()):
            raise sa.exc.DisconnectionError

    @sa.event.listens_for(made, "handle_error")
    def leave_a_replica(context: sa.engine.ExceptionContext) -> None:
        """Give every connection up once one says that it takes no writes: the primary is elsewhere now."""
        if isinstance(context.original_exception, psycopg.errors.ReadOnlySqlTransaction):
            context.is_disconnect = True
            error = ReadOnly(REPLICA)
            raise sa.exc.OperationalError(None, None, error, connection_invalidated=True)

    return made, monitor
