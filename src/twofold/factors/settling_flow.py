"""What comes of a proof of a second factor: charged or not, counted, written down, told."""

from datetime import datetime
from typing import assert_never

import msgspec
import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import notice_flow
from twofold.directory.user import User
from twofold.events.kinds import BackupCodeUsed, Operation, PasskeyCounterWentBack, PasskeyRefused, SecondFactorWrong
from twofold.factors.kinds_flow import Proof
from twofold.factors.outcomes import Locked, Passed, SpentBackupCode, UsedCode, WrongCode, WrongPasskey
from twofold.factors.verdicts import Refused, Right, Unreadable, Used, Verdict, Wrong
from twofold.kit import acting, metrics
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.lockouts.budget import Charged
from twofold.sessions.methods import USER_VERIFIED

# What a passkey that verified its user opens while wrong codes lock; no factor is changed meanwhile.
USABLE_WHILE_LOCKED = (Operation.SIGN_IN, Operation.STEP_UP)

Outcome = Passed | WrongCode | UsedCode | SpentBackupCode


def prove_unguessable(
    context: AppContext, connection: sa.Connection, user: User, proof: Proof, *, operation: Operation, origin: Origin
) -> Passed | WrongPasskey | Locked:
    """Prove a factor whose proof nobody guesses: nothing is charged, and no wrong code of others keeps its owner out.

    A lock leaves the sign-in to whoever was verified by their passkey: the one who typed the codes does not have it. No
    factor changes while it lasts. The final lock holds for everything.
    """
    counts = lockouts.counts(connection, user.id)
    loaded = proof.kind.load(connection, user)
    verdict = proof.kind.verify(context, connection, user, proof.given, loaded, origin.at)
    outcome: Passed | WrongPasskey | Locked
    match verdict:
        case Right(_, amr_values, suspect):
            opens = not counts.final and USER_VERIFIED in amr_values and operation in USABLE_WHILE_LOCKED
            outcome = (
                Locked(counts.final) if counts.locked and not opens else Passed(proof.kind.method, None, amr_values)
            )
            if suspect is not None:
                _record(context, connection, user, PasskeyCounterWentBack(suspect), origin, authenticator=suspect)
        case Refused(why):
            outcome = WrongPasskey(why)
            _record(context, connection, user, PasskeyRefused(operation, why), origin)
        case Wrong() | Used() | Unreadable():
            raise RuntimeError("what nobody guesses is right or refused, never wrong")
        case _:
            assert_never(verdict)
    metrics.second_factors.labels(operation, proof.kind.method, type(outcome).__name__).inc()
    return outcome


def outcome_of(proof: Proof, verdict: Verdict, left: int) -> Outcome:
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
        case Refused(why):
            raise RuntimeError(f"a guess is right or wrong, never refused: {why}")
        case _:
            assert_never(verdict)


def count_unknown(
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


def settle(
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
    event: BackupCodeUsed | SecondFactorWrong | PasskeyRefused | PasskeyCounterWentBack,
    origin: Origin,
    **told: str,
) -> None:
    is_wrong = isinstance(event, SecondFactorWrong | PasskeyRefused)
    audit.record(
        connection, event, origin=origin.by(acting.NOBODY if is_wrong else acting.user(user.id)),
        account_id=user.account_id, subject_id=user.id, result="refused" if is_wrong else "done",
    )  # fmt: skip
    notice_flow.notify_of_event(context, connection, user, event, origin, **told)
