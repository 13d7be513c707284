"""The link "this wasn't me" in every letter about a change: by it its user freezes everything at once.

The link is minted when the letter goes out, lives seven days and works once. Opening it changes nothing, because mail
scanners open every link; the press of its button does.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.person import Person
from twofold.kit.house import House
from twofold.kit.outbox import Entry
from twofold.kit.tokens import digest, new_token
from twofold.kit.visitor import Visitor
from twofold.lockouts import flow as lockouts
from twofold.recovery import browser_records, records
from twofold.recovery.outcomes import Froze, Gone, NotMe
from twofold.resets import flow as resets
from twofold.sessions import flow as sessions

LIFE = timedelta(days=7)


def mint(connection: sa.Connection, entry: Entry, person: Person, at: datetime) -> str:
    """Make the token of a letter that is about to go out; the same letter, sent again, brings another in its place."""
    token = new_token("notme")
    records.mint_not_me(
        connection,
        {
            "letter": entry.id,
            "user_id": person.id,
            "account_id": person.account_id,
            "about": entry.kind,
            "happened_at": entry.created_at,
            "token_hash": digest(token),
            "expires_at": at + LIFE,
        },
    )
    return token


def look(house: House, token: str, at: datetime) -> NotMe | Gone:
    """Say what a link is good for; changes nothing."""
    with house.db.read() as connection:
        return _look(connection, token, at)


def freeze(house: House, token: str, *, visitor: Visitor, at: datetime) -> Froze | Gone:
    """Freeze the user of a link: whoever came in by the change, or holds a session, a link or an open case, is out."""
    with house.db.write() as connection:
        found = _look(connection, token, at)
        if isinstance(found, Gone):
            return found
        directory.hold_person(connection, found.person.id)
        found = _look(connection, token, at)  # once more: whoever uses a link holds its user
        if isinstance(found, Gone):
            return found
        person = found.person
        directory.change_user(connection, person.id, {"frozen_at": at}, ends_sessions=True)
        resets.close_cases_of(connection, person.id, at, why="frozen")
        records.void(connection, person.id)
        browser_records.void(connection, person.id)
        records.use_up_not_me(connection, person.id, at)
        sessions.forget_ended(connection, person.id)
        _tell(house, connection, person, found, visitor=visitor, at=at)
    return Froze(person)


def whom_to_ask(house: House, person: Person) -> list[lockouts.Helper]:
    """List who can unfreeze a user; maybe nobody."""
    with house.db.read() as connection:
        return lockouts.who_can_help(connection, person)


def _look(connection: sa.Connection, token: str, at: datetime) -> NotMe | Gone:
    link = records.not_me_by_token(connection, digest(token))
    person = None if link is None else directory.find_person(connection, link.user_id)
    if link is None or person is None:
        return Gone(frozen=False)
    if person.frozen_at is not None or link.used_at is not None or at >= link.expires_at:
        return Gone(frozen=person.frozen_at is not None)
    return NotMe(person, link.about, link.happened_at)


def _tell(
    house: House,
    connection: sa.Connection,
    person: Person,
    found: NotMe,
    *,
    visitor: Visitor,
    at: datetime,
) -> None:
    audit.record(
        connection, "frozen", at=at, account_id=person.account_id, actor=audit.user(person.id), subject_id=person.id,
        visitor=visitor, details={"about": found.about, "happened_at": found.happened_at.isoformat()},
    )  # fmt: skip
    directory.tell(house, connection, person, "frozen", at, address=visitor.address, browser=visitor.browser)
    directory.tell_admins(
        house, connection, person.account_id, "member_froze", at, except_id=person.id, name=person.name,
        email=person.email, user_id=str(person.id), about=found.about, happened_at=found.happened_at.isoformat(),
    )  # fmt: skip
