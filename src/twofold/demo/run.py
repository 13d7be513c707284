"""The demo: a whole Twofold over a throwaway folder, for this machine alone, with people to sign in as."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from litestar.types import ASGIApp

from twofold import app, migrate, server
from twofold.assembly import build_house
from twofold.demo import pages
from twofold.demo.mailbox import Mailbox
from twofold.demo.people import DemoPerson, seed
from twofold.kit import clock
from twofold.settings import Settings

HOST = "127.0.0.1"


class Demo(NamedTuple):
    """A demo that is ready to be served."""

    application: ASGIApp
    address: str
    people: list[DemoPerson]


def run(port: int, announce: Callable[[str, Sequence[DemoPerson]], None]) -> None:
    """Serve the demo until told to stop, then remove everything; `announce` is told its address and its people.

    Raises:
        CannotListen: the port is taken.

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
    house = build_house(settings)
    people = seed(house, clock.now())
    application = app.build_app(house, demo=pages.handlers, demo_people=people, transport=Mailbox())
    return Demo(application, settings.base_url, people)
