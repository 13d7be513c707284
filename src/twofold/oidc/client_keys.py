"""The public keys of an application: a JWK Set as it gave it (RFC 7517 section 5). Pure."""

import base64
import json
from typing import Any

MOST_KEYS = 10
MOST_BYTES = 32 * 1024
LEAST_RSA_BITS = 2048  # RFC 7518 section 3.3
P256_BITS = 256

_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}  # RFC 7518 sections 6.2.2, 6.3.2, 6.4.1
_KINDS: dict[str, dict[str, str]] = {"RS256": {"kty": "RSA"}, "ES256": {"kty": "EC", "crv": "P-256"}}


def read_keys(text: str, algorithm: str) -> list[dict[str, Any]]:
    """Return the keys of a set that verify signatures of an algorithm; others are passed over (RFC 7517 section 5)."""
    return [entry for entry in _entries(text) if _is_usable(entry, algorithm)]


def why_not_keys(text: str, algorithm: str) -> str | None:
    """Say why an operator cannot register a set of keys."""
    if len(text.encode()) > MOST_BYTES:
        return f"Give {MOST_BYTES // 1024} KiB at most."
    entries = _entries(text)
    if not entries:
        return f'Give a JWK Set with 1 to {MOST_KEYS} keys: {{"keys": […]}}.'
    if any(_PRIVATE & entry.keys() for entry in entries):
        return "Give public keys only. Whoever has seen this one can sign with it: make another one."
    return None if read_keys(text, algorithm) else f"None of these keys verifies {algorithm}."


def _entries(text: str) -> list[dict[str, Any]]:
    try:
        keys = json.loads(text)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
    is_set = isinstance(keys, list) and len(keys) <= MOST_KEYS and all(isinstance(entry, dict) for entry in keys)
    return keys if is_set else []


def _is_usable(entry: dict[str, Any], algorithm: str) -> bool:
    fits = all(entry.get(name) == value for name, value in _KINDS[algorithm].items())
    verifies = entry.get("use", "sig") == "sig" and entry.get("alg", algorithm) == algorithm
    if not fits or not verifies or _PRIVATE & entry.keys():
        return False
    if algorithm == "RS256":
        return _bits(entry.get("n")) >= LEAST_RSA_BITS and _bits(entry.get("e")) > 1
    return 0 < _bits(entry.get("x")) <= P256_BITS and 0 < _bits(entry.get("y")) <= P256_BITS


def _bits(number: object) -> int:
    """Return the bits of a number as keys have it (Base64urlUInt, RFC 7518 section 2); 0 where it is none."""
    try:
        return int.from_bytes(base64.urlsafe_b64decode(f"{number}==")).bit_length() if isinstance(number, str) else 0
    except ValueError:
        return 0
