"""`twofold users`: the people of an account, and support agents."""

import sys
from typing import Any

import click

from twofold.commands.frame import (
    Stop,
    as_json,
    console_origin,
    id_of,
    missing,
    opened,
    refuse,
    show,
    show_rows,
    user_by_email,
)
from twofold.directory import accounts_flow, records
from twofold.directory.add_user_flow import NewUser
from twofold.directory.refusals import Refused
from twofold.directory.rules import ROLES
from twofold.directory.user import User
from twofold.kit.context import AppContext
from twofold.provisioning import flow as provisioning
from twofold.provisioning import new_user_flow
from twofold.provisioning.flow import UserChange


@click.group()
def users() -> None:
    """Make and list users."""


@users.command("create")
@click.option("--account", help="The id of their account; support agents need none.")
@click.option("--email", required=True, help="Their address, with which they sign in.")
@click.option("--name", required=True, help="Their name.")
@click.option("--role", type=click.Choice(ROLES), default="member", show_default=True)
@click.option("--unlicensed", is_flag=True, help="Without a licence.")
@click.option("--password-stdin", is_flag=True, help="Read their password from standard input.")
@as_json
def create(*, account: str | None, email: str, name: str, role: str, unlicensed: bool, password_stdin: bool,
           as_json: bool) -> None:  # fmt: skip
    """Make a user. Without --password-stdin they are mailed a link to choose a password."""
    if account is None and role != "support":
        raise click.UsageError("--account is missing: whose user is it? twofold accounts list shows the ids.")
    if account is not None and role == "support":
        raise click.UsageError("Support agents belong to the operator's own account: leave --account away.")
    account_id = None if account is None else id_of(account, "account")
    password = _read_password() if password_stdin else None
    with opened() as context:
        made = new_user_flow.create_user(
            context,
            account_id,
            NewUser(email, name, role, not unlicensed, password),
            origin=console_origin(),
        )
    if isinstance(made, Refused):
        refuse(made)
    if made is None:
        raise missing("account", account)
    said = f"Made {made.user.name} ({made.user.email}), with the id {made.user.id}."
    invited = " An invitation to choose a password is on its way." if made.invited else ""
    show({"id": made.user.id}, as_json=as_json, said=said + invited)


@users.command("set")
@click.argument("who", metavar="EMAIL|ID")
@click.option("--email", help="Another address. They are signed out, and both mailboxes are told.")
@click.option("--name", help="Another name.")
@click.option("--role", type=click.Choice(ROLES[:2]), help="Another role. They are signed out.")
@click.option("--licensed/--unlicensed", default=None, help="Whether they have a licence.")
@click.option("--active/--inactive", default=None, help="Whether they can sign in at all.")
@click.option("--password-stdin", is_flag=True, help="Read a new password from standard input. They are signed out.")
@as_json
def set_(*, who: str, email: str | None, name: str | None, role: str | None, licensed: bool | None,
         active: bool | None, password_stdin: bool, as_json: bool) -> None:  # fmt: skip
    """Change a user; what is not named stays as it is."""
    change = UserChange(role, licensed, active, email=email, name=name)
    if password_stdin:
        change = change._replace(password=_read_password())
    if not change.told:
        raise click.UsageError("Say what to change, such as --role admin.")
    with opened() as context:
        subject = user_by_email(context, who).id if "@" in who else id_of(who, "user")
        changed = provisioning.change_user(
            context,
            origin=console_origin(),
            subject_id=subject,
            change=change,
            within=None,
        )
    if isinstance(changed, Refused):
        refuse(changed)
    if changed is None:
        raise Stop(f"There is nobody to change by {who}: it is unknown, or a support agent.")
    show(_row(changed), as_json=as_json, said=f"Changed {changed.name} ({changed.email}).")


@users.command("list")
@click.option("--account", help="Only the users of this account.")
@click.option("--role", type=click.Choice(ROLES), help="Only those with this role.")
@as_json
def list_(*, account: str | None, role: str | None, as_json: bool) -> None:
    """List users by name."""
    with opened() as context:
        people = _people(context, account)
    rows = [_row(user) for user in people if role is None or user.role == role]
    show_rows(rows, as_json=as_json, nothing="There is nobody.")


def _people(context: AppContext, account: str | None) -> list[User]:
    with context.db.read() as connection:
        if account is None:
            return records.people_of(connection)
        wanted = id_of(account, "account")
        if accounts_flow.find_account(connection, wanted) is None:
            raise missing("account", account)
        return records.people_of(connection, wanted)


def _row(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "role": user.role,
        "account": user.account_name,
        "licensed": user.licensed,
        "two_factor": user.has_second_factor,
        "state": _state(user),
    }


def _state(user: User) -> str:
    if not user.active:
        return "inactive"
    if user.frozen_at is not None:
        return "frozen"
    if user.is_placeholder:
        return "address in use elsewhere"
    return "active" if user.password_hash or user.sso else "without password"


def _read_password() -> str:
    """Read the first line; a password never stands in the arguments, where other users of the machine see it."""
    try:
        text = sys.stdin.readline()
    except UnicodeDecodeError as error:
        raise Stop("The password on standard input is not UTF-8.") from error
    password = text.rstrip("\r\n")
    if not password:
        raise Stop(
            "There is no password on standard input. Write it there: printf %s PASSWORD | twofold users create …"
        )
    return password
