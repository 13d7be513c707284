"""What a table holds, in one number: the same on both databases, whatever the order of its rows.

A row is hashed with SHA-256, column by column, each value behind its kind and its length; the hashes are added up. So
rows are told apart that differ in anything, or that are there once more; they are read once, and none is kept. It finds
what went wrong, and is no seal against somebody who makes rows up to cancel each other: that is the audit log's chains.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from twofold.kit.sql.database import EPOCH, MICROSECOND

_MODULUS = 1 << 256


class Digest:
    """The rows of a table, added up."""

    def __init__(self) -> None:
        self.rows = 0
        self.sum = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digest) and (self.rows, self.sum) == (other.rows, other.sum)

    def __hash__(self) -> int:
        return hash((self.rows, self.sum))

    def add(self, row: Iterable[Any]) -> None:
        """Add a row: the values of its columns, in the order of the table's.

        Raises:
            TypeError: a value is of a kind that no column of ours has.

        """
        hashed = hashlib.sha256()
        for value in row:
            encoded = _encoded(value)
            hashed.update(b"%d:" % len(encoded) + encoded)
        self.rows += 1
        self.sum = (self.sum + int.from_bytes(hashed.digest())) % _MODULUS


def _encoded(value: Any) -> bytes:
    match value:
        case None:
            return b"-"
        case bool():
            return b"b1" if value else b"b0"
        case int():
            return b"i%d" % value
        case str():
            return b"s" + value.encode("utf-8", "surrogatepass")
        case bytes() | bytearray() | memoryview():
            return b"y" + bytes(value)
        case UUID():
            return b"u" + value.bytes
        case datetime():
            return b"t%d" % ((value - EPOCH) // MICROSECOND)
        case _:
            msg = f"{type(value).__name__} is no kind of value that a column holds"
            raise TypeError(msg)
