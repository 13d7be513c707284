"""`twofold serve`, `twofold worker` and `twofold migrate`: the server, the work behind its pages, and its schema."""

import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import click
import structlog

from twofold.commands import schema_state
from twofold.commands.frame import Stop, as_json, demand_owner, environment, quiet_logs, settings, show
from twofold.commands.new_database import create_option, demand_named, described
from twofold.commands.only_server import only_server
from twofold.commands.schema_state import State
from twofold.kit import clock, logs, metrics, nodes
from twofold.kit.crypto.tokens import random_bytes
from twofold.kit.http.metrics_listener import CannotListen
from twofold.kit.sql.database import Database
from twofold.kit.threads import share_one_arena
from twofold.operations import background, migrate, server
from twofold.operations.assembly import build_context
from twofold.operations.background_process import background_process
from twofold.operations.metrics_endpoint import metrics_endpoint
from twofold.settings import Settings, old_names_in

APPLICATION = "twofold.app:from_environment"

log = structlog.get_logger()

host_option = click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
port_option = click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)


@click.command()
@host_option
@port_option
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="How many processes.")
@create_option
def serve(*, host: str, port: int, workers: int, create: bool) -> None:
    """Serve pages and API."""
    share_one_arena()
    logs.configure()
    chosen = settings()
    demand_owner(chosen)
    demand_named(chosen, create=create)
    with only_server(chosen):
        bring_schema(chosen)
        build_context(chosen, hashes=False).db.close()  # so that wrong keys stop us here, and not each worker later
        _serve(chosen, host, port, workers)


def _serve(chosen: Settings, host: str, port: int, workers: int) -> None:
    try:
        server.demand_free(host, port)
    except server.CannotListen as error:
        raise Stop(str(error)) from error
    _warn(chosen, port, workers)
    log.info(
        "twofold serves", host=host, port=port, workers=workers, base_url=chosen.base_url, database=described(chosen)
    )
    try:
        with _numbers_together(workers), _metrics(chosen, port), _seen(chosen), _work_beside(chosen):
            server.serve(APPLICATION, host=host, port=port, workers=workers, limits=server.limits_of(chosen))
    except SystemExit as ended:
        if ended.code:
            raise Stop("The server could not start; its log above says why.") from ended


@click.command()
def worker() -> None:
    """Do the work behind the pages.

    That is: letters, reminders, sealing the audit log, cleaning up. A server has a process for it, unless
    TWOFOLD_WORKER=off says that it is left to workers; several share it.
    """
    told = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: told.set())
    chosen = settings()
    demand_owner(chosen)
    schema_state.demand_current(chosen)
    logs.configure()
    with _metrics(chosen), _seen(chosen):
        background.work(chosen, told)


@click.command("migrate")
@click.option("--to", "revision", default="head", metavar="REVISION", help="An older revision, to go back to.")
@create_option
@as_json
def migrate_(*, revision: str, create: bool, as_json: bool) -> None:
    """Bring the schema to this version. Harmless when it is there already."""
    chosen = settings()
    demand_owner(chosen)
    demand_named(chosen, create=create)
    quiet_logs()
    before = schema_state.revision_of(chosen)
    if schema_state.state_of(before) is State.NEWER:
        raise Stop(schema_state.why_not(before) or "")
    if revision != "head" and not migrate.known(revision):
        raise Stop(f"This version knows no revision {revision}.")
    ahead = schema_state.state_of(before) is State.AHEAD
    if ahead and revision != "head":
        raise Stop(f"The schema ({before}) was made by a newer version. Run the newer version to bring it back.")
    if revision != "head" and before is not None and revision < before:
        _nobody_needs_more_than(chosen, revision)
    if before is None:
        click.echo(f"New database: {described(chosen)}", err=True)
    try:
        _migrate(chosen, before, revision, ahead=ahead)
    except migrate.TableInUse as held:
        what = "Something long, such as a backup or a report, holds a table that is to be changed. Nobody had to wait "
        raise Stop(what + "for this. Run `twofold migrate` again when it is over.") from held
    after = schema_state.revision_of(chosen)
    said = f"The schema is now at {after}."
    if before == after:
        said = f"The schema was {'ahead' if ahead else 'current'} already ({after})."
    show({"from": before, "to": after}, as_json=as_json, said=said)


