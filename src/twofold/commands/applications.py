"""`twofold applications`: the applications that sign people in through Twofold."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import click

from twofold.commands.frame import (
    F,
    as_json,
    console_origin,
    id_of,
    missing,
    opened,
    print_json,
    refuse,
    show,
    show_rows,
)
from twofold.directory.refusals import Refused
from twofold.oidc import registration_flow
from twofold.oidc.application import ALGORITHMS, ASSURANCES, LONGEST_AGE, Registration
from twofold.oidc.client_keys import MOST_BYTES
from twofold.oidc.registration_flow import Shown

WHAT = "application"
MINUTE = timedelta(minutes=1)

# What `set --without` takes away, and what is left then.
WITHOUT: Mapping[str, Any] = {
    "post-logout-redirect-uri": ("post_logout_redirect_uris", ()),
    "backchannel-logout-uri": ("backchannel_logout_uri", None),
    "home-url": ("home_url", None),
    "acr": ("acr", None),
    "second-factor-age": ("second_factor_age", None),
    "account": ("accounts", frozenset()),
    "jwks": ("jwks", None),
    "jwks-uri": ("jwks_uri", None),
}

DETAILS = (
    click.option("--post-logout-redirect-uri", "post_logout_redirect_uris", multiple=True, metavar="URL",
                 help="Where people may be led after signing out; may be repeated."),
    click.option("--backchannel-logout-uri", metavar="URL", help="Is told when a session ends."),
    click.option("--home-url", metavar="URL", help="Where the application itself is."),
    click.option("--algorithm", type=click.Choice(ALGORITHMS), help="Signs its tokens.  [default: RS256]"),
    click.option("--acr", type=click.Choice(list(ASSURANCES)), help="What a session must reach."),
    click.option("--second-factor-age", type=click.IntRange(1, LONGEST_AGE // MINUTE), metavar="MIN",
                 help="How many minutes ago the second factor may have been proved."),
    click.option("--pkce/--no-pkce", default=None, help="Whether PKCE is demanded.  [default: pkce]"),
    click.option("--account", "accounts", multiple=True, metavar="ID",
                 help="Whose people may sign in; may be repeated. Without it everybody's."),
    click.option("--jwks", type=click.File("r", lazy=False), metavar="FILE",
                 help="Its public keys (a JWK Set), in place of a secret."),
    click.option("--jwks-uri", metavar="URL", help="Where its public keys are, in place of a secret."),
    click.option("--assertion-algorithm", type=click.Choice(ALGORITHMS),
                 help="What it signs with by those keys.  [default: RS256]"),
    click.option("--jwt-access-tokens/--opaque-access-tokens", default=None,
                 help="Whether access tokens are JWTs of five minutes (RFC 9068).  [default: opaque]"),
    click.option("--first-party/--third-party", default=None,
                 help="Whether it is yours; else people are asked what it may see.  [default: first-party]"),
)  # fmt: skip


def _with_details(command: F) -> F:
    for option in reversed(DETAILS):
        command = option(command)
    return command


@click.group()
def applications() -> None:
    """Register, change and delete applications for OpenID Connect."""


@applications.command("create")
@click.option("--name", required=True, help="What people know it by.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, required=True, metavar="URL",
              help="Where people are sent back; may be repeated.")  # fmt: skip
@click.option("--public", is_flag=True, help="It cannot keep a secret: it runs on people's own computers or phones.")
@_with_details
@as_json
def create(*, as_json: bool, **said: Any) -> None:
    """Register an application; its client secret is shown once, as JSON."""
    with opened() as context:
        made = registration_flow.create(context, Registration(**_given(said)), origin=console_origin())
    if isinstance(made, Refused):
        refuse(made)
    print_json({"client_id": made.application.id, "client_secret": made.secret})
    if made.secret is not None and not as_json:
        click.echo("Keep the client secret now: it is not shown again.", err=True)


@applications.command("list")
@as_json
def list_(*, as_json: bool) -> None:
    """List every application."""
    with opened() as context:
        found = [_row(shown) for shown in registration_flow.list_applications(context.db)]
    columns = ("client_id", "name", "public", "redirect_uris", "created_at")
    rows = found if as_json else [{column: row[column] for column in columns} for row in found]
    show_rows(rows, as_json=as_json, nothing="There is no application yet. Register one: twofold applications create")


@applications.command("show")
@click.argument("client_id", metavar="ID")
@as_json
def show_(*, client_id: str, as_json: bool) -> None:
    """Show an application, and since when its client secrets are valid, the newest first."""
    wanted = id_of(client_id, WHAT)
    with opened() as context:
        found = registration_flow.find(context.db, wanted)
    if found is None:
        raise missing(WHAT, client_id)
    if as_json:
        print_json(_row(found))
    else:
        rows = [{"field": name, "value": value} for name, value in _row(found).items()]
        show_rows(rows, as_json=False, nothing="")


@applications.command("set")
@click.argument("client_id", metavar="ID")
@click.option("--name", help="Another name.")
@click.option("--redirect-uri", "redirect_uris", multiple=True, metavar="URL",
              help="Its redirect addresses, in place of those before.")  # fmt: skip
@_with_details
@click.option("--without", multiple=True, type=click.Choice(list(WITHOUT)), help="Takes a value away; may be repeated.")
@as_json
def set_(*, client_id: str, without: tuple[str, ...], as_json: bool, **said: Any) -> None:
    """Change an application; what is not named stays as it is."""
    given = {**_given(said), **dict(WITHOUT[name] for name in without)}
    if not given:
        raise click.UsageError("Say what to change, such as --name CRM.")
    wanted = id_of(client_id, WHAT)
    with opened() as context:
        changed = registration_flow.change(context.db, wanted, given, origin=console_origin())
        shown = registration_flow.find(context.db, wanted)
    if isinstance(changed, Refused):
        refuse(changed)
    if changed is None or shown is None:
        raise missing(WHAT, client_id)
    show(_row(shown), as_json=as_json, said=f"Changed the application {changed.name}.")


@applications.command("rotate-secret")
@click.argument("client_id", metavar="ID")
@as_json
def rotate_secret(*, client_id: str, as_json: bool) -> None:
    """Make another client secret; the one before stays valid, so run this twice where that has leaked."""
    wanted = id_of(client_id, WHAT)
    with opened() as context:
        made = registration_flow.rotate_secret(context, wanted, origin=console_origin())
    if isinstance(made, Refused):
        refuse(made)
    if made is None:
        raise missing(WHAT, client_id)
    print_json({"client_id": wanted, "client_secret": made.secret})
    if not as_json:
        click.echo("Keep the client secret now: it is not shown again. The one before it is still valid.", err=True)


@applications.command("delete")
@click.argument("client_id", metavar="ID")
@as_json
def delete(*, client_id: str, as_json: bool) -> None:
    """Delete an application: nobody signs in to it any more."""
    wanted = id_of(client_id, WHAT)
    with opened() as context:
        deleted = registration_flow.delete(context.db, wanted, origin=console_origin())
    if not deleted:
        raise missing(WHAT, client_id)
    show({"client_id": wanted}, as_json=as_json, said="Deleted: nobody signs in to it any more.")


# What options say, as fields of a Registration.
_READ: Mapping[str, Callable[[Any], Any]] = {
    "accounts": lambda ids: frozenset(id_of(text, "account") for text in ids),
    "acr": ASSURANCES.__getitem__,
    "jwks": lambda file: file.read(MOST_BYTES + 1),
    "second_factor_age": lambda minutes: minutes * MINUTE,
}


def _given(said: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in said.items() if value is not None and value != ()}
    return {name: _READ[name](value) if name in _READ else value for name, value in told.items()}


def _row(shown: Shown) -> dict[str, Any]:
    application, secrets = shown
    row = application._asdict()
    client_id: UUID = row.pop("id")
    age = application.second_factor_age
    return {
        "client_id": client_id,
        **row,
        "second_factor_age": None if age is None else age // MINUTE,
        "accounts": sorted(application.accounts),
        "secrets": secrets,
    }
