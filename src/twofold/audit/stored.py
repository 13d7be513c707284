"""What the tables of the log hold, as values."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from twofold.audit.chain import Event


class Waiting(NamedTuple):
    """An event that waits to be sealed: its number in the log, and its account (None: the installation)."""

    number: int
    account_id: UUID | None
    event: Event


class Linked(NamedTuple):
    """A sealed event, and its place in its chain."""

    position: int
    hash: bytes
    event: Event


class SealedHead(NamedTuple):
    """How far a chain is sealed, and since when."""

    chain: str
    position: int
    hash: bytes
    sealed_at: datetime


class SigningKey(NamedTuple):
    """The key that signs exports; its private half, `box`, is sealed under the key `key_id`."""

    number: int
    public_key: bytes
    key_id: str
    box: bytes
