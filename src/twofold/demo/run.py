"""The demo: a whole Twofold over a throwaway folder, for this machine alone, with people to sign in as."""

import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from litestar.types import ASGIApp

from twofold import app
from twofold.demo import pages
from twofold.demo.mailbox import Mailbox
from twofold.demo.people import DemoUser, seed
from twofold.kit import acting, clock
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.oidc import registration_flow
from twofold.oidc.application import Registration
from twofold.oidc.registration_flow import Registered
from twofold.operations import migrate, server
from twofold.operations.assembly import build_context
from twofold.settings import Settings

HOST = "127.0.0.1"
SERVED_AT = "localhost"  # no browser binds a passkey to a number
NAME = "Demo application"
COMMAND = (sys.executable, "-P", "-m", "twofold.demo.application")
ENDS_WITHIN = 5.0  # seconds


class Shown(NamedTuple):
    """What the sign-in page says of a demo: whom to sign in as, and where the application is that does so, too."""

    people: list[DemoUser]
    application: str


class Demo(NamedTuple):
    """A demo that is ready to be served."""

    application: ASGIApp
    address: str
    people: list[DemoUser]
    client_id: UUID | None


def run(port: int, announce: Callable[[str, str, Sequence[DemoUser]], None]) -> None:
    """Serve the demo until told to stop, then remove everything; `announce` is told its addresses and its people.

    Raises:
        CannotListen: the port is taken.
        SystemExit: the server could not start; its log says why.

    """
    server.demand_free(HOST, port)
    with tempfile.TemporaryDirectory(prefix="twofold-demo-") as folder:
        beside = _free_port(port + 1)
        demo = prepare(Path(folder), port, beside)
        with _application_beside(beside, demo):
            announce(demo.address, _address(beside), demo.people)
            server.serve(demo.application, host=HOST, port=port)


def prepare(folder: Path, port: int, application_port: int | None = None) -> Demo:
    """Make everything that a demo is, in an empty folder; nothing of the environment counts."""
    settings = Settings(
        database_url=f"sqlite:///{folder / 'demo.db'}",
        data_dir=folder,
        base_url=f"http://{SERVED_AT}:{port}",
        passkey_domain=SERVED_AT,
        mail_from="twofold@support.example",
        support_email="help@support.example",
        demo=True,
    )
    migrate.upgrade(settings.database_url)
    context = build_context(settings)
    people = seed(context, clock.now())
    client_id = None if application_port is None else _register(context, _address(application_port))
    shown = Shown(people, "" if application_port is None else _address(application_port))
    application = app.build_app(context, demo=pages.handlers, demo_people=shown, transport=Mailbox())
    return Demo(application, settings.base_url, people, client_id)


def _register(context: AppContext, address: str) -> UUID:
    said = Registration(
        NAME, public=True, redirect_uris=(f"{address}/callback",), post_logout_redirect_uris=(f"{address}/",),
        home_url=f"{address}/", first_party=False,
    )  # fmt: skip
    made = registration_flow.create(context, said, origin=Origin(clock.now(), actor=acting.CONSOLE))
    if not isinstance(made, Registered):
        raise TypeError(made)
    return made.application.id


@contextmanager
def _application_beside(port: int, demo: Demo) -> Iterator[None]:
    """Have the application run while the block does; it ends with its standard input."""
    command = (*COMMAND, str(port), demo.address, str(demo.client_id))
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        try:
            yield
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(ENDS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()


def _address(port: int) -> str:
    return f"http://{HOST}:{port}"


def _free_port(wanted: int) -> int:
    """Return a port if nobody listens on it, else one that the system has free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except (OSError, OverflowError):
                continue
            found: int = probe.getsockname()[1]
            return found
    return wanted
