"""No command shows a secret: not when it is done, nor when it is refused, nor when it breaks.

Every setting that holds a secret holds a canary, in each form in which an address can carry one. Whatever a command
prints, and whatever it writes into the log, is searched for all of them, as they are and as an address spells them.
"""

import base64
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from psycopg import sql

from tests.cli.program import DEFAULTS, Program, Ran
from tests.cli.test_frame import ARGUMENTS, commands
from tests.harness.ports import free_port
from tests.harness.postgres import Cluster
from twofold import redaction
from twofold.setting_values import SettingsError
from twofold.settings import load

CANARIES = (
    "Kanarie@vogel/geel",
    "Kanarie-tweede",
    "Kanarie-derde",
    "Kanarie-vierde",
    "Kanarie-vijfde",
    "Kanarie-zesde",
)
IN_URL, IN_QUERY, OF_KEY, IN_MAIL, IN_TRACES, IN_LIBPQ = CANARIES
KEY = base64.b64encode(b"Kanarie: this is 32 bytes in all").decode()
SPELLED = {*CANARIES, KEY, KEY.rstrip("="), *map(quote, CANARIES), *map(quote_plus, CANARIES), "vogel/geel", "vogel%2F"}

SECRETS = {
    "TWOFOLD_KEYS": f"k1:{KEY}",
    "TWOFOLD_SMTP_URL": f"smtp://login:{quote(IN_MAIL)}@127.0.0.1:9",
    "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{IN_TRACES}",
    "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://collector:{IN_TRACES}@127.0.0.1:9",
    "TWOFOLD_TRACES": "on",
    "PGPASSWORD": IN_LIBPQ,
}
QUERY = f"password={IN_QUERY}&sslpassword={OF_KEY}"
SERVES = {"demo", "serve", "worker"}  # run below, as processes
CALLED = [[*name.split(), *ARGUMENTS.get(name, [])] for name, _ in commands() if name not in SERVES]

WITH_EVERY_URL = (["settings"], ["doctor"], ["migrate"], ["copy-database"])
OTHERWISE = ("done", "unreachable", "an @ in it")  # whatever else is wrong, all commands refuse at the same place


def urls(postgresql_url: str) -> dict[str, str]:
    """The same address, of which something is wrong, or nothing."""
    place = postgresql_url.rpartition("@")[2]
    password = quote(IN_URL, safe="")
    nobody = f"127.0.0.1:{free_port()}/twofold"
    return {
        "done": f"postgresql://twofold:{password}@{place}?{QUERY}",
        "unreachable": f"postgresql://twofold:{password}@{nobody}?{QUERY}",
        "no such host": f"postgresql://twofold:{password}@nowhere.invalid/x?{QUERY}",
        "no such user": f"postgresql://stranger:{password}@{place}?{QUERY}",
        "not escaped": f"postgresql://twofold:{IN_URL}@{place}",
        "an @ in it": f"postgresql://twofold:{IN_QUERY}@{IN_URL.replace('/', '')}@{place}",
        "a number before a slash": f"postgresql://twofold:12/{IN_QUERY}@{place}",
        "a question mark in it": f"postgresql://twofold:12?{IN_QUERY}@{place}",
        "unknown parameter": f"postgresql://twofold:{password}@{place}?{QUERY}&pasword={IN_QUERY}",
        "bad port": f"postgresql://twofold:{password}@127.0.0.1:{IN_QUERY}/x?{QUERY}",
        "unknown scheme": f"mysql://twofold:{password}@{place}?{QUERY}",
        "keywords": f"host=127.0.0.1 user=twofold password={IN_QUERY}",
        "keywords with a colon": f"host=127.0.0.1:5432 password='{IN_QUERY}'",
    }


def search(*said: str) -> None:
    for text in said:
        found = [canary for canary in SPELLED if canary in text]
        assert not found, text


