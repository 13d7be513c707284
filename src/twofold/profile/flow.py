"""What a user does in their own profile beside second factors: another password."""

from typing import NamedTuple

import msgspec

from twofold.audit import flow as audit
from twofold.directory import add_user_flow, notice_flow
from twofold.directory import flow as directory
from twofold.directory.password import Weakness, normalise
from twofold.events import kinds
from twofold.events.kinds import Operation
from twofold.factors import flow as factors
from twofold.factors import kinds_flow
from twofold.factors.kinds_flow import Given
from twofold.factors.outcomes import MalformedCode, Passed, SessionOver
from twofold.factors.proof import Malformed
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.profile import records
from twofold.profile.sign_in import SignIn
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason
from twofold.sessions.methods import proved_now
from twofold.sessions.session import Session

LAST_SIGN_INS = 5


class NewPassword(NamedTuple):
    """What somebody sends to change their password; `code` only counts where a factor exists."""

    password: str
    new_password: str
    code: Given
    client: str | None


class PasswordChanged(msgspec.Struct, frozen=True):
    """The password is changed and every other session ended; this one goes on under a new token."""

    session_token: str
    new_backup_code: str | None


class NoPassword(msgspec.Struct, frozen=True):
    """The user's organisation signs in elsewhere by now, at `url`: its users have no password here."""

    url: str | None


def change_password(
    context: AppContext, session: Session, asked: NewPassword, *, origin: Origin
) -> PasswordChanged | NoPassword | Weakness | factors.ProofsRefused:
    """Change the password: the old one first, then the code where a factor exists."""
    if session.user.sso:
        return NoPassword(session.user.sso_url)
    new = normalise(asked.new_password)
    if (weak := add_user_flow.weak_password(new, session.user.email, session.user.name)) is not None:
        return weak
    proof = kinds_flow.parse(asked.code)
    if session.user.has_second_factor and isinstance(proof, Malformed):
        return MalformedCode()
    proved = lockouts.prove_password(
        context, session.user.email, asked.password, client=asked.client, address=origin.client.address, at=origin.at,
    )  # fmt: skip
    if not isinstance(proved, lockouts.Proved):
        return proved
    hashed = context.hasher.hash(new)
    with context.db.write() as connection:
        user = sessions.hold_user(connection, session)
        lockouts.settle(connection, proved)
        if user is None:
            return SessionOver()
        if user.sso:
            return NoPassword(user.sso_url)
        passed = factors.prove_if_any(context, connection, user, proof, operation=Operation.PASSWORD, origin=origin)
        if not isinstance(passed, Passed):
            return passed
        version = directory.set_password(connection, user.id, hashed, origin.at, by_mail=False)
        event = kinds.PasswordChanged()
        audit.record(
            connection, event, origin=origin.by(acting.user(user.id)), account_id=user.account_id,
            subject_id=user.id,
        )  # fmt: skip
        notice_flow.notify_of_event(context, connection, user, event, origin)
        raised = user.security_version if version is None else version
        now = proved_now(origin.at, second_factor=passed.method, amr_values=passed.amr_values)
        renewed = sessions.renew(
            context, connection, session, security_version=raised, ends_others=EndReason.PASSWORD_CHANGED,
            origin=origin, proved=now,
        )  # fmt: skip
        return PasswordChanged(renewed.token, passed.new_backup_code)


def last_sign_ins(context: AppContext, session: Session) -> list[SignIn]:
    """List the newest sign-ins of whoever holds a session."""
    with context.db.read() as connection:
        return records.last_sign_ins(connection, session.user.id, LAST_SIGN_INS)
