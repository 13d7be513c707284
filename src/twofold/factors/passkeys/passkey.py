"""A passkey, its registration and what somebody presents of it, as they rest in the database or arrive: values."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

MOST_PASSKEYS = 10

# RFC 8176 section 2: a key in hardware, one in software (which can be copied), and that its user was verified.
HARDWARE_KEY, SOFTWARE_KEY, USER_VERIFIED = "hwk", "swk", "user"


class Passkey(NamedTuple):
    """A passkey that protects its user. `public_key` is a COSE key (RFC 9052), `counter` that of its signatures."""

    id: UUID
    name: str
    credential_id: bytes
    public_key: bytes
    counter: int
    synced: bool  # it may be copied to its owner's other devices
    transports: str  # as the browser names them, separated by spaces
    created_at: datetime
    last_used_at: datetime | None


class Registration(NamedTuple):
    """A registration that is open; `opener` alone, a session or a sign-in attempt, may complete it."""

    id: UUID
    challenge: bytes
    security_version: int
    new_backup_code: bool
    expires_at: datetime


class Assertion(NamedTuple):
    """What a browser answers for a passkey: JSON, and for which holder (`challenge.py`) its challenge was made.

    `alone`: it is to be both factors at once, so it has to verify its user.
    """

    credential: str
    holder: str
    alone: bool = False
