"""An authenticator app and the enrolment that becomes one, as they rest in the database: values, no more."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Authenticator(NamedTuple):
    """An app that protects its user; its secret, `box`, is sealed under the key `key_id`."""

    id: UUID
    name: str
    key_id: str
    box: bytes
    last_step: int
    disclosed: str  # steps that a hint about the clock disclosed before their time, separated by spaces
    created_at: datetime
    last_used_at: datetime | None

    @property
    def disclosed_steps(self) -> frozenset[int]:
        """Those steps as numbers."""
        return frozenset(map(int, self.disclosed.split()))


class Enrolment(NamedTuple):
    """An app that is being set up, maybe in the place of another one; `wrong` codes of it are counted."""

    id: UUID
    security_version: int
    name: str
    replaces: UUID | None
    new_backup_code: bool
    key_id: str
    box: bytes
    wrong: int
    expires_at: datetime
