"""`twofold locked list` and `twofold resets list`: who waits for help, seen from the server itself."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click
import sqlalchemy as sa

from twofold.commands.frame import as_json, opened, show_rows
from twofold.kit import clock
from twofold.lockouts import locked_out_records
from twofold.lockouts.locked_out import Locked, ShutOut
from twofold.resets import records as resets
from twofold.resets.case import Case, State, standing
from twofold.resets.cursor import CaseCursor

PAGE = 200
WAITING = (State.REQUESTED, State.SENT)


@click.group()
def locked() -> None:
    """See who is locked."""


@locked.command("list")
@as_json
def list_locked(*, as_json: bool) -> None:
    """List who is locked after wrong codes, from the app or from the mailbox."""
    with opened() as context, context.db.read() as connection:
        rows = list(_locked_rows(connection, clock.now()))
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


def _locked_rows(connection: sa.Connection, at: datetime) -> Iterator[dict[str, Any]]:
    for one in locked_out_records.locked(connection):
        helps = "reset" if one.final else "unlock or reset"
        yield _who(one) | {"since": one.last_locked_at, "until": None, "helps": helps}
    for shut_out in locked_out_records.shut_out(connection, at):
        yield _who(shut_out) | {"since": None, "until": shut_out.closed_until, "helps": "unlock, or time"}


def _who(one: Locked | ShutOut) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "email": one.email, "account": one.account}


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
