"""`twofold copy-database` and `twofold restored`: moving to another database, and coming back from a backup."""

import sys
from contextlib import nullcontext
from pathlib import Path

import click
import sqlalchemy as sa

from twofold.commands import database_away, schema_state
from twofold.commands.frame import Stop, as_json, console_origin, demand_owner, opened, quiet_logs, reason, show
from twofold.commands.only_server import server_lock
from twofold.kit import clock, nodes
from twofold.kit.crypto import keyring
from twofold.kit.sql.away import DATABASE_AWAY
from twofold.operations import copy_database, restore
from twofold.setting_values import SettingsError
from twofold.settings import Settings, load


@click.command("copy-database")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@as_json
def copy(*, source: str, target: str, as_json: bool) -> None:
    """Copy one database into another.

    Every row of FROM goes into TO, an empty database that was just migrated: the way from SQLite to PostgreSQL. Stop
    every server and worker first. What both hold is compared at the end. An argument is seen by everybody on this
    machine in the list of processes: write @FILE to have an address with a password read from a file.
    """
    quiet_logs()
    old, new = (_ready(name, _address(name, said)) for name, said in (("FROM", source), ("TO", target)))
    try:
        with server_lock(old, SERVED), server_lock(new, SERVED) if _apart(old, new) else nullcontext():
            copied = copy_database.copy(old.database_url, new.database_url, _progress, clock.now())
    except copy_database.CannotCopy as error:
        raise Stop(str(error)) from error
    finally:
        if sys.stderr.isatty():
            click.echo(err=True)
    rows = sum(one.rows for one in copied)
    said = f"Copied {rows} rows of {len(copied)} tables. Set TWOFOLD_DATABASE_URL, and take the key ring along."
    show({"tables": {one.table: one.rows for one in copied}, "rows": rows}, as_json=as_json, said=said)


@click.command()
@reason
@as_json
def restored(*, reason: str, as_json: bool) -> None:
    """Void what a backup cannot know of.

    Run it after bringing a backup back, before the first start: codes, backup codes, sessions and links may have been
    used since it was made.
    """
    with opened() as context:
        with context.db.read() as connection:
            if nodes.alive(connection, clock.now()):
                click.echo(SERVED_ALREADY, err=True)
        done = restore.after_restore(context.db, reason=reason, origin=console_origin())
    said = (
        f"{done.people} people sign in anew, {done.authenticators} authenticators wait for their next code, "
        f"{done.backup_codes} backup codes and {done.links} links are void. Look through "
        "twofold operator-keys list, twofold applications list and twofold abuse blocks: what was revoked, replaced or "
        "let in again since the backup is as it was then."
    )
    show(done._asdict(), as_json=as_json, said=said)


# No refusal: whoever has started a node too early is better off with this done at once than later.
SERVED_ALREADY = (
    "A server or worker uses this database already, or did less than a minute before the backup. What was used before "
    "this could be used a second time until now: look through the audit log since the backup was brought back."
)

SERVED = "{path} is served by a `twofold serve`: what it changes meanwhile would be lost. Stop it, then try again."


def _apart(old: Settings, new: Settings) -> bool:
    """Tell whether two SQLite databases are two: of one, a second lock would never be had."""
    paths = [Path(sa.make_url(one.database_url).database or "").resolve() for one in (old, new) if one.on_sqlite]
    return len(set(paths)) == len(paths)


def _address(name: str, said: str) -> str:
    """Read an address from the argument itself, or from the file that it names behind an @."""
    if not said.startswith("@"):
        return said
    try:
        return Path(said[1:]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{name} names a file that cannot be read: {said[1:]}.") from error


def _ready(name: str, url: str) -> Settings:
    """Read a database URL as the settings do; it must lead to a database that can be reached and has this schema."""
    try:
        chosen = load({"TWOFOLD_DATABASE_URL": url, "TWOFOLD_KEYS": keyring.new_key()})
    except SettingsError as error:
        raise click.UsageError(str(error).replace("TWOFOLD_DATABASE_URL", name)) from error
    demand_owner(chosen)
    try:
        why = schema_state.why_not(schema_state.revision_of(chosen))
    except DATABASE_AWAY as error:
        raise Stop(f"{name}: {database_away.sentence(error, name)}") from error
    if why:
        raise Stop(f"{name}: {why}")
    return chosen


def _progress(table: str, rows: int, in_all: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{table}: {rows} of {in_all} ".ljust(60), err=True, nl=False)
