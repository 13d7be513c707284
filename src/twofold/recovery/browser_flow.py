"""Making a browser known by mail: who is told to wait, because somebody guesses, need not wait in that browser.

It proves the mailbox and opens nothing: the browser gets a count of wrong passwords of its own for a day, and a sign-in
there, with password and second factor, makes that 90 days. Its wrong codes go on counting as an unknown browser's.
Whoever types an address learns nothing from the answer: an unknown one costs the same statements as a known one.
"""

from datetime import datetime

import sqlalchemy as sa

from twofold.abuse import unknown_flow as unknown
from twofold.abuse.flow import UNKNOWN_LETTER
from twofold.audit import flow as audit
from twofold.directory import flow as directory
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
from twofold.recovery import browser_records
from twofold.recovery.browser_link import DECOY, LIFE, UNSENT_FOR, is_good_for
from twofold.recovery.outcomes import KnownHere, MayKnow, Requested
from twofold.recovery.password_link import Elsewhere, Over


def ask(context: AppContext, email: str, *, origin: Origin) -> Requested | Elsewhere | lockouts.Wait | NoMail:
    """Ask for a link that makes a browser known; the answer is the same whoever has the address, if anybody."""
    if not context.outbox.configured:
        return NoMail()
    with context.db.read() as connection:
        url = directory.sso_url(connection, email)
    if url is not None:
        return Elsewhere(url)
    with context.db.write() as connection:
        wait = mail_limits.charge_browser_link(connection, email, origin.at)
        if wait is not None:
            return wait
        found = directory.find_user_by_email(connection, email)
        _ask_link(context, connection, found if found is not None and found.active else None, origin)
        unknown.record(
            connection,
            kinds.BrowserLinkAsked(),
            None if found is None else (found.id, found.account_id),
            origin=origin,
            counted_as=UNKNOWN_LETTER,
        )
    return Requested()


def mint(connection: sa.Connection, entry: Entry, user: User, at: datetime) -> tuple[str, datetime] | None:
    """Make the token of a letter that is about to go out, and say until when it works; None when it is out of date."""
    link = browser_records.asked_by(connection, entry.id, user.id)
    if link is None or not is_good_for(link, user):
        return None
    token, until = new_token("browser"), at + LIFE
    return (token, until) if browser_records.mint(connection, link, digest(token), until) else None


def look(context: AppContext, token: str, at: datetime) -> MayKnow | Over:
    """Say what a link is good for; changes nothing."""
    with context.db.read() as connection:
        link = browser_records.by_token(connection, digest(token), at)
        user = None if link is None else directory.find_user(connection, link.user_id)
    if link is None or user is None or not is_good_for(link, user):
        return Over()
    return MayKnow(user, link.expires_at)


def know(context: AppContext, token: str, client: str | None, *, origin: Origin) -> KnownHere | Over:
    """Make a browser known for the user of a link, once; a browser that had no token before gets one."""
    found = look(context, token, origin.at)
    if isinstance(found, Over):
        return found
    client = client or context.vault.new_token("client")
    with context.db.write() as connection:
        user = directory.lock_user_row(connection, found.user.id)
        link = browser_records.take(connection, digest(token), origin.at)
        if link is None or user is None or not is_good_for(link, user):
            return Over()
        lockouts.remember_client_for_now(connection, user, client, origin.at)
        audit.record(
            connection, kinds.BrowserKnownByMail(), origin=origin.by(acting.user(user.id)), account_id=user.account_id,
            subject_id=user.id,
        )  # fmt: skip
    return KnownHere(client)


def _ask_link(context: AppContext, connection: sa.Connection, user: User | None, origin: Origin) -> None:
    """Ask the outbox for a letter; without a user for a decoy, under an id that no user has."""
    user_id, account_id = (new_id(), new_id()) if user is None else (user.id, user.account_id)
    letter = context.outbox.post(
        connection, Notice.BROWSER_LINK, user_id=user_id, account_id=account_id,
        recipient="" if user is None else user.email, at=origin.at,
        facts={"address": origin.client.address, "browser": origin.client.browser},
    )  # fmt: skip
    browser_records.ask(
        connection,
        {
            "user_id": user_id,
            "account_id": account_id,
            "letter": letter,
            "email_key": "" if user is None else user.email_key,
            "token_hash": None,
            "expires_at": origin.at + (DECOY if user is None else UNSENT_FOR),
        },
    )
