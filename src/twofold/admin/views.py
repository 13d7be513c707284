"""A person as the pages of administrators and support agents find and show them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from litestar.exceptions import NotFoundException

from twofold.admin import people_flow, words
from twofold.admin.user_summary import UserSummary
from twofold.directory import preference_flow
from twofold.directory.user import User
from twofold.kit.http.requests import AnyRequest, context_of, row_id


def user_view(summary: UserSummary, viewer: User) -> dict[str, Any]:
    """Return what the pages show of a person, and what the viewer can do for them: nothing for themselves."""
    user, somebody_else = summary.user, summary.user.id != viewer.id
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "role": user.role,
        "role_words": words.role(user.role),
        "licensed": user.licensed,
        "active": user.active,
        "created_at": summary.created_at,
        "is_viewer": not somebody_else,
        "state": words.two_factor(summary),
        "because": words.because(summary),
        "explained": words.explained(summary),
        "presence": words.presence(summary),
        "apps": summary.apps,
        "since": user.second_factor_since,
        "last_used_at": summary.last_used_at,
        "required_from": summary.required_from,
        "exception_until": summary.exception_until,
        "can_be_reset": somebody_else and summary.can_be_reset,
        "can_be_unlocked": somebody_else and summary.can_be_unlocked,
        "can_be_unfrozen": somebody_else and summary.can_be_unfrozen,
        "can_be_invited": summary.can_be_invited,
    }


def zone_of_account(request: AnyRequest, account_id: UUID) -> str:
    """Return the time zone in which the days of an account begin."""
    with context_of(request).db.read() as connection:
        return preference_flow.zone_of_account(connection, account_id)


def find_summary(request: AnyRequest, viewer: User, user_id: str, at: datetime) -> UserSummary:
    """Find somebody whom the viewer oversees.

    Raises:
        NotFoundException: there is nobody by that id whom they oversee.

    """
    wanted = row_id(user_id)
    found = None if wanted is None else people_flow.find_user(context_of(request), viewer, wanted, at)
    if found is None:
        raise NotFoundException
    return found
