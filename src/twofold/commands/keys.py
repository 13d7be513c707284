"""`twofold keys`: the ring of encryption keys."""

import sys

import click

from twofold.commands.frame import Stop, as_json, opened, print_json, show
from twofold.kit import clock
from twofold.kit.crypto import keyring
from twofold.operations import rotation


@click.group()
def keys() -> None:
    """Make and rotate encryption keys."""


@keys.command("new")
@as_json
def new(*, as_json: bool) -> None:
    """Make a key, as TWOFOLD_KEYS takes it."""
    made = keyring.new_key()
    show({"id": made.partition(":")[0], "key": made}, as_json=as_json, said=made)


@keys.command("rotate")
@as_json
def rotate(*, as_json: bool) -> None:
    """Seal every secret with the active key, the first of the ring. It can be stopped, and run again.

    Do it once every server has been restarted with the new key as the first of the ring (TWOFOLD_KEYS, or the file that
    TWOFOLD_KEYS_FILE names); afterwards the keys that seal nothing any more can be taken away.
    """
    with opened() as context:
        due, quiet = rotation.due(context), not sys.stderr.isatty()
        with click.progressbar(length=due, label="Sealing", file=sys.stderr, hidden=quiet) as bar:
            done = rotation.rotate(context, clock.now(), bar.update)
        active = context.vault.active
    if as_json:
        print_json({"active": active, "sealed": done.sealed, "retired": done.retired, "unreadable": done.unreadable})
    else:
        click.echo(f"{done.sealed} secrets are newly sealed with the key {active}.")
        for key_id in done.retired:
            click.echo(f"The key {key_id} seals nothing any more: take it out of the ring.")
    if done.unreadable:
        raise Stop(
            f"{len(done.unreadable)} secrets do not open and were left as they are: {', '.join(done.unreadable[:5])}. "
            "Their rows were changed by somebody, or a key is missing. Run twofold doctor."
        )
