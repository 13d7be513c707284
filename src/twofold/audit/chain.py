r"""A hash chain of audit events: what is hashed, how one event is linked to the one before it, where a chain breaks.

    hash(n) = SHA-256( "twofold audit 1\n" ‖ hash(n - 1) ‖ JSON of event n )        hash(0) = 32 zero bytes

The JSON is canonical (RFC 8785): keys sorted, no blanks, UTF-8, text, whole numbers, booleans and null alone. It holds
the chain's name and the event's position, so that no event fits into another chain or another place. Whatever changes
the form of an event gets another number in the first line: old links stay what they are. docs/audit.md tells it to
people who want to check an export with a program of their own.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

VERSION = b"twofold audit 1\n"
START = bytes(32)
INSTALLATION = "installation"

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


class Event(NamedTuple):
    """An audit event as it was recorded; `details` is JSON as it rests in the database."""

    id: UUID
    at: datetime
    kind: str
    result: str
    actor_kind: str
    actor_id: UUID | None
    subject_id: UUID | None
    reason: str | None
    address: str
    browser: str
    request_id: str
    details: str


class Head(NamedTuple):
    """The end of a chain: how many events it has, and the hash that stands for all of them."""

    chain: str
    position: int
    hash: bytes


class Break(NamedTuple):
    """The first event of a chain that does not follow from the one before it, and why."""

    chain: str
    position: int
    why: str


def chain_of(account_id: UUID | None) -> str:
    """Name the chain of an account, or of the installation."""
    return INSTALLATION if account_id is None else str(account_id)


def account_of(chain: str) -> UUID | None:
    """Return the account that a chain belongs to; None is the installation.

    Raises:
        ValueError: it is neither "installation" nor an id.

    """
    return None if chain == INSTALLATION else UUID(chain)


def empty(chain: str) -> Head:
    """Return the head of a chain that has no event yet."""
    return Head(chain, 0, START)


def content(event: Event, chain: str, position: int) -> dict[str, Any]:
    """Return what is hashed of an event at its place in a chain, as JSON has it.

    Raises:
        ValueError: its `details` are not JSON, so its row was changed.

    """
    return {
        "chain": chain,
        "position": position,
        "id": str(event.id),
        "at": moment(event.at),
        "kind": event.kind,
        "result": event.result,
        "actor_kind": event.actor_kind,
        "actor_id": None if event.actor_id is None else str(event.actor_id),
        "subject_id": None if event.subject_id is None else str(event.subject_id),
        "reason": event.reason,
        "address": event.address,
        "browser": event.browser,
        "request_id": event.request_id,
        "details": json.loads(event.details),
    }


def moment(at: datetime) -> str:
    """Write a moment in UTC with all six digits of its second's fraction: one moment, one text."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def canonical(value: Any) -> bytes:
    """Return the one form in which a value of JSON is hashed and signed.

    Raises:
        ValueError: the value holds text that UTF-8 cannot carry, or a number that JSON does not know.

    """
    return _encode(value).encode()


def link(previous: bytes, linked: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 (32 bytes) that links what `content` gave to the event before it.

    Raises:
        ValueError: as for `canonical`.

    """
    return hashlib.sha256(VERSION + previous + canonical(linked)).digest()


def append(head: Head, event: Event) -> Head:
    """Link one more event to the end of a chain and return its new head."""
    position = head.position + 1
    return Head(head.chain, position, link(head.hash, content(event, head.chain, position)))


def follow(head: Head, linked: Mapping[str, Any], stored: bytes) -> Head | Break:
    """Check that an event, as `content` gave it, comes next in a chain; return the head after it, or what is wrong."""
    expected, found = head.position + 1, linked.get("position")
    if found != expected or isinstance(found, bool):
        return Break(head.chain, expected, _misplaced(expected, found))
    if _link_or_none(head.hash, linked) != stored:
        return Break(head.chain, expected, f"event {expected} was changed: it does not fit its hash.")
    return Head(head.chain, expected, stored)


def _link_or_none(previous: bytes, linked: Mapping[str, Any]) -> bytes | None:
    """Hash what somebody may have tampered with: text or numbers that we never write give no hash."""
    try:
        return link(previous, linked)
    except (ValueError, RecursionError):
        return None


def _misplaced(expected: int, found: object) -> str:
    if isinstance(found, int) and found > expected:
        return f"event {expected} is missing: event {found} stands in its place."
    return f"event {found} stands where event {expected} belongs: events were reordered or repeated."
