"""`twofold operator-keys`: what programs of the operator's prove themselves with."""

import click

from twofold.commands.frame import as_json, id_of, missing, opened, refuse, show, show_rows
from twofold.directory.refusals import Refused
from twofold.kit import acting, clock
from twofold.provisioning import key_flow


@click.group("operator-keys")
def operator_keys() -> None:
    """Make, list and revoke keys for the operator's API."""


@operator_keys.command("create")
@click.option("--name", required=True, help="What it is for.")
@as_json
def create(*, name: str, as_json: bool) -> None:
    """Make a key; it is shown once."""
    with opened() as context:
        made = key_flow.create_key(context.db, name, actor=acting.CONSOLE, at=clock.now())
    if isinstance(made, Refused):
        refuse(made)
    show(made._asdict(), as_json=as_json, said=made.key)
    if not as_json:
        note = f"Its id is {made.id}. Keep the key now: it is not shown again. Send it as `Authorization: Bearer KEY`."
        click.echo(note, err=True)


@operator_keys.command("list")
@as_json
def list_(*, as_json: bool) -> None:
    """List every key, never the key itself."""
    with opened() as context:
        rows = [key._asdict() for key in key_flow.list_keys(context.db)]
    show_rows(rows, as_json=as_json, nothing="There is no operator key.")


@operator_keys.command("revoke")
@click.argument("key_id", metavar="ID")
@as_json
def revoke(*, key_id: str, as_json: bool) -> None:
    """Revoke a key: from now on it opens nothing."""
    wanted = id_of(key_id, "operator key")
    with opened() as context:
        revoked = key_flow.revoke_key(context.db, wanted, actor=acting.CONSOLE, at=clock.now())
    if not revoked:
        raise missing("operator key in force", key_id)
    show({"id": wanted}, as_json=as_json, said="Revoked: the key opens nothing any more.")
