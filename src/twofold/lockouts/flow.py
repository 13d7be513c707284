"""Attempt budgets: charged before anything is compared, and the charge is committed with the refusal."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import msgspec
import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory import notice_flow
from twofold.directory.email_address import email_key
from twofold.directory.password import LONGEST, normalise
from twofold.directory.refusals import NotYourself
from twofold.directory.user import User
from twofold.events import kinds
from twofold.events.notices import Notice
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest
from twofold.kit.network import network_of
from twofold.lockouts import password_records, records, unknown_records
from twofold.lockouts.budget import UNKNOWN_LOCK_AFTER, Charged, Counts
from twofold.lockouts.helper import Helper
from twofold.lockouts.known_client import BY_LINK, REMEMBERED, KnownClient
from twofold.lockouts.password_records import Throttle

T = TypeVar("T")


class Proved(msgspec.Struct, frozen=True):
    """The password is right. `settle` it in the next transaction, which forgets the wrong ones before it.

    A transaction that holds its user, or writes about them, settles after that: the throttle is locked later.
    """

    user: User
    throttle: Throttle
    stronger_hash: str | None
    known_client: KnownClient | None
    counts: Counts


class WrongPassword(msgspec.Struct, frozen=True):
    """The address and the password do not match; nobody learns which of them is wrong."""


class Wait(msgspec.Struct, frozen=True):
    """Too many wrong passwords: come back after so many seconds. The password was not checked."""

    seconds: int


class LockIsFinal(msgspec.Struct, frozen=True):
    """A hundred wrong in a row: only a reset helps."""


class Unlocked(msgspec.Struct, frozen=True):
    """The user may try again."""


def prove_password(
    context: AppContext, email: str, password: str, *, client: str | None, address: str, at: datetime
) -> Proved | WrongPassword | Wait:
    """Check a password: the only place where one is, but for `verify_password_for_link`, which a reset case charges.

    The try is charged and committed before the hash is computed, and an address that no user has costs the same work.
    It takes transactions of its own and some 5 to 20 ms of hashing: never call it inside a transaction.
    A client that has completed a sign-in of this user before has a count of its own; others share that of the network
    of their internet address, and the budget of the address that they typed.
    """
    client_hash = digest(client or "")
    with context.db.read() as connection:
        user, known, counts = records.user_and_client(connection, email_key(email), client_hash, at)
    throttle = _throttle_of(email, network_of(address), user) if known is None else _throttle_of_client(known, user)
    with context.db.write_one() as connection:
        if not password_records.charge(connection, throttle, at):
            return wait_until(password_records.next_try(connection, throttle, at), at)
    password = normalise(password)[: LONGEST + 1]
    stored = user.password_hash if user is not None and user.active else None
    if not context.hasher.verify(stored, password) or user is None:
        return WrongPassword()
    outdated = stored is not None and context.hasher.outdated(stored)
    stronger = context.hasher.hash(password) if outdated else None
    return Proved(user, throttle, stronger, known, counts)


def verify_password_for_link(context: AppContext, user: User, password: str) -> bool:
    """Check a password on a mailed link that counts its own wrong ones; its owner has charged this try."""
    return context.hasher.verify(user.password_hash, normalise(password)[: LONGEST + 1])


def settle(connection: sa.Connection, proved: Proved) -> None:
    """Forget the wrong passwords before a right one, and keep a stronger hash of it where parameters rose."""
    user = proved.user
    if proved.stronger_hash is not None and user.password_hash is not None:
        directory.strengthen_password(connection, user.id, user.password_hash, proved.stronger_hash)
    password_records.clear(connection, proved.throttle)


def remember_client(
    connection: sa.Connection, user: User, client: str, at: datetime, *, second_factor: bool = False
) -> None:
    """Give a client that completed a sign-in, maybe with a second factor, a password count of its own for 90 days."""
    known = KnownClient(digest(client), at + REMEMBERED, at if second_factor else None)
    records.remember_client(connection, known, user.id, user.account_id)


def remember_client_for_now(connection: sa.Connection, user: User, client: str, at: datetime) -> None:
    """Give a client whose user's mailbox was proved a password count of its own for a day."""
    records.remember_client_for_now(connection, KnownClient(digest(client), at + BY_LINK), user.id, user.account_id)


def charge(connection: sa.Connection, user: User, read: Callable[[], T]) -> tuple[Charged | None, T]:
    """Charge one try to the one budget of a user, then `read` what it is to be compared with; return both.

    The charge is what is left, None when it is locked. Every operation that asks for a second factor shares it, across
    sessions (RFC 4226 section 7.3). The row stays held to the end of the transaction, so that the tries of one user
    come one after another. What is read shares the charge's way to the database.
    """
    return records.charge(connection, user.id, read)


def give_back(connection: sa.Connection, user: User) -> None:
    """Take a charge back: nothing was guessed, as where a code was right but already used."""
    records.give_back(connection, user.id)


def clear(connection: sa.Connection, user: User) -> None:
    """Forget every wrong try: a right one came."""
    records.clear(connection, user.id)


