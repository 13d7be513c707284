"""The first factor that is a password: proved, throttled, and the same work where nobody has the address."""

from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.abuse import unknown_flow as unknown
from twofold.abuse.flow import UNKNOWN_SIGN_IN
from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.events import kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.sessions.methods import Method
from twofold.signin.attempt import Expired, Step, first_step
from twofold.signin.finish_flow import SignIn, enter
from twofold.signin.first_factor_flow import FirstFactorOutcome, first_factor_proved
from twofold.signin.outcomes import Frozen, SignedIn, SsoElsewhere, TwoFactorNeeded


class Credentials(NamedTuple):
    """What somebody sends to begin: address, password, the client's token if it has one, and where to go afterwards."""

    email: str
    password: str
    client: str | None
    channel: str
    return_to: str = ""


BeginRefused = lockouts.WrongPassword | lockouts.Wait | SsoElsewhere | Frozen


def submit_password(
    context: AppContext,
    given: Credentials,
    *,
    origin: Origin,
) -> FirstFactorOutcome | BeginRefused:
    """Begin a sign-in with address and password; an unknown address takes the same steps as a known one."""
    proved = _prove_password(context, given, origin=origin)
    if not isinstance(proved, lockouts.Proved):
        return proved
    outcome = first_factor_proved(
        context, _sign_in(proved, given, origin), proved.counts, lambda connection: lockouts.settle(connection, proved),
        origin=origin,
    )  # fmt: skip
    return lockouts.WrongPassword() if isinstance(outcome, Expired) else outcome


def submit_legacy(
    context: AppContext,
    given: Credentials,
    *,
    origin: Origin,
) -> SignedIn | TwoFactorNeeded | BeginRefused:
    """Sign a program in that knows only address and password: refused where a second factor exists or must."""
    proved = _prove_password(context, given, origin=origin)
    if not isinstance(proved, lockouts.Proved):
        return proved
    user = proved.user
    with context.db.write() as connection:
        if first_step(user, user.eligibility(context.settings.two_factor_editions, origin.at)) is not Step.DONE:
            lockouts.settle(connection, proved)
            _refused(connection, (user.id, user.account_id), "two_factor_needed", origin)
            return TwoFactorNeeded()
        entered = enter(
            context, connection, _sign_in(proved, given, origin), origin=origin,
            settle=lambda connection: lockouts.settle(connection, proved),
        )  # fmt: skip
        return entered or lockouts.WrongPassword()


def _prove_password(
    context: AppContext,
    given: Credentials,
    *,
    origin: Origin,
) -> lockouts.Proved | BeginRefused:
    with context.db.read() as connection:
        url = directory.sso_url(connection, given.email)
    if url is not None:
        return SsoElsewhere(url)
    proved = lockouts.prove_password(
        context, given.email, given.password, client=given.client, address=origin.client.address, at=origin.at,
    )  # fmt: skip
    if isinstance(proved, lockouts.WrongPassword):
        with context.db.write() as connection:
            unknown.record(
                connection,
                kinds.SignInRefused(why="password_wrong"),
                directory.user_ids_by_email(connection, given.email),
                origin=origin,
                counted_as=UNKNOWN_SIGN_IN,
                result="refused",
            )
        return proved
    if isinstance(proved, lockouts.Proved) and proved.user.sso:
        return lockouts.WrongPassword()  # an address outside the organisation's domains has no local sign-in either
    if isinstance(proved, lockouts.Proved) and proved.user.frozen_at is not None:
        with context.db.write() as connection:
            lockouts.settle(connection, proved)
            _refused(connection, (proved.user.id, proved.user.account_id), "frozen", origin)
        return Frozen()
    return proved


def _sign_in(proved: lockouts.Proved, given: Credentials, origin: Origin) -> SignIn:
    methods = (Method("pwd", origin.at),)
    return SignIn(proved.user, methods, given.channel, given.client, given.return_to, proved.known_client)


def _refused(connection: sa.Connection, whose: tuple[UUID, UUID], why: str, origin: Origin) -> None:
    """Write the refused sign-in of somebody who knows the password down."""
    user_id, account_id = whose
    audit.record(
        connection,
        kinds.SignInRefused(why=why),
        origin=origin.by(acting.NOBODY),
        account_id=account_id,
        subject_id=user_id,
        result="refused",
    )
