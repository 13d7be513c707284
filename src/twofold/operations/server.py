"""Listening: one process or several, on an address that is free, until somebody says stop."""

import asyncio
import errno
import multiprocessing
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any, cast

import structlog
import uvicorn
from litestar.types import ASGIApp

from twofold.kit.http.connections import Guard, Limits
from twofold.kit.threads import PROCESSES
from twofold.operations import health
from twofold.settings import Settings

GRACE = 15  # seconds for requests under way when the server is told to stop
OWN_FILES = 200  # database, log, static files, mail: what a process opens beside connections
NEVER = 10**9  # seconds: the guard ends connections that idle, by its own limits


log = structlog.get_logger()


class CannotListen(Exception):
    """The address cannot be listened on; the message says why and what to do."""


def demand_free(host: str, port: int) -> None:
    """Let only an address pass on which nobody listens, before anything is started.

    Raises:
        CannotListen: it is taken, forbidden, or none of this machine's.

    """
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotListen(f"There is no address {host} on this machine. Choose another with --host.") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            raise CannotListen(_why_not(host, port, error)) from error


def end_with_parent() -> None:
    """Let a process that another one has started end in good order when that one is gone, be it killed.

    Left alone it would go on serving, and hold the port, with nobody who starts or stops it.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.join,), name="parent", daemon=True).start()


def _end_after(wait: Callable[[], object]) -> None:
    wait()
    os.kill(os.getpid(), signal.SIGTERM)


def limits_of(settings: Settings) -> Limits:
    """Return the limits on connections under these settings; trusted proxies and this machine speak for everybody."""
    usual = Limits()
    return usual._replace(
        connections=settings.max_connections,
        connections_per_network=settings.max_connections_per_network,
        proxies=(*usual.proxies, *settings.trusted_proxies),
    )


def serve(
    application: str | ASGIApp,
    *,
    host: str,
    port: int,
    workers: int = 1,
    limits: Limits = Limits(),  # noqa: B008 - frozen, so that calls may share it
) -> None:
    """Serve an application, or the factory that a name leads to; return when told to stop (SIGTERM, SIGINT).

    Requests under way are finished, within 15 seconds. `X-Forwarded-For` is left to us: uvicorn would believe it of any
    peer on loopback.

    Raises:
        SystemExit: it could not start, as where the address was taken meanwhile.

    """
    limits = limits._replace(connections=_room_for(limits.connections))
    options: dict[str, Any] = {"factory": True, "workers": workers} if isinstance(application, str) else {}
    if workers > 1:  # in a worker it is too late for share_one_arena: uvicorn has started a thread before
        os.environ.setdefault("MALLOC_ARENA_MAX", "1")  # noqa: TID251 - for processes to come; glibc reads it
        os.environ[PROCESSES] = str(workers)  # noqa: TID251 - the same; app.from_environment reads it
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, _as_told)
    uvicorn.run(
        application,
        host=host,
        port=port,
        http=cast("type[asyncio.Protocol]", Guard(limits)),
        timeout_keep_alive=NEVER,
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=GRACE,
        **options,
    )


def _room_for(connections: int) -> int:
    """Have the system allow so many files, or return how many connections it has room for.

    Without a file left no connection is taken and no database opened, until somebody goes.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    room = max(soft - OWN_FILES, 1)
    log.warning("the system allows fewer connections than wanted (ulimit -n)", connections=room, wanted=connections)
    return room


def _as_told(_signal: int, _frame: object) -> None:
    """Do nothing: uvicorn has stopped for this signal already, and raises it once more when it is done."""


def _why_not(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            who = "a Twofold that runs already" if _is_twofold(host, port) else "another program"
            return f"Port {port} on {host} is taken by {who}. Stop that one, or choose another with --port."
        case errno.EACCES:
            return f"Port {port} needs rights that this user lacks. Choose one above 1023 with --port."
        case errno.EADDRNOTAVAIL:
            return f"There is no address {host} on this machine. Choose another with --host."
        case _:
            return f"Port {port} on {host} cannot be listened on: {error.strerror}."


def _is_twofold(host: str, port: int) -> bool:
    try:
        return health.answers_at(f"http://{f'[{host}]' if ':' in host else host}:{port}", seconds=5)
    except OSError:
        return False
