"""The signed end of an export: which chains it holds, how far they reach, and the digest of every line before it.

And a head to keep elsewhere, which says how far chains reach and nothing else. Ed25519 (RFC 8032): the signature covers
the canonical JSON of a head behind a line that says what it is, so that neither can stand for the other.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from twofold.audit.chain import Head, canonical, moment

PURPOSE = b"twofold audit head 1\n"
PURPOSE_OF_KEPT = b"twofold audit kept head 1\n"
KEY_BYTES = 32


class Signer(NamedTuple):
    """The key that signs exports: its 32 private bytes, and the public ones that verify."""

    private: bytes
    public: bytes


class Contents(NamedTuple):
    """What the end of an export states."""

    at: str
    heads: tuple[Head, ...]
    records: int
    digest: bytes


class Kept(NamedTuple):
    """A head that was kept elsewhere: how far chains reached at a moment."""

    at: str
    heads: tuple[Head, ...]


def signer_of(private: bytes) -> Signer:
    """Return the key pair that 32 random bytes make."""
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    return Signer(private, public)


def contents(at: datetime, heads: Sequence[Head], records: int, digest: bytes) -> Contents:
    """State the end of an export."""
    return Contents(moment(at), tuple(heads), records, digest)


def signed_line(signer: Signer, stated: Contents) -> dict[str, Any]:
    """Return the last line of an export, as JSON has it."""
    return _signed(signer, PURPOSE, _as_json(stated))


def kept_line(signer: Signer, at: datetime, heads: Sequence[Head]) -> dict[str, Any]:
    """Return a head to keep elsewhere, as JSON has it."""
    return _signed(signer, PURPOSE_OF_KEPT, _kept_as_json(Kept(moment(at), tuple(heads))))


def read(line: dict[str, Any]) -> tuple[Contents, bytes] | None:
    """Return what a last line states, and the public key that it says it is signed with; None where it is malformed."""
    try:
        head = line["head"]
        stated = Contents(str(head["at"]), _heads(head["chains"]), int(head["records"]), bytes.fromhex(head["digest"]))
        key = read_key(line["public_key"])
    except (KeyError, TypeError, ValueError):
        return None
    # What was read must be all there is: whatever else the line held would be signed, and believed, but not looked at.
    return (stated, key) if key is not None and _as_json(stated) == head else None


def read_kept(line: dict[str, Any]) -> tuple[Kept, bytes] | None:
    """Return what a head that was kept says, and the public key that it names; None where it is malformed."""
    try:
        head = line["head"]
        kept, key = Kept(str(head["at"]), _heads(head["chains"])), read_key(line["public_key"])
    except (KeyError, TypeError, ValueError):
        return None
    return (kept, key) if key is not None and _kept_as_json(kept) == head else None


def signed_by(public: bytes, line: dict[str, Any], purpose: bytes = PURPOSE) -> bool:
    """Tell whether the holder of a key signed a head, for a purpose."""
    try:
        signature = base64.b64decode(line["signature"], validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, purpose + canonical(line["head"]))
    except (InvalidSignature, KeyError, TypeError, ValueError):
        return False
    return True


def key_text(public: bytes) -> str:
    """Write a public key as people copy it."""
    return base64.b64encode(public).decode()


def read_key(text: Any) -> bytes | None:
    """Read a public key; None where the text is none."""
    try:
        public = base64.b64decode(str(text).strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return public if len(public) == KEY_BYTES else None


def _signed(signer: Signer, purpose: bytes, head: dict[str, Any]) -> dict[str, Any]:
    signature = Ed25519PrivateKey.from_private_bytes(signer.private).sign(purpose + canonical(head))
    return {
        "head": head,
        "public_key": key_text(signer.public),
        "signature": base64.b64encode(signature).decode(),
    }


def _heads(chains: Any) -> tuple[Head, ...]:
    return tuple(Head(str(one["chain"]), int(one["position"]), bytes.fromhex(one["hash"])) for one in chains)


def _as_json(stated: Contents) -> dict[str, Any]:
    return _kept_as_json(Kept(stated.at, stated.heads)) | {"records": stated.records, "digest": stated.digest.hex()}


def _kept_as_json(kept: Kept) -> dict[str, Any]:
    chains = [{"chain": head.chain, "position": head.position, "hash": head.hash.hex()} for head in kept.heads]
    return {"at": kept.at, "chains": chains}
