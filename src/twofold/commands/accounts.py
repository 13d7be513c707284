"""`twofold accounts`: the customers' accounts."""

from typing import Any
from uuid import UUID

import click

from twofold.commands.frame import as_json, console_origin, id_of, missing, opened, refuse, show, show_rows
from twofold.directory import accounts_flow
from twofold.directory.accounts_flow import AccountChange
from twofold.directory.refusals import Refused
from twofold.kit.context import AppContext
from twofold.kit.time_zones import DEFAULT_ZONE
from twofold.provisioning import account_flow
from twofold.provisioning.account_flow import CustomerAccount

PAGE = 500


class Seats(click.ParamType[int | str]):
    """A number of licences, or `unlimited`."""

    name = "N|unlimited"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        """Read it."""
        text = str(value)
        if text == "unlimited":
            return text
        if not text.isascii() or not text.isdigit():
            self.fail(f"{text!r} is no number of licences; write 0 or more, or unlimited.", param, ctx)
        return int(text)


@click.group()
def accounts() -> None:
    """Make, change and list accounts."""


@accounts.command("create")
@click.option("--name", required=True, help="The organisation's name.")
@click.option("--edition", default="enterprise", show_default=True, help="What it pays for.")
@click.option("--sso", is_flag=True, help="It signs in with single sign-on: no password, no 2FA here.")
@click.option("--sso-domain", "domains", multiple=True, help="An email domain of it; may be repeated.")
@click.option("--sso-url", help="Where its people sign in, https://…")
@click.option("--seats", type=Seats(), default="unlimited", show_default=True, help="How many licences it has.")
@click.option(
    "--time-zone", default=DEFAULT_ZONE, show_default=True, help="Where its days begin at midnight: Europe/Berlin."
)
@as_json
def create(*, name: str, edition: str, sso: bool, domains: tuple[str, ...], sso_url: str | None,
           seats: int | str, time_zone: str, as_json: bool) -> None:  # fmt: skip
    """Make an account."""
    asked = AccountChange(name, edition, sso, domains, sso_url, seats if isinstance(seats, int) else None, time_zone)
    with opened() as context:
        made = accounts_flow.create_account(context.db, asked, origin=console_origin())
    if isinstance(made, Refused):
        refuse(made)
    show({"id": made}, as_json=as_json, said=f"Made the account {name}. Its id is {made}.")


@accounts.command("set")
@click.argument("account_id", metavar="ID")
@click.option("--name", help="Another name.")
@click.option("--edition", help="Another edition.")
@click.option("--sso/--no-sso", default=None, help="Whether it signs in with single sign-on.")
@click.option("--sso-domain", "domains", multiple=True, help="Its email domains, in place of those before.")
@click.option("--sso-url", help="Where its people sign in, https://…")
@click.option("--seats", type=Seats(), help="How many licences it has.")
@click.option("--time-zone", help="Where its days begin at midnight, such as Europe/Berlin.")
@as_json
def set_(*, account_id: str, name: str | None, edition: str | None, sso: bool | None, domains: tuple[str, ...],
         sso_url: str | None, seats: int | str | None, time_zone: str | None, as_json: bool) -> None:  # fmt: skip
    """Change an account; what is not named stays as it is."""
    asked = AccountChange(
        name, edition, sso, domains or None, sso_url, seats if isinstance(seats, int) else None,
        time_zone, unlimited_seats=seats == "unlimited",
    )  # fmt: skip
    if asked == AccountChange():
        raise click.UsageError("Say what to change, such as --edition standard.")
    wanted = id_of(account_id, "account")
    with opened() as context:
        changed = account_flow.change_account(context.db, wanted, asked, origin=console_origin())
    if isinstance(changed, Refused):
        refuse(changed)
    if changed is None:
        raise missing("account", account_id)
    show(_row(changed), as_json=as_json, said=f"Changed the account {changed.name}.")


@accounts.command("list")
@as_json
def list_(*, as_json: bool) -> None:
    """List every account."""
    with opened() as context:
        rows = [_row(account) for account in _all(context)]
    show_rows(rows, as_json=as_json, nothing="There is no account yet. Make one: twofold accounts create")


def _all(context: AppContext) -> list[CustomerAccount]:
    found: list[CustomerAccount] = []
    after: UUID | None = None
    while True:
        page = account_flow.list_accounts(context.db, after, PAGE)
        found += page.accounts
        after = page.next
        if after is None:
            return found


def _row(account: CustomerAccount) -> dict[str, Any]:
    return account._asdict()
