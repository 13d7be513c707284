"""What the administrator's API takes and gives, as typed bodies."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from twofold.admin.user_summary import UserSummary
from twofold.kit.schema_names import schema_name

Email = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Role = Literal["member", "admin"]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Reason = Annotated[str, msgspec.Meta(min_length=3, max_length=500)]
Moment = Annotated[
    str,
    msgspec.Meta(
        max_length=40,
        description="A moment (RFC 3339), or a day, which means its beginning in the account's time zone.",
    ),
]


@schema_name("NewInvitation")
class InvitationBody(msgspec.Struct, forbid_unknown_fields=True):
    """Somebody to invite into the administrator's account."""

    email: Email
    name: Name
    role: Role = "member"
    licensed: bool = True


@schema_name("Invitation")
class InvitedAnswer(msgspec.Struct):
    """The user who was made; a link to choose a password is on its way to them."""

    id: UUID


@schema_name("UserChange")
class UserChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be changed of a user; what is not sent stays. `exception_until` null ends an exception.

    Address and password are an operator's to set: whoever sets them could sign in as that user.
    """

    role: Role | msgspec.UnsetType = msgspec.UNSET
    licensed: bool | msgspec.UnsetType = msgspec.UNSET
    active: bool | msgspec.UnsetType = msgspec.UNSET
    exception_until: Moment | msgspec.UnsetType | None = msgspec.UNSET
    email: Email | msgspec.UnsetType = msgspec.UNSET
    name: Name | msgspec.UnsetType = msgspec.UNSET
    password: Password | msgspec.UnsetType = msgspec.UNSET


@schema_name("Reason")
class ReasonBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why somebody acts; it is kept in the audit log."""

    reason: Reason


@schema_name("OpenedResetCase")
class CaseAnswer(msgspec.Struct):
    """A reset case that was opened."""

    id: UUID
    status: str


@schema_name("UserAuthenticator")
class AppAnswer(msgspec.Struct):
    """One of a user's authenticators or passkeys."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


@schema_name("UserTwoFactor")
class TwoFactorState(msgspec.Struct):
    """A user's two-factor authentication.

    `state` is on, locked, pending, must_set_up, off or not_offered; `eligibility` and `reason` are as in /two-factor.
    """

    state: str
    enabled: bool
    eligibility: str
    reason: str
    required_from: datetime | None
    since: datetime | None
    locked: bool
    lock_is_final: bool
    authenticators: list[AppAnswer]
    passkeys: list[AppAnswer]
    last_used_at: datetime | None


@schema_name("User")
class UserAnswer(msgspec.Struct):
    """A user as an administrator or support agent sees them.

    `status` is active, invited, no_password (it was made void), frozen or deactivated.
    """

    id: UUID
    account: UUID
    email: str
    name: str
    role: str
    licensed: bool
    active: bool
    status: str
    exception_until: datetime | None
    created_at: datetime
    two_factor: TwoFactorState


@schema_name("UserPage")
class UsersAnswer(msgspec.Struct):
    """A page of users by name; `next` is the cursor of the page after it."""

    users: list[UserAnswer]
    next: str | None


@schema_name("Policy")
class PolicyAnswer(msgspec.Struct):
    """The policy of an account: off, optional or required, from a moment on or (null) already."""

    policy: str
    required_from: datetime | None


@schema_name("PolicyChange")
class PolicyBody(msgspec.Struct, forbid_unknown_fields=True):
    """A policy to set. With `dry_run` nothing is saved and the answer tells whom it would stop."""

    policy: Literal["off", "optional", "required"]
    required_from: Moment | None = None
    dry_run: bool = False


@schema_name("StoppedUser")
class StoppedUser(msgspec.Struct):
    """Somebody whom a policy stops until they have set up a second factor."""

    id: UUID
    name: str
    email: str
    role: str


@schema_name("PolicyPreview")
class PolicyChangeAnswer(msgspec.Struct):
    """A policy, and by name whom it stops: the first of them, how many, and how many of those are administrators."""

    policy: str
    required_from: datetime | None
    saved: bool
    affected: list[StoppedUser]
    affected_count: int
    affected_admins: int
    people: int


def user_answer(summary: UserSummary) -> UserAnswer:
    """Return a user as the API gives them."""
    user = summary.user
    return UserAnswer(
        user.id, user.account_id, user.email, user.name, user.role, user.licensed, user.active,
        summary.presence.value, user.exception_until, summary.created_at, _two_factor(summary),
    )  # fmt: skip


def _two_factor(summary: UserSummary) -> TwoFactorState:
    return TwoFactorState(
        state=summary.two_factor.value,
        enabled=summary.user.has_second_factor,
        eligibility=summary.offer.offer.value,
        reason=summary.offer.reason.value,
        required_from=summary.offer.required_from,
        since=summary.user.second_factor_since,
        locked=summary.two_factor.value == "locked",
        lock_is_final=summary.lock_is_final,
        authenticators=[AppAnswer(*app[:4]) for app in summary.apps if not app.is_passkey],
        passkeys=[AppAnswer(*app[:4]) for app in summary.apps if app.is_passkey],
        last_used_at=summary.last_used_at,
    )
