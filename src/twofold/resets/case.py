"""A reset case: its state, and what may happen to it there. docs/reset-case.md draws it.

Pure: values in, values out. Two states are never written down by themselves, because nobody acts when they begin: a
link that was sent expires by the clock, and a case dies the moment what it was asked for is no longer so.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from twofold.directory.authority import may_act, oversees
from twofold.directory.user import User

LIFE = timedelta(minutes=15)  # of a link, from the moment it was sent
MOST_WRONG_PASSWORDS = 5
SHORTEST_REASON, LONGEST_REASON = 3, 500  # characters
CONSOLE = "console"


class State(StrEnum):
    """Where a case stands."""

    REQUESTED = "requested"
    SENT = "sent"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    CLOSED = "closed"


class Act(StrEnum):
    """What can happen to a case."""

    SEND = "send"
    CONFIRM = "confirm"
    REFUSE = "refuse"
    CANCEL = "cancel"
    APPROVE = "approve"
    SUPERSEDE = "supersede"
    CLOSE = "close"


class CloseReason(StrEnum):
    """Why a case was closed without an answer."""

    WRONG_PASSWORDS = "wrong_passwords"
    FACTORS_CHANGED = "factors_changed"
    EMAIL_CHANGED = "email_changed"
    FROZEN = "frozen"
    INACTIVE = "inactive"
    SSO = "sso"
    REQUESTER = "requester"


class Subject(NamedTuple):
    """The user whose second factor is to be switched off, as they are now."""

    id: UUID
    account_id: UUID
    account_name: str
    name: str
    email: str
    role: str
    active: bool
    frozen_at: datetime | None
    sso: bool
    second_factor_since: datetime | None
    factors_changed_at: datetime | None
    password_set_at: datetime | None
    password_unproven: bool


class Requester(NamedTuple):
    """The administrator or support agent who asked, as they are now."""

    id: UUID
    account_id: UUID
    name: str
    email: str
    role: str
    active: bool
    frozen_at: datetime | None


class SubjectAtOpening(NamedTuple):
    """What the subject was like when the case was opened: the link is bound to it."""

    email: str
    second_factor_since: datetime | None
    factors_changed_at: datetime | None


class Letter(NamedTuple):
    """How the newest letter of a case fares: None while it waits, else sent, dropped or rejected; the last error."""

    outcome: str | None
    error: str | None


class Key(NamedTuple):
    """Which case, of which account, about whom."""

    id: UUID
    account_id: UUID
    user_id: UUID


class Case(NamedTuple):
    """A reset case with the people it is about. `requester` is None where the command line did it at once."""

    id: UUID
    account_id: UUID
    state: State
    reason: str
    requester_kind: str  # admin | support | console: what they were when they asked
    asked: SubjectAtOpening
    requested_at: datetime
    sent_at: datetime | None
    valid_until: datetime | None
    token_hash: bytes | None
    letter_id: UUID | None
    password_tries: int
    approved_at: datetime | None
    ended_at: datetime | None
    ended_why: str | None
    subject: Subject
    requester: Requester | None
    approver_name: str | None
    letter: Letter | None

    @property
    def key(self) -> Key:
        """Which case this is."""
        return Key(self.id, self.account_id, self.subject.id)


_OF_AN_OPEN_CASE = frozenset({Act.SEND, Act.CANCEL, Act.APPROVE, Act.SUPERSEDE, Act.CLOSE})
_ACTS: Mapping[State, frozenset[Act]] = {
    State.REQUESTED: _OF_AN_OPEN_CASE,
    State.SENT: _OF_AN_OPEN_CASE | {Act.CONFIRM, Act.REFUSE},
    State.EXPIRED: _OF_AN_OPEN_CASE,
}
OPEN_STATES = (State.REQUESTED, State.SENT)  # as they are stored


def allows(case: Case, act: Act, at: datetime) -> bool:
    """Tell whether something may happen to a case now: the one guard of every act."""
    return act in _ACTS.get(standing(case, at), frozenset())


def standing(case: Case, at: datetime) -> State:
    """Return the state of a case at a moment, counting what nobody wrote down."""
    if case.state not in OPEN_STATES:
        return case.state
    if close_reason(case) is not None:
        return State.CLOSED
    if case.state is State.SENT and (case.valid_until is None or at >= case.valid_until):
        return State.EXPIRED
    return case.state


def close_reason(case: Case) -> CloseReason | None:
    """Tell why an open case counts as closed, or None."""
    subject, asked = case.subject, case.asked
    if case.password_tries >= MOST_WRONG_PASSWORDS:
        return CloseReason.WRONG_PASSWORDS
    if not subject.active:
        return CloseReason.INACTIVE
    if subject.frozen_at is not None:
        return CloseReason.FROZEN
    if subject.sso:
        return CloseReason.SSO
    if subject.email != asked.email:
        return CloseReason.EMAIL_CHANGED
    factors = (subject.second_factor_since, subject.factors_changed_at)
    if subject.second_factor_since is None or factors != (asked.second_factor_since, asked.factors_changed_at):
        return CloseReason.FACTORS_CHANGED
    return None if _requester_holds(case) else CloseReason.REQUESTER


def ended_why(case: Case) -> str | None:
    """Return why a case was closed, also where that is not written down yet."""
    return case.ended_why if case.state not in OPEN_STATES else close_reason(case)


def needs_approval(case: Case) -> bool:
    """Tell whether somebody else must approve first: the mailbox alone is never both factors.

    A password set by email proves the mailbox a second time and nothing more. An approval given before that password
    was set knew nothing of it, so it does not count.
    """
    subject = case.subject
    if not subject.password_unproven:
        return False
    return case.approved_at is None or (
        subject.password_set_at is not None and case.approved_at < subject.password_set_at
    )


def may_approve(case: Case, actor: User) -> bool:
    """Tell whether somebody may approve a case: they oversee its subject, and are neither subject nor requester."""
    asked = case.requester is not None and case.requester.id == actor.id
    return may_act(actor, case.subject) and not asked


def acts_of(case: Case, actor: User, at: datetime) -> frozenset[Act]:
    """Return what somebody who looks at a case can do about it now: what its page offers them."""
    offered = {act for act in (Act.SEND, Act.CANCEL) if may_act(actor, case.subject) and allows(case, act, at)}
    if needs_approval(case) and may_approve(case, actor) and allows(case, Act.APPROVE, at):
        offered.add(Act.APPROVE)
    return frozenset(offered)


def sees(viewer: User, case: Case) -> bool:
    """Tell whether a case exists for somebody at all."""
    return oversees(viewer, case.subject)


def _requester_holds(case: Case) -> bool:
    """Whoever asked must still be active, not frozen, and oversee the subject."""
    requester = case.requester
    return (
        requester is not None and requester.active and requester.frozen_at is None and may_act(requester, case.subject)
    )
