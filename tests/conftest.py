"""The fixtures of all tests. What they hand out is made in tests/harness.

Playwright keeps an event loop in the main thread once a test has used a browser: tests that need asyncio of their own
run it in a thread.
"""

import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import hypothesis
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.harness import browser as browsers
from tests.harness import prefork
from tests.harness.api import Api
from tests.harness.contexts import KEYS, FrozenClock, client_of, close_kept, context_on, standing_clock
from tests.harness.databases import BACKENDS, Backend, PostgresqlDatabases, SqliteDatabases
from tests.harness.pages import WebClient
from tests.harness.people import Ada, People
from tests.harness.postgres import Cluster
from tests.harness.server import Server, variables
from tests.harness.smtp import SmtpServer
from twofold.kit.context import AppContext

# A shared machine is slow at times.
hypothesis.settings.register_profile("twofold", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("twofold")


def pytest_configure() -> None:
    """End in good order when told to end, so that no server is left behind, and start commands quickly."""
    prefork.install()
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("told to end (SIGTERM)", returncode=143))


def pytest_unconfigure() -> None:
    """End what was started for all tests."""
    prefork.loaded.end()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the soaks out unless they are asked for by name: they take minutes, and `make test` has twelve in all."""
    if "soak" in config.getoption("-m"):
        return
    soaks = [item for item in items if item.get_closest_marker("soak")]
    if soaks:
        config.hook.pytest_deselected(items=soaks)
        items[:] = [item for item in items if item not in soaks]


# --- databases


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-openapi", action="store_true", help="write docs/openapi.json as the API is now")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """Share one PostgreSQL cluster among tests that leave it running; fast, since it need not survive a power cut."""
    with Cluster(durable=False) as cluster:
        yield cluster


@pytest.fixture
def fault_postgres() -> Iterator[Cluster]:
    """Start a PostgreSQL cluster of the test's own, to be stopped, killed, paused and restarted."""
    with Cluster(durable=True) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def sqlite_databases() -> Iterator[SqliteDatabases]:
    """Make SQLite databases from one migrated file; in memory where there is a folder for that: none is to last."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    with tempfile.TemporaryDirectory(prefix="twofold-sqlite-", dir=memory if memory.is_dir() else None) as folder:
        yield SqliteDatabases(Path(folder))


@pytest.fixture(scope="session")
def postgresql_databases(request: pytest.FixtureRequest) -> Iterator[PostgresqlDatabases]:
    """Make PostgreSQL databases from one migrated template; the cluster starts with the first."""
    databases = PostgresqlDatabases(lambda: request.getfixturevalue("postgres"))
    yield databases
    close_kept()
    databases.close()


@pytest.fixture
def sqlite_url(sqlite_databases: SqliteDatabases, tmp_path: Path) -> str:
    """Make a fresh SQLite database with the current schema."""
    return sqlite_databases.fresh(tmp_path)


@pytest.fixture
def postgresql_url(postgresql_databases: PostgresqlDatabases) -> Iterator[str]:
    """Make a fresh PostgreSQL database with the current schema."""
    url = postgresql_databases.fresh()
    yield url
    postgresql_databases.drop(url)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Run the test once for each database; use it to choose which."""
    name: Backend = request.param
    return name


@pytest.fixture
def database_url(backend: Backend, request: pytest.FixtureRequest) -> str:
    """Make a fresh database with the current schema; the test runs once on each kind."""
    if backend == "sqlite":
        databases: SqliteDatabases = request.getfixturevalue("sqlite_databases")
        return databases.fresh_in_place()
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture(params=BACKENDS, scope="module")
def shared_database_url(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_databases: SqliteDatabases,
    postgresql_databases: PostgresqlDatabases,
) -> Iterator[str]:
    """Make a database that the tests of a file share; they run once on each kind."""
    if request.param == "sqlite":
        yield sqlite_databases.fresh(tmp_path_factory.mktemp("shared"))
    else:
        url = postgresql_databases.fresh()
        yield url
        postgresql_databases.drop(url)


