"""`twofold demo`: a throwaway Twofold with people to sign in as."""

from collections.abc import Sequence

import click
import rich.box
from rich.table import Table

from twofold.commands.frame import Stop, console, quiet_logs
from twofold.commands.serving import port_option
from twofold.demo import run
from twofold.demo.people import DemoUser
from twofold.operations import server


@click.command()
@port_option
def demo(*, port: int) -> None:
    """Serve a throwaway demo. It listens on this machine alone, and everything is forgotten when it ends."""
    quiet_logs()
    try:
        run.run(port, _announce)
    except server.CannotListen as error:
        raise Stop(str(error)) from error


def _announce(address: str, application: str, people: Sequence[DemoUser]) -> None:
    table = Table(box=rich.box.SIMPLE_HEAD, pad_edge=False)
    for column in ("Who", "Email address", "Password"):
        table.add_column(column)
    for user in people:
        table.add_row(*user)
    screen = console()
    screen.print(f"Twofold's demo is at {address} - its mail at {address}/demo/mailbox")
    screen.print(f"An application that signs in through it is at {application}")
    screen.print(table)
    screen.print("Stop it with Ctrl+C: it then removes everything that it made.")
