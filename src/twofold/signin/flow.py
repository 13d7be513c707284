"""A sign-in, told as it happens: password, second factor, session.

Every step finds the attempt, passes the one guard, does its work and moves the row on, in one transaction.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from twofold.directory import flow as directory
from twofold.directory.refusals import NoMail
from twofold.directory.user import User
from twofold.events.kinds import Operation
from twofold.factors import flow as factors
from twofold.factors import kinds_flow
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.kinds_flow import Given, Proof
from twofold.factors.outcomes import Locked, MalformedCode, Passed, ProofRefused, SessionOver
from twofold.factors.passkeys import challenge
from twofold.factors.passkeys import flow as passkeys
from twofold.factors.proof import Malformed
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest
from twofold.lockouts import flow as lockouts
from twofold.lockouts import mail_limits_flow as mail_limits
from twofold.lockouts.helper import Helper
from twofold.resets import help_flow
from twofold.resets.outcomes import AskedForHelp, AskedLately, NobodyToAsk
from twofold.sessions import flow as sessions
from twofold.sessions.methods import Method, columns, first_factors, with_proved
from twofold.sessions.session import Session
from twofold.signin import records
from twofold.signin.attempt import LIFE, Attempt, Expired, OutOfOrder, Step, after_second_factor
from twofold.signin.attempt_flow import begin
from twofold.signin.finish_flow import finish
from twofold.signin.outcomes import Due, MailedCodeClosed, SignedIn
from twofold.signin.set_up_flow import mail_a_code, seal_backup_code, shown_backup_code
from twofold.signin.take_flow import hold_user, take, take_with_user


def submit_code(
    context: AppContext,
    sign_in: str,
    given: Given,
    *,
    channel: str,
    client: str | None,
    origin: Origin,
) -> SignedIn | Due | MalformedCode | Expired | OutOfOrder | ProofRefused:
    """Take the second factor: a code of the app, a passkey, or the backup code, which is replaced.

    On pages the new backup code rests in the attempt until it is said to be saved; a program gets it in the answer.
    """
    proof = kinds_flow.parse(given)
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
            context, connection, user, proof, operation=Operation.SIGN_IN, origin=origin,
            unknown_browser=_unknown_browser(attempt, client),
        )  # fmt: skip
        if isinstance(passed, SessionOver):
            return Expired()
        if not isinstance(passed, Passed):
            return passed
        return _second_factor_passed(context, connection, attempt, sign_in, passed, client=client, origin=origin)


def _second_factor_passed(
    context: AppContext,
    connection: sa.Connection,
    attempt: Attempt,
    sign_in: str,
    passed: Passed,
    *,
    client: str | None,
    origin: Origin,
) -> SignedIn | Due | Expired | OutOfOrder:
    """Finish a sign-in, or show the new backup code first."""
    methods = with_proved(
        attempt.methods, [Method(passed.method, origin.at, second=True, amr_values=passed.amr_values)]
    )
    is_new = passed.new_backup_code is not None
    if after_second_factor(attempt.channel, new_backup_code=is_new) is Step.SAVE_BACKUP_CODE:
        sealed = seal_backup_code(context, attempt, passed.new_backup_code or "")
        records.advance(
            connection, attempt, Step.SAVE_BACKUP_CODE, origin.at + LIFE, **columns(methods),
            backup_key_id=sealed.key_id, backup_box=sealed.ciphertext,
        )  # fmt: skip
        return Due(sign_in, Step.SAVE_BACKUP_CODE.value, origin.at + LIFE)
    finished = finish(
        context, connection, attempt, methods, client=client, origin=origin,
        new_backup_code=passed.new_backup_code,
    )  # fmt: skip
    if passed.new_backup_code is not None and isinstance(finished, SignedIn):
        backup_code.note_saved(connection, attempt.user.id, passed.new_backup_code)
    return finished


def submit_saved(
    context: AppContext,
    sign_in: str,
    *,
    client: str | None,
    origin: Origin,
) -> SignedIn | Expired | OutOfOrder:
    """Go on after a new backup code was shown: its owner says that it is saved.

    Where the code cannot be read any more, the sign-in goes on, and the profile warns that nobody has seen it.
    """
    with context.db.write() as connection:
        attempt = take_with_user(connection, sign_in, "page", Step.SAVE_BACKUP_CODE, origin.at)
        if not isinstance(attempt, Attempt):
            return attempt
        saved = shown_backup_code(context, connection, attempt)
        if saved is not None:
            backup_code.note_saved(connection, attempt.user.id, saved)
        return finish(context, connection, attempt, attempt.methods, client=client, origin=origin)


def step_down(
    context: AppContext, session: Session, *, return_to: str = "", origin: Origin
) -> Due | NoMail | MailedCodeClosed | Expired:
    """Replace a session by the forced set-up: a policy came to require what its user does not have.

    Expired: the session has ended meanwhile.
    """
    if not context.outbox.configured:
        return NoMail()
    token = context.vault.new_token("signin")
    with context.db.write() as connection:
        user = sessions.hold_user(connection, session)
        if user is None:
            return Expired()
        closed = mail_limits.mailbox_closed(connection, user, origin.at)
        if closed is not None:
            return MailedCodeClosed(closed.seconds)
        attempt = begin(
            connection, user, token, Step.VERIFY_EMAIL, "page", methods=first_factors(session.methods),
            known_client=None, return_to=return_to, at=origin.at,
        )  # fmt: skip
        mail_a_code(context, connection, attempt, origin.at)
        sessions.step_down(connection, session, origin=origin)
    return Due(token, Step.VERIFY_EMAIL.value, attempt.expires_at)


def passkey_asked(
    context: AppContext, user: User, token_hash: bytes, at: datetime
) -> tuple[dict[str, Any] | None, bool]:
    """Return what a browser is asked to sign, None where there is no passkey; and whether there is an app as well."""
    asked = passkeys.ask(context, user, challenge.of_sign_in(token_hash), at)
    with context.db.read() as connection:
        return asked, bool(asked) and bool(kinds_flow.TOTP.show(connection, user.id))


def lock_of(context: AppContext, user: User) -> Locked | None:
    """Return the lock of a user's second factor, if there is one."""
    with context.db.read() as connection:
        counts = lockouts.counts(connection, user.id)
    return Locked(counts.final) if counts.locked else None


def whom_to_ask(context: AppContext, user: User) -> list[Helper]:
    """List whom somebody who cannot sign in can ask; nobody that cannot act, and never themselves."""
    with context.db.read() as connection:
        return lockouts.who_can_help(connection, user)


def whom_to_ask_at(context: AppContext, email: str) -> list[Helper]:
    """List whom to ask for somebody who has just proved the password at an address; nobody else is to learn it."""
    with context.db.read() as connection:
        user = directory.find_user_by_email(connection, email)
        return [] if user is None else lockouts.who_can_help(connection, user)


def ask_for_reset(
    context: AppContext, sign_in: str, *, origin: Origin
) -> AskedForHelp | AskedLately | NobodyToAsk | NoMail | Expired | OutOfOrder:
    """Ask for a reset in a sign-in whose password is proved and which comes no further."""
    with context.db.write() as connection:
        attempt = take_with_user(connection, sign_in, "page", Step.CODE, origin.at)
        if not isinstance(attempt, Attempt):
            return attempt
        return help_flow.ask(context, connection, attempt.user, origin=origin)


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
