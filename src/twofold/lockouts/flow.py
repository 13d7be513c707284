"""Attempt budgets: charged before anything is compared, and the charge is committed with the refusal."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.email_address import email_key
from twofold.directory.password import LONGEST, normalise
from twofold.directory.person import Person
from twofold.kit.house import House
from twofold.kit.network import network_of
from twofold.kit.tokens import digest
from twofold.kit.visitor import Visitor
from twofold.lockouts import password_records, records, unknown_records
from twofold.lockouts.budget import MAIL_WINDOW, MAILBOX_CLOSED, MAILBOX_TRIES, UNKNOWN_LOCK_AFTER, Charged, Counts
from twofold.lockouts.known_client import BY_LINK, REMEMBERED, KnownClient
from twofold.lockouts.password_records import Throttle


class Proved(msgspec.Struct, frozen=True):
    """The password is right. `settle` it in the next transaction, which forgets the wrong ones before it."""

    person: Person
    throttle: Throttle
    stronger_hash: str | None
    known_client: KnownClient | None
    counts: Counts


class WrongPassword(msgspec.Struct, frozen=True):
    """The address and the password do not match; nobody learns which of them is wrong."""


class Wait(msgspec.Struct, frozen=True):
    """Too many wrong passwords: come back after so many seconds. The password was not even looked at."""

    seconds: int


class Helper(NamedTuple):
    """Somebody who can unlock a user or reset their second factor."""

    name: str
    email: str


class NotYourself(msgspec.Struct, frozen=True):
    """Nobody unlocks or resets themselves."""


class LockIsFinal(msgspec.Struct, frozen=True):
    """A hundred wrong in a row: only a reset helps."""


class Unlocked(msgspec.Struct, frozen=True):
    """The user may try again."""


def prove_password(
    house: House, email: str, password: str, *, client: str | None, address: str, at: datetime
) -> Proved | WrongPassword | Wait:
    """Check a password: the only place where one is.

    The try is charged and committed before the hash is computed, and somebody who does not exist costs the same work.
    A client that has completed a sign-in of this user before has a count of its own; others share that of the network
    of their internet address, and the budget of the address that they typed.
    """
    client_hash = digest(client or "")
    with house.db.read() as connection:
        person, known, counts = records.person_and_client(connection, email_key(email), client_hash, at)
    throttle = _throttle_of(email, network_of(address), person) if known is None else _throttle_of_client(known, person)
    with house.db.write_one() as connection:
        if not password_records.charge(connection, throttle, at):
            return _wait(password_records.next_try(connection, throttle, at), at)
    password = normalise(password)[: LONGEST + 1]
    stored = person.password_hash if person is not None and person.active else None
    if not house.hasher.verify(stored, password) or person is None:
        return WrongPassword()
    outdated = stored is not None and house.hasher.outdated(stored)
    stronger = house.hasher.hash(password) if outdated else None
    return Proved(person, throttle, stronger, known, counts)


def verify_password_for_link(house: House, person: Person, password: str) -> bool:
    """Check a password on a mailed link that counts its own wrong ones; its owner has charged this try."""
    return house.hasher.verify(person.password_hash, normalise(password)[: LONGEST + 1])


def settle(connection: sa.Connection, proved: Proved) -> None:
    """Forget the wrong passwords before a right one, and keep a stronger hash of it where parameters rose."""
    password_records.clear(connection, proved.throttle)
    person = proved.person
    if proved.stronger_hash is not None and person.password_hash is not None:
        directory.strengthen_password(connection, person.id, person.password_hash, proved.stronger_hash)


def remember_client(
    connection: sa.Connection, person: Person, client: str, at: datetime, *, second_factor: bool = False
) -> None:
    """Give a client that completed a sign-in, maybe with a second factor, a password count of its own for 90 days."""
    known = KnownClient(digest(client), at + REMEMBERED, at if second_factor else None)
    records.remember_client(connection, known, person.id, person.account_id)


def remember_client_for_now(connection: sa.Connection, person: Person, client: str, at: datetime) -> None:
    """Give a client whose user's mailbox was proved a password count of its own for a day."""
    records.remember_client_for_now(connection, KnownClient(digest(client), at + BY_LINK), person.id, person.account_id)


