"""What a kind of second factor says of a proof, and of the factors that a user has: values that every kind shares."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec


class Right(msgspec.Struct, frozen=True):
    """The proof is right, and counts from now on as used; `successor` takes its place where it can be used once.

    `amr_values` say what it proves beside possession, by their names in RFC 8176. `suspect` names a factor that may
    have been copied.
    """

    successor: str | None = None
    amr_values: tuple[str, ...] = ()
    suspect: str | None = None


class Wrong(msgspec.Struct, frozen=True):
    """The proof is wrong: a guess. `drift` is how many seconds the clock that made it seems to be off."""

    drift: int | None = None


class Used(msgspec.Struct, frozen=True):
    """The proof was right once and has been used, so it is no guess; `for_good` where it will never be right again."""

    for_good: bool = False


class Unreadable(msgspec.Struct, frozen=True):
    """Nothing could be compared: what the user set up does not open any more."""


class Refused(msgspec.Struct, frozen=True):
    """The proof is right for nobody, and no guess either: `why` is a stable word."""

    why: str


Verdict = Right | Wrong | Used | Unreadable | Refused


class Factor(NamedTuple):
    """A factor of a user as it may be shown: never its secret."""

    kind: str
    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None
