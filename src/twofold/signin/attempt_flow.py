"""The row that a sign-in in progress advances through: begun, looked at, forgotten."""

from datetime import datetime

import sqlalchemy as sa

from twofold.directory.user import User
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_id
from twofold.lockouts.known_client import KnownClient
from twofold.sessions.methods import Methods
from twofold.sessions.session import Session
from twofold.signin import records
from twofold.signin.attempt import LIFE, Attempt, Expired, OutOfOrder, Purpose, Step, guard


def find(context: AppContext, sign_in: str | None, at: datetime) -> Attempt | None:
    """Return the attempt of a page's cookie as it stands, if it can still go on; changes nothing."""
    if sign_in is None:
        return None
    with context.db.read() as connection:
        attempt = records.by_token(connection, digest(sign_in))
    alive = guard(attempt, "page", attempt.step, at) if attempt is not None else None
    return alive if isinstance(alive, Attempt) else None


def at_step(
    context: AppContext, sign_in: str, channel: str, step: Step, at: datetime
) -> Attempt | Expired | OutOfOrder:
    """Return the attempt of a token if a step of it is due; changes nothing."""
    with context.db.read() as connection:
        attempt = records.by_token(connection, digest(sign_in))
    return guard(attempt, channel, step, at)


def exists(context: AppContext, sign_in: str) -> bool:
    """Tell whether there is an attempt of a token, over or not."""
    with context.db.read() as connection:
        return records.by_token(connection, digest(sign_in)) is not None


def begin(
    connection: sa.Connection,
    user: User,
    token: str,
    step: Step,
    channel: str,
    *,
    methods: Methods,
    known_client: KnownClient | None,
    return_to: str,
    at: datetime,
    steps_up: Session | None = None,
) -> Attempt:
    """Store an attempt, in which something was just proved; `steps_up` is the session that it is to lead back to."""
    purpose, session_id = (Purpose.SESSION, None) if steps_up is None else (Purpose.STEP_UP, steps_up.id)
    attempt = Attempt(
        new_id(), digest(token), channel, step, purpose, session_id, methods, user.security_version, return_to,
        known_client, mailed=False, expires_at=at + LIFE, user=user,
    )  # fmt: skip
    records.insert(connection, attempt, at)
    return attempt


def in_progress(connection: sa.Connection, at: datetime) -> int:
    """Count the sign-ins between their first and last step; for the metrics."""
    return records.in_progress(connection, at)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete attempts whose time is over, and return how many; for the clean-up."""
    return records.forget_over(connection, at)
