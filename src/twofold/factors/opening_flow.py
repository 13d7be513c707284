"""What every set-up of a factor begins with, of whatever kind: the password, and the factor that exists."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.user import User
from twofold.events.kinds import Operation
from twofold.factors import flow as factors
from twofold.factors import kinds_flow
from twofold.factors.kinds_flow import Given, Proof
from twofold.factors.outcomes import Locked, MalformedCode, NotOffered, Passed, ProofRefused, SessionOver
from twofold.factors.passkeys import challenge
from twofold.factors.proof import Malformed
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.sessions import flow as sessions
from twofold.sessions.methods import second_factor_at
from twofold.sessions.session import Session

LIFE = timedelta(minutes=15)
RECENT = timedelta(minutes=10)  # nobody should wait for the next code just after signing in

T = TypeVar("T")
R = TypeVar("R")


class SetUp(NamedTuple):
    """What somebody sends to open a set-up; `code` only counts where a factor exists."""

    password: str
    code: Given
    client: str | None
    name: str = ""
    replaces: UUID | None = None


def opener_of(session: Session) -> str:
    """Name a session as the opener of a set-up."""
    return challenge.of_session(session.id)


def code_needed(session: Session, at: datetime) -> bool:
    """Tell whether adding or replacing a factor takes a code: not where one was proved a moment ago."""
    proved_at = second_factor_at(session.methods)
    return session.user.has_second_factor and (proved_at is None or at - proved_at >= RECENT)


def why_not_offered(context: AppContext, user: User, at: datetime) -> NotOffered | None:
    """Refuse a first set-up to whom it is not offered; who has a factor may always have another."""
    offer = user.eligibility(context.settings.two_factor_editions, at)
    return None if user.has_second_factor or offer.offered else NotOffered(offer)


def with_set_up_proofs(
    context: AppContext,
    session: Session,
    asked: SetUp,
    begin: Callable[[sa.Connection, User, Passed], T],
    why_not: Callable[[sa.Connection, User], R | None],
    *,
    origin: Origin,
) -> T | R | factors.ProofsRefused:
    """Begin a set-up from the profile: the password first, then the code of a factor that exists.

    Where the session has proved a second factor less than ten minutes ago, the password is enough; a code that is sent
    all the same has to be right. `why_not` refuses before a backup code is spent.
    """
    is_sent = not isinstance(asked.code, str) or asked.code.strip() != ""
    with_code = session.user.has_second_factor and (is_sent or code_needed(session, origin.at))
    proof = kinds_flow.parse(asked.code)
    if with_code and isinstance(proof, Malformed):
        return MalformedCode()
    proved = lockouts.prove_password(
        context, session.user.email, asked.password, client=asked.client, address=origin.client.address, at=origin.at,
    )  # fmt: skip
    if not isinstance(proved, lockouts.Proved):
        return proved
    with context.db.write() as connection:
        user = sessions.hold_user(connection, session)
        lockouts.settle(connection, proved)
        if user is None:
            return SessionOver()
        refused = why_not(connection, user)
        if refused is not None:
            return refused
        passed = _prove(context, connection, user, proof if with_code else None, origin)
        return begin(connection, user, passed) if isinstance(passed, Passed) else passed


def _prove(
    context: AppContext, connection: sa.Connection, user: User, proof: Proof | Malformed | None, origin: Origin
) -> Passed | ProofRefused | MalformedCode | SessionOver:
    if proof is not None:
        return factors.prove_if_any(context, connection, user, proof, operation=Operation.SET_UP, origin=origin)
    counts = factors.hold(connection, user.id)
    return Locked(counts.final) if counts.locked else Passed("")
