"""`twofold locked list` and `twofold resets list`: who waits for help, seen from the server itself."""

from datetime import datetime
from typing import Any

import click
import sqlalchemy as sa

from twofold.commands.frame import as_json, opened, show_rows
from twofold.directory.tables import accounts, users
from twofold.kit import clock
from twofold.kit.sql.database import AnyRow
from twofold.lockouts.budget import FINAL_AFTER, LOCK_AFTER
from twofold.lockouts.tables import mailbox_budgets, second_factor_budgets
from twofold.resets import records as resets
from twofold.resets.case import Case, State, standing
from twofold.resets.cursor import CaseCursor

PAGE = 200
WAITING = (State.REQUESTED, State.SENT)

_budget = second_factor_budgets.c
_final = _budget.wrong_in_row >= FINAL_AFTER
_people = users.join(accounts, accounts.c.id == users.c.account_id)
_user = (users.c.id, users.c.name, users.c.email, accounts.c.name.label("account"))
_locked = (
    sa.select(*_user, _budget.last_locked_at, _final.label("final"))
    .select_from(_people.join(second_factor_budgets, _budget.user_id == users.c.id))
    .where((_budget.wrong >= LOCK_AFTER) | _final)
    .order_by(users.c.name_key, users.c.id)
)
_shut_out = (
    sa.select(*_user, mailbox_budgets.c.closed_until)
    .select_from(_people.join(mailbox_budgets, mailbox_budgets.c.user_id == users.c.id))
    .where(mailbox_budgets.c.closed_until > sa.bindparam("at"))
    .order_by(users.c.name_key, users.c.id)
)


@click.group()
def locked() -> None:
    """See who is locked."""


@locked.command("list")
@as_json
def list_locked(*, as_json: bool) -> None:
    """List who is locked after wrong codes, from the app or from the mailbox."""
    with opened() as context, context.db.read() as connection:
        rows = [_locked_row(row) for row in connection.execute(_locked)]
        rows += [_shut_out_row(row) for row in connection.execute(_shut_out, {"at": clock.now()})]
    show_rows(rows, as_json=as_json, nothing="Nobody is locked.")


@click.group("resets")
def reset_cases() -> None:
    """See the reset cases."""


@reset_cases.command("list")
@click.option("--all", "every", is_flag=True, help="Those that have ended as well.")
@as_json
def list_resets(*, every: bool, as_json: bool) -> None:
    """List reset cases that wait for an answer, the newest first."""
    with opened() as context, context.db.read() as connection:
        at = clock.now()
        found = [case for case in _cases(connection) if every or standing(case, at) in WAITING]
    show_rows([_case_row(case, at) for case in found], as_json=as_json, nothing="No reset case waits for an answer.")


def _locked_row(row: AnyRow) -> dict[str, Any]:
    user = {name: getattr(row, name) for name in ("id", "name", "email", "account")}
    return user | {"since": row.last_locked_at, "until": None, "helps": "reset" if row.final else "unlock or reset"}


def _shut_out_row(row: AnyRow) -> dict[str, Any]:
    user = {name: getattr(row, name) for name in ("id", "name", "email", "account")}
    return user | {"since": None, "until": row.closed_until, "helps": "unlock, or time"}


def _cases(connection: sa.Connection) -> list[Case]:
    found: list[Case] = []
    after: CaseCursor | None = None
    while True:
        page = resets.list_cases(connection, account_id=None, user_id=None, after=after, most=PAGE)
        found += page
        if len(page) < PAGE:
            return found
        after = CaseCursor(page[-1].requested_at, page[-1].id)


def _case_row(case: Case, at: datetime) -> dict[str, Any]:
    return {
        "id": case.id,
        "state": standing(case, at).value,
        "whose": case.subject.email,
        "account": case.subject.account_name,
        "asked_by": "console" if case.requester is None else case.requester.email,
        "asked_at": case.requested_at,
        "reason": case.reason,
    }
