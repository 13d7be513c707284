"""The administrator's letters, put together when they are delivered: out of date, they are dropped."""

import math
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from twofold.admin import words
from twofold.directory import flow as directory
from twofold.directory.user import User
from twofold.events.notices import Notice
from twofold.kit.context import AppContext
from twofold.kit.mail.letters import Composer
from twofold.kit.mail.outbox import Entry

DAY = timedelta(days=1)


def policy_reminder(
    context: AppContext, connection: sa.Connection, entry: Entry, at: datetime
) -> dict[str, Any] | None:
    """Tell somebody from when they cannot go on without a second factor, or that their administrator asks for one.

    None where that is so no longer.
    """
    user = directory.find_user(connection, entry.user_id)
    if user is None or not user.active or user.frozen_at is not None or user.has_second_factor:
        return None
    offer = user.eligibility(context.settings.two_factor_editions, at)
    due: datetime | None = datetime.fromisoformat(entry.facts["due"])
    if entry.facts.get("asked"):
        if not offer.offered:
            return None
        due = offer.required_from
    elif offer.required_from != due:
        return None  # moved, taken back, or here: a date that lies ahead no longer
    return {
        "account": user.account_name,
        "due": due,
        "required": offer.required,
        "days": None if due is None else math.ceil((due - at) / DAY),
        "url": f"{context.settings.base_url}/profile/two-factor/configure",
    }


def policy_changed(
    context: AppContext, connection: sa.Connection, entry: Entry, _at: datetime
) -> dict[str, Any] | None:
    """Tell an administrator who changed the policy to what; None when they are none any more."""
    admin = _reader(connection, entry, {"admin"})
    if admin is None:
        return None
    facts = entry.facts
    required_from = facts["required_from"]
    return {
        "account": admin.account_name,
        "happened_at": entry.created_at,
        "by": facts["by"],
        "policy": facts["policy"],
        "before": words.policy(facts["before"]),
        "after": words.policy(facts["policy"]),
        "required_from": None if required_from is None else datetime.fromisoformat(required_from),
        "url": f"{context.settings.base_url}/account/policy",
    }


def member_unlocked(
    context: AppContext, connection: sa.Connection, entry: Entry, _at: datetime
) -> dict[str, Any] | None:
    """Tell an administrator that a support agent unlocked somebody of their account; agents tell each other."""
    reader = _reader(connection, entry, {"admin", "support"})
    if reader is None:
        return None
    place = "support/users" if reader.role == "support" else "people"
    return {
        "happened_at": entry.created_at,
        "facts": entry.facts,
        "person_url": f"{context.settings.base_url}/{place}/{entry.facts['user_id']}",
    }


def _reader(connection: sa.Connection, entry: Entry, roles: AbstractSet[str]) -> User | None:
    """Return whom a letter is for, if they are active, not frozen and still have one of the roles that may know."""
    reader = directory.find_user(connection, entry.user_id)
    at_work = reader is not None and reader.active and reader.frozen_at is None and reader.role in roles
    return reader if at_work else None


COMPOSERS: dict[str, Composer] = {
    Notice.POLICY_REMINDER: policy_reminder,
    Notice.POLICY_CHANGED: policy_changed,
    Notice.MEMBER_UNLOCKED: member_unlocked,
}
