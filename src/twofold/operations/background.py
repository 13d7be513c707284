"""The process beside a server, which `serve` starts: it does what no request waits for.

Letters are composed and delivered, reminders sent, events sealed, what is over deleted: in a process of its own, since
in that of the server each of them holds up answers, and whoever watches those learns who got a letter. It gives way to
everybody else who wants the processor. It ends when it is told to (SIGTERM, SIGINT), or when its standard input does:
that is a pipe whose other end the server holds, so it goes with the server, also where that one was killed.
"""

import contextlib
import gc
import os
import signal
import sys
import threading

import msgspec
import sqlalchemy as sa
import structlog

from twofold import redaction
from twofold.kit import logs, tracing
from twofold.kit.crypto import private_memory
from twofold.kit.sql.away import what_it_says
from twofold.kit.threads import give_way, share_one_arena
from twofold.operations import first_series, jobs
from twofold.operations.assembly import build_context
from twofold.settings import Settings, load

CONNECTIONS = 4  # at most: eight jobs seldom ask the database at once

log = structlog.get_logger()


def main() -> None:
    """Work until told to stop; exit with status 1 where the database does not answer.

    Raises:
        SettingsError, OSError: as for `load` of the settings and `work`.

    """
    share_one_arena()
    private_memory.keep()
    give_way()  # before there is another thread: those inherit it
    logs.configure()
    redaction.guard_tracebacks()
    told = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: told.set())
    threading.Thread(target=_watch_the_server, args=(told,), name="server", daemon=True).start()
    chosen = load(os.environ)  # noqa: TID251 - a process of its own: nobody hands it settings
    try:
        work(chosen, told)
    except sa.exc.SQLAlchemyError as error:  # the server starts this process again
        log.error("the database did not answer", error=type(error).__name__, says=what_it_says(error))  # noqa: TRY400 - that
        sys.exit(1)


def work(settings: Settings, told: threading.Event) -> None:
    """Do the work behind the pages until told to stop.

    Raises:
        SettingsError, OSError: as for `assembly.build_context`.
        SQLAlchemyError: the database does not answer at the start; later ones are logged, and the job comes again.

    """
    tools = tracing.tools(settings)
    tools.begin()
    first_series.begin()
    few = msgspec.structs.replace(settings, pool_size=min(CONNECTIONS, settings.pool_size))
    context = build_context(few, hashes=False)
    log.info("twofold works", mail=context.outbox.configured)
    gc.freeze()  # what is here now stays: the collector need not look through it again and again
    try:
        jobs.worker_of(context).run_until(told)
    finally:
        context.db.close()
        tools.end()


def _watch_the_server(told: threading.Event) -> None:
    """Read a pipe into which nothing is written: the end of it is the end of the server."""
    with contextlib.suppress(OSError):  # not through `sys.stdin`: its lock would be held when the interpreter ends
        while os.read(0, 1):
            pass
    told.set()


if __name__ == "__main__":
    main()
