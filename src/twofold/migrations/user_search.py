"""The triggers that keep `user_search`, and the filling in of what was there before (docs/decisions/0050-search.md).

They keep it whichever node writes, also one of the version before.
"""

import sqlalchemy as sa
from alembic import op

from twofold.migrations import steps

LONGEST = 254  # places of a key: an address has no more
PIECE = 16  # characters; whoever searches for more is compared with the whole key

PLACES = {
    "sqlite": f"(SELECT value AS place FROM json_each('{list(range(1, LONGEST + 1))}')) AS places",  # noqa: S608 - the names are constants of this file
    "postgresql": f"generate_series(1, {LONGEST}) AS places (place)",
}
# What follows a space in an address is no address (`email_address.placeholder_key`), and is never found.
ADDRESS = {
    "sqlite": "substr({row}.email_key, 1, instr({row}.email_key || ' ', ' ') - 1)",
    "postgresql": "split_part({row}.email_key, ' ', 1)",
}
CHANGED = "NEW.name_key <> OLD.name_key OR NEW.email_key <> OLD.email_key"
MOMENTS = {
    "inserted": "AFTER INSERT ON users",
    "deleted": "AFTER DELETE ON users",
    "updated": "AFTER UPDATE OF name_key, email_key ON users",
}


def keep() -> None:
    """Create the triggers; harmless where a migration that was not finished has created them."""
    if _dialect() == "postgresql":
        _keep_on_postgresql()
    else:
        _keep_on_sqlite()


def fill() -> None:
    """Enter whoever was there before, some at a time, each held so that nobody renames them meanwhile."""
    hold = " FOR SHARE" if _dialect() == "postgresql" else ""
    batch = f"SELECT id, account_id, name_key, email_key FROM users WHERE id BETWEEN :first AND :last{hold}"  # noqa: S608 - the names are constants of this file
    users = sa.table("users", sa.column("id", sa.Uuid()))
    steps.each_batch(users.c.id, f"WITH batch AS ({batch}) {_enter('batch', 'batch, ')}")


def drop() -> None:
    """Drop the triggers; the table goes after them."""
    on_postgresql = _dialect() == "postgresql"
    for name in MOMENTS:
        op.execute(f"DROP TRIGGER IF EXISTS users_{name}_searched{' ON users' if on_postgresql else ''}")
    if on_postgresql:
        op.execute("DROP FUNCTION IF EXISTS keep_user_search()")


def _dialect() -> str:
    return op.get_bind().dialect.name


def _pieces(row: str, columns: str, tables: str = "") -> str:
    """Select every piece of a user's keys, from each of their places on."""
    dialect = _dialect()
    return " UNION ".join(
        f"SELECT {columns.format(piece=f'substr({key}, place, {PIECE})')} FROM {tables}{PLACES[dialect]} "  # noqa: S608 - the names are constants of this file
        f"WHERE place <= length({key})"
        for key in (f"{row}.name_key", ADDRESS[dialect].format(row=row))
    )


def _enter(row: str, tables: str = "") -> str:
    pieces = _pieces(row, f"{row}.account_id, {{piece}}, {row}.id", tables)
    return f"INSERT INTO user_search (account_id, piece, user_id) {pieces} ON CONFLICT DO NOTHING"


def _leave() -> str:
    own = "account_id = OLD.account_id AND user_id = OLD.id"
    return f"DELETE FROM user_search WHERE {own} AND piece IN ({_pieces('OLD', '{piece}')})"  # noqa: S608 - the names are constants of this file


def _keep_on_sqlite() -> None:
    acts = {"inserted": _enter("NEW"), "deleted": _leave(), "updated": f"{_leave()}; {_enter('NEW')}"}
    for name, moment in MOMENTS.items():
        when = f" WHEN {CHANGED}" if name == "updated" else ""
        op.execute(f"CREATE TRIGGER IF NOT EXISTS users_{name}_searched {moment}{when} BEGIN {acts[name]}; END")


def _keep_on_postgresql() -> None:
    leave = f"IF TG_OP <> 'INSERT' THEN {_leave()}; END IF;"
    enter = f"IF TG_OP <> 'DELETE' THEN {_enter('NEW')}; END IF;"
    op.execute(
        "CREATE OR REPLACE FUNCTION keep_user_search() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT "
        f"AS $$ BEGIN {leave} {enter} RETURN NULL; END $$"
    )
    for name, moment in MOMENTS.items():
        when = f" WHEN ({CHANGED})" if name == "updated" else ""
        op.execute(
            f"CREATE OR REPLACE TRIGGER users_{name}_searched {moment} FOR EACH ROW{when} "
            "EXECUTE FUNCTION keep_user_search()"
        )
