"""The numbers of a node, at an address of their own: what its processes count, and what the database knows.

The database is asked every few seconds, whoever scrapes how often, by one connection of its own: a pool that is all
lent out would look like a database that is away.
"""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from importlib import metadata
from platform import python_version
from typing import NamedTuple

import sqlalchemy as sa
import structlog
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from twofold.kit import clock, metrics
from twofold.kit.http.metrics_listener import CannotListen, listening
from twofold.kit.http.pools import ThreadPools
from twofold.kit.mail import outbox
from twofold.kit.process_metrics import ProcessMetrics
from twofold.kit.sql import timeouts
from twofold.kit.sql.database import Database
from twofold.operations import migrate
from twofold.settings import Settings
from twofold.signin import attempt_flow

EVERY = timedelta(seconds=5)
SAMPLED_EVERY = timedelta(seconds=1)
STOPS_WITHIN = 5.0  # seconds

log = structlog.get_logger()


@contextmanager
def metrics_endpoint(settings: Settings, *, own_port: int | None = None) -> Iterator[None]:
    """Serve the numbers where the settings say, for the length of a block; `own_port` is that of the public address.

    Where nobody has chosen the address and it is taken, as by another node on this machine, it goes on without.

    Raises:
        CannotListen: the address was chosen, and it cannot be listened on; the message names the setting.
        OSError: on SQLite: the folder of the file, or the lock file beside it, cannot be made.

    """
    with ExitStack() as stack:
        address, gauges = settings.metrics_listen, DatabaseGauges()
        collectors = (gauges, ProcessMetrics(), BuildInfo())
        if address is not None:
            try:
                if address.port == own_port:
                    raise CannotListen("it is the port of the public address")  # noqa: TRY301 - answered as any other
                stack.enter_context(listening(address, lambda: metrics.exposition(*collectors)))
                stack.enter_context(_Refresher(settings, gauges))
            except CannotListen as error:
                if address.chosen:
                    said = f"TWOFOLD_METRICS_LISTEN is {address}, where we cannot listen: {error}."
                    raise CannotListen(f"{said} Choose another address, or off.") from error
                log.warning("no metrics here, unless TWOFOLD_METRICS_LISTEN is set", at=str(address), why=str(error))
            else:
                log.info("metrics", at=f"http://{address}/metrics")
        yield


async def sample(db: Database, pools: ThreadPools) -> None:
    """Note again and again how busy this process is; until cancelled."""
    while True:
        metrics.connections_in_use.set(db.connections_in_use)
        for name, inside in pools.inside.items():
            metrics.pool_inside.labels(name).set(inside)
        await asyncio.sleep(SAMPLED_EVERY.total_seconds())


class BuildInfo(Collector):
    """What runs here: its version, the schema that it brings and the Python below it, as labels of a 1."""

    def __init__(self) -> None:
        said = {"version": metadata.version("twofold"), "schema": migrate.newest(), "python": python_version()}
        self._family = InfoMetricFamily("twofold_build", "The version of this node.", said)

    def collect(self) -> Iterable[InfoMetricFamily]:
        """Return it."""
        yield self._family


class _Counted(NamedTuple):
    """What was counted at a moment."""

    mail_waiting: int
    mail_oldest_seconds: float
    sign_ins_in_progress: int


class DatabaseGauges(Collector):
    """The numbers that come from the database, and whether it answers; where it does not, there are no others."""

    def __init__(self) -> None:
        self._up: bool | None = None  # None: not asked yet
        self._counted: _Counted | None = None

    def refresh(self, db: Database, at: datetime) -> None:
        """Ask the database."""
        try:
            with db.read() as connection:
                count, oldest = outbox.waiting(connection)
                in_progress = attempt_flow.in_progress(connection, at)
        except sa.exc.SQLAlchemyError:
            self._up, self._counted = False, None
            return
        late = (at - oldest).total_seconds() if oldest else 0.0  # below 0: it was put off, and is not due yet
        self._up, self._counted = True, _Counted(count, max(0.0, late), in_progress)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return what was found last."""
        if self._up is not None:
            yield GaugeMetricFamily("twofold_database_up", "Whether the database answers (1) or not (0).", self._up)
        if (counted := self._counted) is not None:
            yield GaugeMetricFamily("twofold_mail_waiting", "Letters that wait in the outbox.", counted.mail_waiting)
            yield GaugeMetricFamily(
                "twofold_mail_oldest_seconds", "Age of the oldest letter that waits.", counted.mail_oldest_seconds
            )
            yield GaugeMetricFamily(
                "twofold_sign_ins_in_progress", "Sign-ins between their first and last step.",
                counted.sign_ins_in_progress,
            )  # fmt: skip


class _Refresher:
    """A thread that asks the database again and again, for the length of a block."""

    def __init__(self, settings: Settings, gauges: DatabaseGauges) -> None:
        self._db = Database(settings.database_url, pool_size=1, timeout=settings.database_timeout)
        self._gauges = gauges
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._repeat, name="database-gauges", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(STOPS_WITHIN)

    def _repeat(self) -> None:
        timeouts.mark_interactive()  # a database that hangs is one that is away
        while not self._stopping.is_set():
            self._gauges.refresh(self._db, clock.now())
            self._stopping.wait(EVERY.total_seconds())
        self._db.close()