@pytest.fixture
def blank_database_url(backend: Backend, postgresql_databases: PostgresqlDatabases, tmp_path: Path) -> Iterator[str]:
    """Make a database without any schema, for tests of the migrations; the test runs once on each kind."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'blank.db'}"
    else:
        url = postgresql_databases.blank()
        yield url
        postgresql_databases.drop(url)


# --- mail


@pytest.fixture
def smtp() -> Iterator[SmtpServer]:
    """Run a mail server that keeps what it takes."""
    with SmtpServer() as server:
        yield server


# --- Twofold in the test's own process


@pytest.fixture
def context(database_url: str) -> Iterator[AppContext]:
    """Open an application with its tools, once on each kind of database. Flows take the time as an argument."""
    with context_on(database_url) as context:
        yield context


@pytest.fixture
def people(context: AppContext) -> People:
    """Make accounts and people in the application, and look at what is written down about them."""
    return People(context)


@pytest.fixture
def ada(people: People) -> Ada:
    """Ada of Acme, who has had two-factor authentication since yesterday, and what she holds of it."""
    return people.protected()


@pytest.fixture
def frozen_clock() -> Iterator[FrozenClock]:
    """Stop the clock that pages and API read at noon; `frozen_clock.forward(minutes=10)` moves it."""
    with standing_clock() as frozen_clock:
        yield frozen_clock


@pytest.fixture
def http(context: AppContext, frozen_clock: FrozenClock) -> Iterator[httpx.Client]:
    """Serve the application in this process, at a time that stands still."""
    with client_of(context) as client:
        yield client


@pytest.fixture
def api(http: httpx.Client) -> Api:
    """Be a program that speaks the API."""
    return Api(http)


@pytest.fixture
def web_client(http: httpx.Client) -> WebClient:
    """Be somebody with a browser that runs no scripts; `WebClient(http)` is another one."""
    return WebClient(http)


# --- Twofold as an operator runs it


class Serve(Protocol):
    """Starts a server; settings are TWOFOLD_... names in lower case without the prefix."""

    def __call__(
        self, database_url: str | None = None, *, smtp: SmtpServer | None = None, workers: int = 1, **settings: str
    ) -> Server: ...


@pytest.fixture
def serve(tmp_path: Path, sqlite_databases: SqliteDatabases) -> Iterator[Serve]:
    """Start servers, ready to answer; without a database named, on a fresh SQLite. They end with the test."""
    running: list[Server] = []

    def start(
        database_url: str | None = None, *, smtp: SmtpServer | None = None, workers: int = 1, **settings: str
    ) -> Server:
        folder = tmp_path / f"server-{len(running) + 1}"
        folder.mkdir()
        chosen = {
            "database_url": database_url or sqlite_databases.fresh(folder),
            "keys": KEYS,
            **({"smtp_url": smtp.url} if smtp else {}),
            **settings,
        }
        server = Server(folder, settings=variables(**chosen), workers=workers)
        running.append(server)
        server.start()
        return server

    yield start
    for server in running:
        server.stop()


# --- the browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Share one Chromium among all tests; each page has its own cookies."""
    with browsers.chromium() as browser:
        yield browser


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages, each for a person of its own (no shared cookies); options are those of a Playwright context.

    A script that fails or that the Content-Security-Policy stops fails the test.
    """
    contexts, failures = [], []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            failures.append(message.text)

    def open_page(**options: Any) -> Page:
        context = browser.new_context(**(browsers.DESKTOP | options))
        context.set_default_timeout(browsers.TIMEOUT)
        contexts.append(context)
        context.on("weberror", lambda error: failures.append(str(error.error)))
        context.on("console", note)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    assert not failures, failures


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    """Open a page on a desk, 1280x800."""
    return new_page()


@pytest.fixture
def phone(new_page: Callable[..., Page]) -> Page:
    """Open a page on a phone, 390x844, with touch."""
    return new_page(**browsers.PHONE)


@pytest.fixture
def without_javascript(new_page: Callable[..., Page]) -> Page:
    """Open a page in a browser that runs no scripts."""
    return new_page(**browsers.WITHOUT_JAVASCRIPT)


@pytest.fixture
def dark(new_page: Callable[..., Page]) -> Page:
    """Open a page for somebody who prefers a dark one."""
    return new_page(**browsers.DARK)
