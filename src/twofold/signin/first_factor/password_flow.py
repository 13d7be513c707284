"""The first factor that is a password: proved, throttled, and the same work where nobody has the address."""

from uuid import UUID

import sqlalchemy as sa

from twofold.abuse import unknown_flow as unknown
from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.refusals import NoMail
from twofold.events import kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.lockouts import mail_flow
from twofold.lockouts.known_client import KnownClient
from twofold.signin.attempt import Step, first_step
from twofold.signin.attempt_flow import begin
from twofold.signin.finish_flow import Credentials, enter
from twofold.signin.outcomes import Due, Frozen, LockedOut, MailedCodeClosed, SignedIn, SsoElsewhere, TwoFactorNeeded
from twofold.signin.set_up_flow import mail_a_code

BeginRefused = lockouts.WrongPassword | lockouts.Wait | SsoElsewhere | Frozen


def submit_password(
    context: AppContext,
    given: Credentials,
    *,
    origin: Origin,
) -> Due | SignedIn | LockedOut | NoMail | MailedCodeClosed | BeginRefused:
    """Begin a sign-in with address and password; an unknown address takes the same steps as a known one."""
    proved = _prove_password(context, given, origin=origin)
    if not isinstance(proved, lockouts.Proved):
        return proved
    user = proved.user
    step = first_step(user, user.eligibility(context.settings.two_factor_editions, origin.at))
    # Where the code is due, nothing happened yet that a power cut may not undo: the person would just begin again.
    with context.db.write(durable=step is not Step.CODE) as connection:
        lockouts.settle(connection, proved)
        if step is Step.DONE:
            known = proved.known_client
            entered = enter(context, connection, user, given, ("pwd",), origin=origin, known_client=known)
            return entered or lockouts.WrongPassword()
        if step is Step.VERIFY_EMAIL:
            if not context.outbox.configured:
                return NoMail()
            if (closed := mail_flow.mailbox_closed(connection, user, origin.at)) is not None:
                return MailedCodeClosed(closed.seconds)
        token = context.vault.new_token("signin")
        attempt = begin(
            connection, user, token, step, given.channel, known_client=_known_by_factor(proved),
            return_to=given.return_to, at=origin.at,
        )  # fmt: skip
        if step is Step.CODE and proved.counts.locked:
            return LockedOut(user, proved.counts.final, token)
        if step is Step.VERIFY_EMAIL:
            mail_a_code(context, connection, attempt, origin.at)
    return Due(token, step.value, attempt.expires_at)


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
        lockouts.settle(connection, proved)
        if first_step(user, user.eligibility(context.settings.two_factor_editions, origin.at)) is not Step.DONE:
            _refused(connection, (user.id, user.account_id), "two_factor_needed", origin)
            return TwoFactorNeeded()
        return (
            enter(
                context,
                connection,
                user,
                given,
                ("pwd",),
                origin=origin,
                known_client=proved.known_client,
            )
            or lockouts.WrongPassword()
        )


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
                counted_as="unknown_address_sign_in",
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


def _known_by_factor(proved: lockouts.Proved) -> KnownClient | None:
    known = proved.known_client
    return known if known is not None and known.knows_factor_of(proved.user) else None


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
