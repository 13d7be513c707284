"""Operator keys: what a program of the operator's proves itself with; made and revoked on the command line."""

from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from twofold.audit import flow as audit
from twofold.directory import refusals
from twofold.directory.rules import fault_of_label
from twofold.events import directory_kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import digest, new_id, new_token
from twofold.kit.sql.database import Database
from twofold.provisioning import records
from twofold.provisioning.operator_key import OperatorKey

SEEN_EVERY = timedelta(minutes=1)


class MadeKey(NamedTuple):
    """A new key: it is shown now and never again."""

    id: UUID
    key: str


def create_key(db: Database, name: str, *, actor: acting.Actor, at: datetime) -> MadeKey | refusals.Refused:
    """Make a key; only its hash is kept."""
    fault = fault_of_label(name)
    if fault:
        return refusals.invalid(fault)
    made = MadeKey(new_id(), new_token("operator"))
    values = {"id": made.id, "name": name.strip(), "key_hash": digest(made.key), "created_at": at}
    with db.write() as connection:
        records.insert_key(connection, values)
        audit.record(
            connection,
            directory_kinds.OperatorKeyCreated(key=str(made.id), name=name.strip()),
            origin=Origin(at, actor=actor),
            account_id=None,
        )
    return made


def revoke_key(db: Database, key_id: UUID, *, actor: acting.Actor, at: datetime) -> bool:
    """Revoke a key: from now on it authenticates nobody. False when there is none, or it was revoked before."""
    with db.write() as connection:
        revoked = records.revoke(connection, key_id, at)
        if revoked:
            audit.record(
                connection,
                directory_kinds.OperatorKeyRevoked(key=str(key_id)),
                origin=Origin(at, actor=actor),
                account_id=None,
            )
    return revoked


def list_keys(db: Database) -> list[OperatorKey]:
    """List every key, never the key itself."""
    with db.read() as connection:
        return records.all_keys(connection)


def find_key(db: Database, key: str, at: datetime) -> UUID | None:
    """Find the id of a key that was not revoked; its last use is written down at most once a minute."""
    with db.read() as connection:
        found = records.valid_key(connection, digest(key))
    if found is None:
        return None
    if found.last_used_at is None or at - found.last_used_at >= SEEN_EVERY:
        with db.write() as connection:
            records.used(connection, found.id, at)
    return found.id
