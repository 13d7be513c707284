"""`twofold settings`: every setting, its value and where it came from; secrets stay hidden."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from twofold.brand.accent import Accent
from twofold.brand.links import Link
from twofold.brand.logo import Logo
from twofold.commands import env_file
from twofold.commands.frame import as_json, environment, show_rows
from twofold.kit.crypto import keyring
from twofold.settings import OLD_NAMES, PREFIX, Settings, load, variable_of

# Variables that name a unit, which the setting itself carries.
SPANS = {
    "DATABASE_TIMEOUT_MS": ("database_timeout", timedelta(milliseconds=1)),
    "LEAVE_NOTICE_SECONDS": ("leave_notice", timedelta(seconds=1)),
    "SESSION_HOURS": ("session_life", timedelta(hours=1)),
    "SESSION_IDLE_MINUTES": ("session_idle", timedelta(minutes=1)),
}


class Reads(Mapping[str, str]):
    """An environment that notes which variables were looked up, so that no list of them has to be kept."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.names: list[str] = []

    def __getitem__(self, name: str) -> str:
        old = name.removeprefix(PREFIX) in OLD_NAMES.values()
        if name.startswith(PREFIX) and name not in self.names and not name.endswith("_FILE") and not old:
            self.names.append(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)


@click.command("settings")
@as_json
def show_settings(*, as_json: bool) -> None:
    """Show every setting. With its value and where it came from; secrets stay hidden."""
    environ = Reads(environment())
    settings = load(environ)
    rows = [
        {"setting": name, "value": value_of(settings, name), "from": origin_of(environ, settings, name)}
        for name in environ.names
    ]
    show_rows(rows, as_json=as_json, nothing="")


def names_of_settings(environ: Mapping[str, str]) -> list[str]:
    """Return the variables that the settings are read from."""
    reads = Reads(environ)
    load(reads)
    return reads.names


def value_of(settings: Settings, name: str) -> Any:
    """Return the value of a setting as it may be shown to anybody."""
    short = name.removeprefix(PREFIX)
    if short in SPANS:
        field, unit = SPANS[short]
        return getattr(settings, field) // unit
    value = settings.shown(short.lower())
    return str(value or "off") if short == "METRICS_LISTEN" else _plain(value)


def origin_of(environ: Mapping[str, str], settings: Settings, name: str) -> str:
    """Say where a setting came from."""
    variable = variable_of(environ, name.removeprefix(PREFIX))
    if variable != name:
        return f"{_origin(environ, settings, variable)}, as {variable}"
    return _origin(environ, settings, name)


def _origin(environ: Mapping[str, str], settings: Settings, name: str) -> str:
    if f"{name}_FILE" in environ:
        return f"file {environ[f'{name}_FILE']}"
    if name == "TWOFOLD_KEYS" and not settings.keys:
        return f"file {keyring.path_of(settings)}, made at the first start"
    if not environ.get(name, "").strip():
        return "default"
    taken = env_file.taken()
    return f"env file {taken.path}" if taken and name in taken.names else "environment"


def _plain(value: Any) -> Any:
    match value:
        case bool():
            return "on" if value else "off"
        case Path() | Accent() | Logo():
            return str(value)
        case (Link(), *_):
            return [str(link) for link in value]
        case frozenset() | tuple():
            return sorted(map(str, value))
        case _:
            return value
