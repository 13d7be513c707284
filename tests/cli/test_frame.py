"""What holds for every command."""

import json
import os
import re
from pathlib import Path

import click
import pytest
import sqlalchemy as sa
import structlog

from tests.cli.program import Program
from tests.harness.ports import free_port
from twofold.cli import main
from twofold.commands import frame
from twofold.kit.sql.database import Database

# Commands that serve, that do not look at the application, or that print something else.
OTHERS = {
    "audit export", "audit verify", "copy-database", "demo", "doctor", "keys new", "migrate", "serve", "settings",
    "worker",
}  # fmt: skip
ARGUMENTS = {
    "abuse block": ["198.51.100.7", "--reason", "It guesses."],
    "abuse unblock": ["nonsense", "--reason", "A mistake."],
    "accounts create": ["--name", "Acme"],
    "accounts set": ["nonsense", "--edition", "standard"],
    "applications create": ["--name", "CRM", "--redirect-uri", "https://crm.example/callback"],
    "applications delete": ["nonsense"],
    "applications rotate-secret": ["nonsense"],
    "applications set": ["nonsense", "--name", "CRM"],
    "applications show": ["nonsense"],
    "operator-keys create": ["--name", "Shop"],
    "operator-keys revoke": ["nonsense"],
    "reset": ["ada@acme.example", "--reason", "Lost it."],
    "restored": ["--reason", "Backup of Monday."],
    "unfreeze": ["ada@acme.example", "--reason", "It was her."],
    "unlock": ["ada@acme.example", "--reason", "It was her."],
    "users create": ["--email", "a@acme.example", "--name", "Ada", "--role", "support", "--password-stdin"],
    "users set": ["ada@acme.example", "--role", "admin"],
}


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> list[tuple[str, click.Command]]:
    found = []
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found.append((" ".join((*path, name)), command))
    return found


WITH_CONTEXT = sorted(name for name, _ in commands() if name not in OTHERS)


def call(name: str) -> list[str]:
    return [*name.split(), *ARGUMENTS.get(name, [])]


def test_every_command_but_those_that_serve_prints_json() -> None:
    without = {name for name, command in commands() if not any("--json" in option.opts for option in command.params)}
    assert without == {"demo", "serve", "worker"}


def test_every_command_says_what_it_is_for() -> None:
    assert all(command.help for _, command in commands())


@pytest.mark.parametrize("name", [name for name in WITH_CONTEXT if "nonsense" not in ARGUMENTS.get(name, [])])
def test_without_a_schema_it_says_what_to_run(name: str, blank_database_url: str, tmp_path: Path) -> None:
    twofold = Program({"TWOFOLD_DATABASE_URL": blank_database_url, "TWOFOLD_DATA_DIR": str(tmp_path)})
    said = twofold.refused(*call(name), stdin="orchard kettle lantern")
    assert "twofold migrate" in said
    assert not (tmp_path / "blank.db").exists()  # looking makes no file


def test_a_schema_of_a_newer_version_is_left_alone(twofold: Program, database_url: str) -> None:
    db = Database(database_url)
    with db.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    db.close()
    said = twofold.refused("accounts", "list")
    assert "newer than this version" in said
    assert "newer" in twofold.refused("migrate")


@pytest.mark.parametrize("name", WITH_CONTEXT)
def test_a_wrong_setting_is_named(name: str, tmp_path: Path) -> None:
    twofold = Program({"TWOFOLD_DATA_DIR": str(tmp_path), "TWOFOLD_BASE_URL": "http://login.example.com"})
    ran = twofold(*call(name), stdin="orchard kettle lantern")
    malformed_id = "nonsense" in ARGUMENTS.get(name, [])  # looked at first
    assert ran.code == (1 if malformed_id else 2)
    assert malformed_id or "TWOFOLD_BASE_URL" in ran.err


def test_a_database_that_does_not_answer_is_named_without_its_password() -> None:
    url = f"postgresql://twofold:hunter2@127.0.0.1:{free_port()}/twofold"
    said = Program({"TWOFOLD_DATABASE_URL": url}).refused("accounts", "list")
    assert "TWOFOLD_DATABASE_URL" in said
    assert "hunter2" not in said


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "twofold.db").mkdir()
    said = Program({"TWOFOLD_DATABASE_URL": f"sqlite:///{tmp_path / 'twofold.db'}"}).refused("accounts", "list")
    assert "TWOFOLD_DATABASE_URL" in said


@pytest.mark.parametrize("command", [["accounts", "list"], ["migrate"], ["serve"]])
def test_root_writes_into_nobody_elses_sqlite(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path / "twofold.db", 4321, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    owner = (tmp_path / "twofold.db").stat().st_uid
    assert f"belongs to user {owner}" in Program({"TWOFOLD_DATABASE_URL": sqlite_url}).refused(*command)


def test_the_wrong_key_is_named(twofold: Program) -> None:
    twofold.done("accounts", "list")
    other = "test:" + "A" * 43 + "="
    assert "holds another key by the id 'test'" in twofold.with_settings(keys=other).called_wrongly("accounts", "list")
    assert "lacks the key with id 'test'" in twofold.with_settings(keys=f"new{other[4:]}").called_wrongly(
        "accounts", "list"
    )


@pytest.mark.parametrize("arguments", [["nonsense"], ["accounts", "nonsense"], ["accounts", "list", "--nonsense"]])
def test_what_is_no_command_is_called_wrongly(twofold: Program, arguments: list[str]) -> None:
    assert "nonsense" in twofold.called_wrongly(*arguments)


def test_the_log_of_a_command_is_quiet_and_apart_from_what_it_prints(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    frame.quiet_logs()
    structlog.get_logger().info("of no interest here")
    structlog.get_logger().warning("worth a line")
    out, err = capfdbinary.readouterr()
    assert out == b""
    (line,) = err.splitlines()
    assert json.loads(line)["event"] == "worth a line"


def test_it_says_its_version(twofold: Program) -> None:
    assert re.fullmatch(r"twofold, version \d+\.\d+\.\d+\n", twofold.done("--version").out)
