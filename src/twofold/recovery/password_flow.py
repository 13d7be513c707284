"""Choosing a password by mail: a link is asked for, minted when its letter goes out, and used once.

It never skips the second factor and never signs in by itself. Whoever types an address learns nothing from the answer:
the unknown address costs the same statements as the known one.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.abuse import unknown_flow as unknown
from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.password import Weakness, normalise
from twofold.directory.person import Person
from twofold.kit.house import House
from twofold.kit.outbox import Entry
from twofold.kit.tokens import digest, new_id, new_token
from twofold.kit.visitor import Visitor
from twofold.lockouts import flow as lockouts
from twofold.recovery import records
from twofold.recovery.outcomes import Asked, MayChoose, NoMail, PasswordSaved
from twofold.recovery.password_link import (
    FOR_NOBODY,
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

LETTERS = {
    Purpose.FORGOT: "password_link",
    Purpose.INVITATION: "invitation",
    Purpose.UNFROZEN: "unfrozen",
    Purpose.RESET: "password_void",
}


def ask(house: House, email: str, *, visitor: Visitor, at: datetime) -> Asked | Elsewhere | lockouts.Wait | NoMail:
    """Ask for a link to choose a new password; the answer is the same whoever has the address, if anybody."""
    if not house.outbox.configured:
        return NoMail()
    with house.db.read() as connection:
        url = directory.sso_url(connection, email)
    if url is not None:
        return Elsewhere(url)
    with house.db.write() as connection:
        wait = lockouts.charge_letter(connection, email, at)
        if wait is not None:
            return wait
        found = directory.find_person_by_email(connection, email)
        person = found if found is not None and found.active else None
        ask_link(house, connection, person, Purpose.FORGOT, at)
        unknown.record(
            connection, "password_link_asked", None if found is None else (found.id, found.account_id), at=at,
            visitor=visitor, counted_as="unknown_address_letter",
        )  # fmt: skip
    return Asked()


def ask_link(
    house: House,
    connection: sa.Connection,
    person: Person | None,
    purpose: Purpose,
    at: datetime,
    *,
    not_before: datetime | None = None,
    by: UUID | None = None,
    recipient: str | None = None,
) -> None:
    """Ask the outbox for a letter with a link, which takes the place of any link before it.

    `not_before` promises it for later: until then nothing takes its place. For nobody the same is written down under
    an id that nobody has, and soon forgotten; that letter is never sent.
    """
    user_id, account_id = (new_id(), new_id()) if person is None else (person.id, person.account_id)
    to = recipient or ("" if person is None else person.email)
    letter = house.outbox.post(
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
            "email_key": "" if person is None else person.email_key,
            "password_set_at": None if person is None else person.password_set_at,
            "asked_at": at,
            "token_hash": None,
            "expires_at": max(at, not_before or at) + (FOR_NOBODY if person is None else UNSENT_FOR),
            "not_before": not_before,
        },
    )


def mint(connection: sa.Connection, entry: Entry, person: Person, at: datetime) -> tuple[str, datetime] | None:
    """Make the token of a letter that is about to go out, and say until when it works; None when it is out of date."""
    link = records.asked_by(connection, entry.id, person.id)
    if link is None or not is_bound_to(link, person) or quiet_until(person, at) is not None:
        return None
    token, until = new_token("password"), at + LIFE[link.purpose]
    if not records.mint(connection, link, digest(token), until):
        return None
    details = {"purpose": link.purpose.value}
    if entry.for_nobody:
        audit.rehearse(
            connection, "password_link_sent", at=at, actor=audit.SYSTEM, subject_id=person.id, details=details,
        )  # fmt: skip
        return token, until
    if link.purpose is Purpose.INVITATION:  # the log of an account shows none that went to nobody, so none at all
        return token, until
    audit.record(
        connection, "password_link_sent", at=at, account_id=person.account_id, actor=audit.SYSTEM,
        subject_id=person.id, details=details,
    )  # fmt: skip
    return token, until


def look(house: House, token: str, at: datetime) -> MayChoose | Over | TooSoon:
    """Say what a link is good for; changes nothing."""
    with house.db.read() as connection:
        link = records.by_token(connection, digest(token))
        person = None if link is None else directory.find_person(connection, link.user_id)
    why = refused(link, person, at)
    if why is not None or link is None or person is None:
        return why or Over()
    return MayChoose(person, link.purpose is Purpose.INVITATION, link.expires_at)


def choose(
    house: House,
    token: str,
    password: str,
    *,
    visitor: Visitor,
    at: datetime,
) -> PasswordSaved | Weakness | Over | TooSoon:
    """Set the password that somebody chose by a link, once; a weak one leaves the link as it is."""
    found = look(house, token, at)
    if not isinstance(found, MayChoose):
        return found
    new = normalise(password)
    weak = directory.weak_password(new, found.person.email, found.person.name)
    if weak is not None:
        return weak
    hashed = house.hasher.hash(new)
    with house.db.write() as connection:
        person = directory.hold_person(connection, found.person.id)
        link = records.take(connection, digest(token), at)
        why = refused(link, person, at)
        if why is not None or person is None or link is None:
            return why or Over()
        _set(house, connection, person, link, hashed, visitor=visitor, at=at)
    return PasswordSaved()


def _set(
    house: House,
    connection: sa.Connection,
    person: Person,
    link: PasswordLink,
    hashed: str,
    *,
    visitor: Visitor,
    at: datetime,
) -> None:
    directory.set_password(connection, person.id, hashed, at, by_mail=True)
    sessions.forget_ended(connection, person.id)
    audit.record(
        connection, "password_set_by_mail", at=at, account_id=person.account_id, actor=audit.user(person.id),
        subject_id=person.id, visitor=visitor, details={"purpose": link.purpose.value},
    )  # fmt: skip
    directory.tell(
        house, connection, person, "password_changed", at, address=visitor.address, browser=visitor.browser,
        by=link.purpose.value,
    )  # fmt: skip
