"""`twofold abuse`: who is refused most, at whom they aim, and which networks are shut out."""

from datetime import timedelta
from typing import Any

import click

from twofold.abuse import block_flow, report_flow
from twofold.abuse.blocklist import WrongNetwork
from twofold.abuse.flow import UNKNOWN_LETTER, UNKNOWN_SIGN_IN
from twofold.abuse.report_flow import Report
from twofold.commands.frame import (
    Stop,
    as_json,
    console_origin,
    id_of,
    missing,
    opened,
    print_json,
    reason,
    show,
    show_rows,
)
from twofold.kit import clock

# What each kind is called in a list.
KINDS = {
    "sign_in_refused": "sign-ins refused",
    "second_factor_wrong": "wrong codes",
    "mailed_code_wrong": "wrong mailed codes",
    "password_link_asked": "password links asked for",
    UNKNOWN_SIGN_IN: "sign-ins of unknown addresses",
    UNKNOWN_LETTER: "password links for unknown addresses",
    "limited_password": "password tries limited",
    "limited_mail": "requests for mail limited",
    "limited_other": "other requests limited",
}


@click.group("abuse", invoke_without_command=True)
@click.option("--hours", type=click.IntRange(1, 24), default=1, show_default=True, help="How far to look back.")
@as_json
@click.pass_context
def abuse(ctx: click.Context, *, hours: int, as_json: bool) -> None:
    """See who is refused most, at whom they aim, and block networks."""
    if ctx.invoked_subcommand is not None:
        return
    with opened() as context:
        found = report_flow.report(context.db, clock.now(), timedelta(hours=hours))
    if as_json:
        print_json(_as_json(found))
        return
    click.echo(_sentence(found, hours))
    show_rows([_network_row(one) for one in found.networks], as_json=False, nothing="No network was refused.")
    show_rows([one._asdict() for one in found.users], as_json=False, nothing="Nobody was aimed at.")


@abuse.command("block")
@click.argument("network")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="For how long; until lifted, unless told.")
@reason
@as_json
def block(*, network: str, hours: float | None, reason: str, as_json: bool) -> None:
    """Shut an address or a network out, on every node within seconds."""
    life = None if hours is None else timedelta(hours=hours)
    with opened() as context:
        made = block_flow.block(context, network, reason=reason, life=life, origin=console_origin())
    if isinstance(made, WrongNetwork):
        raise Stop(made.why)
    until = "until it is let in again" if made.until is None else f"until {made.until:%Y-%m-%d %H:%M} UTC"
    show(made._asdict(), as_json=as_json, said=f"{made.network} is blocked {until}.")


@abuse.command("unblock")
@click.argument("block_id", metavar="ID")
@reason
@as_json
def unblock(*, block_id: str, reason: str, as_json: bool) -> None:
    """Let a network in again, by the id that `abuse blocks` shows."""
    wanted = id_of(block_id, "block")
    with opened() as context:
        lifted = block_flow.unblock(context.db, wanted, reason=reason, origin=console_origin())
    if lifted is None:
        raise missing("block", block_id)
    show(lifted._asdict(), as_json=as_json, said=f"{lifted.network} is let in again.")


@abuse.command("blocks")
@as_json
def list_blocks(*, as_json: bool) -> None:
    """List the networks that are shut out."""
    with opened() as context:
        rows = [block._asdict() for block in block_flow.list_blocks(context.db)]
    show_rows(rows, as_json=as_json, nothing="No network is blocked.")


def _sentence(found: Report, hours: int) -> str:
    kinds = ", ".join(f"{number} {KINDS.get(kind, kind)}" for kind, number in found.kinds.items()) or "nothing refused"
    span = "the last hour" if hours == 1 else f"the last {hours} hours"
    less = "" if found.complete else " The log holds more than one look takes in: the newest events are counted."
    return f"In {span}: {kinds}.{less}"


def _network_row(one: report_flow.NetworkReport) -> dict[str, Any]:
    kinds = ", ".join(f"{number} {KINDS.get(kind, kind)}" for kind, number in one.kinds.items())
    return {"network": one.network, "refused": one.refused, "users": one.users, "what": kinds}


def _as_json(found: Report) -> dict[str, Any]:
    return found._asdict() | {
        "networks": [one._asdict() for one in found.networks],
        "users": [one._asdict() for one in found.users],
    }
