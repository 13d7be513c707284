"""A person as an administrator sees them: the state of their second factor, and whether they can sign in."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from twofold.directory.eligibility import Eligibility
from twofold.directory.user import User
from twofold.lockouts.budget import Counts


class TwoFactor(StrEnum):
    """The state of somebody's two-factor authentication."""

    ON = "on"
    LOCKED = "locked"
    PENDING = "pending"
    MUST_SET_UP = "must_set_up"
    OFF = "off"
    NOT_OFFERED = "not_offered"


class Presence(StrEnum):
    """Whether somebody can sign in at all."""

    ACTIVE = "active"
    INVITED = "invited"
    NO_PASSWORD = "no_password"  # noqa: S105 - the name of a state, not a password
    FROZEN = "frozen"
    DEACTIVATED = "deactivated"


class App(NamedTuple):
    """One of somebody's authenticators or, where `is_passkey`, of their passkeys; never a secret or a key."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None
    is_passkey: bool = False


class UserSummary(NamedTuple):
    """A person with whatever an administrator is told of them, at one moment."""

    user: User
    created_at: datetime
    counts: Counts
    mailbox_closed_until: datetime | None
    enrolling: bool
    apps: tuple[App, ...]
    offer: Eligibility
    exception_until: datetime | None  # of an exception that is running

    @property
    def two_factor(self) -> TwoFactor:
        """The state of two-factor authentication, the gravest first.

        A mailbox that is closed stands in the way of those alone who must set it up at their next sign-in.
        """
        if self.user.has_second_factor:
            return TwoFactor.LOCKED if self.counts.locked else TwoFactor.ON
        if self.mailbox_closed_until is not None and self.offer.required:
            return TwoFactor.LOCKED
        if self.enrolling:
            return TwoFactor.PENDING
        if self.offer.required:
            return TwoFactor.MUST_SET_UP
        return TwoFactor.OFF if self.offer.offered else TwoFactor.NOT_OFFERED

    @property
    def presence(self) -> Presence:
        """Whether they can sign in at all, and if not, why."""
        user = self.user
        if not user.active:
            return Presence.DEACTIVATED
        if user.frozen_at is not None:
            return Presence.FROZEN
        if user.password_hash is None and not user.sso:
            return Presence.NO_PASSWORD if user.has_come else Presence.INVITED
        return Presence.ACTIVE

    @property
    def required_from(self) -> datetime | None:
        """From when on they have to set two-factor authentication up before they can go on, where that lies ahead."""
        return None if self.user.has_second_factor or not self.user.active else self.offer.required_from

    @property
    def lock_is_final(self) -> bool:
        """Whether only a reset helps."""
        return self.user.has_second_factor and self.counts.final

    @property
    def last_used_at(self) -> datetime | None:
        """When any of their authenticators or passkeys was last used."""
        return max((app.last_used_at for app in self.apps if app.last_used_at is not None), default=None)

    @property
    def can_be_reset(self) -> bool:
        """Whether there is anything to switch off, for somebody who could confirm it."""
        user = self.user
        return user.has_second_factor and user.active and user.frozen_at is None and not user.sso

    @property
    def can_be_unlocked(self) -> bool:
        """Whether a lock can be lifted."""
        return self.two_factor is TwoFactor.LOCKED and not self.lock_is_final and self.user.active

    @property
    def can_be_unfrozen(self) -> bool:
        """Whether they are frozen."""
        return self.user.frozen_at is not None and self.user.active

    @property
    def can_be_invited(self) -> bool:
        """Whether they have never had a password, so that an invitation helps."""
        return self.presence is Presence.INVITED
