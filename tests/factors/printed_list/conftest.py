"""A kind of second factor that exists only here: a printed list of codes, each of which counts once.

Nothing in the application names it. What it needs stands in this folder, and one line puts it into the registry.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.harness.people import EARLIER, People
from twofold.directory.user import User
from twofold.factors import kinds_flow
from twofold.factors.verdicts import Factor, Right, Used, Verdict, Wrong
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_id
from twofold.kit.sql.database import UtcTime
from twofold.lockouts import flow as lockouts

CODES = ("QUINCEAA", "MEDLARBB", "BULLACEC", "DAMSONDD")
WRONG = "SLOESLOE"

metadata = sa.MetaData()
lists = sa.Table(
    "printed_lists",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)
codes = sa.Table(
    "printed_codes",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("code_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("used_at", UtcTime, nullable=True),
)


class PrintedList:
    """The kind: eight letters a code."""

    name, method, stands_in, guessable = "printed_list", "printed", False, True

    def read(self, text: str) -> str | None:
        return text.upper() if len(text) == 8 and text.isascii() and text.isalpha() else None

    def load(self, _connection: sa.Connection, _user: User) -> None:
        """Read nothing beforehand."""

    def verify(
        self, _context: AppContext, connection: sa.Connection, user: User, proof: str, _loaded: Any, at: datetime
    ) -> Verdict:
        own = (codes.c.user_id == user.id) & (codes.c.code_hash == digest(proof))
        unused = codes.update().where(own, codes.c.used_at.is_(None)).values(used_at=at)
        if connection.execute(unused).rowcount == 1:
            return Right()
        return Used() if connection.execute(sa.select(codes.c.user_id).where(own)).first() else Wrong()

    def show(self, connection: sa.Connection, user_id: UUID) -> Sequence[Factor]:
        rows = connection.execute(sa.select(lists).where(lists.c.user_id == user_id)).all()
        return [Factor(self.name, row.id, row.name, row.created_at, None) for row in rows]

    def hold(self, connection: sa.Connection, user_id: UUID) -> None:
        connection.execute(sa.select(lists.c.id).where(lists.c.user_id == user_id).with_for_update())

    def rename(self, connection: sa.Connection, user_id: UUID, factor: UUID, name: str) -> bool:
        own = (lists.c.user_id == user_id) & (lists.c.id == factor)
        return connection.execute(lists.update().where(own).values(name=name)).rowcount == 1

    def remove(self, connection: sa.Connection, user_id: UUID, factor: UUID) -> bool:
        own = (lists.c.user_id == user_id) & (lists.c.id == factor)
        if connection.execute(lists.delete().where(own)).rowcount == 0:
            return False
        connection.execute(codes.delete().where(codes.c.user_id == user_id))
        return True

    def delete_all(self, connection: sa.Connection, user_id: UUID) -> None:
        for table in (lists, codes):
            connection.execute(table.delete().where(table.c.user_id == user_id))

    def forget_over(self, _connection: sa.Connection, _at: datetime) -> int:
        return 0


class Reader(NamedTuple):
    """Ada, who is protected by a printed list alone."""

    user: User
    list_id: UUID


@pytest.fixture
def registered(context: AppContext, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrintedList]:
    """Put the kind into the registry, and its tables into the database."""
    kind = PrintedList()
    with context.db.write() as connection:
        metadata.create_all(connection)
    monkeypatch.setattr(kinds_flow, "KINDS", [*kinds_flow.KINDS, kind])
    yield kind
    with context.db.write() as connection:
        metadata.drop_all(connection)


@pytest.fixture
def ada(registered: PrintedList, people: People) -> Reader:
    """Give Ada a list, as a set-up of this kind would."""
    del registered
    user, list_id = people.user("ada@acme.example", name="Ada Lovelace"), new_id()
    with people.context.db.write() as connection:
        lockouts.open_budget(connection, user)
        connection.execute(
            lists.insert(), {"id": list_id, "user_id": user.id, "name": "Sheet in the safe", "created_at": EARLIER}
        )
        connection.execute(codes.insert(), [{"user_id": user.id, "code_hash": digest(code)} for code in CODES])
    people.set_user(user, second_factor_since=EARLIER)
    return Reader(people.look_up(user), list_id)
