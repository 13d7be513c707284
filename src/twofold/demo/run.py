"""The demo: a whole Twofold over a throwaway folder, for this machine alone, with people to sign in as."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from litestar.types import ASGIApp

from twofold import app
from twofold.demo import pages
from twofold.demo.mailbox import Mailbox
from twofold.demo.people import DemoUser, seed
from twofold.kit import clock
from twofold.operations import migrate, server
from twofold.operations.assembly import build_context
from twofold.settings import Settings

HOST = "127.0.0.1"


class Demo(NamedTuple):
    """A demo that is ready to be served."""

    application: ASGIApp
    address: str
    people: list[DemoUser]


def run(port: int, announce: Callable[[str, Sequence[DemoUser]], None]) -> None:
    """Serve the demo until told to stop, then remove everything; `announce` is told its address and its people.

    Raises:
        CannotListen: the port is taken.
        SystemExit: the server could not start; its log says why.

    """
    server.demand_free(HOST, port)
    with tempfile.TemporaryDirectory(prefix="twofold-demo-") as folder:
        demo = prepare(Path(folder), port)
        announce(demo.address, demo.people)
        server.serve(demo.application, host=HOST, port=port)


def prepare(folder: Path, port: int) -> Demo:
    """Make everything that a demo is, in an empty folder; nothing of the environment counts."""
    settings = Settings(
        database_url=f"sqlite:///{folder / 'demo.db'}",
        data_dir=folder,
        base_url=f"http://{HOST}:{port}",
        mail_from="twofold@support.example",
        support_email="help@support.example",
        demo=True,
    )
    migrate.upgrade(settings.database_url)
    context = build_context(settings)
    people = seed(context, clock.now())
    application = app.build_app(context, demo=pages.handlers, demo_people=people, transport=Mailbox())
    return Demo(application, settings.base_url, people)
