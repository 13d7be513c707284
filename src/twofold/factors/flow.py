"""Proving a second factor: the one way through which every door goes, and what a user's factors are.

A try is charged before anything is compared, in the same transaction, and the charge is committed with the refusal.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, assert_never
from uuid import UUID

import msgspec
import sqlalchemy as sa
import structlog

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory import notice_flow
from twofold.directory.user import User
from twofold.factors import backup_code, records, totp
from twofold.factors.outcomes import (
    Locked,
    Passed,
    ProofRefused,
    SessionOver,
    SpentBackupCode,
    UsedCode,
    WrongCode,
)
from twofold.factors.proof import AppCode, BackupCode, parse
from twofold.kit import acting, metrics
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, random_bytes
from twofold.kit.crypto.vault import Sealed, VaultError
from twofold.kit.sql.database import AnyRow
from twofold.lockouts import flow as lockouts
from twofold.lockouts.budget import Charged, Counts

log = structlog.get_logger()

DISCLOSED_KEPT = 24 * 60 * 60 // totp.PERIOD  # steps, a day: the clock may have been that far ahead when it hinted
MOST_DISCLOSED = 200  # of one authenticator; only somebody who holds the phone gets as far


class Authenticator(NamedTuple):
    """One of a user's authenticators, as it is shown."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


class Factors(NamedTuple):
    """The second factors of a user, as they are shown."""

    authenticators: list[Authenticator]
    backup_code_created_at: datetime | None
    backup_code_unseen: bool
    locked: bool
    final: bool


def prove(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    proof: AppCode | BackupCode,
    *,
    operation: str,
    origin: Origin,
    unknown_browser: bytes | None = None,
) -> Passed | ProofRefused | SessionOver:
    """Prove the second factor of a user at a door (sign_in, remove, …), in the caller's transaction.

    `unknown_browser` names a browser or program that has not signed in with this factor before: its wrong tries have a
    count of their own beside that of all.
    The caller commits whatever comes out: a refusal has been charged. Who waited here while the user's factors changed
    was not compared with what they have now: that is no wrong code, and must lock nobody.
    """
    charge = lockouts.charge(connection, user)
    rows = records.authenticators_of(connection, user.id) if isinstance(proof, AppCode) else ()
    charged = charge()
    if charged is None:
        return Locked(lockouts.counts(connection, user.id).final)
    left = charged.left if unknown_browser is None else charged.left_to_unknown
    outcome: Passed | WrongCode | UsedCode | SpentBackupCode
    match proof:
        case AppCode():
            outcome = _check_app_code(context, connection, user, rows, proof, left, origin.at)
        case BackupCode():
            outcome = _spend_backup_code(connection, user, proof, left, origin.at)
        case _:
            assert_never(proof)
    if isinstance(outcome, WrongCode) and not directory.is_as_before(connection, user):
        lockouts.give_back(connection, user)
        return SessionOver()
    if unknown_browser is not None:
        outcome = _count_unknown(connection, user, outcome, charged, unknown_browser, origin.at)
    _settle(
        context,
        connection,
        user,
        outcome,
        operation=operation,
        origin=origin,
        known=unknown_browser is None,
    )
    method = "otp" if isinstance(proof, AppCode) else "backup_code"
    metrics.second_factors.labels(operation, method, type(outcome).__name__).inc()
    return outcome


def show(connection: sa.Connection, user_id: UUID) -> Factors:
    """Return what a user's second factors look like; never a secret."""
    code, counts = records.backup_code_of(connection, user_id), lockouts.counts(connection, user_id)
    return Factors(
        [
            Authenticator(row.id, row.name, row.created_at, row.last_used_at)
            for row in records.authenticators_of(connection, user_id)
        ],
        None if code is None else code.created_at,
        code is not None and not code.seen,
        counts.locked,
        counts.final,
    )


def new_backup_code(connection: sa.Connection, user: User, at: datetime, *, seen: bool = False) -> str:
    """Make a backup code in the place of any before it, and return it as people read it."""
    code = backup_code.from_bytes(random_bytes(backup_code.BYTES))
    records.issue_backup_code(connection, user.id, user.account_id, digest(code), at, seen=seen)
    return backup_code.shown(code)


def backup_code_saved(connection: sa.Connection, user_id: UUID, shown: str) -> None:
    """Note that the user says the backup code that was shown is saved; nothing, where a newer one took its place."""
    code = parse(shown)
    if isinstance(code, BackupCode):
        records.mark_backup_code_seen(connection, user_id, digest(code.code))


def say_backup_code_saved(context: AppContext, user_id: UUID, shown: str | None) -> None:
    """Note that a backup code that was just handed out is saved: its user says so, or a program has it; None: none."""
    if shown is not None:
        with context.db.write() as connection:
            backup_code_saved(connection, user_id, shown)


def hold(connection: sa.Connection, user_id: UUID) -> Counts:
    """Hold the budget and the factors of a user, in this order, before more than one of them changes.

    The caller holds the user. What is proved meanwhile waits for the budget, so it meets the factors as they are then.
    """
    counts = lockouts.hold_counts(connection, user_id)
    records.hold(connection, user_id)
    return counts


def switch_off(connection: sa.Connection, user: User, at: datetime) -> int | None:
    """Delete every second factor of a user, end their sessions, and return the raised security version."""
    hold(connection, user.id)
    records.delete_everything(connection, user.id)
    return directory.factors_changed(connection, user.id, at, since=None)


def secret_of(context: AppContext, row: AnyRow, table: str) -> bytes:
    """Open the secret of an authenticator or an enrolment."""
    return context.vault.open(Sealed(row.key_id, row.box), identity(table, row.id))


