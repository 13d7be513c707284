"""`twofold oidc-keys`: the keys that sign what applications are told."""

import click

from twofold.commands.frame import Stop, as_json, console_origin, opened, show, show_rows
from twofold.kit import clock
from twofold.oidc import key_flow
from twofold.oidc.key_flow import AlreadyRotating

LEAKED = "For a key that leaked: the new ones sign now, and those before are worth nothing."


@click.group("oidc-keys")
def oidc_keys() -> None:
    """List and rotate the keys that sign ID tokens."""


@oidc_keys.command("list")
@as_json
def list_(*, as_json: bool) -> None:
    """List the keys, never the private ones, and whether each is next, active, retiring or gone."""
    at = clock.now()
    with opened() as context:
        keys = key_flow.list_keys(context, at)
    columns = ("kid", "algorithm", "created_at", "active_from", "retired_at", "gone_at")
    rows = [{"state": key_flow.state_of(key, at), **{name: getattr(key, name) for name in columns}} for key in keys]
    show_rows(rows, as_json=as_json, nothing="There is no key yet.")


@oidc_keys.command("rotate")
@click.option("--at-once", is_flag=True, help=LEAKED)
@as_json
def rotate(*, at_once: bool, as_json: bool) -> None:
    """Make the next keys: published now, they sign in a day, when every application knows them."""
    with opened() as context:
        origin = console_origin()
        rotated = key_flow.rotate(context, at_once=at_once, origin=origin)
    if isinstance(rotated, AlreadyRotating):
        raise Stop(f"The next keys are published already; they sign from {rotated.active_from:%Y-%m-%d %H:%M} UTC on.")
    said = f"Made {' and '.join(rotated.kids)}, which sign from {rotated.active_from:%Y-%m-%d %H:%M} UTC on."
    show(rotated._asdict(), as_json=as_json, said=said)
