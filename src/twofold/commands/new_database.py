"""A database that is about to be made: only where somebody has named it, and never without saying which."""

from pathlib import Path

import click
import sqlalchemy as sa

from twofold import redaction
from twofold.commands.env_file import VARIABLE
from twofold.commands.frame import WrongSettings, environment
from twofold.commands.show_settings import origin_of
from twofold.settings import Settings

NAMED_BY = ("TWOFOLD_DATABASE_URL", "TWOFOLD_DATA_DIR")

create_option = click.option("--create", is_flag=True, help="Make a SQLite in ./var where no setting names a database.")


def demand_named(chosen: Settings, *, create: bool) -> None:
    """Let nobody make a database who forgot the settings of the one that they have.

    Raises:
        WrongSettings: there is no database, no setting names one, and nobody said `--create`.

    """
    if create or not chosen.on_sqlite or _named_by(chosen) or _file(chosen).exists():
        return
    raise WrongSettings(
        f"{' and '.join(NAMED_BY)} are not set, so a new database would be made: {_file(chosen).resolve()}. Name the "
        f"file that holds the settings with --env-file or {VARIABLE}; for a new database say --create."
    )


def described(chosen: Settings) -> str:
    """Return the address of the database, and where it came from."""
    address = f"sqlite:///{_file(chosen).resolve()}" if chosen.on_sqlite else redaction.address(chosen.database_url)
    return f"{address} ({_named_by(chosen) or 'default'})"


def _named_by(chosen: Settings) -> str | None:
    origins = {name: origin_of(environment(), chosen, name) for name in NAMED_BY}
    return next((f"{name}, {origin}" for name, origin in origins.items() if origin != "default"), None)


def _file(chosen: Settings) -> Path:
    return Path(sa.make_url(chosen.database_url).database or "")
