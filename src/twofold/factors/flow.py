"""Proving a second factor: the one way through which every operation goes, and what a user's factors are.

A try is charged before anything is compared, in the same transaction, and the charge is committed with the refusal.
What is compared is the matter of the factor's kind (kinds_flow.py).
"""

from datetime import datetime
from typing import NamedTuple, assert_never
from uuid import UUID

import msgspec
import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory import notice_flow
from twofold.directory.user import User
from twofold.events.kinds import (
    BackupCodeUsed,
    Operation,
    SecondFactorWrong,
    TwoFactorAdded,
    TwoFactorReplaced,
    TwoFactorSetUp,
)
from twofold.factors import kinds_flow, records
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.backup_code import records as backup_code_records
from twofold.factors.kinds_flow import Proof
from twofold.factors.outcomes import (
    Confirmed,
    Locked,
    MalformedCode,
    Passed,
    ProofRefused,
    SessionOver,
    SpentBackupCode,
    UsedCode,
    WrongCode,
)
from twofold.factors.proof import Malformed
from twofold.factors.verdicts import Factor, Right, Unreadable, Used, Verdict, Wrong
from twofold.kit import acting, metrics
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.lockouts.budget import Charged, Counts

EVENTS = {
    "set_up": TwoFactorSetUp,
    "added": TwoFactorAdded,
    "replaced": TwoFactorReplaced,
}

Outcome = Passed | WrongCode | UsedCode | SpentBackupCode

# What refuses the password and the code that are asked for in a session, whatever it is that they allow.
ProofsRefused = lockouts.WrongPassword | lockouts.Wait | ProofRefused | MalformedCode | SessionOver


class Factors(NamedTuple):
    """The second factors of a user, as they are shown."""

    factors: list[Factor]
    backup_code_created_at: datetime | None
    backup_code_unseen: bool
    locked: bool
    final: bool

    @property
    def authenticators(self) -> list[Factor]:
        """The authenticator apps among them."""
        return [factor for factor in self.factors if factor.kind == kinds_flow.TOTP.name]


def prove(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    proof: Proof,
    *,
    operation: Operation,
    origin: Origin,
    unknown_browser: bytes | None = None,
) -> Passed | ProofRefused | SessionOver:
    """Prove the second factor of a user for an operation (sign_in, remove, …), in the caller's transaction.

    `unknown_browser` names a browser or program that has not signed in with this factor before: its wrong tries have a
    count of their own beside that of all.
    The caller commits whatever comes out: a refusal has been charged. Where the user's factors changed while this
    waited for the budget, the code was not compared with those of now: that is no wrong code, and locks nobody
    (SessionOver).
    """
    charged, loaded = lockouts.charge(connection, user, lambda: proof.kind.load(connection, user))
    if charged is None:
        return Locked(lockouts.counts(connection, user.id).final)
    verdict = proof.kind.verify(context, connection, user, proof.text, loaded, origin.at)
    left = charged.left if unknown_browser is None else charged.left_to_unknown
    outcome = _outcome(proof, verdict, left)
    if isinstance(outcome, WrongCode) and not directory.is_as_before(connection, user):
        lockouts.give_back(connection, user)
        return SessionOver()
    if unknown_browser is not None:
        outcome = _count_unknown(connection, user, outcome, charged, unknown_browser, origin.at)
    _settle(context, connection, user, outcome, operation=operation, origin=origin, known=unknown_browser is None)
    metrics.second_factors.labels(operation, proof.kind.method, type(outcome).__name__).inc()
    return outcome


def prove_if_any(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    proof: Proof | Malformed,
    *,
    operation: Operation,
    origin: Origin,
) -> Passed | MalformedCode | ProofRefused | SessionOver:
    """Prove the second factor of a user who has one; who has none has nothing to prove."""
    if not user.has_second_factor:
        return Passed("")
    if isinstance(proof, Malformed):
        return MalformedCode()
    return prove(context, connection, user, proof, operation=operation, origin=origin)


def show(connection: sa.Connection, user_id: UUID) -> Factors:
    """Return what a user's second factors look like; never a secret."""
    code, counts = backup_code_records.find(connection, user_id), lockouts.counts(connection, user_id)
    return Factors(
        kinds_flow.factors_of(connection, user_id),
        None if code is None else code.created_at,
        code is not None and not code.seen,
        counts.locked,
        counts.final,
    )


