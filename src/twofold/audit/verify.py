"""Verifying an export, line by line, with nothing but the file and a public key: no database, no settings.

Found are: an event that was changed, removed, put in another place or added; names or the first line changed; an end
that was cut off; a head that was forged, also with a key of the forger's own where the right key is given.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from twofold.audit import signed_head
from twofold.audit.chain import Break, Head, empty, follow

NAME = "twofold_audit_export"
VERSION = 1
EVERY_CHAIN = "all"


@dataclass(frozen=True)
class Verified:
    """Every event is as it was sealed: how many, how far the chains reach, and the key that signed it.

    `key_given` is False where the key came from the file itself: then whoever made the file may have made the key.
    """

    count: int
    head: tuple[Head, ...]
    public_key: str
    key_given: bool


class Broken(msgspec.Struct, frozen=True):
    """The export is not what was sealed: the position in the chain (0: no event, but the file) and why."""

    position: int
    why: str


def verify_lines(lines: Iterable[str], public_key: str | None, earlier: Sequence[Head] = ()) -> Verified | Broken:
    """Verify an export. `public_key` is the installation's, as `twofold audit export` and the audit page show it.

    `earlier` are heads that an export of before ended in (`heads_of`): the chains must still run through them, so that
    not even somebody with the signing key can rewrite what had been exported.
    """
    numbered = enumerate(lines, start=1)
    _number, first = next(numbered, (1, ""))
    header = _parse(first)
    if header is None or header.get(NAME) != VERSION:
        return Broken(0, "Line 1 does not say that this is an audit export.")
    if header.get("complete") is not True:
        return Broken(0, "This export is filtered, so it cannot be verified: nobody can tell what it leaves out.")
    walk = _Walk(earlier)
    walk.add(first)
    for number, line in numbered:
        record = _parse(line)
        if record is None:
            return Broken(0, f"Line {number} cannot be read.")
        if "head" in record:
            if any(rest.strip() for _number, rest in numbered):
                return Broken(0, f"There are lines behind the signed end, which is line {number}.")
            return walk.finish(record, public_key, everything=header.get("chains") == EVERY_CHAIN)
        if broken := walk.follow(record):
            return Broken(broken.position, f"Line {number}, chain {broken.chain or 'unknown'}: {broken.why}")
        walk.add(line)
    return Broken(0, "The signed end is missing: the export was cut off.")


def heads_of(lines: Iterable[str]) -> tuple[Head, ...]:
    """Return the heads that an export ends in, to hold a later one against; empty where it has no signed end."""
    last = ""
    for line in lines:
        last = line if line.strip() else last
    read = signed_head.read(_parse(last) or {})
    return () if read is None else read[0].heads


def digested(line: str) -> bytes:
    """Return the bytes of a line as they enter the digest, whatever its end was turned into on the way."""
    return line.rstrip("\r\n").encode("utf-8", "surrogatepass") + b"\n"


class _Walk:
    """How far the lines have been followed: the head of each chain, the number of events, the digest of the lines."""

    def __init__(self, earlier: Sequence[Head]) -> None:
        self._heads: dict[str, Head] = {}
        self._records = 0
        self._digest = hashlib.sha256()
        self._earlier = {(head.chain, head.position): head.hash for head in earlier if head.position}

    def add(self, line: str) -> None:
        self._digest.update(digested(line))

    def follow(self, record: dict[str, Any]) -> Break | None:
        """Follow one event; return where its chain breaks."""
        event, stored = record.get("event"), _unhex(record.get("hash"))
        chain = event.get("chain") if isinstance(event, dict) else None
        if not isinstance(event, dict) or not isinstance(chain, str) or stored is None:
            return Break("", 0, "this is no event: it lacks its content, its chain or its hash.")
        reached = follow(self._heads.get(chain) or empty(chain), event, stored)
        if isinstance(reached, Break):
            return reached
        if self._earlier.pop((chain, reached.position), reached.hash) != reached.hash:
            return Break(chain, reached.position, f"event {reached.position} is not what an earlier export ended in.")
        self._heads[chain] = reached
        self._records += 1
        return None

    def finish(self, line: dict[str, Any], public_key: str | None, *, everything: bool) -> Verified | Broken:
        """Hold what was read against the signed end."""
        read, given = signed_head.read(line), None if public_key is None else signed_head.read_key(public_key)
        if read is None:
            return Broken(0, "The signed end is malformed.")
        if public_key is not None and given is None:
            return Broken(0, "The public key that you gave is none: it has 44 letters and digits and ends in =.")
        stated, own = read
        if not signed_head.signed_by(given or own, line):
            return Broken(0, "The signature of the end is not right: the head was forged, or signed with another key.")
        for head in stated.heads:
            reached = self._heads.get(head.chain) or empty(head.chain)
            if reached != head:
                return Broken(reached.position + 1, _short_of(head, reached))
        if stated.records != self._records:
            return Broken(0, f"The end states {stated.records} events, but there are {self._records}.")
        if stated.digest != self._digest.digest():
            return Broken(0, "Every event is as it was sealed, but its names, or the first line, were changed.")
        for chain, position in self._earlier:
            if everything or chain in self._heads:
                return Broken(position, f"Chain {chain} ends before event {position}, which an earlier export had.")
        return Verified(stated.records, stated.heads, signed_head.key_text(given or own), given is not None)


def _short_of(head: Head, reached: Head) -> str:
    if reached.position < head.position:
        return f"Chain {head.chain}: events {reached.position + 1} to {head.position} are missing at its end."
    return f"Chain {head.chain}: its end is not the one that was signed."


def _parse(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unhex(text: Any) -> bytes | None:
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError):
        return None
