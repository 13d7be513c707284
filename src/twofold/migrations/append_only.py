"""Triggers of migration 0002: what those of the first one let pass is refused as well.

That is SQLite's REPLACE, which deletes rows without firing the triggers of a DELETE; rows that come in with a place in
a chain; and two tables that had none. docs/decisions/0038-append-only.md weighs them.
"""

import sqlalchemy as sa
from alembic import op

REFUSED = "the audit log is append-only"

IS_THERE = "SELECT 1 FROM {table} WHERE {same}"
# What makes a row of a table the same as one that is there. A row of SQLite has a number beside its key.
SAME = {
    "audit_events": "number = NEW.number OR id = NEW.id",
    "audit_chains": "chain = NEW.chain OR rowid = NEW.rowid",
    "audit_signing_keys": "number = NEW.number",
    "reset_events": "number = NEW.number",
}
# Numbers go up on SQLite, where nobody writes beside another; on PostgreSQL a transaction may come late with a low one.
PAST = {"audit_events": "NEW.number < 1 OR NEW.number <> (SELECT max(number) FROM audit_events)"}
WITHOUT_TRIGGERS = ("audit_signing_keys", "reset_events")
CHANGES_A_KEY = "NEW.number <> OLD.number OR NEW.public_key <> OLD.public_key OR NEW.created_at <> OLD.created_at"

# An event comes without a place in a chain, until the sealer gives it the next one. Only a log that no chain has begun
# in takes events with their places, from another database (copy_database.py).
HAS_A_PLACE = "NEW.position IS NOT NULL OR NEW.hash IS NOT NULL"
HALF_A_PLACE = "(NEW.position IS NULL) <> (NEW.hash IS NULL)"
GETS_A_PLACE = "NEW.position IS NOT NULL AND OLD.position IS NULL"
LAST_PLACE = "SELECT max(position) FROM {events} WHERE account_id {same} AND position IS NOT NULL"

# A head is that of an empty chain, or stands at an event that was sealed.
STANDS_AT = "SELECT 1 FROM {events} WHERE account_id {same} AND position = NEW.position AND hash = NEW.hash"
MOVES = "NEW.position <> 0 OR NEW.hash <> {zeroes}"

FUNCTIONS = ("audit_event_has_a_place", "audit_event_is_not_next", "audit_head_stands_nowhere")
TRIGGERS = {
    "audit_events": ("replace", "past", "place", "gap"),
    "audit_chains": ("replace", "past", "start", "jump", "swap"),
    "audit_signing_keys": ("replace", "past", "update", "delete", "truncate"),
    "reset_events": ("replace", "past", "update", "delete", "truncate"),
}


def guard() -> None:
    """Create the triggers; harmless where a migration that was not finished has created them."""
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgresql()
    else:
        _guard_sqlite()


