"""The backup code: one for each user, that stands in for a lost phone and is replaced when it is used."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.user import User
from twofold.factors.backup_code import codes, records
from twofold.factors.proof import clean
from twofold.factors.verdicts import Factor, Right, Used, Verdict, Wrong
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, random_bytes


class BackupCode:
    """The kind: 24 characters, of which only the hash is stored."""

    name, method, stands_in, guessable = "backup_code", "backup_code", True, True

    def read(self, text: str) -> str | None:
        return codes.parse(text) if text.isascii() else None

    def load(self, _connection: sa.Connection, _user: User) -> None:
        """Read nothing: one statement compares, spends and replaces it."""

    def verify(
        self,
        _context: AppContext,
        connection: sa.Connection,
        user: User,
        proof: str,
        _loaded: None,
        at: datetime,
    ) -> Verdict:
        typed, successor = digest(proof), codes.from_bytes(random_bytes(codes.BYTES))
        if records.spend(connection, user.id, typed, digest(successor), at):
            return Right(codes.shown(successor))
        return Used(for_good=True) if records.was_spent(connection, user.id, typed) else Wrong()

    def show(self, _connection: sa.Connection, _user_id: UUID) -> list[Factor]:
        return []  # it protects nobody by itself

    def hold(self, connection: sa.Connection, user_id: UUID) -> None:
        records.hold(connection, user_id)

    def rename(self, _connection: sa.Connection, _user_id: UUID, _factor: UUID, _name: str) -> bool:
        return False

    def remove(self, _connection: sa.Connection, _user_id: UUID, _factor: UUID) -> bool:
        return False

    def delete_all(self, connection: sa.Connection, user_id: UUID) -> None:
        records.delete_all(connection, user_id)

    def forget_over(self, _connection: sa.Connection, _at: datetime) -> int:
        return 0


def issue(connection: sa.Connection, user: User, at: datetime, *, seen: bool = False) -> str:
    """Make a backup code in the place of any before it, and return it as people read it."""
    code = codes.from_bytes(random_bytes(codes.BYTES))
    records.issue(connection, user.id, user.account_id, digest(code), at, seen=seen)
    return codes.shown(code)


def note_saved(connection: sa.Connection, user_id: UUID, shown: str) -> None:
    """Note that the user says the backup code that was shown is saved; nothing, where a newer one took its place."""
    code = codes.parse(clean(shown) or "")
    if code is not None:
        records.mark_seen(connection, user_id, digest(code))


def say_saved(context: AppContext, user_id: UUID, shown: str | None) -> None:
    """Note that a backup code that was just handed out is saved: its user says so, or a program has it; None: none."""
    if shown is not None:
        with context.db.write() as connection:
            note_saved(connection, user_id, shown)