def charge_unknown_browser(connection: sa.Connection, user: User, browser: bytes, at: datetime) -> int:
    """Count a wrong try from a browser that is not known, beside the charge; return how many it leaves.

    The tenth within 30 days locks. Of sign-ins only one by that browser takes its own back, so that nobody who knows
    the password can guess a few times a day for ever, between two sign-ins of the owner.
    """
    count = unknown_records.note_wrong(connection, user.id, user.account_id, browser, at)
    return max(0, UNKNOWN_LOCK_AFTER - count)


def browser_proved(connection: sa.Connection, user: User, browser: bytes, at: datetime) -> None:
    """Forget the wrong tries of a browser that was not known: a right one came from it."""
    unknown_records.forget_browser(connection, user.id, browser, at)


def warn(context: AppContext, connection: sa.Connection, user: User, origin: Origin) -> None:
    """Tell a user, once a day at most, that somebody who knows their password gave a wrong code."""
    if unknown_records.warn(connection, user.id, origin.at):
        notice_flow.notify_of_own_act(context, connection, user, Notice.UNKNOWN_BROWSER_WRONG_CODE, origin)


def lock_fell(context: AppContext, connection: sa.Connection, user: User, origin: Origin) -> None:
    """Write down that the last wrong one came, and tell the user and their administrators."""
    records.note_lock(connection, user.id, origin.at)
    event = kinds.Locked()
    audit.record(connection, event, origin=origin.by(acting.NOBODY), account_id=user.account_id, subject_id=user.id)
    notice_flow.notify_of_event(context, connection, user, event, origin)
    notice_flow.notify_admins(
        context, connection, user.account_id, Notice.MEMBER_LOCKED, origin.at, except_id=user.id, name=user.name,
        email=user.email, user_id=str(user.id),
    )  # fmt: skip


def open_budget(connection: sa.Connection, user: User) -> None:
    """Give a user with a new first factor a full budget."""
    records.open_budget(connection, user.id, user.account_id)
    unknown_records.forget_all(connection, user.id)


def counts(connection: sa.Connection, user_id: UUID) -> Counts:
    """Return the wrong tries of a user: whether they are locked, and for good."""
    return records.counts(connection, user_id)


def hold_counts(connection: sa.Connection, user_id: UUID) -> Counts:
    """Return the wrong tries of a user and keep others from adding to them: no lock falls meanwhile."""
    return records.counts(connection, user_id, hold=True)


def locked_since_password(connection: sa.Connection, user: User) -> bool:
    """Tell whether wrong codes have locked this user since their password was set: then somebody else knows it."""
    locked_at = records.last_locked_at(connection, user.id)
    return locked_at is not None and (user.password_set_at is None or locked_at >= user.password_set_at)


def unlock(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    *,
    origin: Origin,
    reason: str,
) -> Unlocked | NotYourself | LockIsFinal:
    """Lift the lock, and allow mailed codes again; the factor stays. A final lock stays, too."""
    if origin.actor.id == user.id:
        return NotYourself()
    if records.counts(connection, user.id).final:
        return LockIsFinal()
    records.unlock(connection, user.id)
    unknown_records.forget_all(connection, user.id)
    records.clear_mailbox(connection, user.id)
    audit.record(
        connection, kinds.Unlocked(), origin=origin, account_id=user.account_id, subject_id=user.id, reason=reason
    )
    notice_flow.notify(context, connection, user, Notice.UNLOCKED, origin.at)
    return Unlocked()


def lift_after_reset(connection: sa.Connection, user: User) -> None:
    """Forget the lock, final or not: the factor that was guessed at is gone."""
    records.clear(connection, user.id)
    unknown_records.forget_all(connection, user.id)
    records.clear_mailbox(connection, user.id)


def who_can_help(connection: sa.Connection, user: User) -> list[Helper]:
    """List whom a locked-out user can ask: administrators of the account who can act, never the user; maybe none."""
    role = "support" if user.role == "support" else "admin"
    return records.helpers(connection, user.account_id, role, user.id)


def is_last_who_can_act(connection: sa.Connection, user: User) -> bool:
    """Tell whether an administrator can act and none beside them can; hold the account's row first."""
    return records.admins_who_can_act(connection, user.account_id) == {user.id}


def forget_old(connection: sa.Connection, at: datetime) -> int:
    """Delete throttles, known clients and wrong codes whose time is over; return how many. For the clean-up."""
    over = (password_records.forget_old, records.forget_old, unknown_records.forget_old)
    return sum(forget(connection, at) for forget in over)


def _throttle_of(email: str, network: str, user: User | None) -> Throttle:
    """Name what a try of an unknown client is charged to; with a new password all counts begin anew."""
    since = "" if user is None or user.password_set_at is None else user.password_set_at.isoformat()
    guessed = f"{email_key(email)}:{since}"
    return Throttle(digest(f"network:{network}:{guessed}"), digest(f"address:{guessed}"))


def _throttle_of_client(known: KnownClient, user: User | None) -> Throttle:
    return Throttle(digest(f"client:{known.token_hash.hex()}:{user.id if user else None}"))


def wait_until(until: datetime | None, at: datetime) -> Wait:
    return Wait(max(1, math.ceil(((until or at) - at).total_seconds())))
