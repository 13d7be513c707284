"""The first factor that is a passkey: one that has verified its user is both factors at once.

Who nobody is, who may not sign in here and whose passkey is not right are answered alike.
"""

from typing import NamedTuple

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.user import User
from twofold.events import kinds
from twofold.events.kinds import Operation
from twofold.factors import flow as factors
from twofold.factors import kinds_flow
from twofold.factors.kinds_flow import Proof
from twofold.factors.outcomes import Locked, Passed, WrongPasskey
from twofold.factors.passkeys import flow as passkeys
from twofold.factors.passkeys.passkey import Assertion
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.sessions.methods import Method
from twofold.signin.attempt import Step
from twofold.signin.attempt_flow import begin
from twofold.signin.finish_flow import SignIn, enter
from twofold.signin.outcomes import Frozen, LockedOut, SignedIn

UNKNOWN = WrongPasskey("unknown")


class Presented(NamedTuple):
    """What somebody sends to sign in by a passkey alone, and for which holder its challenge was made."""

    credential: str
    holder: str
    client: str | None
    channel: str
    return_to: str = ""


def submit_passkey(
    context: AppContext, given: Presented, *, origin: Origin
) -> SignedIn | LockedOut | Frozen | WrongPasskey:
    """Sign in with a passkey alone: it has to verify its user."""
    if not context.settings.passkey_sign_in:
        return WrongPasskey("switched_off")
    owner = passkeys.owner_of(context, given.credential)
    if owner is None:
        return UNKNOWN
    with context.db.write() as connection:
        user = directory.lock_user_row(connection, owner)
        if user is None or not user.active or user.sso:
            return UNKNOWN
        proof = Proof(kinds_flow.PASSKEY, Assertion(given.credential, given.holder, alone=True))
        passed = factors.prove(context, connection, user, proof, operation=Operation.SIGN_IN, origin=origin)
        match passed:
            case Passed():
                return _enter(context, connection, user, given, passed, origin)
            case Locked(final):
                return _locked(context, connection, user, given, final=final, origin=origin)
            case WrongPasskey():
                return passed
            case _:
                raise RuntimeError(f"a passkey is right, refused or locked, not {passed!r}")


def _enter(
    context: AppContext, connection: sa.Connection, user: User, given: Presented, passed: Passed, origin: Origin
) -> SignedIn | Frozen | WrongPasskey:
    if user.frozen_at is not None:
        audit.record(
            connection, kinds.SignInRefused(why="frozen"), origin=origin.by(acting.NOBODY),
            account_id=user.account_id, subject_id=user.id, result="refused",
        )  # fmt: skip
        return Frozen()
    methods = (Method(passed.method, origin.at, second=True, amr_values=passed.amr_values),)
    sign_in = SignIn(user, methods, given.channel, given.client, given.return_to, known_client=None)
    return enter(context, connection, sign_in, origin=origin) or UNKNOWN


def _locked(
    context: AppContext, connection: sa.Connection, user: User, given: Presented, *, final: bool, origin: Origin
) -> LockedOut:
    """Lead whoever is locked for good to where they can ask for help: their passkey was right."""
    token = context.vault.new_token("signin")
    begin(
        connection, user, token, Step.CODE, given.channel, methods=(), known_client=None,
        return_to=given.return_to, at=origin.at,
    )  # fmt: skip
    return LockedOut(user, final, token)
