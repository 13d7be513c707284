"""What came of a check of `twofold doctor`."""

from enum import StrEnum
from typing import NamedTuple


class Health(StrEnum):
    """How a check came out: a finding must be seen to, a note is worth knowing."""

    OK = "ok"
    NOTE = "note"
    FINDING = "finding"


class Checked(NamedTuple):
    """The outcome of one check."""

    check: str
    health: Health
    says: str
    remedy: str | None = None
