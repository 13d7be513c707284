"""Eligibility: whether a user may, must or is not offered two-factor authentication, and why.

One pure function; pages and API show its reason in words. It decides about a first set-up only: a factor that exists
keeps protecting its user whatever it says.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Offer(StrEnum):
    """What a user is told about two-factor authentication."""

    NOT_OFFERED = "not_offered"
    OFFERED = "offered"
    REQUIRED = "required"


class Reason(StrEnum):
    """Why: each is a sentence on the pages and a code in the API."""

    SUPPORT = "support"
    SSO = "sso"
    EDITION = "edition"
    SWITCHED_OFF = "switched_off"
    UNLICENSED = "unlicensed"
    POLICY = "policy"
    AVAILABLE = "available"


class Standing(NamedTuple):
    """What the directory knows of a user and their account that decides eligibility."""

    role: str
    licensed: bool
    exception_until: datetime | None
    edition: str
    sso: bool
    policy: str
    required_from: datetime | None


class Eligibility(NamedTuple):
    """The decision, its reason, and the date ahead from which it will be required (or None)."""

    offer: Offer
    reason: Reason
    required_from: datetime | None = None

    @property
    def offered(self) -> bool:
        """Whether a first set-up is open to this user."""
        return self.offer is not Offer.NOT_OFFERED

    @property
    def required(self) -> bool:
        """Whether this user cannot go on without a second factor."""
        return self.offer is Offer.REQUIRED


def eligibility(standing: Standing, editions: AbstractSet[str], at: datetime) -> Eligibility:
    """Decide, in the order of the design's section 2, what a user is told at a moment.

    `editions` are the editions that include two-factor authentication.
    """
    if standing.role == "support":
        return Eligibility(Offer.REQUIRED, Reason.SUPPORT)
    if standing.sso:
        return Eligibility(Offer.NOT_OFFERED, Reason.SSO)
    if standing.edition not in editions:
        return Eligibility(Offer.NOT_OFFERED, Reason.EDITION)
    if standing.policy == "off":
        return Eligibility(Offer.NOT_OFFERED, Reason.SWITCHED_OFF)
    if not standing.licensed:
        return Eligibility(Offer.NOT_OFFERED, Reason.UNLICENSED)
    if standing.policy != "required":
        return Eligibility(Offer.OFFERED, Reason.AVAILABLE)
    due = _due(standing)
    if due is None or due <= at:
        return Eligibility(Offer.REQUIRED, Reason.POLICY)
    return Eligibility(Offer.OFFERED, Reason.AVAILABLE, due)


def _due(standing: Standing) -> datetime | None:
    """Return the moment from which the policy holds for this user: its date, or the end of their exception."""
    dates = [date for date in (standing.required_from, standing.exception_until) if date is not None]
    return max(dates, default=None)
