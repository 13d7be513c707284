"""A sign-in, told as it happens: password, second factor, session.

Every step finds the attempt, passes the one guard, does its work and moves the row on, in one transaction.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.abuse import unknown_flow as unknown
from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.refusals import NoMail
from twofold.directory.user import User
from twofold.factors import flow as factors
from twofold.factors import kinds_flow
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.kinds_flow import Proof
from twofold.factors.outcomes import Locked, MalformedCode, Passed, ProofRefused, SessionOver
from twofold.factors.proof import Malformed
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_id
from twofold.lockouts import flow as lockouts
from twofold.lockouts.known_client import KnownClient
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session
from twofold.signin import records
from twofold.signin.attempt import LIFE, Attempt, Expired, OutOfOrder, Step, after_second_factor, first_step, guard
from twofold.signin.finish_flow import Credentials, enter, finish
from twofold.signin.outcomes import Due, Frozen, LockedOut, MailedCodeClosed, SignedIn, SsoElsewhere, TwoFactorNeeded
from twofold.signin.set_up_flow import mail_a_code, seal_backup_code, shown_backup_code
from twofold.signin.take_flow import hold_user, take, take_with_user

BeginRefused = lockouts.WrongPassword | lockouts.Wait | SsoElsewhere | Frozen


def submit_password(
    context: AppContext,
    given: Credentials,
    *,
    origin: Origin,
) -> Due | SignedIn | LockedOut | NoMail | MailedCodeClosed | BeginRefused:
    """Begin a sign-in with address and password; the unknown address walks the same road as a known one."""
    proved = _prove_password(context, given, origin=origin)
    if not isinstance(proved, lockouts.Proved):
        return proved
    user = proved.user
    step = first_step(user, user.eligibility(context.settings.two_factor_editions, origin.at))
    # Where the code is due, nothing happened yet that a power cut may not undo: the person would just begin again.
    with context.db.write(durable=step is not Step.CODE) as connection:
        lockouts.settle(connection, proved)
        if step is Step.DONE:
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
        if step is Step.VERIFY_EMAIL and not context.outbox.configured:
            return NoMail()
        token = context.vault.new_token("signin")
        attempt = begin(
            connection, user, token, step, given.channel, known_client=_known_by_factor(proved),
            return_to=given.return_to, at=origin.at,
        )  # fmt: skip
        if step is Step.CODE and proved.counts.locked:
            return LockedOut(user, proved.counts.final, token)
        if step is Step.VERIFY_EMAIL:
            closed = lockouts.mailbox_closed(connection, user, origin.at)
            if closed is not None:
                return MailedCodeClosed(closed.seconds)
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


def submit_code(
    context: AppContext,
    sign_in: str,
    typed: str,
    *,
    channel: str,
    client: str | None,
    origin: Origin,
) -> SignedIn | Due | MalformedCode | Expired | OutOfOrder | ProofRefused:
    """Take the second factor: a code of the app, or the backup code, which is replaced.

    On pages the new backup code rests in the attempt until it is said to be saved; a program gets it in the answer.
    """
    proof = kinds_flow.parse(typed)
    if isinstance(proof, Malformed):
        return MalformedCode()
    with context.db.write() as connection:
        attempt = take(connection, sign_in, channel, Step.CODE, origin.at)
        if isinstance(attempt, Attempt) and _writes_about_user(attempt, proof):
            attempt = hold_user(connection, attempt, origin.at)
        if not isinstance(attempt, Attempt):
            return attempt
        user = attempt.user
        passed = factors.prove(
            context, connection, user, proof, operation="sign_in", origin=origin,
            unknown_browser=_unknown_browser(attempt, client),
        )  # fmt: skip
        if isinstance(passed, SessionOver):
            return Expired()
        if not isinstance(passed, Passed):
            return passed
        methods = (*attempt.methods, passed.method)
        if after_second_factor(channel, new_backup_code=passed.new_backup_code is not None) is Step.SAVE_BACKUP_CODE:
            sealed = seal_backup_code(context, attempt, passed.new_backup_code or "")
            records.advance(
                connection, attempt, Step.SAVE_BACKUP_CODE, origin.at + LIFE, methods=" ".join(methods),
                backup_key_id=sealed.key_id, backup_box=sealed.box,
            )  # fmt: skip
            return Due(sign_in, Step.SAVE_BACKUP_CODE.value, origin.at + LIFE)
        finished = finish(
            context, connection, attempt, methods, client=client, origin=origin,
            new_backup_code=passed.new_backup_code,
        )  # fmt: skip
        if passed.new_backup_code is not None and isinstance(finished, SignedIn):
            backup_code.note_saved(connection, user.id, passed.new_backup_code)
        return finished


def submit_saved(
    context: AppContext,
    sign_in: str,
    *,
    client: str | None,
    origin: Origin,
) -> SignedIn | Expired | OutOfOrder:
    """Go on after a new backup code was shown: its owner says that it is saved."""
    with context.db.write() as connection:
        attempt = take_with_user(connection, sign_in, "page", Step.SAVE_BACKUP_CODE, origin.at)
        if not isinstance(attempt, Attempt):
            return attempt
        saved = shown_backup_code(context, connection, attempt)
        if saved is not None:
            backup_code.note_saved(connection, attempt.user.id, saved)
        return finish(context, connection, attempt, attempt.methods, client=client, origin=origin)


def step_down(context: AppContext, session: Session, *, origin: Origin) -> Due | NoMail | MailedCodeClosed | Expired:
    """Turn a session into the forced set-up: a policy came to require what its user does not have.

    Expired: the session has ended meanwhile, so there is nothing left to turn.
    """
    if not context.outbox.configured:
        return NoMail()
    token = context.vault.new_token("signin")
    with context.db.write() as connection:
        user = directory.lock_user_row(connection, session.user.id)
        if user is None or not sessions.goes_on(connection, session, user):
            return Expired()
        closed = lockouts.mailbox_closed(connection, user, origin.at)
        if closed is not None:
            return MailedCodeClosed(closed.seconds)
        attempt = begin(
            connection, user, token, Step.VERIFY_EMAIL, "page", known_client=None, return_to="", at=origin.at
        )
        mail_a_code(context, connection, attempt, origin.at)
        sessions.step_down(connection, session, origin=origin)
    return Due(token, Step.VERIFY_EMAIL.value, attempt.expires_at)


def look(context: AppContext, sign_in: str | None, at: datetime) -> Attempt | None:
    """Return the attempt of a page's cookie as it stands, if it can still go on; changes nothing."""
    if sign_in is None:
        return None
    with context.db.read() as connection:
        attempt = records.by_token(connection, digest(sign_in))
    alive = guard(attempt, "page", attempt.step, at) if attempt is not None else None
    return alive if isinstance(alive, Attempt) else None


