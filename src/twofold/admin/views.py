"""A person as the administrator's pages show them."""

from typing import Any

from twofold.admin import words
from twofold.admin.listed import Listed
from twofold.directory.person import Person


def person_view(listed: Listed, viewer: Person) -> dict[str, Any]:
    """Return what the pages show of a person, and what the viewer can do for them: nothing for themselves."""
    person, somebody_else = listed.person, listed.person.id != viewer.id
    return {
        "id": person.id,
        "name": person.name,
        "email": person.email,
        "role": person.role,
        "role_words": words.role(person.role),
        "licensed": person.licensed,
        "active": person.active,
        "created_at": listed.created_at,
        "is_viewer": not somebody_else,
        "state": words.two_factor(listed),
        "because": words.because(listed),
        "explained": words.explained(listed),
        "presence": words.presence(listed),
        "apps": listed.apps,
        "since": person.second_factor_since,
        "last_used_at": listed.last_used_at,
        "required_from": listed.offer.required_from,
        "exception_until": person.exception_until,
        "can_be_reset": somebody_else and listed.can_be_reset,
        "can_be_unlocked": somebody_else and listed.can_be_unlocked,
        "can_be_unfrozen": somebody_else and listed.can_be_unfrozen,
        "can_be_invited": listed.can_be_invited,
    }
