"""What every command shares: its settings and context, its output for people or as JSON, and how it refuses.

A command exits 0 when it is done, 1 when it is refused, 2 when it was called wrongly or the settings are wrong. What
was wrong stands on standard error, as a sentence.
"""

import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from uuid import UUID

import click
import msgspec
import rich.box
import sqlalchemy as sa
import structlog
from rich.console import Console
from rich.table import Table

from twofold import redaction
from twofold.commands import database_away, schema_state
from twofold.directory import flow as directory
from twofold.directory.refusals import Refused
from twofold.directory.user import User
from twofold.kit import acting, clock, logs
from twofold.kit.acting import Origin
from twofold.kit.client_info import ClientInfo
from twofold.kit.context import AppContext
from twofold.kit.crypto import private_memory
from twofold.kit.crypto.vault import VaultError
from twofold.kit.http.requests import row_id
from twofold.kit.sql.away import DATABASE_AWAY
from twofold.operations.assembly import build_context
from twofold.setting_values import SettingsError
from twofold.settings import Settings, load

F = TypeVar("F", bound=Callable[..., Any])

WIDE = 240  # columns for whoever reads us through a pipe: nothing is wrapped or cut

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
reason = click.option("--reason", required=True, help="Why; it stands in the audit log.")


class Stop(click.ClickException):
    """The command is refused; the message says why and what to do."""

    exit_code = 1


class WrongSettings(click.ClickException):
    """A setting is wrong; the message names it."""

    exit_code = 2


class Program(click.Group):
    """The `twofold` command: what can be expected to go wrong is answered with a sentence, never with a traceback."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **more: Any) -> Any:
        """Run; as a program of its own (without arguments given) its tracebacks and its memory are its own as well."""
        if args is None:
            private_memory.keep()
            redaction.guard_tracebacks()
        return super().main(args, *rest, **more)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:  # also of the arguments themselves, which may be addresses
            vars(error)["message"] = redaction.text(error.message)
            raise
        except SettingsError as error:
            raise WrongSettings(redaction.text(str(error))) from error
        except schema_state.NotCurrent as error:
            raise Stop(str(error)) from error
        except VaultError as error:
            raise Stop(f"{str(error)[:1].upper()}{str(error)[1:]}. Run `twofold doctor`.") from error
        except DATABASE_AWAY as error:
            raise Stop(redaction.text(database_away.sentence(error))) from error
        except OSError as error:
            if error.filename is None:  # no file: nothing that could be expected
                raise
            raise Stop(_unusable(error)) from error


def environment() -> Mapping[str, str]:
    """Return the environment, for whoever turns it into settings."""
    return os.environ  # noqa: TID251 - here alone the command line reads the environment, for the settings


def settings() -> Settings:
    """Read the settings.

    Raises:
        SettingsError: one of them is wrong.

    """
    return load(environment())


@contextmanager
def opened() -> Iterator[AppContext]:
    """Open the application on a database whose schema is current, beside a server that may be running."""
    chosen = settings()
    demand_owner(chosen)
    schema_state.demand_current(chosen)
    quiet_logs()
    context = build_context(chosen)
    try:
        yield context
    finally:
        context.db.close()


def console_origin() -> Origin:
    """Name the command line as the one who acts, now; it has no address, and its name stands where a browser would."""
    return Origin(clock.now(), ClientInfo("", "twofold command line"), acting.CONSOLE)


def demand_owner(chosen: Settings) -> None:
    """Keep root from writing into somebody else's SQLite: files that root makes beside it would stop the server."""
    if not chosen.on_sqlite or os.geteuid() != 0:
        return
    path = Path(sa.make_url(chosen.database_url).database or "")
    owner = path.stat().st_uid if path.exists() else 0
    if owner != 0:
        raise Stop(f"{path} belongs to user {owner}: run this as that user, such as with sudo -u '#{owner}' twofold.")


def quiet_logs() -> None:
    """Keep the log out of what a command prints: warnings only, on standard error."""
    logs.configure()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=lambda *_: structlog.BytesLogger(sys.stderr.buffer),  # as it is when something is said
        cache_logger_on_first_use=False,
    )


def print_json(value: Any) -> None:
    """Print a value as one line of JSON on standard output."""
    click.echo(msgspec.json.encode(value).decode())


def show(value: Any, *, as_json: bool, said: str) -> None:
    """Print what a command did: the value as JSON, or a sentence."""
    if as_json:
        print_json(value)
    else:
        click.echo(said)


def show_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool, nothing: str) -> None:
    """Print a list: a JSON array, or a table; columns are the keys of the rows."""
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo(nothing)
    else:
        table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
        for column in rows[0]:
            table.add_column(column.replace("_", " "))
        for row in rows:
            table.add_row(*(_words(value) for value in row.values()))
        console().print(table)


def console() -> Console:
    """Return a console on standard output that never cuts what is piped on."""
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDE)


def refuse(refused: Refused) -> NoReturn:
    """End the command because of a refusal of the directory."""
    raise Stop(WEAK.get(refused.why, refused.why) if refused.code == "weak_password" else refused.why)


def id_of(text: str, what: str) -> UUID:
    """Read an id; a malformed one is a missing one."""
    found = row_id(text)
    if found is None:
        raise missing(what, text)
    return found


def missing(what: str, text: object) -> Stop:
    """Say that there is nothing by an id."""
    return Stop(f"There is no {what} with the id {text}.")


def user_by_email(context: AppContext, email: str) -> User:
    """Find a user by address, or end the command."""
    with context.db.read() as connection:
        user = directory.find_user_by_email(connection, email)
    if user is None:
        raise Stop(f"There is nobody with the address {email}.")
    return user


WEAK = {
    "too_short": "The password is too short: 8 characters are the least.",
    "too_long": "The password is too long: 256 characters are the most.",
    "common": "The password is one of the first that anybody would guess.",
    "personal": "The password is the person's own name or address.",
    "unreadable": "The password has control characters.",
}


def _words(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "-"
    return str(value)


def _unusable(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"{error.filename} may not be read or written by this user: give it to them, or run as its owner."
    if error.errno == errno.EROFS:
        return f"{error.filename} lies on a read-only disk. Database and TWOFOLD_DATA_DIR need one that takes writes."
    return f"{error.filename} cannot be used: {error.strerror}. Correct TWOFOLD_DATABASE_URL or TWOFOLD_DATA_DIR."