def lock_of(context: AppContext, user: User) -> Locked | None:
    """Return the lock of a user's second factor, if there is one."""
    with context.db.read() as connection:
        counts = lockouts.counts(connection, user.id)
    return Locked(counts.final) if counts.locked else None


def whom_to_ask(context: AppContext, user: User) -> list[lockouts.Helper]:
    """List whom somebody who cannot sign in can ask; nobody that cannot act, and never themselves."""
    with context.db.read() as connection:
        return lockouts.who_can_help(connection, user)


def begin(
    connection: sa.Connection,
    user: User,
    token: str,
    step: Step,
    channel: str,
    *,
    known_client: KnownClient | None,
    return_to: str,
    at: datetime,
) -> Attempt:
    """Store an attempt whose first factor was just proved."""
    attempt = Attempt(
        new_id(), digest(token), channel, step, ("pwd",), user.security_version, return_to, known_client,
        mailed=False, expires_at=at + LIFE, user=user,
    )  # fmt: skip
    records.insert(
        connection,
        {
            "id": attempt.id,
            "token_hash": attempt.token_hash,
            "user_id": user.id,
            "account_id": user.account_id,
            "channel": channel,
            "step": step.value,
            "methods": "pwd",
            "security_version": user.security_version,
            "return_to": return_to,
            "known_client": None if known_client is None else known_client.token_hash,
            "known_until": None if known_client is None else known_client.until,
            "mailed": False,
            "created_at": at,
            "expires_at": attempt.expires_at,
        },
    )
    return attempt


def in_progress(connection: sa.Connection, at: datetime) -> int:
    """Count the sign-ins between their first and last step; for the metrics."""
    return records.in_progress(connection, at)


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete attempts whose time is over; for the clean-up."""
    return records.forget_over(connection, at)


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
                "sign_in_refused",
                directory.user_ids_by_email(connection, given.email),
                origin=origin,
                counted_as="unknown_address_sign_in",
                result="refused",
                details={"why": "password_wrong"},
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


def _unknown_browser(attempt: Attempt, client: str | None) -> bytes | None:
    """Name a browser that has not signed in with this second factor: by its token or, without one, its sign-in."""
    if attempt.known_client is not None:
        return None
    return digest(client or f"attempt:{attempt.id}")


def _writes_about_user(attempt: Attempt, proof: Proof) -> bool:
    """Tell whether a second factor changes more than counts: then the user is held, before the budget.

    A password set by mail is proved by it: it must still be the one that this attempt began with. A backup code is
    spent by it: nobody would see the new one, if the sign-in turned out to be over.
    """
    return attempt.user.password_unproven or proof.kind.stands_in


def _refused(connection: sa.Connection, whose: tuple[UUID, UUID], why: str, origin: Origin) -> None:
    """Write the refused sign-in of somebody who knows the password down."""
    user_id, account_id = whose
    audit.record(
        connection, "sign_in_refused", origin=origin.by(acting.NOBODY), account_id=account_id, subject_id=user_id,
        result="refused", details={"why": why},
    )  # fmt: skip
