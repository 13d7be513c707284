"""The complete export of chains, as lines of JSON that end in a signed head.

It is read page by page, each page on a connection of its own, so that a slow reader holds none.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import records, seal_flow
from twofold.audit.chain import Event, Head, content, empty, moment
from twofold.audit.signed_head import Signer, contents, kept_line, key_text, signed_line, signer_of
from twofold.audit.stored import Linked
from twofold.audit.verify import EVERY_CHAIN, NAME, VERSION, digested
from twofold.kit.crypto.tokens import random_bytes
from twofold.kit.crypto.vault import Sealed, Vault
from twofold.kit.sql.database import Database

PAGE = 500  # events a query
FIRST_KEY = 1

# Users by id, in words, for the people who read an export. A feature that knows users hands it in.
Names = Callable[[sa.Connection, Collection[UUID]], Mapping[UUID, str]]


class SealState(NamedTuple):
    """How far a chain is sealed, since when, and the public key that its exports are signed with."""

    head: Head
    sealed_at: datetime | None
    public_key: str | None


def complete_lines(
    db: Database,
    vault: Vault,
    chain: str | None,
    at: datetime,
    names: Names | None = None,
) -> Iterator[str]:
    """Export one chain (an account's id, or "installation"), or all of them (None), up to this moment.

    What waits is sealed first. `verify.verify_lines` checks the whole; names are signed as well, but sealed they are
    not: they are those of today. A chain that does not exist exports as an empty one.

    Raises:
        VaultError: while it is read: as for `signer`.

    """
    seal_flow.seal_everything(db, at)
    key = signer(db, vault, at)
    heads = _heads(db, chain)
    digest, count = hashlib.sha256(), 0
    for line in _unsigned_lines(db, chain, heads, at, names):
        digest.update(digested(line))
        count += 1
        yield line
    yield json_line(signed_line(key, contents(at, heads, count - 1, digest.digest())))


def head_line(db: Database, vault: Vault, chain: str | None, at: datetime) -> str:
    """Return a head to keep elsewhere, of one chain or of all of them (None): how far they reach, signed, as a line.

    What waits is sealed first.

    Raises:
        VaultError: as for `signer`.

    """
    seal_flow.seal_everything(db, at)
    return json_line(kept_line(signer(db, vault, at), at, _heads(db, chain)))


def signer(db: Database, vault: Vault, at: datetime) -> Signer:
    """Return the key that signs exports; it is made when it is first needed, once, also by nodes that start together.

    Raises:
        VaultError: the private key does not open: somebody tampered with its row, or the key ring is not complete.

    """
    with db.read() as connection:
        key = records.newest_key(connection)
    if key is None:
        made = signer_of(random_bytes(32))
        sealed = vault.seal(made.private, identity(FIRST_KEY))
        values = {
            "number": FIRST_KEY,
            "public_key": made.public,
            "key_id": sealed.key_id,
            "box": sealed.ciphertext,
            "created_at": at,
        }
        with db.write() as connection:
            # SQLite's trigger refuses a key that is there before ON CONFLICT is asked; nobody else writes meanwhile.
            key = records.newest_key(connection)
            if key is None:
                records.keep_key(connection, values)
                key = records.newest_key(connection)
    if key is None:
        msg = "the key that signs audit exports could not be stored"
        raise RuntimeError(msg)
    return signer_of(vault.open(Sealed(key.key_id, key.box), identity(key.number)))


def public_key(db: Database, vault: Vault, at: datetime) -> str:
    """Return the public key of this installation's exports, to verify them later: Ed25519 (RFC 8032), in base64.

    Raises:
        VaultError: as for `signer`.

    """
    return key_text(signer(db, vault, at).public)


def seal_state(db: Database, chain: str) -> SealState:
    """Tell how far a chain is sealed, and the public key (None before the first export, which makes it)."""
    with db.read() as connection:
        head, signing = records.sealed_head(connection, chain), records.newest_key(connection)
    key = None if signing is None else key_text(signing.public_key)
    if head is None:
        return SealState(empty(chain), None, key)
    return SealState(Head(head.chain, head.position, head.hash), head.sealed_at, key)


def identity(number: int) -> str:
    """Name the row that a sealed signing key belongs to."""
    return f"audit_signing_keys:{number}"


def header(at: datetime, **says: Any) -> str:
    """Return the first line of an export."""
    return json_line({NAME: VERSION, "at": moment(at), **says})


def json_line(value: dict[str, Any]) -> str:
    """Return one line of an export, with its end."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def _heads(db: Database, chain: str | None) -> list[Head]:
    with db.read() as connection:
        heads = [head for head in records.all_heads(connection) if chain in {None, head.chain}]
    return heads or ([] if chain is None else [empty(chain)])


def _unsigned_lines(
    db: Database,
    chain: str | None,
    heads: list[Head],
    at: datetime,
    names: Names | None,
) -> Iterator[str]:
    yield header(at, complete=True, chains=EVERY_CHAIN if chain is None else [chain])
    for head in heads:
        reached = 0
        while reached < head.position:
            with db.read() as connection:
                page = records.events_of_chain(connection, head, reached, PAGE)
                known = names(connection, _people_in(page)) if names else {}
            if not page:
                break  # somebody removed rows: the end is signed all the same, and shows that they are missing
            for position, sealed, event in page:
                record = {"event": content(event, head.chain, position), "hash": sealed.hex()}
                yield json_line(record | ({"names": names_of(event, known)} if names else {}))
                reached = position


def names_of(event: Event, known: Mapping[UUID, str]) -> dict[str, str | None]:
    """Return who acted and whom it was about, in words; null where it is no user, or one that is not known."""
    return {
        "actor": None if event.actor_id is None else known.get(event.actor_id),
        "subject": None if event.subject_id is None else known.get(event.subject_id),
    }


def _people_in(page: Sequence[Linked]) -> set[UUID]:
    return {user for one in page for user in (one.event.actor_id, one.event.subject_id) if user is not None}
