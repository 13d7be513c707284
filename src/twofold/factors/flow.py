"""Proving a second factor: the one way through which every operation goes, and what a user's factors are.

A try is charged before anything is compared, in the same transaction, and the charge is committed with the refusal.
What is compared is the matter of the factor's kind (kinds_flow.py).
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory import notice_flow
from twofold.directory.user import User
from twofold.events.kinds import (
    Operation,
    PasskeyAdded,
    TwoFactorAdded,
    TwoFactorReplaced,
    TwoFactorSetUp,
)
from twofold.factors import kinds_flow, records
from twofold.factors import settling_flow as settling
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.backup_code import records as backup_code_records
from twofold.factors.kinds_flow import Kind, Proof
from twofold.factors.outcomes import (
    Confirmed,
    Locked,
    MalformedCode,
    Passed,
    ProofRefused,
    SessionOver,
    WrongCode,
)
from twofold.factors.proof import Malformed
from twofold.factors.verdicts import Factor
from twofold.kit import acting, metrics
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.lockouts.budget import Counts

EVENTS = {
    "set_up": TwoFactorSetUp,
    "added": TwoFactorAdded,
    "replaced": TwoFactorReplaced,
}

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

    @property
    def passkeys(self) -> list[Factor]:
        """The passkeys among them."""
        return [factor for factor in self.factors if factor.kind == kinds_flow.PASSKEY.name]


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
    if not proof.kind.guessable:
        return settling.prove_unguessable(context, connection, user, proof, operation=operation, origin=origin)
    charged, loaded = lockouts.charge(connection, user, lambda: proof.kind.load(connection, user))
    if charged is None:
        return Locked(lockouts.counts(connection, user.id).final)
    verdict = proof.kind.verify(context, connection, user, proof.given, loaded, origin.at)
    left = charged.left if unknown_browser is None else charged.left_to_unknown
    outcome = settling.outcome_of(proof, verdict, left)
    if isinstance(outcome, WrongCode) and not directory.is_as_before(connection, user):
        lockouts.give_back(connection, user)
        return SessionOver()
    if unknown_browser is not None:
        outcome = settling.count_unknown(connection, user, outcome, charged, unknown_browser, origin.at)
    settling.settle(
        context, connection, user, outcome, operation=operation, origin=origin, known=unknown_browser is None
    )
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
    kind: Kind,
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
    version = note_change(connection, user.id, origin.at, since=user.second_factor_since or origin.at)
    change = "set_up" if not user.has_second_factor else "replaced" if replaces else "added"
    is_passkey = kind is kinds_flow.PASSKEY and change == "added"
    event = PasskeyAdded(name) if is_passkey else EVENTS[change](name)
    by_user = origin.by(acting.user(user.id))
    audit.record(connection, event, origin=by_user, account_id=user.account_id, subject_id=user.id)
    notice_flow.notify_of_event(context, connection, user, event, origin, authenticator=name, factor=kind.name)
    return Confirmed(change, issued, user.security_version if version is None else version)


def switch_off(connection: sa.Connection, user: User, at: datetime) -> int | None:
    """Delete every second factor of a user, end their sessions, and return the raised security version."""
    hold(connection, user.id)
    for kind in kinds_flow.KINDS:
        kind.delete_all(connection, user.id)
    records.delete_all(connection, user.id)
    return note_change(connection, user.id, at, since=None)


def note_change(connection: sa.Connection, user_id: UUID, at: datetime, *, since: datetime | None) -> int | None:
    """Note what a change has left of a user's factors, and end their sessions; return the raised security version."""
    oldest = min((passkey.created_at for passkey in kinds_flow.PASSKEY.show(connection, user_id)), default=None)
    return directory.factors_changed(connection, user_id, at, since=since, passkey_since=oldest)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete what is over of every kind, and removals whose time is over; return how many. For the clean-up."""
    return sum(kind.forget_over(connection, at) for kind in kinds_flow.KINDS) + records.forget_over(connection, at)