def charge(connection: sa.Connection, person: Person) -> Callable[[], Charged | None]:
    """Charge one try to the budget that every door shares, and return how to see it: None when it is locked.

    It is charged before whatever the connection is asked next. The row stays held to the end of the transaction, so
    that the tries of one user come one after another.
    """
    return records.charge(connection, person.id)


def give_back(connection: sa.Connection, person: Person) -> None:
    """Take a charge back: the code was right but already used."""
    records.give_back(connection, person.id)


def clear(connection: sa.Connection, person: Person) -> None:
    """Forget every wrong try: a right one came."""
    records.clear(connection, person.id)


def charge_unknown_browser(connection: sa.Connection, person: Person, browser: bytes, at: datetime) -> int:
    """Count a wrong try from a browser that is not known, beside the charge; return how many it leaves.

    The tenth within 30 days locks. Only a sign-in by that browser takes its own ones back, so that nobody who knows the
    password can guess a few times a day for ever, between two sign-ins of the owner.
    """
    count = unknown_records.note_wrong(connection, person.id, person.account_id, browser, at)
    return max(0, UNKNOWN_LOCK_AFTER - count)


def browser_proved(connection: sa.Connection, person: Person, browser: bytes, at: datetime) -> None:
    """Forget the wrong tries of a browser that was not known: a right one came from it."""
    unknown_records.forget_browser(connection, person.id, browser, at)


def warn(house: House, connection: sa.Connection, person: Person, visitor: Visitor, at: datetime) -> None:
    """Tell a user, once a day at most, that somebody who knows their password gave a wrong code."""
    if unknown_records.warn(connection, person.id, at):
        directory.tell(
            house, connection, person, "unknown_browser_wrong_code", at, address=visitor.address,
            browser=visitor.browser,
        )  # fmt: skip


def lock_fell(house: House, connection: sa.Connection, person: Person, visitor: Visitor, at: datetime) -> None:
    """Write down that the fifth wrong one came, and tell the user and their administrators."""
    records.note_lock(connection, person.id, at)
    audit.record(
        connection, "locked", at=at, account_id=person.account_id, actor=audit.NOBODY, subject_id=person.id,
        visitor=visitor,
    )  # fmt: skip
    directory.tell(house, connection, person, "locked", at, address=visitor.address, browser=visitor.browser)
    directory.tell_admins(
        house, connection, person.account_id, "member_locked", at, except_id=person.id, name=person.name,
        email=person.email, user_id=str(person.id),
    )  # fmt: skip


def open_budget(connection: sa.Connection, person: Person) -> None:
    """Give a user with a new first factor a full budget."""
    records.open_budget(connection, person.id, person.account_id)
    unknown_records.forget_all(connection, person.id)


def counts(connection: sa.Connection, user_id: UUID) -> Counts:
    """Return the wrong tries of a user: whether they are locked, and for good."""
    return records.counts(connection, user_id)


def hold_counts(connection: sa.Connection, user_id: UUID) -> Counts:
    """Return the wrong tries of a user and keep others from adding to them: no lock falls meanwhile."""
    return records.counts(connection, user_id, hold=True)


def locked_since_password(connection: sa.Connection, person: Person) -> bool:
    """Tell whether wrong codes have locked this user since their password was set: then somebody else knows it."""
    locked_at = records.last_locked_at(connection, person.id)
    return locked_at is not None and (person.password_set_at is None or locked_at >= person.password_set_at)


def unlock(
    house: House,
    connection: sa.Connection,
    person: Person,
    *,
    actor: audit.Actor,
    reason: str,
    visitor: Visitor = audit.HERE,
    at: datetime,
) -> Unlocked | NotYourself | LockIsFinal:
    """Lift the lock, and open the door of the mailed code again; the factor stays. A final lock stays, too."""
    if actor.id == person.id:
        return NotYourself()
    if records.counts(connection, person.id).final:
        return LockIsFinal()
    records.unlock(connection, person.id)
    unknown_records.forget_all(connection, person.id)
    records.clear_mailbox(connection, person.id)
    audit.record(
        connection, "unlocked", at=at, account_id=person.account_id, actor=actor, subject_id=person.id, reason=reason,
        visitor=visitor,
    )  # fmt: skip
    directory.tell(house, connection, person, "unlocked", at)
    return Unlocked()