def release() -> None:
    """Drop them again; those of the first migration stay."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for table, names in TRIGGERS.items():
        for name in names:
            on = f" ON {table}" if on_postgresql else ""
            op.execute(f"DROP TRIGGER IF EXISTS {table}_refuses_{name}{on}")
    for function in FUNCTIONS if on_postgresql else ():
        op.execute(f"DROP FUNCTION IF EXISTS {function}()")


def _guard_sqlite() -> None:
    for table, same in SAME.items():
        _sqlite(table, "replace", "BEFORE INSERT", f"EXISTS ({IS_THERE.format(table=table, same=same)})")
        # Before an INSERT, a number that is yet to be given is -1: whoever brings that one would stop all others.
        _sqlite(table, "past", "AFTER INSERT", PAST.get(table, "NEW.rowid < 1"))
    for table in WITHOUT_TRIGGERS:
        _sqlite(table, "update", "BEFORE UPDATE", CHANGES_A_KEY if table == "audit_signing_keys" else "TRUE")
        _sqlite(table, "delete", "BEFORE DELETE", "TRUE")
    begun = "EXISTS (SELECT 1 FROM audit_chains)"
    _sqlite("audit_events", "place", "BEFORE INSERT", f"({HAS_A_PLACE}) AND ({HALF_A_PLACE} OR {begun})")
    last = LAST_PLACE.format(events="audit_events", same="IS NEW.account_id")
    _sqlite("audit_events", "gap", "BEFORE UPDATE", f"{GETS_A_PLACE} AND NEW.position <> 1 + coalesce(({last}), 0)")
    of_chain = "IS CASE NEW.chain WHEN 'installation' THEN NULL ELSE replace(NEW.chain, '-', '') END"
    nowhere = f"NOT EXISTS ({STANDS_AT.format(events='audit_events', same=of_chain)})"
    moves = MOVES.format(zeroes="zeroblob(32)")
    _sqlite("audit_chains", "start", "BEFORE INSERT", f"({moves}) AND {nowhere}")
    _sqlite("audit_chains", "jump", "BEFORE UPDATE", nowhere)
    _sqlite("audit_chains", "swap", "BEFORE UPDATE", "NEW.rowid <> OLD.rowid")


def _sqlite(table: str, name: str, moment: str, when: str) -> None:
    act = f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
    op.execute(f"CREATE TRIGGER IF NOT EXISTS {table}_refuses_{name} {moment} ON {table} WHEN {when} {act}")


def _guard_postgresql() -> None:
    """Name tables with their schema: a temporary one by the same name would be found first, and be empty."""
    schema = op.get_bind().execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
    events, chains = f"{schema}.audit_events", f"{schema}.audit_chains"
    _function("audit_event_has_a_place", f"{HALF_A_PLACE} OR EXISTS ({IS_THERE.format(table=chains, same='TRUE')})")
    own, installation = (
        f"coalesce(({LAST_PLACE.format(events=events, same=same)}), 0)" for same in ("= NEW.account_id", "IS NULL")
    )
    last = f"CASE WHEN NEW.account_id IS NULL THEN {installation} ELSE {own} END"
    _function("audit_event_is_not_next", f"NEW.position <> 1 + {last}")
    own, installation = (
        f"NOT EXISTS ({STANDS_AT.format(events=events, same=same)})" for same in ("= NEW.chain::uuid", "IS NULL")
    )
    nowhere = f"CASE WHEN NEW.chain = 'installation' THEN {installation} ELSE {own} END"
    _function("audit_head_stands_nowhere", nowhere)
    _postgresql("audit_events", "place", "BEFORE INSERT", HAS_A_PLACE, "audit_event_has_a_place")
    _postgresql("audit_events", "gap", "BEFORE UPDATE", GETS_A_PLACE, "audit_event_is_not_next")
    moves = MOVES.format(zeroes=r"'\x" + "00" * 32 + "'::bytea")
    _postgresql("audit_chains", "start", "BEFORE INSERT", moves, "audit_head_stands_nowhere")
    _postgresql("audit_chains", "jump", "BEFORE UPDATE", "NEW.chain = OLD.chain", "audit_head_stands_nowhere")
    for table in WITHOUT_TRIGGERS:
        _postgresql(table, "update", "BEFORE UPDATE", CHANGES_A_KEY if table == "audit_signing_keys" else "TRUE")
        _postgresql(table, "delete", "BEFORE DELETE", "TRUE")
        _postgresql(table, "truncate", "BEFORE TRUNCATE", "TRUE")


def _function(name: str, refused: str) -> None:
    refuse = f"RAISE EXCEPTION '{REFUSED}' USING ERRCODE = 'integrity_constraint_violation'"
    body = f"BEGIN IF ({refused}) THEN {refuse}; END IF; RETURN NEW; END"
    op.execute(f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")


def _postgresql(table: str, name: str, moment: str, when: str, function: str = "audit_log_is_append_only") -> None:
    each = "STATEMENT" if "TRUNCATE" in moment else f"ROW WHEN ({when})"
    op.execute(
        f"CREATE OR REPLACE TRIGGER {table}_refuses_{name} {moment} ON {table} FOR EACH {each} "
        f"EXECUTE FUNCTION {function}()"
    )
