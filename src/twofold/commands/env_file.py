"""`--env-file`: settings out of the file that the service has them from, for commands in a shell.

Only what systemd, Docker and Podman read alike is taken; what one of them would read otherwise is refused.
"""

import os
import re
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import NamedTuple

import click

from twofold.setting_values import SettingsError

VARIABLE = "TWOFOLD_ENV_FILE"
_META = "twofold.env_file"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VALUE = re.compile(r"""'(?P<single>[^']*)'|"(?P<double>[^"\\$`]*)"|(?P<bare>(?:[^'"\\][^\\]*)?)""")


class Taken(NamedTuple):
    """A file, and the variables that came from it: those that the environment did not have already."""

    path: Path
    names: frozenset[str]


def add_option(group: click.Group, *, but: click.Command) -> None:
    """Let every command of a group, and of the groups in it, take `--env-file`."""
    for command in group.commands.values():
        if isinstance(command, click.Group):
            add_option(command, but=but)
        if command is not but and (not isinstance(command, click.Group) or command.invoke_without_command):
            command.params.append(_option())


def taken() -> Taken | None:
    """Return what the command that runs has taken from a file."""
    found: Taken | None = click.get_current_context().meta.get(_META)
    return found


def parse(text: str, path: Path) -> dict[str, str]:
    """Read lines of `NAME=value`; a value may stand in quotes.

    Raises:
        SettingsError: a line is none; the message names it by its number and shows nothing of it.

    """
    return dict(_variables(text, path))


def _variables(text: str, path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        said = line.strip()
        if not said or said.startswith(("#", ";")):
            continue
        name, equals, value = said.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise SettingsError(f"{path}, line {number}: write NAME=value, without blanks around = and without export.")
        found = _VALUE.fullmatch(value.strip())
        if found is None:
            what = "its quotes or backslashes can be read in several ways. Put the value into single quotes,"
            raise SettingsError(f"{path}, line {number}: {what} or into a file that {name}_FILE names.")
        yield name, found["single"] or found["double"] or found["bare"] or ""


def _option() -> click.Option:
    return click.Option(
        ["--env-file"],
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        envvar=VARIABLE,
        expose_value=False,
        is_eager=True,
        callback=_take,
        help=f"Settings, as lines of NAME=value ({VARIABLE}); those of the environment count more.",
    )


def _take(context: click.Context, _option: click.Parameter, path: Path | None) -> None:
    """Add what a file says to the environment, from which this process and those that it starts have their settings."""
    if path is None:
        return
    try:
        said = parse(path.read_text(encoding="utf-8"), path)
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is no text (UTF-8).") from error
    environ: MutableMapping[str, str] = os.environ  # noqa: TID251 - libpq and others read what the file sets from there
    for name in context.meta[_META].names if _META in context.meta else ():  # of the group that a command is in
        del environ[name]
    new = {name: value for name, value in said.items() if name not in environ}
    environ.update(new)
    context.meta[_META] = Taken(path.resolve(), frozenset(new))
