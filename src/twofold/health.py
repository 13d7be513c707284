"""Whether this node is alive and ready, and its numbers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from litestar import Response, get
from litestar.enums import MediaType

from twofold import migrate
from twofold.kit import clock, metrics, outbox
from twofold.kit.db import Database
from twofold.kit.web.lanes import quick
from twofold.kit.web.leaving import is_leaving
from twofold.kit.web.requests import AnyRequest, AnyResponse, house_of
from twofold.signin import flow as signin

MOST_CLOCK_DIFFERENCE = timedelta(seconds=1)


@get("/healthz", sync_to_thread=False)
def healthz() -> dict[str, str]:
    """Say that the process is alive; nothing else is looked at."""
    return {"status": "alive"}


@get("/readyz")
@quick
def readyz(request: AnyRequest) -> AnyResponse:
    """Say whether this node can serve: database reachable, schema current, clock sane."""
    house = house_of(request)
    findings = _findings(house.db)
    if is_leaving():
        findings.append("this node is stopping")
    body = {"status": "not ready" if findings else "ready", "findings": findings, "mail": house.outbox.configured}
    return Response(body, status_code=503 if findings else 200, headers={"Retry-After": "2"} if findings else {})


@get("/metrics")
@quick
def show_metrics(request: AnyRequest) -> AnyResponse:
    """Give Prometheus its numbers."""
    at = clock.now()
    with house_of(request).db.read() as connection:
        count, oldest = outbox.waiting(connection)
        in_progress = signin.in_progress(connection, at)
    metrics.mail_waiting.set(count)
    late = (at - oldest).total_seconds() if oldest else 0.0  # below 0: it was put off, and is not due yet
    metrics.mail_oldest_seconds.set(max(0.0, late))
    metrics.sign_ins_in_progress.set(in_progress)
    metrics.connections_in_use.set(house_of(request).db.connections_in_use)
    for name, inside in request.app.state.lanes.inside.items():
        metrics.lane_inside.labels(name).set(inside)
    return Response(metrics.exposition(), media_type=MediaType.TEXT)


def _findings(db: Database) -> list[str]:
    try:
        with db.read() as connection:
            revision = migrate.current(connection)
            theirs = _database_clock(connection)
    except sa.exc.SQLAlchemyError:
        return ["the database cannot be reached"]
    findings = []
    if not migrate.works_with(revision):
        findings.append(f"the schema is at {revision or 'nothing'}, this version needs {migrate.newest()}")
    difference = abs(theirs - clock.now())
    if difference > MOST_CLOCK_DIFFERENCE:
        findings.append(f"the clock differs from the database's by {difference.total_seconds():.1f} seconds")
    return findings


def clock_difference(connection: sa.Connection) -> timedelta:
    """Return how far this machine's clock and the database's are apart."""
    return abs(_database_clock(connection) - clock.now())


def _database_clock(connection: sa.Connection) -> datetime:
    if connection.dialect.name == "sqlite":
        return clock.now()  # the same machine, the same clock
    moment: Any = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC) if isinstance(moment, datetime) else clock.now()


handlers = [healthz, readyz, show_metrics]
