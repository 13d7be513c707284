"""The link of a reset case: what it is good for at a moment, and if for nothing, why."""

from datetime import datetime

import msgspec

from twofold.resets.case import Act, Case, State, allows, ended_why, standing


class Link(msgspec.Struct, frozen=True):
    """A link that was sent for a case, this one or one before the newest; and when a newer case's link was sent."""

    token_hash: bytes
    case: Case
    newer_case_sent_at: datetime | None


class Open(msgspec.Struct, frozen=True):
    """The link works: it can be confirmed or refused."""

    case: Case
    valid_until: datetime


class Used(msgspec.Struct, frozen=True):
    """The link has been used: the reset was confirmed or refused."""

    case: Case


class Replaced(msgspec.Struct, frozen=True):
    """A newer link was sent, or is on its way (None)."""

    case: Case
    newer_sent_at: datetime | None


class Expired(msgspec.Struct, frozen=True):
    """The fifteen minutes are over."""

    case: Case
    valid_until: datetime


class Dead(msgspec.Struct, frozen=True):
    """The case was cancelled (None) or closed, and why."""

    case: Case
    why: str | None


class Unknown(msgspec.Struct, frozen=True):
    """No such link was ever sent."""


Over = Used | Replaced | Expired | Dead | Unknown


def link_verdict(link: Link | None, at: datetime) -> Open | Over:
    """Say what a link is good for at a moment. It is open strictly before its fifteen minutes are over."""
    if link is None:
        return Unknown()
    case, state = link.case, standing(link.case, at)
    if state in {State.CONFIRMED, State.REFUSED}:
        return Used(case)
    if state in {State.CANCELLED, State.CLOSED}:
        return Dead(case, ended_why(case))
    if state is State.SUPERSEDED:
        return Replaced(case, link.newer_case_sent_at)
    if link.token_hash != case.token_hash:
        return Replaced(case, case.sent_at)
    if case.valid_until is None or not allows(case, Act.CONFIRM, at):
        return Expired(case, case.valid_until or at)
    return Open(case, case.valid_until)
