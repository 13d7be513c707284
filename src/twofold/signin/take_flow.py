"""The beginning of every step of a sign-in: the attempt is held, and the user where the step writes about them.

What was read before a row is held may be stale by then: somebody else had it and changed it. So the guard looks once
more at what is read under the lock. docs/architecture.md has the order of the locks.
"""

from datetime import datetime

import sqlalchemy as sa

from twofold.directory import flow as directory
from twofold.kit.crypto.tokens import digest
from twofold.signin import records
from twofold.signin.attempt import Attempt, Expired, OutOfOrder, Step, guard


def take(
    connection: sa.Connection, sign_in: str, channel: str, step: Step, at: datetime
) -> Attempt | Expired | OutOfOrder:
    """Find the attempt of a token, keep others from moving it on, and let it do a step."""
    return guard(records.by_token(connection, digest(sign_in), hold=True), channel, step, at)


def take_with_user(
    connection: sa.Connection, sign_in: str, channel: str, step: Step, at: datetime
) -> Attempt | Expired | OutOfOrder:
    """Take an attempt for a step that writes about its user, who is held as well."""
    attempt = take(connection, sign_in, channel, step, at)
    return hold_user(connection, attempt, at) if isinstance(attempt, Attempt) else attempt


def hold_user(connection: sa.Connection, attempt: Attempt, at: datetime) -> Attempt | Expired | OutOfOrder:
    """Hold the user of an attempt that is held, and pass the guard again with what they are now."""
    user = directory.lock_user_row(connection, attempt.user.id)
    if user is None:
        return Expired()
    return guard(attempt._replace(user=user), attempt.channel, attempt.step, at)
