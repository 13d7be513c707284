"""The account's rule on two-factor authentication, as it is asked for: pure rules.

A required policy holds from a moment on; one that does not lie ahead means at once, and is kept as none.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

POLICIES = ("off", "optional", "required")

# Days before the date, and up to how many days before it the letter is still of use.
REMINDERS = ((7, 1), (1, 0))


class Policy(NamedTuple):
    """Off, optional, or required from a moment (None: at once)."""

    policy: str
    required_from: datetime | None = None

    @property
    def is_required(self) -> bool:
        """Whether it will stop anybody, now or later."""
        return self.policy == "required"


def normalised(policy: Policy, at: datetime) -> Policy:
    """Return a policy as it is kept: no date but one that lies ahead, and none where it means nothing."""
    if not policy.is_required or policy.required_from is None or policy.required_from <= at:
        return Policy(policy.policy)
    return policy


def stops_from(policy: Policy, at: datetime) -> datetime:
    """Return from when a required policy stops people."""
    return at if policy.required_from is None else max(at, policy.required_from)


def alike(before: Policy, after: Policy, at: datetime) -> bool:
    """Tell whether two policies say the same from a moment on: a date that has passed is no date."""
    return normalised(before, at) == normalised(after, at)


def reminders(policy: Policy, at: datetime) -> list[datetime]:
    """Return when those whom a date will stop are still to be reminded of it."""
    if normalised(policy, at).required_from is None or policy.required_from is None:
        return []
    moments = [policy.required_from - timedelta(days=days) for days, _last in REMINDERS]
    return [moment for moment in moments if moment > at]