@pytest.mark.parametrize("command", CALLED, ids=" ".join)
def test_no_command_gives_a_secret_away(command: list[str], postgresql_url: str, tmp_path: Path) -> None:
    every = urls(postgresql_url)
    for url in every.values() if command in WITH_EVERY_URL else map(every.__getitem__, OTHERWISE):
        program = Program(SECRETS | {"TWOFOLD_DATABASE_URL": url, "TWOFOLD_DATA_DIR": str(tmp_path)})
        arguments = [[*command], [*command, "--json"]]
        if command == ["copy-database"]:
            arguments = [
                ["copy-database", url, "sqlite:////nowhere/x.db"],
                ["copy-database", "sqlite:////no/x.db", url],
            ]
            arguments += [["copy-database", url, url, url], ["copy-database", url]]
        for each in arguments:
            ran: Ran = program(*each, stdin="orchard kettle lantern")
            search(ran.out, ran.err)


@pytest.mark.parametrize("command", [["serve", "--port", "9"], ["worker"]], ids=" ".join)
def test_no_process_logs_a_secret(command: list[str], postgresql_url: str, tmp_path: Path) -> None:
    """Those that would serve break off: the mail server is away, the port is forbidden, or nothing is there."""
    for url in map(urls(postgresql_url).__getitem__, OTHERWISE):
        environment = {"PATH": os.environ["PATH"], **DEFAULTS, **SECRETS, "TWOFOLD_DATABASE_URL": url}
        process = subprocess.Popen(
            [sys.executable, "-m", "twofold", *command],
            env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            search(*process.communicate(timeout=4))
        except subprocess.TimeoutExpired:
            process.terminate()
            search(*process.communicate(timeout=20))


def test_a_wrong_password_is_not_shown(postgres: Cluster, tmp_path: Path) -> None:
    """The one that PostgreSQL refuses: the cluster of the tests trusts everybody, so it is told not to."""
    rules = postgres.data / "pg_hba.conf"
    before = rules.read_text()
    place = f"127.0.0.1:{postgres.port}/postgres"
    with postgres.connect() as connection:
        connection.execute(sql.SQL("CREATE ROLE suspect LOGIN PASSWORD 'another'"))
        rules.write_text(f"host all suspect all scram-sha-256\n{before}")
        connection.execute("SELECT pg_reload_conf()")
    try:
        url = f"postgresql://suspect:{quote(IN_URL, safe='')}@{place}"
        program = Program(SECRETS | {"TWOFOLD_DATABASE_URL": url, "TWOFOLD_DATA_DIR": str(tmp_path)})
        for command in (["migrate"], ["accounts", "list"], ["doctor"], ["copy-database", url, url]):
            ran = program(*command)
            assert "password authentication failed" in ran.err + ran.out
            search(ran.out, ran.err)
    finally:
        rules.write_text(before)
        with postgres.connect() as connection:
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("DROP ROLE suspect")


def test_what_is_no_secret_is_shown(postgresql_url: str, tmp_path: Path) -> None:
    """Somebody who looks for a mistake in an address needs to see it."""
    url = urls(postgresql_url)["unreachable"] + "&sslmode=require&connect_timeout=3"
    program = Program(SECRETS | {"TWOFOLD_DATABASE_URL": url, "TWOFOLD_DATA_DIR": str(tmp_path)})
    shown = {row["setting"]: row["value"] for row in program.done("settings", "--json").json}
    place = url.rpartition("@")[2].partition("?")[0]
    assert shown["TWOFOLD_DATABASE_URL"] == (
        f"postgresql+psycopg://twofold:***@{place}?password=***&sslpassword=***&sslmode=require&connect_timeout=3"
    )
    assert shown["TWOFOLD_SMTP_URL"] == "smtp://login:***@127.0.0.1:9"
    assert shown["TWOFOLD_KEYS"] == ["k1:***"]


def test_a_password_of_the_mail_server_that_is_set_apart_is_shown_nowhere(tmp_path: Path) -> None:
    apart = SECRETS | {"TWOFOLD_SMTP_URL": "smtp://login@127.0.0.1:9", "TWOFOLD_SMTP_PASSWORD": IN_URL}
    program = Program(apart | {"TWOFOLD_DATA_DIR": str(tmp_path)})
    for command in ("settings", "doctor"):
        for more in ((), ("--json",)):
            ran = program(command, *more)
            search(ran.out, ran.err)
    shown = {row["setting"]: row["value"] for row in program.done("settings", "--json").json}
    assert shown["TWOFOLD_SMTP_PASSWORD"] == "***"
    search(repr(load(apart)), redaction.text(f"535 no such password: {IN_URL}"))


@pytest.mark.parametrize("name", ["TWOFOLD_KEYS", "TWOFOLD_DATABASE_URL", "TWOFOLD_SMTP_URL", "TWOFOLD_SMTP_PASSWORD"])
def test_a_secret_where_the_name_of_a_file_belongs_is_not_shown(name: str, postgresql_url: str) -> None:
    """Stops: a slip with _FILE, whose message is read by everybody who reads the journal."""
    of_url = {"TWOFOLD_DATABASE_URL": urls(postgresql_url)["done"], "TWOFOLD_SMTP_PASSWORD": IN_MAIL}
    value = {**of_url, **SECRETS}[name]
    with pytest.raises(SettingsError) as refused:
        load({f"{name}_FILE": value})
    search(str(refused.value))
    assert f"{name}_FILE" in str(refused.value)


def test_settings_that_are_printed_give_nothing_away(postgresql_url: str) -> None:
    """Stops: a debugger, a traceback with variables, an error report."""
    settings = load(SECRETS | {"TWOFOLD_DATABASE_URL": urls(postgresql_url)["done"]})
    search(repr(settings), str(settings), f"{settings!r}", repr(settings.keys), repr(list(settings.__rich_repr__())))
    assert "twofold:***@" in repr(settings)


BREAKS = """
import logging, threading, structlog
from twofold import redaction
from twofold.kit import logs
from twofold.settings import load
import os
logs.configure()
redaction.guard_tracebacks()
settings = load(os.environ)
try:
    raise ValueError(f"cannot use {settings.database_url} with {settings.smtp_url}")
except ValueError:
    structlog.get_logger().exception("it broke")
    logging.getLogger("library").exception("it broke as well")
logging.getLogger("library").error("sent to %s", os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"])
structlog.get_logger().error("headers", headers=os.environ["OTEL_EXPORTER_OTLP_HEADERS"])
thread = threading.Thread(target=lambda: 1 / len(settings.database_url.replace(settings.database_url, "")))
thread.start()
thread.join()
def fail():
    raise RuntimeError(settings.database_url + os.environ["PGPASSWORD"] + os.environ["TWOFOLD_KEYS"])
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""


def test_a_traceback_gives_nothing_away(postgresql_url: str) -> None:
    """Stops: an exception of a library that holds the address it could not use."""
    environment = {"PATH": os.environ["PATH"], **SECRETS, "TWOFOLD_DATABASE_URL": urls(postgresql_url)["done"]}
    done = subprocess.run(
        [sys.executable, "-c", BREAKS], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.count("RuntimeError: postgresql+psycopg://twofold:***@") == 2
    assert "it broke as well" in done.stderr
    search(done.stdout, done.stderr)


def test_the_command_itself_breaks_without_a_secret(postgresql_url: str, tmp_path: Path) -> None:
    """Stops: a bug that nobody foresaw, whose traceback lands in the journal or in a ticket."""
    script = f"""
from twofold import cli
from twofold.commands import show_settings
def broken(*_):
    raise RuntimeError({urls(postgresql_url)["done"]!r} + {KEY!r})
show_settings.value_of = broken
cli.main()
"""
    file = tmp_path / "broken.py"
    file.write_text(script)
    environment = {"PATH": os.environ["PATH"], **SECRETS, "TWOFOLD_DATABASE_URL": urls(postgresql_url)["done"]}
    done = subprocess.run(
        [sys.executable, str(file), "settings"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "RuntimeError: postgresql://twofold:***@" in done.stderr
    search(done.stdout, done.stderr.replace(script, ""))


def test_a_database_that_says_a_password_back_is_not_repeated() -> None:
    """What a driver, a pooler or a mail server says is its own; what we know to be a secret is taken out of it."""
    load(SECRETS | {"TWOFOLD_DATABASE_URL": f"postgresql://twofold:{quote(IN_URL, safe='')}@db.example/x?{QUERY}"})
    for canary in CANARIES[:5]:
        said = redaction.text(f"refused: user 'x' with {canary} and {quote(canary, safe='')}, see password={canary}")
        search(said)
        assert said.startswith("refused: user 'x' with *** and ***")
