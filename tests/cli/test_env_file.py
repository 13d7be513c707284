"""Settings out of a file, for commands in a shell; and no database is made by somebody who forgot to name them."""

import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.program import DEFAULTS, Program
from tests.cli.test_frame import commands
from tests.harness.databases import PostgresqlDatabases
from tests.harness.processes import wait_until
from tests.harness.server import SERVE, Server
from tests.harness.wire import client_to
from twofold.commands import env_file
from twofold.operations import migrate, server
from twofold.setting_values import SettingsError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write what the service has its settings from."""
    file = tmp_path / "twofold.env"
    file.write_text(f"# of the service\n\nTWOFOLD_DATA_DIR={tmp_path / 'data'}\nTWOFOLD_PRODUCT_NAME='Acme Login'\n")
    return file


@pytest.fixture
def bare() -> Program:
    """Run commands without a setting that names a database, as in a shell."""
    return Program({})


def origins(twofold: Program, *arguments: str) -> dict[str, tuple[Any, str]]:
    rows = twofold.done("settings", "--json", *arguments).json
    return {row["setting"]: (row["value"], row["from"]) for row in rows}


def test_every_command_but_the_demo_takes_one() -> None:
    without = {name for name, command in commands() if not any("--env-file" in one.opts for one in command.params)}
    assert without == {"demo"}


def test_its_settings_count_where_the_environment_says_nothing(bare: Program, file: Path, tmp_path: Path) -> None:
    for named in (bare, ["--env-file", str(file)]), (bare.with_settings(env_file=str(file)), []):
        twofold, arguments = named
        shown = origins(twofold, *arguments)
        assert shown["TWOFOLD_PRODUCT_NAME"] == ("Acme Login", f"env file {file}")
        assert shown["TWOFOLD_DATA_DIR"] == (str(tmp_path / "data"), f"env file {file}")
        assert shown["TWOFOLD_KEYS"][1] == "environment"
        assert shown["TWOFOLD_POOL_SIZE"][1] == "default"
    assert origins(bare.with_settings(product_name="Mine"), "--env-file", str(file))["TWOFOLD_PRODUCT_NAME"] == (
        "Mine", "environment",
    )  # fmt: skip


def test_the_option_names_the_file_rather_than_the_variable(bare: Program, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.env"
    other.write_text("TWOFOLD_PRODUCT_NAME=Other\nTWOFOLD_POOL_SIZE=3\n")
    shown = origins(bare.with_settings(env_file=str(other)), "--env-file", str(file))
    assert (shown["TWOFOLD_PRODUCT_NAME"][0], shown["TWOFOLD_POOL_SIZE"][0]) == ("Acme Login", 8)
    other.write_text(f"TWOFOLD_DATA_DIR={tmp_path / 'other'}\n")
    twofold = bare.with_settings(env_file=str(other))
    twofold.done("migrate", "--env-file", str(file))
    assert "no schema yet" in twofold.refused("abuse")  # a command, and a group of others
    assert twofold.done("abuse", "blocks", "--env-file", str(file), "--json").json == []


def test_a_server_and_all_of_its_processes_have_what_it_says(file: Path, tmp_path: Path) -> None:
    with file.open("a") as more:
        more.writelines(f"{name}={value}\n" for name, value in DEFAULTS.items())
    server = Server(tmp_path / "unused", workers=2, command=[*SERVE, "--env-file", str(file)])
    del server.settings["TWOFOLD_DATA_DIR"]
    with server, client_to(server.url) as http:
        assert {"Acme Login" in http.get("/sign-in").text for _ in range(8)} == {True}
        assert f"sqlite:///{tmp_path / 'data' / 'twofold.db'} (TWOFOLD_DATA_DIR, env file {file})" in server.logged
        wait_until(lambda: "twofold works" in server.logged, what="the process beside the server")
    assert not (tmp_path / "unused" / "twofold.db").exists()


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("X=plain", "plain"),
        ("X= two words ", "two words"),
        ("X='single # $quoted \\ \"value\"'", 'single # $quoted \\ "value"'),
        ('X="two words"', "two words"),
        ('X=["enterprise"]', '["enterprise"]'),
        ("X=a=b#c", "a=b#c"),
        ("X=", ""),
        ("X=''", ""),
        ("# comment\n; another\n\nX=1\r\n", "1"),
        ("X=1\nX=2", "2"),
    ],
)
def test_lines_are_read_as_systemd_reads_them(line: str, value: str, tmp_path: Path) -> None:
    """systemd.exec(5), EnvironmentFile."""
    assert env_file.parse(line, tmp_path) == {"X": value}


@pytest.mark.parametrize(
    "line", ["secret", "export X=secret", "X =secret", "1X=secret", "=secret", "X=sec\\ret", 'X="sec$ret"', "X='a'b",
             'X="sec\\ret"', "X='secret", 'X="secret'],
)  # fmt: skip
def test_what_could_be_read_otherwise_is_refused_and_not_shown(line: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"twofold\.env, line 2") as refused:
        env_file.parse(f"\n{line}", tmp_path / "twofold.env")
    assert "sec" not in str(refused.value).replace(str(tmp_path), "")


def test_a_file_that_is_none_is_named(bare: Program, tmp_path: Path) -> None:
    assert "no.env" in bare.called_wrongly("settings", "--env-file", str(tmp_path / "no.env"))
    binary = tmp_path / "binary.env"
    binary.write_bytes(b"X=\xff")
    assert "binary.env is no text" in bare.called_wrongly("settings", "--env-file", str(binary))


def test_one_with_secrets_that_everybody_can_read_is_a_finding(bare: Program, file: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o001)
    file.chmod(0o644)

    def findings(*lines: str) -> list[str]:
        file.write_text("\n".join(lines))
        checks = bare("doctor", "--json", "--env-file", str(file)).json["checks"]
        return [f"{one['says']} {one['remedy']}" for one in checks if one["check"] == "settings" and one["remedy"]]

    assert findings(f"TWOFOLD_DATABASE_URL=sqlite:///{tmp_path}/x.db", "TWOFOLD_SMTP_URL=smtp://user@127.0.0.1:1") == []
    (said,) = findings("TWOFOLD_SMTP_URL=smtp://user:hunter2@127.0.0.1:1")
    assert said == (f"Every user of this machine can read {file}, in which TWOFOLD_SMTP_URL is secret. chmod o= {file}")


# --- a new database


@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_nobody_makes_a_database_who_forgot_to_name_theirs(
    bare: Program, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops: an empty SQLite in ./var, and a doctor who finds all well, where a PostgreSQL was meant."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delattr(server, "serve")
    said = bare.called_wrongly(command)
    assert f"a new database would be made: {tmp_path / 'var' / 'twofold.db'}" in said
    assert "--env-file" in said
    assert "--create" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("setting", ["TWOFOLD_DATABASE_URL", "TWOFOLD_DATA_DIR", "TWOFOLD_DATA_DIR_FILE"])
def test_who_names_it_is_told_which_is_made_and_where_it_was_named(setting: str, tmp_path: Path) -> None:
    (tmp_path / "named").write_text(f"{tmp_path}\n")
    values = {
        "TWOFOLD_DATABASE_URL": (f"sqlite:///{tmp_path}/twofold.db", "TWOFOLD_DATABASE_URL, environment"),
        "TWOFOLD_DATA_DIR": (str(tmp_path), "TWOFOLD_DATA_DIR, environment"),
        "TWOFOLD_DATA_DIR_FILE": (str(tmp_path / "named"), f"TWOFOLD_DATA_DIR, file {tmp_path / 'named'}"),
    }
    value, named_by = values[setting]
    twofold = Program({setting: value})
    ran = twofold.done("migrate")
    assert ran.err == f"New database: sqlite:///{tmp_path}/twofold.db ({named_by})\n"
    assert migrate.newest() in ran.out
    assert twofold.done("migrate").err == ""


def test_who_says_so_gets_one_in_the_folder_they_are_in(
    bare: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = bare.done("migrate", "--create", "--json")
    assert ran.err == f"New database: sqlite:///{tmp_path}/var/twofold.db (default)\n"
    assert ran.json == {"from": None, "to": migrate.newest()}
    bare.done("migrate")  # it is there by now


def test_a_new_postgresql_is_told_without_its_password(
    bare: Program, postgresql_databases: PostgresqlDatabases, file: Path
) -> None:
    url = postgresql_databases.blank()
    with file.open("a") as more:
        more.write(f"TWOFOLD_DATABASE_URL={url.replace('twofold@', 'twofold:hunter2@')}\n")
    told = f"{url.replace('twofold@', 'twofold:***@')} (TWOFOLD_DATABASE_URL, env file {file})"
    assert bare.done("migrate", "--env-file", str(file)).err == f"New database: {told}\n"
    postgresql_databases.drop(url)
