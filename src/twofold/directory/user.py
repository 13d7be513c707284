"""A user together with their account, as the flows see them, or as they are named to others: values, no more."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from twofold.directory.eligibility import Eligibility, Standing, eligibility
from twofold.directory.email_address import is_placeholder_key


class User(NamedTuple):
    """One row of users joined with its account; `tables.USER` is what it is read from."""

    id: UUID
    account_id: UUID
    email: str
    email_key: str
    name: str
    role: str
    licensed: bool
    active: bool
    frozen_at: datetime | None
    security_version: int
    password_hash: str | None
    password_set_at: datetime | None
    password_unproven: bool
    second_factor_since: datetime | None
    factors_changed_at: datetime | None
    reset_confirmed_at: datetime | None
    exception_until: datetime | None
    account_name: str
    edition: str
    is_operator: bool
    sso: bool
    sso_url: str | None
    policy: str
    required_from: datetime | None
    first_signed_in_at: datetime | None = None
    passkey_since: datetime | None = None

    @property
    def has_second_factor(self) -> bool:
        """Whether a second factor protects this user."""
        return self.second_factor_since is not None

    @property
    def has_passkey(self) -> bool:
        """Whether a passkey is among the factors of this user."""
        return self.passkey_since is not None

    @property
    def has_come(self) -> bool:
        """Whether this user has ever signed in, as far as that is written down (`tables.users.first_signed_in_at`)."""
        return self.first_signed_in_at is not None or self.has_second_factor

    @property
    def is_placeholder(self) -> bool:
        """Whether this is a placeholder for somebody who was invited but is a user of another account already."""
        return is_placeholder_key(self.email_key)

    @property
    def standing(self) -> Standing:
        """What decides this user's eligibility."""
        return Standing(
            self.role,
            self.licensed,
            self.exception_until,
            self.edition,
            self.sso,
            self.policy,
            self.required_from,
        )

    def eligibility(self, editions: AbstractSet[str], at: datetime) -> Eligibility:
        """Return what this user is told about two-factor authentication at a moment."""
        return eligibility(self.standing, editions, at)

    def running_exception(self, at: datetime) -> datetime | None:
        """Return the end of this user's exception from the policy, if it lies ahead."""
        until = self.exception_until
        return until if until is not None and until > at else None


class NamedUser(NamedTuple):
    """A user as lists, letters and the log name them."""

    id: UUID
    name: str
    email: str
    role: str

    @property
    def words(self) -> str:
        """Name and address, as exports have it."""
        return f"{self.name} <{self.email}>"


def stand_in(user_id: UUID, account_id: UUID) -> User:
    """Return a made-up user under ids that no user has: a decoy letter is composed for it like one for a user."""
    return User(
        id=user_id,
        account_id=account_id,
        email="",
        email_key="",
        name="",
        role="member",
        licensed=True,
        active=True,
        frozen_at=None,
        security_version=0,
        password_hash=None,
        password_set_at=None,
        password_unproven=False,
        second_factor_since=None,
        factors_changed_at=None,
        reset_confirmed_at=None,
        exception_until=None,
        account_name="",
        edition="",
        is_operator=False,
        sso=False,
        sso_url=None,
        policy="optional",
        required_from=None,
    )
