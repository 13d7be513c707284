"""A person as the administrator's pages show them."""

from typing import Any

from twofold.admin import words
from twofold.admin.user_summary import UserSummary
from twofold.directory.user import User


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
        "required_from": summary.offer.required_from,
        "exception_until": user.exception_until,
        "can_be_reset": somebody_else and summary.can_be_reset,
        "can_be_unlocked": somebody_else and summary.can_be_unlocked,
        "can_be_unfrozen": somebody_else and summary.can_be_unfrozen,
        "can_be_invited": summary.can_be_invited,
    }
