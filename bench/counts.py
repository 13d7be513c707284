"""How many statements and commits there were, as the counting server tells."""

import msgspec

COUNTS = "/bench/counts"


class Counts(msgspec.Struct):
    """Statements that read or write (those that only begin a transaction apart), and commits, so far."""

    statements: int
    commits: int
    texts: dict[str, int]
