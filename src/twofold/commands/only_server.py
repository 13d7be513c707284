"""One server to a SQLite file: a second one is told so before it touches anything."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from twofold.commands.frame import Stop
from twofold.settings import Settings


@contextmanager
def only_server(chosen: Settings) -> Iterator[None]:
    """Be the only server of a SQLite database while the block runs; PostgreSQL may have as many as it likes.

    The lock is the kernel's, on a file beside the database: nothing is left of it when a server is killed. Commands and
    `twofold worker` do not ask for it, and work beside the server; but for `twofold copy-database`, which must not.

    Raises:
        Stop: another server has it.

    """
    what = "{path} is served by another `twofold serve` already, and a SQLite file takes one server. "
    todo = "Stop that one first; for several, move to PostgreSQL with `twofold copy-database`."
    with server_lock(chosen, what + todo):
        yield


@contextmanager
def server_lock(chosen: Settings, otherwise: str) -> Iterator[None]:
    """Hold the lock that the server of a SQLite database holds, or say what is `otherwise` of its {path}.

    Raises:
        Stop: somebody else has it.

    """
    if not chosen.on_sqlite:
        yield
        return
    path = Path(sa.make_url(chosen.database_url).database or "").resolve()  # by whatever name it was called
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with Path(f"{path}.server").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Stop(otherwise.format(path=path)) from None
        yield
