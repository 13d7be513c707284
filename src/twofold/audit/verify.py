"""Verifying an export, line by line, with nothing but the file and a public key: no database, no settings.

Found are: an event that was changed, removed, put in another place or added; names or the first line changed; an end
that was cut off; a head that was forged, also with a key of the forger's own where the right key is given.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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
    `kept` is how many ends of chains, of those that were kept elsewhere, the chains were seen to run through.
    """

    count: int
    head: tuple[Head, ...]
    public_key: str
    key_given: bool
    kept: int = 0


class Broken(msgspec.Struct, frozen=True):
    """The export is not what was sealed: the position in the chain (0: no event, but the file) and why."""

    position: int
    why: str


class KeptHeads(NamedTuple):
    """Heads that were kept elsewhere, and the public keys that they were signed with."""

    heads: tuple[signed_head.Kept, ...]
    public_keys: frozenset[str]


NO_HEADS = KeptHeads((), frozenset())


def verify_lines(
    lines: Iterable[str], public_key: str | None, earlier: Sequence[Head] = (), kept: KeptHeads = NO_HEADS
) -> Verified | Broken:
    """Verify an export. `public_key` is the installation's, as `twofold audit export` and the audit page show it.

    `earlier` are heads that an export of before ended in (`heads_of`), `kept` those that were kept by themselves
    (`kept_heads`): the chains must still run through them, so that not even somebody with the signing key can rewrite
    what had been exported, or what a head stands for.
    """
    numbered = enumerate(lines, start=1)
    _number, first = next(numbered, (1, ""))
    header = _parse(first)
    if header is None or header.get(NAME) != VERSION:
        return Broken(0, "Line 1 does not say that this is an audit export.")
    if header.get("complete") is not True:
        return Broken(0, "This export is filtered, so it cannot be verified: nobody can tell what it leaves out.")
    walk = _Walk(earlier, kept)
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


def kept_heads(lines: Iterable[str], public_key: str | None) -> KeptHeads | Broken:
    """Read heads that were kept, a line each, and check their signatures: with the key given, else with their own."""
    given = None if public_key is None else signed_head.read_key(public_key)
    if public_key is not None and given is None:
        return Broken(0, NO_KEY)
    heads: list[signed_head.Kept] = []
    keys: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        parsed = _parse(line) or {}
        read = signed_head.read_kept(parsed)
        if read is None:
            return Broken(0, f"Line {number} of the kept heads is no head, as `twofold audit head` prints it.")
        kept, own = read
        if not signed_head.signed_by(given or own, parsed, signed_head.PURPOSE_OF_KEPT):
            return Broken(0, f"The signature of the kept head in line {number} is not right: forged, or another key's.")
        heads.append(kept)
        keys.add(signed_head.key_text(given or own))
    return KeptHeads(tuple(heads), frozenset(keys)) if heads else Broken(0, "There is no kept head in the file.")


def digested(line: str) -> bytes:
    """Return the bytes of a line as they enter the digest, whatever its end was turned into on the way."""
    return line.rstrip("\r\n").encode("utf-8", "surrogatepass") + b"\n"


NO_KEY = "The public key that you gave is none: it has 44 letters and digits and ends in =."


class _Mark(NamedTuple):
    """The hash that a chain had at a position, and who remembers it: `is_not` and `had` end the sentences."""

    hash: bytes
    is_not: str
    had: str


def _marks(earlier: Sequence[Head], kept: KeptHeads) -> Iterator[tuple[Head, _Mark]]:
    for head in earlier:
        yield head, _Mark(head.hash, "what an earlier export ended in", "which an earlier export had")
    for at, heads in kept.heads:
        for head in heads:
            is_not = f"the one that the head kept at {at} stands for: the chain was written anew since"
            yield head, _Mark(head.hash, is_not, f"which the head kept at {at} stands for")


class _Walk:
    """How far the lines have been followed: the head of each chain, the number of events, the digest of the lines."""

    def __init__(self, earlier: Sequence[Head], kept: KeptHeads) -> None:
        self._heads: dict[str, Head] = {}
        self._records = 0
        self._digest = hashlib.sha256()
        self._kept = kept
        self._marks: dict[tuple[str, int], list[_Mark]] = {}
        for head, mark in _marks(earlier, kept):
            if head.position:
                self._marks.setdefault((head.chain, head.position), []).append(mark)

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
        for mark in self._marks.pop((chain, reached.position), ()):
            if mark.hash != reached.hash:
                return Break(chain, reached.position, f"event {reached.position} is not {mark.is_not}.")
        self._heads[chain] = reached
        self._records += 1
        return None

    def finish(self, line: dict[str, Any], public_key: str | None, *, everything: bool) -> Verified | Broken:
        """Hold what was read against the signed end."""
        read, given = signed_head.read(line), None if public_key is None else signed_head.read_key(public_key)
        if read is None:
            return Broken(0, "The signed end is malformed.")
        if public_key is not None and given is None:
            return Broken(0, NO_KEY)
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
        held = {head.chain for head in stated.heads}
        for (chain, position), (mark, *_) in self._marks.items():
            if everything or chain in held:
                return Broken(position, f"Chain {chain} ends before event {position}, {mark.had}.")
        key = signed_head.key_text(given or own)
        if self._kept.public_keys - {key}:
            return Broken(0, "The kept heads were signed with another key than this: the log is another one's, or new.")
        through = [head for _at, heads in self._kept.heads for head in heads if everything or head.chain in held]
        if self._kept.heads and not through:
            return Broken(0, "None of the kept heads is of a chain that is here: they say nothing about it.")
        return Verified(stated.records, stated.heads, key, given is not None, len(through))


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
