"""Making a browser known by mail: who is told to wait, because somebody guesses, need not wait in that browser.

It proves the mailbox and opens nothing: the browser gets a count of wrong passwords of its own for a day, and a sign-in
there, with password and second factor, makes that 90 days. Its wrong codes go on counting as an unknown browser's.
Whoever types an address learns nothing from the answer: nobody costs the same statements as somebody.
"""

from datetime import datetime

import sqlalchemy as sa

from twofold.abuse import unknown_flow as unknown
from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.person import Person
from twofold.kit.house import House
from twofold.kit.outbox import Entry
from twofold.kit.tokens import digest, new_id, new_token
from twofold.kit.visitor import Visitor
from twofold.lockouts import flow as lockouts
from twofold.recovery import browser_records
from twofold.recovery.browser_link import FOR_NOBODY, LIFE, UNSENT_FOR, is_good_for
from twofold.recovery.outcomes import Asked, KnownHere, MayKnow, NoMail
from twofold.recovery.password_link import Elsewhere, Over


def ask(house: House, email: str, *, visitor: Visitor, at: datetime) -> Asked | Elsewhere | lockouts.Wait | NoMail:
    """Ask for a link that makes a browser known; the answer is the same whoever has the address, if anybody."""
    if not house.outbox.configured:
        return NoMail()
    with house.db.read() as connection:
        url = directory.sso_url(connection, email)
    if url is not None:
        return Elsewhere(url)
    with house.db.write() as connection:
        wait = lockouts.charge_browser_link(connection, email, at)
        if wait is not None:
            return wait
        found = directory.find_person_by_email(connection, email)
        _ask_link(house, connection, found if found is not None and found.active else None, visitor, at)
        unknown.record(
            connection, "browser_link_asked", None if found is None else (found.id, found.account_id), at=at,
            visitor=visitor, counted_as="unknown_address_letter",
        )  # fmt: skip
    return Asked()


def mint(connection: sa.Connection, entry: Entry, person: Person, at: datetime) -> tuple[str, datetime] | None:
    """Make the token of a letter that is about to go out, and say until when it works; None when it is out of date."""
    link = browser_records.asked_by(connection, entry.id, person.id)
    if link is None or not is_good_for(link, person):
        return None
    token, until = new_token("browser"), at + LIFE
    return (token, until) if browser_records.mint(connection, link, digest(token), until) else None


def look(house: House, token: str, at: datetime) -> MayKnow | Over:
    """Say what a link is good for; changes nothing."""
    with house.db.read() as connection:
        link = browser_records.by_token(connection, digest(token), at)
        person = None if link is None else directory.find_person(connection, link.user_id)
    if link is None or person is None or not is_good_for(link, person):
        return Over()
    return MayKnow(person, link.expires_at)


def know(house: House, token: str, client: str | None, *, visitor: Visitor, at: datetime) -> KnownHere | Over:
    """Make a browser known for the user of a link, once; a browser that had no token before gets one."""
    found = look(house, token, at)
    if isinstance(found, Over):
        return found
    client = client or house.vault.new_token("client")
    with house.db.write() as connection:
        person = directory.hold_person(connection, found.person.id)
        link = browser_records.take(connection, digest(token), at)
        if link is None or person is None or not is_good_for(link, person):
            return Over()
        lockouts.remember_client_for_now(connection, person, client, at)
        audit.record(
            connection, "browser_known_by_mail", at=at, account_id=person.account_id, actor=audit.user(person.id),
            subject_id=person.id, visitor=visitor,
        )  # fmt: skip
    return KnownHere(client)


def _ask_link(house: House, connection: sa.Connection, person: Person | None, visitor: Visitor, at: datetime) -> None:
    """Ask the outbox for a letter; for nobody the same is written down under an id that nobody has."""
    user_id, account_id = (new_id(), new_id()) if person is None else (person.id, person.account_id)
    letter = house.outbox.post(
        connection, "browser_link", user_id=user_id, account_id=account_id,
        recipient="" if person is None else person.email, at=at,
        facts={"address": visitor.address, "browser": visitor.browser},
    )  # fmt: skip
    browser_records.ask(
        connection,
        {
            "user_id": user_id,
            "account_id": account_id,
            "letter": letter,
            "email_key": "" if person is None else person.email_key,
            "token_hash": None,
            "expires_at": at + (FOR_NOBODY if person is None else UNSENT_FOR),
        },
    )