def hold(connection: sa.Connection, user_id: UUID) -> Counts:
    """Hold the budget and the factors of a user, in this order, before more than one of them changes.

    The caller holds the user. What is proved meanwhile waits for the budget, so it meets the factors as they are then.
    """
    counts = lockouts.hold_counts(connection, user_id)
    for kind in kinds_flow.KINDS:
        kind.hold(connection, user_id)
    return counts


def protect(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    name: str,
    *,
    replaces: bool,
    new_backup_code: bool,
    origin: Origin,
) -> Confirmed:
    """Let a factor that was just stored protect its user: what the set-up of every kind ends with.

    The caller holds the user and their factors (`hold`); whoever set it up in a session renews that session.
    """
    if not user.has_second_factor:
        lockouts.open_budget(connection, user)
    issued = backup_code.issue(connection, user, origin.at) if new_backup_code else None
    version = directory.factors_changed(connection, user.id, origin.at, since=user.second_factor_since or origin.at)
    change = "set_up" if not user.has_second_factor else "replaced" if replaces else "added"
    event = EVENTS[change](name)
    by_user = origin.by(acting.user(user.id))
    audit.record(connection, event, origin=by_user, account_id=user.account_id, subject_id=user.id)
    notice_flow.notify_of_event(context, connection, user, event, origin, authenticator=name)
    return Confirmed(change, issued, user.security_version if version is None else version)


def switch_off(connection: sa.Connection, user: User, at: datetime) -> int | None:
    """Delete every second factor of a user, end their sessions, and return the raised security version."""
    hold(connection, user.id)
    for kind in kinds_flow.KINDS:
        kind.delete_all(connection, user.id)
    records.delete_all(connection, user.id)
    return directory.factors_changed(connection, user.id, at, since=None)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete what is over of every kind, and removals whose time is over; return how many. For the clean-up."""
    return sum(kind.forget_over(connection, at) for kind in kinds_flow.KINDS) + records.forget_over(connection, at)


def _outcome(proof: Proof, verdict: Verdict, left: int) -> Outcome:
    """Say what a verdict means for whoever typed the proof; `left` is how many tries are left after this one."""
    match verdict:
        case Right(successor):
            return Passed(proof.kind.method, successor)
        case Wrong(drift):
            return WrongCode(left, drift, backup=proof.kind.stands_in)
        case Used(for_good):
            return SpentBackupCode(left + 1) if for_good else UsedCode(left + 1)
        case Unreadable():  # nothing was compared, so nothing is charged
            return WrongCode(left + 1, unreadable=True)
        case _:
            assert_never(verdict)


def _count_unknown(
    connection: sa.Connection,
    user: User,
    outcome: Outcome,
    charged: Charged,
    browser: bytes,
    at: datetime,
) -> Outcome:
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
    outcome: Outcome,
    *,
    operation: Operation,
    origin: Origin,
    known: bool,
) -> None:
    match outcome:
        case Passed(new_backup_code=successor):
            lockouts.clear(connection, user)
            if successor is not None:
                _record(context, connection, user, BackupCodeUsed(operation), origin)
        case UsedCode() | SpentBackupCode() | WrongCode(unreadable=True):
            lockouts.give_back(connection, user)
        case WrongCode(left):
            _record(context, connection, user, SecondFactorWrong(operation), origin)
            if left == 0:
                lockouts.lock_fell(context, connection, user, origin)
            elif not known:
                lockouts.warn(context, connection, user, origin)
        case _:
            assert_never(outcome)


def _record(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    event: BackupCodeUsed | SecondFactorWrong,
    origin: Origin,
) -> None:
    is_wrong = isinstance(event, SecondFactorWrong)
    audit.record(
        connection, event, origin=origin.by(acting.NOBODY if is_wrong else acting.user(user.id)),
        account_id=user.account_id, subject_id=user.id, result="refused" if is_wrong else "done",
    )  # fmt: skip
    notice_flow.notify_of_event(context, connection, user, event, origin)
