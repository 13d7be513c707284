"""How many invitations go out: so many a day from an account, one a day to an address, whoever asks.

Counted in the transaction that sends them, by a conditional upsert each.
"""

import math
from datetime import datetime
from uuid import UUID

import msgspec
import sqlalchemy as sa

from twofold.directory.account import Account
from twofold.directory.email_address import email_key
from twofold.kit.crypto.tokens import digest
from twofold.lockouts import invitation_records as records
from twofold.lockouts.budget import invitations_a_day


class TooManyInvitations(msgspec.Struct, frozen=True):
    """The account has sent as many as it may within a day; the next one is possible from a moment on."""

    most: int
    until: datetime
    seconds: int


class InvitedToday(msgspec.Struct, frozen=True):
    """The account has sent this address an invitation within a day; another is possible from a moment on."""

    until: datetime
    seconds: int


def charge(
    connection: sa.Connection, account: Account, email: str, at: datetime
) -> TooManyInvitations | InvitedToday | None:
    """Charge one invitation of an account to an address; nothing is charged where one of the two is spent.

    The caller holds the account or the user of that address. What other accounts have sent to it changes nothing here:
    it would tell that they know the address.
    """
    to_address, of_account = _of_address(account.id, email), digest(f"invitations:{account.id}")
    until = records.until(connection, to_address, at)
    if until is not None:
        return InvitedToday(until, _seconds(until, at))
    most = invitations_a_day(account.seats)
    if not records.charge(connection, of_account, most, at):
        until = records.until(connection, of_account, at) or at
        return TooManyInvitations(most, until, _seconds(until, at))
    records.charge(connection, to_address, 1, at)
    return None


def note(connection: sa.Connection, account_id: UUID, email: str, at: datetime) -> None:
    """Count a letter that an operator sends: they are not bound, but the account's administrators are after it."""
    records.charge(connection, _of_address(account_id, email), 1, at)


def charge_letter_to_owner(connection: sa.Connection, email: str, at: datetime) -> bool:
    """Charge one letter that tells the owner of an address of an invitation; one a day, from all accounts together."""
    return records.charge(connection, digest(f"invited elsewhere:{email_key(email)}"), 1, at)


def _of_address(account_id: UUID, email: str) -> bytes:
    return digest(f"invitation:{account_id}:{email_key(email)}")


def _seconds(until: datetime, at: datetime) -> int:
    return max(1, math.ceil((until - at).total_seconds()))