def identity(table: str, row_id: UUID) -> str:
    """Name the row that a sealed secret belongs to."""
    return f"{table}.secret:{row_id}"


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete enrolments and removals whose time is over; for the clean-up."""
    return records.forget_over(connection, at)


def _check_app_code(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    rows: Sequence[AnyRow],
    proof: AppCode,
    left: int,
    at: datetime,
) -> Passed | WrongCode | UsedCode:
    verdicts = [(row, verdict) for row in rows if (verdict := _judge(context, row, proof.digits, at)) is not None]
    if len(verdicts) < len(rows):
        _note_unreadable(connection, user, {row.id for row in rows} - {row.id for row, _ in verdicts}, at)
        if not verdicts:  # nothing was compared, so nothing is charged
            return WrongCode(left + 1, unreadable=True)
    for row, verdict in verdicts:
        if isinstance(verdict, totp.Accepted):
            fresh = records.accept_step(connection, row.id, verdict.step, at)
            return Passed("otp") if fresh else UsedCode(left + 1)
    if any(isinstance(verdict, totp.Used) for _, verdict in verdicts):
        return UsedCode(left + 1)
    for row, verdict in verdicts:
        if isinstance(verdict, totp.Drift):
            may_tell = _remember_hint(connection, row, verdict.step, at)
            return WrongCode(left, verdict.seconds if may_tell else None)
    return WrongCode(left)


def _judge(
    context: AppContext,
    row: AnyRow,
    digits: str,
    at: datetime,
) -> totp.Accepted | totp.Used | totp.Drift | totp.Wrong | None:
    """Judge a code against one authenticator; None when its secret does not open: its row was tampered with."""
    try:
        secret = secret_of(context, row, "authenticators")
    except VaultError as error:
        log.error("an authenticator does not open", authenticator=str(row.id), error=str(error))  # noqa: TRY400 - a trace could show it
        return None
    return totp.match(secret, digits, at, row.last_step, _disclosed_steps(row))


def _note_unreadable(connection: sa.Connection, user: User, unreadable: Collection[UUID], at: datetime) -> None:
    audit.record(
        connection,
        "secret_unreadable",
        origin=Origin(at, actor=acting.SYSTEM),
        account_id=user.account_id,
        subject_id=user.id,
        result="refused",
        details={"authenticators": sorted(map(str, unreadable))},
    )


def _remember_hint(connection: sa.Connection, row: AnyRow, step: int, at: datetime) -> bool:
    """Remember a step that a hint gives away; False where that cannot be, so that nothing may be given away.

    A hint tells a thief that a code will be right later: what was hinted at is refused when its time comes, also where
    a clock that was wrong is set back and that time comes a second time.
    """
    now = totp.step_of(at)
    if step <= now:
        return True
    oldest = max(row.last_step, now - DISCLOSED_KEPT)  # at or below the last step nothing is accepted anyway
    known = {given for given in _disclosed_steps(row) if given > oldest} | {step}
    if len(known) > MOST_DISCLOSED:
        return False
    records.give_away(connection, row.id, sorted(known))
    return True


def _disclosed_steps(row: AnyRow) -> frozenset[int]:
    return frozenset(map(int, row.given_away.split()))


def _spend_backup_code(
    connection: sa.Connection,
    user: User,
    proof: BackupCode,
    left: int,
    at: datetime,
) -> Passed | WrongCode | SpentBackupCode:
    typed, successor = digest(proof.code), backup_code.from_bytes(random_bytes(backup_code.BYTES))
    if records.spend_backup_code(connection, user.id, typed, digest(successor), at):
        return Passed("backup_code", backup_code.shown(successor))
    if records.was_spent(connection, user.id, typed):
        return SpentBackupCode(left + 1)
    return WrongCode(left, backup=True)


def _count_unknown(
    connection: sa.Connection,
    user: User,
    outcome: Passed | WrongCode | UsedCode | SpentBackupCode,
    charged: Charged,
    browser: bytes,
    at: datetime,
) -> Passed | WrongCode | UsedCode | SpentBackupCode:
    """Count a wrong try by the browser that it came from; a right one takes back those of the same browser alone."""
    match outcome:
        case WrongCode(unreadable=False):
            left = lockouts.charge_unknown_browser(connection, user, browser, at)
            return msgspec.structs.replace(outcome, left=min(charged.left, left))
        case Passed() if charged.unknown:
            lockouts.browser_proved(connection, user, browser, at)
        case _:
            pass
    return outcome


def _settle(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    outcome: Passed | WrongCode | UsedCode | SpentBackupCode,
    *,
    operation: str,
    origin: Origin,
    known: bool,
) -> None:
    match outcome:
        case Passed(method):
            lockouts.clear(connection, user)
            if method == "backup_code":
                _notify(context, connection, user, "backup_code_used", origin, operation=operation)
        case UsedCode() | SpentBackupCode() | WrongCode(unreadable=True):
            lockouts.give_back(connection, user)
        case WrongCode(left):
            _notify(context, connection, user, "second_factor_wrong", origin, operation=operation, mail=False)
            if left == 0:
                lockouts.lock_fell(context, connection, user, origin)
            elif not known:
                lockouts.warn(context, connection, user, origin)
        case _:
            assert_never(outcome)


def _notify(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    kind: str,
    origin: Origin,
    *,
    operation: str,
    mail: bool = True,
) -> None:
    result = "done" if mail else "refused"
    audit.record(
        connection, kind, origin=origin.by(acting.user(user.id) if mail else acting.NOBODY), account_id=user.account_id,
        subject_id=user.id, result=result, details={"operation": operation},
    )  # fmt: skip
    if mail:
        notice_flow.notify(
            context, connection, user, kind, origin.at, address=origin.client.address, browser=origin.client.browser
        )
