"""Sealing every secret anew with the active key of the ring, while servers run.

A secret is opened, sealed and stored by one UPDATE that still finds the old ciphertext: whatever a server changed
meanwhile is left alone and met again in the next round. What is done is told by the key id beside each ciphertext, so a
rotation that was stopped goes on where it was.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.audit.tables import audit_signing_keys
from twofold.events import directory_kinds
from twofold.factors.totp.tables import authenticators, enrolments
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto import keyring
from twofold.kit.crypto.keyring import encryption_keys
from twofold.kit.crypto.vault import Sealed, VaultError
from twofold.kit.sql.rows import columns
from twofold.oidc.key_tables import oidc_keys
from twofold.signin.tables import sign_in_attempts

BATCH = 200  # secrets a transaction
MOST_ROUNDS = 10  # a server that still seals with an old key is met again and again; it must be restarted first


class Place(NamedTuple):
    """A column of sealed secrets: the id of the row, the id of the key, the ciphertext, and what that is bound to."""

    id: sa.Column[Any]
    key_id: sa.Column[str]
    ciphertext: sa.Column[bytes]
    identity: str

    @property
    def name(self) -> str:
        """The name of the column, for people."""
        return f"{self.ciphertext.table.name}.{self.ciphertext.name}"

    def identity_of(self, row_id: object) -> str:
        """Name the row that a ciphertext belongs to, as the feature that sealed it does."""
        return f"{self.identity}:{row_id}"


PLACES = (
    Place(authenticators.c.id, authenticators.c.key_id, authenticators.c.box, "authenticators.secret"),
    Place(enrolments.c.id, enrolments.c.key_id, enrolments.c.box, "enrolments.secret"),
    Place(sign_in_attempts.c.id, sign_in_attempts.c.mail_key_id, sign_in_attempts.c.mail_box, "sign_in_attempts.mail"),
    Place(
        sign_in_attempts.c.id,
        sign_in_attempts.c.backup_key_id,
        sign_in_attempts.c.backup_box,
        "sign_in_attempts.backup",
    ),
    Place(audit_signing_keys.c.number, audit_signing_keys.c.key_id, audit_signing_keys.c.box, "audit_signing_keys"),
    Place(oidc_keys.c.kid, oidc_keys.c.key_id, oidc_keys.c.sealed, "oidc_keys"),
)


class SealedRow(NamedTuple):
    """A row in one of the places: its id, and how its secret is sealed."""

    id: UUID | int
    key_id: str
    ciphertext: bytes


class Rotated(NamedTuple):
    """How many secrets were sealed anew, which keys seal nothing any more, and which secrets do not open."""

    sealed: int
    retired: list[str]
    unreadable: list[str]


def due(context: AppContext) -> int:
    """Count the secrets that another key than the active one seals."""
    with context.db.read() as connection:
        return sum(
            connection.execute(sa.select(sa.func.count()).where(_other_key(place, context))).scalar_one()
            for place in PLACES
        )


def rotate(context: AppContext, at: datetime, progress: Callable[[int], object]) -> Rotated:
    """Seal whatever another key seals, column by column, until a round finds nothing; then forget the retired keys.

    `progress` is called with the number of secrets of each batch. After ten rounds it ends, done or not: `due` tells.
    """
    sealed, unreadable = 0, set[str]()
    for _ in range(MOST_ROUNDS):
        count = sum(_seal_place(context, place, unreadable, progress) for place in PLACES)
        sealed += count
        if count == 0:
            break
    retired = _forget_retired(context, at, sealed)
    return Rotated(sealed, retired, sorted(unreadable))


def key_ids_in_use(connection: sa.Connection) -> set[str]:
    """Return the ids of the keys that secrets are sealed with."""
    return {
        key_id
        for place in PLACES
        for key_id in connection.execute(
            sa.select(place.key_id).where(place.ciphertext.is_not(None)).distinct()
        ).scalars()
    }


def _seal_place(context: AppContext, place: Place, unreadable: set[str], progress: Callable[[int], object]) -> int:
    sealed, after = 0, None
    while rows := _batch(context, place, after):
        with context.db.write() as connection:
            count = sum(_seal_row(context, connection, place, row, unreadable) for row in rows)
        progress(count)
        sealed, after = sealed + count, rows[-1].id
    return sealed


def _batch(context: AppContext, place: Place, after: UUID | int | None) -> list[SealedRow]:
    query = (
        sa.select(*columns(SealedRow, id=place.id, key_id=place.key_id, ciphertext=place.ciphertext))
        .where(_other_key(place, context))
        .order_by(place.id)
        .limit(BATCH)
    )
    if after is not None:
        query = query.where(place.id > after)
    with context.db.read() as connection:
        return [SealedRow(*row) for row in connection.execute(query)]


def _other_key(place: Place, context: AppContext) -> sa.ColumnElement[bool]:
    return place.ciphertext.is_not(None) & (place.key_id != context.vault.active)


def _seal_row(
    context: AppContext, connection: sa.Connection, place: Place, row: SealedRow, unreadable: set[str]
) -> bool:
    row_id, key_id, ciphertext = row
    identity = place.identity_of(row_id)
    try:
        secret = context.vault.open(Sealed(key_id, ciphertext), identity)
    except VaultError:
        unreadable.add(f"{place.name} of {row_id}")
        return False
    sealed = context.vault.seal(secret, identity)
    changed = connection.execute(
        sa.update(place.ciphertext.table)
        .where(place.id == row_id, place.ciphertext == ciphertext)
        .values({place.key_id: sealed.key_id, place.ciphertext: sealed.ciphertext}),
    )
    return changed.rowcount == 1


def _forget_retired(context: AppContext, at: datetime, sealed: int) -> list[str]:
    """Forget the keys that seal nothing, so that servers start without them; looked at and forgotten in one go."""
    with context.db.write() as connection:
        known = set(connection.execute(sa.select(encryption_keys.c.id)).scalars())
        retired = sorted(known - key_ids_in_use(connection) - {context.vault.active})
        for key_id in retired:
            keyring.forget(connection, key_id)
        if sealed or retired:
            audit.record(
                connection,
                directory_kinds.KeysRotated(active=context.vault.active, sealed=sealed, retired=retired),
                origin=Origin(at, actor=acting.CONSOLE),
                account_id=None,
            )
    return retired
