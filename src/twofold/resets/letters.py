"""The letters about reset cases, put together when they are delivered."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from twofold.directory import flow as directory
from twofold.events.notices import Notice
from twofold.kit.context import AppContext
from twofold.kit.mail.letters import Composer
from twofold.kit.mail.outbox import Entry
from twofold.resets import words
from twofold.resets.link_flow import mint_link


def confirm(context: AppContext, connection: sa.Connection, entry: Entry, at: datetime) -> dict[str, Any] | None:
    """Ask a user to confirm or refuse; the link is made here and its fifteen minutes begin. None: out of date."""
    minted = mint_link(connection, entry, at)
    if minted is None:
        return None
    case = minted.case
    return {
        "asked_by": words.requester(case, context.settings.product_name),
        "role": words.role(case.requester_kind),
        "asked_at": case.requested_at,
        "reason": _one_line(case.reason),
        "link": f"{context.settings.base_url}/resets/{minted.token}",
        "valid_until": minted.valid_until,
        "needs_new_password": minted.needs_new_password,
        "needs_approval": minted.needs_approval,
    }


def done(context: AppContext, connection: sa.Connection, entry: Entry, at: datetime) -> dict[str, Any] | None:
    """Tell a user that their two-factor authentication is off, and what comes next for them."""
    user = directory.find_user(connection, entry.user_id)
    if user is None:
        return None
    return {
        **_told(entry),
        "new_password": entry.facts["new_password"],
        "afterwards": words.afterwards(user.eligibility(context.settings.two_factor_editions, at)),
    }


def refused_by_you(
    _context: AppContext, _connection: sa.Connection, entry: Entry, _at: datetime
) -> dict[str, Any] | None:
    """Tell a user that their refusal counts."""
    return _told(entry)


def about_a_case(context: AppContext, connection: sa.Connection, entry: Entry, _at: datetime) -> dict[str, Any] | None:
    """Tell an administrator or the requester what became of a case; None when they may not know any more."""
    if not _oversees_still(connection, entry):
        return None
    facts = entry.facts
    return {
        "happened_at": entry.created_at,
        "person": facts["name"],
        "email": facts["email"],
        "asked_by": facts["requester"] or words.operators(context.settings.product_name),
        "role": words.role(facts["requester_kind"]),
        "reason": _one_line(facts["reason"]),
        "link": f"{context.settings.base_url}/resets/case/{facts['case']}",
    }


def by_support(_context: AppContext, connection: sa.Connection, entry: Entry, _at: datetime) -> dict[str, Any] | None:
    """Tell an account's administrators what a support agent did for one of its users, and why."""
    if not _oversees_still(connection, entry):
        return None
    facts = entry.facts
    return {
        "happened_at": entry.created_at,
        "act": facts["act"],
        "agent": facts["agent"],
        "person": facts["name"],
        "email": facts["email"],
        "reason": _one_line(facts["reason"]),
    }


def _oversees_still(connection: sa.Connection, entry: Entry) -> bool:
    """Tell whether the reader of a letter still is an administrator or support agent, active and not frozen."""
    reader = directory.find_user(connection, entry.user_id)
    return reader is not None and reader.active and reader.frozen_at is None and reader.role != "member"


def _told(entry: Entry) -> dict[str, Any]:
    facts = entry.facts
    return {"happened_at": entry.created_at, "address": facts["address"], "browser": facts["browser"]}


def _one_line(reason: str) -> str:
    """A reason cannot pretend to be a paragraph of ours."""
    return " ".join(reason.split())


COMPOSERS: Mapping[str, Composer] = {
    Notice.RESET_CONFIRM: confirm,
    Notice.RESET_DONE: done,
    Notice.RESET_REFUSED_BY_YOU: refused_by_you,
    Notice.RESET_DONE_BY_USER: about_a_case,
    Notice.RESET_REFUSED: about_a_case,
    Notice.RESET_CLOSED: about_a_case,
    Notice.RESET_BY_SUPPORT: by_support,
}
