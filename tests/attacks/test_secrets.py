"""Secrets in logs, in answers, in error pages, in metrics, in the database: planted ones are looked for everywhere.

A server runs with every logger at debug while everything happens that secrets are used for (in whole_life.py). Each
password, code, key of an authenticator, backup code and token is known afterwards. An answer may hold what it hands to
its owner, a letter the code or link that it brings; nothing else may hold any of them, in any form.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.attacks import talkative
from tests.attacks.canaries import TOKEN, Canary, Found, Search
from tests.attacks.whole_life import Life, collect_tokens
from tests.harness import processes
from tests.harness.contexts import CHEAP_SERVER, KEYS
from tests.harness.databases import Backend
from tests.harness.ports import free_port
from tests.harness.server import Server, variables
from tests.harness.smtp import SmtpServer
from twofold.kit.crypto.tokens import digest

MAIL_LOGIN = "canary-of-the-mail-server"

# Where the SHA-256 of a token or backup code rests: these have random bits enough for it, and nothing else has.
HASHED = {
    "sessions.token_hash", "sign_in_attempts.token_hash", "sign_in_attempts.known_client", "known_clients.token_hash",
    "password_links.token_hash", "browser_links.token_hash", "not_me_links.token_hash", "reset_cases.token_hash",
    "reset_links.token_hash", "unknown_wrong_codes.browser", "removals.token_hash", "operator_keys.key_hash",
    "backup_codes.code_hash", "backup_codes.spent_hash", "application_secrets.secret_hash",
    "authorization_codes.code_hash", "access_tokens.token_hash", "refresh_tokens.token_hash",
}  # fmt: skip


def rows(database_url: str) -> Iterator[tuple[str, Any]]:
    """Return every value of every table that the database has, by table and column."""
    engine = sa.create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    metadata = sa.MetaData()
    metadata.reflect(engine)
    assert len(metadata.tables) > 20
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.text(f'SELECT * FROM "{table.name}"')).mappings():  # noqa: S608 - reflected
                for column, value in row.items():
                    yield f"{table.name}.{column}", value
    engine.dispose()


def as_bytes(value: Any) -> bytes:
    """Return a value as it is, text in quotes."""
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return f'"{value}"'.encode()


def environments(pid: int) -> Iterator[tuple[str, bytes]]:
    """Return what the process list tells of a server: arguments and environment of each of its processes."""
    for member in processes.family(pid):
        yield "arguments of a process", Path(f"/proc/{member}/cmdline").read_bytes()
        yield "environment of a process", Path(f"/proc/{member}/environ").read_bytes()


def provoke(life: Life) -> set[int]:
    """Send a secret of each kind where it is refused: in an address, a header, a wrong field, a body too large."""
    seen = set()
    for secret in {canary.kind: text for text, canary in life.canaries.items()}.values():
        nobody = {"Authorization": f"Bearer {secret}"} if secret.startswith("tf_") else {}
        own = {"Origin": life.server.url, "Cookie": f"twofold_session={secret}" if secret.startswith("tf_") else ""}
        v1 = "/api/v1"
        calls: tuple[tuple[str, str, dict[str, Any]], ...] = (
            ("GET", f"/nowhere/{secret.replace('/', '')}", {}),
            ("GET", "/profile", {"params": {"x": secret}, "headers": own}),
            ("GET", f"{v1}/session", {"headers": {"Authorization": f"Bearer {secret}{secret}"}}),
            ("GET", f"{v1}/users", {"params": {"limit": secret}, "headers": nobody}),
            ("PUT", f"{v1}/sign-ins", {"json": {"password": secret}, "headers": nobody}),
            ("POST", f"{v1}/sign-ins", {"json": {"email": "x@acme.example", "password": [secret]}}),
            ("POST", f"{v1}/sign-ins", {"json": {"email": "x@acme.example", "password": secret * 60}}),
            ("POST", f"{v1}/sign-ins/code", {"json": {"sign_in": secret, "code": 5}}),
            ("POST", f"{v1}/sign-ins/code", {"content": f'{{"sign_in": "{secret}'}),
            ("POST", f"{v1}/sign-ins/code", {"json": {"sign_in": secret, "code": secret}}),
            ("POST", f"{v1}/resets/confirmation", {"json": {"token": secret, "password": secret}}),
            ("POST", f"{v1}/sign-ins/code", {"json": {"sign_in": secret, "code": secret * 6000}}),
            ("POST", "/sign-in", {"data": {"email": "", "password": secret}, "headers": own}),
            ("POST", "/sign-in", {"data": {"email": "x@acme.example", "password": secret, "code": secret}}),
            ("POST", "/forgot-password", {"content": f"password={secret}&password={secret}", "headers": own}),
            ("POST", f"/set-password/{secret.replace('/', '')}", {"data": {"new_password": secret}, "headers": own}),
            ("POST", f"/resets/{secret.replace('/', '')}", {"data": {"password": secret}, "headers": own}),
        )  # fmt: skip
        for method, path, options in calls:
            kind = "application/json" if path.startswith(v1) else "application/x-www-form-urlencoded"
            given = {**options, "headers": {"Content-Type": kind, **options.get("headers", {})}}
            seen.add(life.http.request(method, path, **given).status_code)
            life.http.cookies.clear()
    return seen


@pytest.fixture
def life(backend: Backend, database_url: str, tmp_path: Path) -> Iterator[Life]:
    """Let everything happen on a server that says all it can."""
    with SmtpServer(user="twofold", password=MAIL_LOGIN) as smtp:
        mail = tmp_path / "smtp-url"
        mail.write_text(smtp.url)
        settings = {
            "TWOFOLD_DATABASE_URL": database_url, "TWOFOLD_KEYS": KEYS, "TWOFOLD_SMTP_URL_FILE": str(mail),
            "TWOFOLD_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
            **variables(**CHEAP_SERVER),
        }  # fmt: skip
        command = (sys.executable, talkative.__file__, "serve")
        with Server(tmp_path / "server", settings=settings, command=command) as server:
            life = Life(server, database_url, smtp)
            with closing(life.http):
                life.plant("mail login", MAIL_LOGIN)
                for key in KEYS.split(","):
                    life.plant("encryption key", key.partition(":")[2])
                life.live()
                yield life


def test_no_secret_is_found_where_it_does_not_belong(life: Life, backend: Backend, database_url: str) -> None:
    twice = collect_tokens(life)
    refused = provoke(life)
    assert {303, 400, 401, 403, 404, 405, 410, 413} <= refused, refused
    assert {422, 423, 500} <= {exchange.status for exchange in life.recorder.exchanges}
    for address in (f"http://{life.server.settings['TWOFOLD_METRICS_LISTEN']}/metrics", "/api/openapi.json"):
        assert life.http.get(address).status_code == 200
    processes.wait_until(lambda: "unexpected error" in life.server.logged, what="the log of an error")
    kinds = {canary.kind for canary in life.canaries.values()}
    assert kinds >= {
        "password", "code", "mailed code", "secret", "backup code", "session", "signin", "client",
        "operator key", "/resets/", "/set-password/", "/not-me/",
    }, kinds  # fmt: skip

    found = everywhere(life, backend, database_url)
    assert sorted(set(found)) == []
    assert twice == [], "tokens that were handed over twice"


def everywhere(life: Life, backend: Backend, database_url: str) -> list[Found]:
    """Look through all that there is."""
    search = Search(list(life.canaries.values()))
    found: list[Found] = []
    for exchange in life.recorder.exchanges:
        found += search.through(str(exchange), exchange.answer, exchange=exchange.number)
    for letter in life.smtp.letters:
        place = f"letter {letter.subject!r}"
        found += search.through(place, f"{letter.subject}\n{letter.text}\n{letter.html}".encode(), letter=True)
    if search.through("log", life.server.logged.encode()):
        for line in life.server.logged.splitlines():
            found += search.through(f"log: {TOKEN.sub('tf_…', line)[:160]}", line.encode())
    for text in life.commands:
        found += search.through("what a command wrote", text.encode())
    for place, told in environments(life.server.pid):
        here = search.through(place, told)
        found += [one for one in here if (one.kind, place) != ("encryption key", "environment of a process")]
    columns: dict[str, list[Any]] = {}
    for place, value in rows(database_url):
        columns.setdefault(place, []).append(value)
    for place, values in columns.items():
        found += search.through(place, b"\n".join(map(as_bytes, values)))
        found += hashed(life, place, values)
    if backend == "sqlite":
        file = Path(database_url.removeprefix("sqlite:///"))
        for part in sorted(file.parent.glob(f"{file.name}*")):
            found += search.through(f"the database's file {part.suffix}", part.read_bytes())
    return found


def hashed(life: Life, place: str, values: list[Any]) -> Iterator[Found]:
    """Return the secrets whose SHA-256 stands in a column, where that does not protect them."""
    written = {bytes(value) for value in values if isinstance(value, bytes | memoryview)}
    for canary in life.canaries.values():
        strong = canary.text.startswith("tf_") or canary.kind == "backup code"
        if digest(canary.text) in written and not (strong and place in HASHED):
            yield Found(canary.kind, "SHA-256", place)


@pytest.mark.parametrize(
    "written",
    [
        "log: password=%s", "x%2Fy?{}", '{{"detail": "{}"}}', "b64:{}", "hex:{}",
    ],
)  # fmt: skip
def test_the_search_finds_a_secret_in_every_form(written: str) -> None:
    canary = Canary("password", 'canary "ada" kettle+lantern/&')
    search = Search([canary])
    for form, needle in canary.needles():
        text = written.replace("{}", "%s").replace("%s", needle.decode("latin-1"))
        assert search.through("here", text.encode("latin-1")), (form, text)
    assert not search.through("here", re.sub("canary", "parrot", written).encode())
