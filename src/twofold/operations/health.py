"""Whether this node is alive and ready."""

import http.client
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from litestar import MediaType, Response, get

from twofold.kit import clock
from twofold.kit.context import AppContext
from twofold.kit.http.leaving import is_leaving
from twofold.kit.http.pools import asks_for_health
from twofold.kit.http.requests import AnyRequest, AnyResponse, context_of
from twofold.kit.mail import outbox
from twofold.operations import migrate

MOST_CLOCK_DIFFERENCE = timedelta(seconds=1)


class Mail(StrEnum):
    """Whether letters go out: one is late that has waited for more than a minute."""

    OK = "ok"
    LATE = "late"
    NOT_SET = "not set"
    UNKNOWN = "unknown"  # the database, in which they wait, does not say


ALIVE = b'{"status":"alive"}'


@get("/healthz", sync_to_thread=False, media_type=MediaType.JSON)
def healthz() -> bytes:
    """Say that the process is alive; nothing else is looked at."""
    return ALIVE


def answers_at(url: str, *, seconds: float) -> bool:
    """Tell whether it is a Twofold that answers at a base URL.

    Raises:
        OSError: nothing answers there within so many seconds.

    """
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=seconds) as answer:  # noqa: S310 - callers pass http(s) only
            return bool(answer.read(100) == ALIVE)
    except (urllib.error.HTTPError, http.client.HTTPException):
        return False


@get("/readyz")
@asks_for_health
def readyz(request: AnyRequest) -> AnyResponse:
    """Say whether this node can serve: database reachable, schema current, clock sane.

    And whether letters go out, which makes no node unready.
    """
    context = context_of(request)
    findings, mail = _looked_at(context)
    if is_leaving():
        findings.append("this node is stopping")
    body = {"status": "not ready" if findings else "ready", "findings": findings, "mail": mail}
    return Response(body, status_code=503 if findings else 200, headers={"Retry-After": "2"} if findings else {})


def _looked_at(context: AppContext) -> tuple[list[str], Mail]:
    """Return what is wrong, and how it stands with the mail."""
    try:
        with context.db.read_aside() as connection:
            revision = migrate.current(connection)
            works = migrate.works_with(revision)
            mail = _mail(context, connection) if works else Mail.UNKNOWN
            theirs = _database_clock(connection)
    except sa.exc.SQLAlchemyError:
        return ["the database cannot be reached"], Mail.UNKNOWN
    findings = []
    if not works:
        findings.append(f"the schema is at {revision or 'nothing'}, this version needs {migrate.newest()}")
    difference = abs(theirs - clock.now())
    if difference > MOST_CLOCK_DIFFERENCE:
        findings.append(f"the clock differs from the database's by {difference.total_seconds():.1f} seconds")
    return findings, mail


def _mail(context: AppContext, connection: sa.Connection) -> Mail:
    if not context.outbox.configured:
        return Mail.NOT_SET
    return Mail.LATE if outbox.is_late(connection, clock.now()) else Mail.OK


def clock_difference(connection: sa.Connection) -> timedelta:
    """Return how far this machine's clock and the database's are apart."""
    return abs(_database_clock(connection) - clock.now())


def postgresql_version(connection: sa.Connection) -> int:
    """Return the version of PostgreSQL as one number: 150000 is 15.0."""
    return int(connection.execute(sa.text("SHOW server_version_num")).scalar_one())


def _database_clock(connection: sa.Connection) -> datetime:
    if connection.dialect.name == "sqlite":
        return clock.now()  # the same machine, the same clock
    moment: Any = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
    return moment.astimezone(UTC) if isinstance(moment, datetime) else clock.now()


handlers = [healthz, readyz]
