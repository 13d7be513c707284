"""Whom a list of people is to show: everybody, those in a state, those in whose name or address a text stands."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import NamedTuple

from twofold.admin.user_summary import Presence, TwoFactor
from twofold.directory.email_address import email_key
from twofold.directory.person_name import name_key

# What can be asked for. "without": whoever is active and has no second factor, for whatever reason; "excepted": whoever
# has a running exception from the policy.
STATES = (
    "",
    *(state.value for state in TwoFactor),
    "without",
    "excepted",
    Presence.INVITED.value,
    Presence.NO_PASSWORD.value,
    Presence.FROZEN.value,
    Presence.DEACTIVATED.value,
)


class Rules(NamedTuple):
    """What an account as a whole says of two-factor authentication at a moment: the first half of eligibility."""

    sso: bool
    always_required: bool  # the operator's own account: support agents
    offered: bool
    required_now: bool


class UserFilter(NamedTuple):
    """The state to list (one of STATES) and what stands in a name or an address."""

    rules: Rules
    state: str = ""
    search: str = ""

    @property
    def name_key(self) -> str:
        """The search as names are compared."""
        return name_key(self.search)

    @property
    def email_key(self) -> str:
        """The search as addresses are compared."""
        return email_key(self.search)


def rules(
    *,
    sso: bool,
    edition: str,
    policy: str,
    required_from: datetime | None,
    is_operator: bool,
    editions: AbstractSet[str],
    at: datetime,
) -> Rules:
    """Decide what holds for the whole account; `directory.eligibility` decides the same for one user."""
    offered = not sso and edition in editions and policy != "off"
    required_now = policy == "required" and (required_from is None or required_from <= at)
    return Rules(sso, is_operator, offered, offered and required_now)
