"""The table that searches are answered from holds whoever was there before it, and forgets whoever goes."""

from contextlib import closing
from uuid import UUID

import sqlalchemy as sa

from tests.harness.clock import NOON
from twofold.directory.tables import accounts, user_search, users
from twofold.kit.sql.database import Database
from twofold.operations import migrate

ACME = UUID(int=1)
ACCOUNT = {
    "id": ACME, "name": "Acme", "name_key": "acme", "edition": "enterprise", "is_operator": False, "sso": False,
    "policy": "optional", "created_at": NOON,
}  # fmt: skip
USER = {
    "account_id": ACME, "role": "member", "licensed": True, "active": True, "security_version": 1,
    "password_unproven": False, "created_at": NOON,
}  # fmt: skip
MORE_THAN_TWO_BATCHES = 2003


def test_a_migration_enters_everybody_who_was_there(blank_database_url: str) -> None:
    migrate.upgrade(blank_database_url, "0001")
    people = [
        {
            **USER, "id": UUID(int=number), "email": f"p{number}@acme.example", "email_key": f"p{number}@acme.example",
            "name": f"Person {number}", "name_key": f"person {number}",
        }
        for number in range(1, MORE_THAN_TWO_BATCHES + 1)
    ]  # fmt: skip
    with closing(Database(blank_database_url)) as db:
        with db.write() as connection:
            connection.execute(_of_the_first_release(accounts, ACCOUNT), ACCOUNT)
            connection.execute(_of_the_first_release(users, people[0]), people)
        migrate.upgrade(blank_database_url)
        with db.read() as connection:
            for piece in ("person 2003", "erson 7", "p1500@acme.examp", "ple"):
                found = sa.select(user_search.c.user_id).where(user_search.c.piece == piece)
                assert len(connection.execute(found).all()) == (MORE_THAN_TWO_BATCHES if piece == "ple" else 1), piece
    migrate.downgrade(blank_database_url, "0001")
    with closing(Database(blank_database_url)) as db, db.write() as connection:
        connection.execute(sa.text("UPDATE users SET name_key = 'somebody' WHERE name_key = 'person 7'"))


def _of_the_first_release(table: sa.Table, row: dict[str, object]) -> sa.Insert:
    return sa.table(table.name, *(sa.column(name, table.c[name].type) for name in row)).insert()