def _migrate(chosen: Settings, before: str | None, revision: str, *, ahead: bool) -> None:
    if ahead:
        return  # this version is the one before, and works with what a newer one has made
    if revision == "head" or before is None or before < revision:
        migrate.upgrade(chosen.database_url, revision)
    else:
        migrate.downgrade(chosen.database_url, revision)


def _nobody_needs_more_than(chosen: Settings, revision: str) -> None:
    """Let the schema go back only where every node that runs works with it: nodes first, then the schema."""
    with closing(Database(chosen.database_url)) as db, db.read() as connection:
        running = nodes.alive(connection, clock.now())
    if any(revision < known for known in running):
        what = (
            f"A server or worker of a version that needs more than {revision} runs, or was killed less than a minute "
        )
        raise Stop(what + "ago. Put the nodes of the older version in their place first.")


def bring_schema(chosen: Settings) -> None:
    """Migrate a SQLite database; of PostgreSQL, which several nodes share, demand that somebody has."""
    state = schema_state.state_of(schema_state.revision_of(chosen))
    if chosen.on_sqlite and state in {State.EMPTY, State.OLDER}:
        if state is State.EMPTY:
            log.info("new database", database=described(chosen))
        migrate.upgrade(chosen.database_url)
        log.info("schema migrated", revision=migrate.newest())
    else:
        schema_state.demand_current(chosen)


@contextmanager
def _numbers_together(workers: int) -> Iterator[None]:
    """Give all processes one folder for their numbers, so that the metrics speak for all of them."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="twofold-metrics-"))
        except OSError as error:
            log.warning("no place for what other processes count: the metrics know one alone", why=error.strerror)
            yield
            return
        os.environ[metrics.FOLDER] = folder  # read by the library in each other process when it starts
        if workers == 1:  # this process serves: it counts in memory, and adds what the one beside it has counted
            metrics.add_other_processes(Path(folder))
        yield


@contextmanager
def _work_beside(chosen: Settings) -> Iterator[None]:
    """Have the work behind the pages done beside this process; `twofold worker` does it, where that is chosen."""
    if not chosen.worker:
        yield
        return
    with background_process(os.environ):
        yield


@contextmanager
def _metrics(chosen: Settings, own_port: int | None = None) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(metrics_endpoint(chosen, own_port=own_port))
        except CannotListen as error:
            raise Stop(str(error)) from error
        yield


@contextmanager
def _seen(chosen: Settings) -> Iterator[None]:
    """Let commands that must not run beside a server or worker know of this one."""
    with (
        closing(Database(chosen.database_url, pool_size=1)) as db,
        nodes.seen(db, random_bytes(8).hex(), migrate.newest(), clock.now),
    ):
        yield


def _warn(chosen: Settings, port: int, workers: int) -> None:
    if chosen.on_sqlite and workers > 1:
        log.warning("SQLite serves best with one worker: for more processes use PostgreSQL", workers=workers)
    if chosen.smtp_url is None:
        log.warning("no mail server is set (TWOFOLD_SMTP_URL): what needs mail is refused, notices are skipped")
    if not chosen.slow_to_guess:
        log.warning("password hashes are weak (TWOFOLD_ARGON2_MEMORY_KIB, TWOFOLD_ARGON2_PASSES): for trying out only")
    for old, new in old_names_in(environment()):
        log.warning("a setting has an old name, which goes on working", old=old, new=new)
    own = urlsplit(chosen.base_url).port
    if not chosen.secure and own != port:
        log.warning("links lead elsewhere: TWOFOLD_BASE_URL names another port", base_url=chosen.base_url, port=port)
