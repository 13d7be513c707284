"""What follows a first factor, of whatever kind: the second one, its forced set-up, or the session at once."""

from collections.abc import Callable

import sqlalchemy as sa

from twofold.directory.refusals import NoMail
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import mail_limits_flow as mail_limits
from twofold.lockouts.budget import Counts
from twofold.signin.attempt import Expired, Step, first_step
from twofold.signin.attempt_flow import begin
from twofold.signin.finish_flow import SignIn, enter
from twofold.signin.outcomes import Due, LockedOut, MailedCodeClosed, SignedIn
from twofold.signin.set_up_flow import mail_a_code

FirstFactorOutcome = Due | SignedIn | LockedOut | NoMail | MailedCodeClosed


def first_factor_proved(
    context: AppContext,
    sign_in: SignIn,
    counts: Counts,
    settle: Callable[[sa.Connection], None],
    *,
    origin: Origin,
) -> FirstFactorOutcome | Expired:
    """Go on from a first factor that was just proved. Expired: its user may not sign in here, or changed meanwhile.

    A kind of first factor says why itself, where its user is to know: single sign-on, frozen.

    `counts` is what the user's second factor has left; `settle` writes, in the same transaction, what the kind of
    first factor has to write about a right proof.
    """
    user = sign_in.user
    if user.sso or user.frozen_at is not None:
        return Expired()
    step = first_step(user, user.eligibility(context.settings.two_factor_editions, origin.at))
    # Where the code is due, nothing happened yet that a power cut may not undo: the person would just begin again.
    with context.db.write(durable=step is not Step.CODE) as connection:
        if step is Step.DONE:
            return enter(context, connection, sign_in, origin=origin, settle=settle) or Expired()
        settle(connection)
        if step is Step.VERIFY_EMAIL:
            if not context.outbox.configured:
                return NoMail()
            if (closed := mail_limits.mailbox_closed(connection, user, origin.at)) is not None:
                return MailedCodeClosed(closed.seconds)
        token, known = context.vault.new_token("signin"), sign_in.known_client
        attempt = begin(
            connection, user, token, step, sign_in.channel, methods=sign_in.methods,
            known_client=known if known is not None and known.knows_factor_of(user) else None,
            return_to=sign_in.return_to, at=origin.at,
        )  # fmt: skip
        if step is Step.CODE and counts.locked:
            return LockedOut(user, counts.final, token)
        if step is Step.VERIFY_EMAIL:
            mail_a_code(context, connection, attempt, origin.at)
    with_passkey = step is Step.CODE and user.has_passkey and context.settings.passkey_domain is not None
    return Due(token, step.value, attempt.expires_at, with_passkey)
