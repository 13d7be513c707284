"""Where somebody wanted to go who has to prove something first: kept, and given back to the same browser alone.

Only that browser can read it: it is sealed under the token that its cookie holds, and which is stored as a hash.
"""

from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from twofold.kit.crypto import bearer_sealed
from twofold.kit.crypto.tokens import digest, new_id
from twofold.kit.network import network_of
from twofold.kit.sql.database import Database
from twofold.sessions import destination_records as records

LIFE = timedelta(hours=1)
MOST_OF_A_NETWORK, MOST = 1_000, 20_000  # that wait at the same time, each of 8 KiB at most


def keep(db: Database, path: str, *, browser: str, address: str, at: datetime) -> UUID | None:
    """Keep a path of this site, and return its handle; None where there is no room, of its network or at all."""
    handle = new_id()
    values = {
        "id": handle,
        "browser": digest(browser),
        "network": network_of(address),
        "sealed": bearer_sealed.seal(path, browser, _identity(handle)),
        "expires_at": at + LIFE,
    }
    with db.write(durable=False) as connection:
        kept = records.keep(connection, values, of_network=MOST_OF_A_NETWORK, in_all=MOST)
    return handle if kept else None


def find(db: Database, handle: UUID, *, browser: str, at: datetime) -> str:
    """Return the path of a handle; empty where it was kept for another browser, or for longer than an hour."""
    with db.read() as connection:
        sealed = records.find(connection, handle, digest(browser), at)
    return "" if sealed is None else bearer_sealed.read(sealed, browser, _identity(handle)) or ""


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete destinations whose time is over, and return how many; for the clean-up."""
    return records.forget_over(connection, at)


def _identity(handle: UUID) -> str:
    return f"destinations.sealed:{handle}"
