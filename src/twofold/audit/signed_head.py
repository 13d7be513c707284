"""The signed end of an export: which chains it holds, how far they reach, and the digest of every line before it.

Ed25519 (RFC 8032). The signature covers the canonical JSON of the head behind a line that says what it is, so that it
can stand for nothing else.
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


def signer_of(private: bytes) -> Signer:
    """Return the key pair that 32 random bytes make."""
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    return Signer(private, public)


def contents(at: datetime, heads: Sequence[Head], records: int, digest: bytes) -> Contents:
    """State the end of an export."""
    return Contents(moment(at), tuple(heads), records, digest)


def signed_line(signer: Signer, stated: Contents) -> dict[str, Any]:
    """Return the last line of an export, as JSON has it."""
    head = _as_json(stated)
    signature = Ed25519PrivateKey.from_private_bytes(signer.private).sign(PURPOSE + canonical(head))
    return {
        "head": head,
        "public_key": key_text(signer.public),
        "signature": base64.b64encode(signature).decode(),
    }


def read(line: dict[str, Any]) -> tuple[Contents, bytes] | None:
    """Return what a last line states, and the public key that it says it is signed with; None where it is malformed."""
    try:
        head = line["head"]
        heads = tuple(Head(str(h["chain"]), int(h["position"]), bytes.fromhex(h["hash"])) for h in head["chains"])
        stated = Contents(str(head["at"]), heads, int(head["records"]), bytes.fromhex(head["digest"]))
        key = read_key(line["public_key"])
    except (KeyError, TypeError, ValueError):
        return None
    # What was read must be all there is: whatever else the line held would be signed, and believed, but not looked at.
    return (stated, key) if key is not None and _as_json(stated) == head else None


def signed_by(public: bytes, line: dict[str, Any]) -> bool:
    """Tell whether the holder of a key signed the head of a last line."""
    try:
        signature = base64.b64decode(line["signature"], validate=True)
        Ed25519PublicKey.from_public_bytes(public).verify(signature, PURPOSE + canonical(line["head"]))
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


def _as_json(stated: Contents) -> dict[str, Any]:
    return {
        "at": stated.at,
        "chains": [{"chain": h.chain, "position": h.position, "hash": h.hash.hex()} for h in stated.heads],
        "records": stated.records,
        "digest": stated.digest.hex(),
    }
