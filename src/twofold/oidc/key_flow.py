"""The keys that sign ID tokens and logout tokens: made when they are first needed, published, rotated.

A key is published a day before it signs, so that applications know it by then, and for as long after it as a session
may live, since its ID tokens come back as hints. Each process keeps what it has read for a minute.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import extract_compact

from twofold.audit import flow as audit
from twofold.events import application_kinds
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.vault import Sealed, Vault
from twofold.oidc import key_records as records
from twofold.oidc.application import ALGORITHMS
from twofold.oidc.signing_key import SigningKey

PUBLISHED_BEFORE = timedelta(days=1)
PUBLISHED_AFTER = timedelta(days=30)  # the longest session (TWOFOLD_SESSION_HOURS)
READ_EVERY = timedelta(minutes=1)
RSA_BITS = 2048

Key = RSAKey | ECKey


class AlreadyRotating(msgspec.Struct, frozen=True):
    """The next keys are published already; they sign from this moment."""

    active_from: datetime


class Rotated(NamedTuple):
    """The new keys, and the moment from which they sign."""

    kids: list[str]
    active_from: datetime


class _Known(NamedTuple):
    """What a process knows of the keys, since when, and those that it has opened, by their kid."""

    read_at: datetime
    rows: Sequence[SigningKey]
    opened: dict[str, Key]


_known_keys: WeakKeyDictionary[Vault, _Known] = WeakKeyDictionary()  # a process has one vault


def sign(context: AppContext, claims: Mapping[str, object], algorithm: str, at: datetime, *, typ: str = "JWT") -> str:
    """Sign claims as a JWT (RFC 7519), with the key of an algorithm that is active; `typ` says what it is.

    Raises:
        VaultError: the private key does not open: somebody tampered with its row, or the key ring is not complete.

    """
    known = _known(context, at)
    row = next(row for row in known.rows if row.algorithm == algorithm and not _is_retired(row, at))
    key = known.opened.get(row.kid)
    if key is None:
        key = known.opened[row.kid] = _opened(context.vault, row)
    header = {"alg": algorithm, "typ": typ, "kid": row.kid}
    return jwt.encode(header, dict(claims), key, algorithms=[algorithm])


def published(context: AppContext, at: datetime) -> list[dict[str, Any]]:
    """Return the public keys of a JWK Set (RFC 7517 section 5): those that will sign, do, or have signed."""
    return [json.loads(row.public) for row in _known(context, at).rows if _is_published(row, at)]


def verify(context: AppContext, token: str, at: datetime, *, typ: str = "JWT") -> dict[str, Any] | None:
    """Return the claims of a token of a type that we signed, whether or not it has expired; None for anything else."""
    rows = {row.kid: row for row in _known(context, at).rows if _is_published(row, at)}
    try:
        row = rows[_kid_of(token)]
        read = jwt.decode(token, _public(row), algorithms=[row.algorithm])
    except (JoseError, KeyError, TypeError, ValueError):
        return None
    return read.claims if read.header.get("typ") == typ else None


def list_keys(context: AppContext, at: datetime) -> Sequence[SigningKey]:
    """List every key that there is, never the private ones; the first ones are made where there are none."""
    return _read(context, at).rows


def rotate(context: AppContext, *, at_once: bool, origin: Origin) -> Rotated | AlreadyRotating:
    """Make the next key of each algorithm, which signs in a day.

    With `at_once` it signs now and no other stays published: for a key that leaked. Each process goes over to it within
    a minute, and ID tokens that the old ones signed are worth nothing as hints any more.
    """
    at = origin.at
    _read(context, at)
    active_from = at if at_once else at + PUBLISHED_BEFORE
    made = [_new_key(context.vault, algorithm, at, active_from) for algorithm in ALGORITHMS]
    rotated = Rotated([str(values["kid"]) for values in made], active_from)
    with context.db.write() as connection:
        records.hold_keys(connection)
        if at_once:
            records.delete_all(connection)
        else:
            records.delete_gone(connection, at)
            for algorithm in ALGORITHMS:
                gone = active_from + PUBLISHED_AFTER
                if not records.retire(connection, algorithm, at, retired=active_from, gone=gone):
                    return AlreadyRotating(max(row.active_from for row in records.all_keys(connection)))
        for values in made:
            records.keep_key(connection, values)
        event = application_kinds.OidcKeysRotated(
            kids=rotated.kids, active_from=active_from.isoformat(), at_once=at_once
        )
        audit.record(connection, event, origin=origin, account_id=None)
    _known_keys.pop(context.vault, None)
    return rotated


def state_of(row: SigningKey, at: datetime) -> str:
    """Say what a key is: `next`, `active`, `retiring` (still published) or `gone`."""
    if not _is_published(row, at):
        return "gone"
    if _is_retired(row, at):
        return "retiring"
    return "next" if at < row.active_from else "active"


def _is_retired(row: SigningKey, at: datetime) -> bool:
    """Tell whether another key signs; the first one that is not retired does, also on a node whose clock is behind."""
    return row.retired_at is not None and row.retired_at <= at


def _is_published(row: SigningKey, at: datetime) -> bool:
    return row.gone_at is None or at < row.gone_at


def _known(context: AppContext, at: datetime) -> _Known:
    known = _known_keys.get(context.vault)
    return known if known is not None and abs(at - known.read_at) < READ_EVERY else _read(context, at)


def _read(context: AppContext, at: datetime) -> _Known:
    """Read the keys, and make the first of each algorithm: once, also by nodes that start together."""
    with context.db.read() as connection:
        rows = records.all_keys(connection)
    missing = [algorithm for algorithm in ALGORITHMS if all(row.algorithm != algorithm for row in rows)]
    if missing:
        first = [_new_key(context.vault, algorithm, at, at) for algorithm in missing]
        with context.db.write() as connection:
            for values in first:
                records.keep_key(connection, values)
            rows = records.all_keys(connection)
    opened = {} if (before := _known_keys.get(context.vault)) is None else before.opened
    known = _known_keys[context.vault] = _Known(
        at, rows, {row.kid: opened[row.kid] for row in rows if row.kid in opened}
    )
    return known


def _new_key(vault: Vault, algorithm: str, at: datetime, active_from: datetime) -> dict[str, Any]:
    made: Key = RSAKey.generate_key(RSA_BITS) if algorithm == "RS256" else ECKey.generate_key("P-256")
    kid = made.thumbprint()
    described = {"kid": kid, "alg": algorithm, "use": "sig"}
    sealed = vault.seal(json.dumps(made.as_dict(private=True)).encode(), _identity(kid))
    return {
        "kid": kid,
        "algorithm": algorithm,
        "public": json.dumps({**made.as_dict(private=False), **described}),
        "key_id": sealed.key_id,
        "sealed": sealed.ciphertext,
        "created_at": at,
        "active_from": active_from,
    }


def _opened(vault: Vault, row: SigningKey) -> Key:
    private = json.loads(vault.open(Sealed(row.key_id, row.sealed), _identity(row.kid)))
    return RSAKey.import_key(private) if row.algorithm == "RS256" else ECKey.import_key(private)


def _public(row: SigningKey) -> Key:
    public = json.loads(row.public)
    return RSAKey.import_key(public) if row.algorithm == "RS256" else ECKey.import_key(public)


def _kid_of(token: str) -> str:
    """Return which key a token says that it is signed with.

    Raises:
        KeyError: it names none.
        ValueError, JoseError: it is no JWS.

    """
    return str(extract_compact(token.encode()).headers()["kid"])


def _identity(kid: str) -> str:
    """Name the row that a private key belongs to."""
    return f"oidc_keys:{kid}"
