"""The registry of kinds of second factors: what each must be able to do, and which there are.

A kind is a folder of its own and a line in KINDS: what proves, shows, renames and removes factors names none. `flow.py`
charges, lets the kind verify, and settles: so a kind knows neither budget nor lock, neither sign-in nor session.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.user import User
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.passkeys import flow as passkeys
from twofold.factors.passkeys.passkey import Assertion
from twofold.factors.proof import Malformed, clean
from twofold.factors.totp import flow as totp
from twofold.factors.verdicts import Factor, Verdict
from twofold.kit.context import AppContext


class Kind(Protocol):
    """One kind of second factor."""

    @property
    def name(self) -> str:
        """What the API and the log call it, such as `totp`."""

    @property
    def method(self) -> str:
        """What a session keeps of it among its authentication methods, such as `otp`."""

    @property
    def stands_in(self) -> bool:
        """Whether it only stands in for another factor, and is spent by use: nobody is protected by it alone."""

    @property
    def guessable(self) -> bool:
        """Whether a wrong proof can be a guess: then each is charged before it is compared, and the lock holds."""

    def read(self, text: str) -> str | None:
        """Return what was typed as this kind compares it; None where it can be no proof of this kind."""

    def load(self, connection: sa.Connection, user: User) -> Any:
        """Read what a proof is compared with; the statement shares its way to the database with the charge."""

    def verify(
        self, context: AppContext, connection: sa.Connection, user: User, proof: Any, loaded: Any, at: datetime
    ) -> Verdict:
        """Compare a proof, charged where it could be a guess; where it is right, see that it is so only once."""

    def show(self, connection: sa.Connection, user_id: UUID) -> Sequence[Factor]:
        """List the factors of this kind that protect a user, the oldest first."""

    def hold(self, connection: sa.Connection, user_id: UUID) -> None:
        """Keep others from changing the factors of this kind until the transaction ends."""

    def rename(self, connection: sa.Connection, user_id: UUID, factor: UUID, name: str) -> bool:
        """Give a factor of a user another name; tell whether there is one."""

    def remove(self, connection: sa.Connection, user_id: UUID, factor: UUID) -> bool:
        """Delete one factor of a user; tell whether there was one."""

    def delete_all(self, connection: sa.Connection, user_id: UUID) -> None:
        """Delete everything of this kind that a user has, also what was not confirmed."""

    def forget_over(self, connection: sa.Connection, at: datetime) -> int:
        """Delete what is over, for the clean-up; return how many rows."""


TOTP, BACKUP_CODE, PASSKEY = totp.Totp(), backup_code.BackupCode(), passkeys.Passkeys()

# In the order in which their rows are locked (schema.LOCK_ORDER), and in which what was typed is read.
KINDS: list[Kind] = [TOTP, PASSKEY, BACKUP_CODE]

# What proves a second factor, as it arrives: what somebody typed, or what a passkey answered.
Given = str | Assertion


class Proof(NamedTuple):
    """What somebody gives to prove a second factor: of which kind it can be, and as that kind compares it."""

    kind: Kind
    given: str | Assertion


def parse(given: Given) -> Proof | Malformed:
    """Tell of which kind a proof is; spaces and dashes do not matter in what is typed."""
    if isinstance(given, Assertion):
        return Proof(PASSKEY, given)
    text = clean(given)
    for kind in KINDS if text is not None else ():
        read = kind.read(text or "")
        if read is not None:
            return Proof(kind, read)
    return Malformed()


def factors_of(connection: sa.Connection, user_id: UUID) -> list[Factor]:
    """List what protects a user, of every kind."""
    return [factor for kind in KINDS for factor in kind.show(connection, user_id)]
