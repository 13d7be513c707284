"""What the operator's API takes and gives, as typed bodies."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from twofold.kit.schema_names import schema_name
from twofold.kit.time_zones import DEFAULT_ZONE

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Edition = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
Email = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
Domains = Annotated[list[Annotated[str, msgspec.Meta(min_length=1, max_length=254)]], msgspec.Meta(max_length=100)]
Url = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
Seats = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
TimeZone = Annotated[str, msgspec.Meta(min_length=1, max_length=60, description="Its name, such as Europe/Berlin.")]
Role = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


@schema_name("NewAccount")
class NewAccountBody(msgspec.Struct, forbid_unknown_fields=True):
    """An account to be made. `seats` are its licences; without a number there are as many as they like.

    In `time_zone` the days of its policy begin.
    """

    name: Name
    edition: Edition = "enterprise"
    sso: bool = False
    sso_domains: Domains = []
    sso_url: Url | None = None
    seats: Seats | None = None
    time_zone: TimeZone = DEFAULT_ZONE


@schema_name("AccountChange")
class AccountChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be changed of an account; what is not sent stays. `seats` null takes the limit away."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    edition: Edition | msgspec.UnsetType = msgspec.UNSET
    sso: bool | msgspec.UnsetType = msgspec.UNSET
    sso_domains: Domains | msgspec.UnsetType = msgspec.UNSET
    sso_url: Url | msgspec.UnsetType = msgspec.UNSET
    seats: Seats | msgspec.UnsetType | None = msgspec.UNSET
    time_zone: TimeZone | msgspec.UnsetType = msgspec.UNSET


@schema_name("NewUser")
class NewUserBody(msgspec.Struct, forbid_unknown_fields=True):
    """A user to be made: `role` is member or admin. Without a password an invitation is mailed."""

    email: Email
    name: Name
    role: Role = "member"
    licensed: bool = True
    active: bool = True
    password: Password | None = None


@schema_name("Account")
class AccountAnswer(msgspec.Struct):
    """An account."""

    id: UUID
    name: str
    edition: str
    sso: bool
    sso_domains: list[str]
    sso_url: str | None
    seats: int | None
    policy: str
    required_from: datetime | None
    time_zone: str
    created_at: datetime


@schema_name("AccountPage")
class AccountsAnswer(msgspec.Struct):
    """A page of accounts in the order of their making; `next` is the cursor of the page after it."""

    accounts: list[AccountAnswer]
    next: str | None


@schema_name("CreatedUser")
class MadeUserAnswer(msgspec.Struct):
    """A user that was made; `invited` where they were mailed a link to choose a password."""

    id: UUID
    email: str
    name: str
    role: str
    licensed: bool
    active: bool
    invited: bool
