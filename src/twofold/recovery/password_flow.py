"""Choosing a password by mail: a link is asked for, minted when its letter goes out, and used once.

It never skips the second factor (OWASP ASVS 6.4.3) and never signs in by itself. Whoever types an address learns
nothing from the answer: the unknown address costs the same statements as the known one.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.abuse import unknown_flow as unknown
from twofold.abuse.flow import UNKNOWN_LETTER
from twofold.audit import flow as audit
from twofold.directory import add_user_flow, notice_flow
from twofold.directory import flow as directory
from twofold.directory.password import Weakness, normalise
from twofold.directory.refusals import NoMail
from twofold.directory.user import User
from twofold.events import kinds
from twofold.events.notices import Notice
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_id, new_token
from twofold.kit.mail.outbox import Entry
from twofold.lockouts import flow as lockouts
from twofold.lockouts import mail_limits_flow as mail_limits
from twofold.recovery import records
from twofold.recovery.outcomes import MayChoose, PasswordSaved, Requested
from twofold.recovery.password_link import (
    DECOY,
    LIFE,
    UNSENT_FOR,
    Elsewhere,
    Over,
    PasswordLink,
    Purpose,
    TooSoon,
    is_bound_to,
    quiet_until,
    refused,
)
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason

LETTERS = {
    Purpose.FORGOT: Notice.PASSWORD_LINK,
    Purpose.INVITATION: Notice.INVITATION,
    Purpose.UNFROZEN: Notice.UNFROZEN,
    Purpose.RESET: Notice.PASSWORD_VOID,
}


def ask(context: AppContext, email: str, *, origin: Origin) -> Requested | Elsewhere | lockouts.Wait | NoMail:
    """Ask for a link to choose a new password; the answer is the same whoever has the address, if anybody."""
    if not context.outbox.configured:
        return NoMail()
    with context.db.read() as connection:
        url = directory.sso_url(connection, email)
    if url is not None:
        return Elsewhere(url)
    with context.db.write() as connection:
        wait = mail_limits.charge_letter(connection, email, origin.at)
        if wait is not None:
            return wait
        found = directory.find_user_by_email(connection, email)
        user = found if found is not None and found.active else None
        ask_link(context, connection, user, Purpose.FORGOT, origin.at)
        unknown.record(
            connection,
            kinds.PasswordLinkAsked(),
            None if found is None else (found.id, found.account_id),
            origin=origin,
            counted_as=UNKNOWN_LETTER,
        )
    return Requested()


def ask_link(
    context: AppContext,
    connection: sa.Connection,
    user: User | None,
    purpose: Purpose,
    at: datetime,
    *,
    not_before: datetime | None = None,
    by: UUID | None = None,
    recipient: str | None = None,
) -> None:
    """Ask the outbox for a letter with a link, which takes the place of any link before it.

    `not_before` promises it for later: until then nothing takes its place. Without a user the same is stored for a
    decoy letter, under an id that no user has, and soon deleted; that letter is never sent.
    """
    user_id, account_id = (new_id(), new_id()) if user is None else (user.id, user.account_id)
    to = recipient or ("" if user is None else user.email)
    letter = context.outbox.post(
        connection, LETTERS[purpose], user_id=user_id, account_id=account_id, recipient=to, at=at,
        facts={"by": None if by is None else str(by)}, not_before=not_before,
    )  # fmt: skip
    if letter is None:
        return
    records.ask(
        connection,
        {
            "user_id": user_id,
            "account_id": account_id,
            "letter": letter,
            "purpose": purpose.value,
            "email_key": "" if user is None else user.email_key,
            "password_set_at": None if user is None else user.password_set_at,
            "asked_at": at,
            "token_hash": None,
            "expires_at": max(at, not_before or at) + (DECOY if user is None else UNSENT_FOR),
            "not_before": not_before,
        },
    )


def mint(connection: sa.Connection, entry: Entry, user: User, at: datetime) -> tuple[str, datetime] | None:
    """Make the token of a letter that is about to go out, and say until when it works; None when it is out of date."""
    link = records.asked_by(connection, entry.id, user.id)
    if link is None or not is_bound_to(link, user) or quiet_until(user, at) is not None:
        return None
    token, until = new_token("password"), at + LIFE[link.purpose]
    if not records.mint(connection, link, digest(token), until):
        return None
    sent = kinds.PasswordLinkSent(purpose=link.purpose.value)
    if entry.is_decoy:
        audit.rehearse(
            connection, sent, at=at, actor=acting.SYSTEM, subject_id=user.id,
        )  # fmt: skip
        return token, until
    if link.purpose is Purpose.INVITATION:  # the log of an account shows none that went to nobody, so none at all
        return token, until
    audit.record(
        connection, sent, origin=Origin(at, actor=acting.SYSTEM), account_id=user.account_id,
        subject_id=user.id,
    )  # fmt: skip
    return token, until


def look(context: AppContext, token: str, at: datetime) -> MayChoose | Over | TooSoon:
    """Say what a link is good for; changes nothing."""
    with context.db.read() as connection:
        link = records.by_token(connection, digest(token))
        user = None if link is None else directory.find_user(connection, link.user_id)
    why = refused(link, user, at)
    if why is not None or link is None or user is None:
        return why or Over()
    return MayChoose(user, link.purpose is Purpose.INVITATION, link.expires_at)


def choose(
    context: AppContext,
    token: str,
    password: str,
    *,
    origin: Origin,
) -> PasswordSaved | Weakness | Over | TooSoon:
    """Set the password that somebody chose by a link, once; a weak one leaves the link as it is."""
    found = look(context, token, origin.at)
    if not isinstance(found, MayChoose):
        return found
    new = normalise(password)
    weak = add_user_flow.weak_password(new, found.user.email, found.user.name)
    if weak is not None:
        return weak
    hashed = context.hasher.hash(new)
    with context.db.write() as connection:
        user = directory.lock_user_row(connection, found.user.id)
        link = records.take(connection, digest(token), origin.at)
        why = refused(link, user, origin.at)
        if why is not None or user is None or link is None:
            return why or Over()
        _set(context, connection, user, link, hashed, origin=origin)
    return PasswordSaved()


def _set(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    link: PasswordLink,
    hashed: str,
    *,
    origin: Origin,
) -> None:
    directory.set_password(connection, user.id, hashed, origin.at, by_mail=True)
    sessions.end_outdated(connection, user.id, EndReason.PASSWORD_CHANGED, origin.at)
    audit.record(
        connection,
        kinds.PasswordSetByMail(purpose=link.purpose.value),
        origin=origin.by(acting.user(user.id)),
        account_id=user.account_id,
        subject_id=user.id,
    )
    notice_flow.notify(
        context,
        connection,
        user,
        Notice.PASSWORD_CHANGED,
        origin.at,
        address=origin.client.address,
        browser=origin.client.browser,
        by=link.purpose.value,
    )
