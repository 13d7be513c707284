"""Step-up: who is signed in proves password or second factor again, and goes on in the session they have."""

from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from twofold.directory.user import User
from twofold.events.kinds import Operation
from twofold.factors import flow as factors
from twofold.factors import kinds_flow
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.kinds_flow import Given, Proof
from twofold.factors.outcomes import MalformedCode, NotEnabled, Passed, ProofRefused, SessionOver
from twofold.factors.proof import Malformed
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.sessions import flow as sessions
from twofold.sessions import methods
from twofold.sessions.methods import Methods
from twofold.sessions.session import Session, Started
from twofold.signin import records
from twofold.signin.attempt import LIFE, Step
from twofold.signin.attempt_flow import begin
from twofold.signin.outcomes import Due
from twofold.signin.set_up_flow import seal_backup_code


class Proofs(NamedTuple):
    """What somebody proves again: the password, a code, or both; None is not asked for."""

    password: str | None
    code: Given | None
    client: str | None


class SteppedUp(msgspec.Struct, frozen=True):
    """The session goes on under a new token; a used backup code brings its successor."""

    session: Started
    methods: Methods
    new_backup_code: str | None = None


class PasswordRequired(msgspec.Struct, frozen=True):
    """A wrong code was given since the last right one: a code counts only beside the password now.

    Else whoever has no more than a session could try codes until they lock its owner out.
    """


StepUpRefused = factors.ProofsRefused | NotEnabled | PasswordRequired


def step_up(
    context: AppContext,
    session: Session,
    given: Proofs,
    *,
    channel: str,
    origin: Origin,
    return_to: str = "",
) -> SteppedUp | Due | StepUpRefused:
    """Take what is proved again: the password first, and a wrong one leaves the code untouched.

    On pages a new backup code rests in an attempt until it is said to be saved (Due); a program gets it in the answer.
    """
    proof, at = _proof_of(session, given), origin.at
    if isinstance(proof, NotEnabled | MalformedCode):
        return proof
    password = _prove_password(context, session, given, origin)
    if isinstance(password, lockouts.WrongPassword | lockouts.Wait):
        return password
    with context.db.write() as connection:
        user = sessions.hold_user(connection, session)
        if password is not None:
            lockouts.settle(connection, password)
        if user is None:
            return SessionOver()
        guessable = proof is None or proof.kind.guessable
        if guessable and password is None and lockouts.hold_counts(connection, user.id).wrong:
            return PasswordRequired()
        passed = _prove_code(context, connection, user, proof, origin)
        if not isinstance(passed, Passed):
            return passed
        now = methods.proved_now(
            at, second_factor=passed.method, amr_values=passed.amr_values, password=password is not None,
        )  # fmt: skip
        if passed.new_backup_code is not None and channel == "page":
            return _show_first(context, connection, session, now, passed.new_backup_code, return_to, origin)
        started = sessions.step_up(context, connection, session, now, origin=origin)
        if started is None:
            return SessionOver()
        if passed.new_backup_code is not None:
            backup_code.note_saved(connection, user.id, passed.new_backup_code)
        return SteppedUp(started, methods.with_proved(session.methods, now), passed.new_backup_code)


def _proof_of(session: Session, given: Proofs) -> Proof | NotEnabled | MalformedCode | None:
    if given.code is None:
        return None
    if not session.user.has_second_factor:
        return NotEnabled()
    proof = kinds_flow.parse(given.code)
    return MalformedCode() if isinstance(proof, Malformed) else proof


def _prove_password(
    context: AppContext, session: Session, given: Proofs, origin: Origin
) -> lockouts.Proved | lockouts.WrongPassword | lockouts.Wait | None:
    if given.password is None:
        return None
    return lockouts.prove_password(
        context, session.user.email, given.password, client=given.client, address=origin.client.address, at=origin.at,
    )  # fmt: skip


def _prove_code(
    context: AppContext, connection: sa.Connection, user: User, proof: Proof | None, origin: Origin
) -> Passed | ProofRefused | SessionOver:
    if proof is None:
        return Passed("")
    return factors.prove(context, connection, user, proof, operation=Operation.STEP_UP, origin=origin)


def _show_first(
    context: AppContext,
    connection: sa.Connection,
    session: Session,
    proved: Methods,
    code: str,
    return_to: str,
    origin: Origin,
) -> Due:
    """Keep the new backup code, and what was proved, in an attempt that leads back to the session."""
    token, step = context.vault.new_token("signin"), Step.SAVE_BACKUP_CODE
    attempt = begin(
        connection, session.user, token, step, "page", methods=proved, known_client=None, return_to=return_to,
        at=origin.at, steps_up=session,
    )  # fmt: skip
    sealed = seal_backup_code(context, attempt, code)
    records.advance(
        connection, attempt, step, origin.at + LIFE, backup_key_id=sealed.key_id, backup_box=sealed.ciphertext,
    )  # fmt: skip
    return Due(token, step.value, attempt.expires_at)
