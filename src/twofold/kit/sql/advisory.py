"""Advisory locks on names that no row stands for: of two transactions that each rely on a row's absence, one waits.

On PostgreSQL they end with the transaction, also behind a pool that hands connections on with each. SQLite needs none:
there is one writer at a time.
"""

from collections.abc import Iterable
from hashlib import blake2b

import sqlalchemy as sa

# Their own half of the numbers: two small ones never meet the single one of the migrations (operations.migrate).
SPACE = 2071

_hold = sa.text("SELECT pg_advisory_xact_lock(:space, :number)")
_share = sa.text("SELECT pg_advisory_xact_lock_shared(:space, :number)")


def hold(connection: sa.Connection, names: Iterable[str]) -> None:
    """Lock names exclusively to the end of the transaction; always in the same order, so no deadlock."""
    if connection.dialect.name == "postgresql":
        for number in sorted({_number_of(name) for name in names}):
            connection.execute(_hold, {"space": SPACE, "number": number})


def share(connection: sa.Connection, name: str) -> None:
    """Lock a name in shared mode to the end of the transaction."""
    if connection.dialect.name == "postgresql":
        connection.execute(_share, {"space": SPACE, "number": _number_of(name)})


def _number_of(name: str) -> int:
    """Return a number of 32 bits; two names with the same one only wait for each other."""
    return int.from_bytes(blake2b(name.encode(), digest_size=4).digest(), signed=True)