def lift_after_reset(connection: sa.Connection, person: Person) -> None:
    """Forget the lock, final or not: the factor that was guessed at is gone."""
    records.clear(connection, person.id)
    unknown_records.forget_all(connection, person.id)
    records.clear_mailbox(connection, person.id)


def who_can_help(connection: sa.Connection, person: Person) -> list[Helper]:
    """List whom a locked-out user can ask: administrators of the account who can act, never the user; maybe none."""
    role = "support" if person.role == "support" else "admin"
    return [Helper(row.name, row.email) for row in records.helpers(connection, person.account_id, role, person.id)]


def is_last_who_can_act(connection: sa.Connection, person: Person) -> bool:
    """Tell whether an administrator can act and none beside them can; hold the account's row first."""
    return records.admins_who_can_act(connection, person.account_id) == {person.id}


def charge_letter(connection: sa.Connection, email: str, at: datetime) -> Wait | None:
    """Charge one letter that anybody can ask for to the address they typed, known or not; three an hour go out."""
    key = digest(f"letter:{email_key(email)}")
    if password_records.charge_letter(connection, key, at):
        return None
    return _wait(password_records.letters_until(connection, key), at)


def charge_browser_link(connection: sa.Connection, email: str, at: datetime) -> Wait | None:
    """Charge one letter with a link for a browser to the address that was typed; one in 20 minutes goes out.

    Three an hour, but not at once: whoever asks for all of them leaves the owner a link that works most of the time,
    and a new one within five minutes.
    """
    key = digest(f"browser-link:{email_key(email)}")
    if password_records.charge_browser_link(connection, key, at):
        return None
    return _wait(password_records.letters_until(connection, key), at)


def charge_mail(connection: sa.Connection, person: Person, at: datetime) -> Wait | None:
    """Charge one mail with a code; three an hour go out."""
    if records.charge_mail(connection, person.id, person.account_id, at):
        return None
    state = records.mailbox_state(connection, person.id)
    since = at if state is None else state.mails_since
    return Wait(max(1, math.ceil((since + MAIL_WINDOW - at).total_seconds())))


def charge_mailed_code(connection: sa.Connection, person: Person, at: datetime) -> int | Wait:
    """Charge one try at a mailed code, across attempts and resends; return how many are left, or how long to wait."""
    tries = records.charge_mailbox(connection, person.id, at)
    if tries is not None:
        return MAILBOX_TRIES - tries
    state = records.mailbox_state(connection, person.id)
    until = at + MAILBOX_CLOSED if state is None or state.closed_until is None else state.closed_until
    return Wait(max(1, math.ceil((until - at).total_seconds())))


def mailbox_closed(connection: sa.Connection, person: Person, at: datetime) -> Wait | None:
    """Tell whether the door of the mailed code is closed for this user, and for how long."""
    state = records.mailbox_state(connection, person.id)
    if state is None or state.closed_until is None or state.closed_until <= at:
        return None
    return Wait(math.ceil((state.closed_until - at).total_seconds()))


def mailed_code_right(connection: sa.Connection, person: Person) -> None:
    """Forget the wrong mailed codes: a right one came."""
    records.clear_mailbox(connection, person.id)


def forget_old(connection: sa.Connection, at: datetime) -> int:
    """Delete throttles, known clients and wrong codes whose time is over; for the clean-up."""
    over = (password_records.forget_old, records.forget_old, unknown_records.forget_old)
    return sum(forget(connection, at) for forget in over)


def _throttle_of(email: str, network: str, person: Person | None) -> Throttle:
    """Name what a stranger's try is charged to. A new password begins all counts anew: the guesses were at the old."""
    since = "" if person is None or person.password_set_at is None else person.password_set_at.isoformat()
    guessed = f"{email_key(email)}:{since}"
    return Throttle(digest(f"network:{network}:{guessed}"), digest(f"address:{guessed}"))


def _throttle_of_client(known: KnownClient, person: Person | None) -> Throttle:
    return Throttle(digest(f"client:{known.token_hash.hex()}:{person.id if person else None}"))


def _wait(until: datetime | None, at: datetime) -> Wait:
    return Wait(max(1, math.ceil(((until or at) - at).total_seconds())))
