"""Authenticator apps: a code counts once, and a hint about the clock gives nothing away that would count later."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
import structlog

from twofold.audit import flow as audit
from twofold.directory.user import User
from twofold.events import kinds
from twofold.factors.totp import codes, records
from twofold.factors.totp.authenticator import Authenticator, Enrolment
from twofold.factors.verdicts import Factor, Right, Unreadable, Used, Verdict, Wrong
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import new_id
from twofold.kit.crypto.vault import Sealed, VaultError

DISCLOSED_KEPT = 24 * 60 * 60 // codes.PERIOD  # steps, a day: the clock may have been that far ahead when it hinted
MOST_DISCLOSED = 200  # of one authenticator; only somebody who holds the phone gets as far

log = structlog.get_logger("twofold.factors")


class Totp:
    """The kind: time-based codes of an app (RFC 6238)."""

    name, method, stands_in, guessable = "totp", "otp", False, True

    def read(self, text: str) -> str | None:
        return text if len(text) == codes.DIGITS and text.isascii() and text.isdigit() else None

    def load(self, connection: sa.Connection, user: User) -> list[Authenticator]:
        return records.authenticators_of(connection, user.id)

    def verify(
        self,
        context: AppContext,
        connection: sa.Connection,
        user: User,
        proof: str,
        loaded: Sequence[Authenticator],
        at: datetime,
    ) -> Verdict:
        verdicts = [(app, verdict) for app in loaded if (verdict := _judge(context, app, proof, at)) is not None]
        if len(verdicts) < len(loaded):
            _note_unreadable(connection, user, {app.id for app in loaded} - {app.id for app, _ in verdicts}, at)
            if not verdicts:
                return Unreadable()
        for app, verdict in verdicts:
            if isinstance(verdict, codes.Accepted):
                fresh = records.accept_step(connection, app.id, verdict.step, at)
                return Right() if fresh else Used()
        if any(isinstance(verdict, codes.Used) for _, verdict in verdicts):
            return Used()
        for app, verdict in verdicts:
            if isinstance(verdict, codes.Drift):
                return Wrong(verdict.seconds if _remember_hint(connection, app, verdict.step, at) else None)
        return Wrong()

    def show(self, connection: sa.Connection, user_id: UUID) -> list[Factor]:
        return [
            Factor(self.name, app.id, app.name, app.created_at, app.last_used_at)
            for app in records.authenticators_of(connection, user_id)
        ]

    def hold(self, connection: sa.Connection, user_id: UUID) -> None:
        records.hold(connection, user_id)

    def rename(self, connection: sa.Connection, user_id: UUID, factor: UUID, name: str) -> bool:
        return records.rename(connection, user_id, factor, name)

    def remove(self, connection: sa.Connection, user_id: UUID, factor: UUID) -> bool:
        return records.delete_authenticator(connection, user_id, factor)

    def delete_all(self, connection: sa.Connection, user_id: UUID) -> None:
        records.delete_all(connection, user_id)

    def forget_over(self, connection: sa.Connection, at: datetime) -> int:
        return records.forget_over(connection, at)


def secret_of(context: AppContext, row: Authenticator | Enrolment, table: str) -> bytes:
    """Open the secret of an authenticator or an enrolment.

    Raises:
        VaultError: it does not open: its row was tampered with, or its key is missing.

    """
    return context.vault.open(Sealed(row.key_id, row.box), identity(table, row.id))


def identity(table: str, row_id: UUID) -> str:
    """Name the row that a sealed secret belongs to."""
    return f"{table}.secret:{row_id}"


def store_authenticator(
    context: AppContext, connection: sa.Connection, user: User, enrolment: Enrolment, step: int, at: datetime
) -> None:
    """Make an authenticator of an enrolment; its secret is sealed anew, for the row in which it rests from now on."""
    authenticator = new_id()
    secret = secret_of(context, enrolment, "enrolments")
    sealed = context.vault.seal(secret, identity("authenticators", authenticator))
    records.close_enrolment(connection, user.id)
    records.insert_authenticator(
        connection,
        {
            "id": authenticator,
            "user_id": user.id,
            "account_id": user.account_id,
            "name": enrolment.name,
            "key_id": sealed.key_id,
            "box": sealed.ciphertext,
            "last_step": step,  # the code that confirmed counts as used
            "given_away": "",
            "created_at": at,
            "last_used_at": at,
        },
    )


def _judge(
    context: AppContext, app: Authenticator, digits: str, at: datetime
) -> codes.Accepted | codes.Used | codes.Drift | codes.Wrong | None:
    """Judge a code against one authenticator; None when its secret does not open: its row was tampered with."""
    try:
        secret = secret_of(context, app, "authenticators")
    except VaultError as error:
        log.error("an authenticator does not open", authenticator=str(app.id), error=str(error))  # noqa: TRY400 - a trace could show it
        return None
    return codes.match(secret, digits, at, app.last_step, app.disclosed_steps)


def _note_unreadable(connection: sa.Connection, user: User, unreadable: Collection[UUID], at: datetime) -> None:
    audit.record(
        connection,
        kinds.SecretUnreadable(authenticators=sorted(map(str, unreadable))),
        origin=Origin(at, actor=acting.SYSTEM),
        account_id=user.account_id,
        subject_id=user.id,
        result="refused",
    )


def _remember_hint(connection: sa.Connection, app: Authenticator, step: int, at: datetime) -> bool:
    """Remember a step that a hint discloses; False where that cannot be, so that nothing may be disclosed.

    A hint tells a thief that a code will be right later: what was hinted at is refused when its time comes, also where
    a clock that was wrong is set back and that time comes a second time.
    """
    now = codes.step_of(at)
    if step <= now:
        return True
    oldest = max(app.last_step, now - DISCLOSED_KEPT)  # at or below the last step nothing is accepted anyway
    known = {given for given in app.disclosed_steps if given > oldest} | {step}
    if len(known) > MOST_DISCLOSED:
        return False
    records.disclose(connection, app.id, sorted(known))
    return True
