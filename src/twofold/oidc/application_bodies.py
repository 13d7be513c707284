"""What the operator's API takes and gives of applications, as typed bodies."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from twofold.kit.schema_names import schema_name

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120)]
Address = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
Addresses = Annotated[list[Address], msgspec.Meta(max_length=50)]
Algorithm = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
Acr = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Minutes = Annotated[int, msgspec.Meta(ge=1, le=43_200)]
Keys = dict[str, Any]
Accounts = Annotated[list[UUID], msgspec.Meta(max_length=1000)]


@schema_name("NewApplication")
class NewApplicationBody(msgspec.Struct, forbid_unknown_fields=True):
    """An application to be registered. `second_factor_age` is in minutes; without `accounts` it is for everybody.

    With `jwks`, a JWK Set of its public keys, or `jwks_uri`, where that is, it has no secret and proves itself by
    `private_key_jwt`, signed with `assertion_algorithm`.
    People are asked what one may see of them that is not `first_party`.
    """

    name: Name
    redirect_uris: Addresses
    public: bool = False
    post_logout_redirect_uris: Addresses = []
    backchannel_logout_uri: Address | None = None
    home_url: Address | None = None
    algorithm: Algorithm = "RS256"
    acr: Acr | None = None
    second_factor_age: Minutes | None = None
    pkce: bool = True
    accounts: Accounts = []
    jwks: Keys | None = None
    jwks_uri: Address | None = None
    assertion_algorithm: Algorithm = "RS256"
    jwt_access_tokens: bool = False
    first_party: bool = True


@schema_name("ApplicationChange")
class ApplicationChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be changed of an application; what is not sent stays, and null takes a value away."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    redirect_uris: Addresses | msgspec.UnsetType = msgspec.UNSET
    post_logout_redirect_uris: Addresses | msgspec.UnsetType = msgspec.UNSET
    backchannel_logout_uri: Address | msgspec.UnsetType | None = msgspec.UNSET
    home_url: Address | msgspec.UnsetType | None = msgspec.UNSET
    algorithm: Algorithm | msgspec.UnsetType = msgspec.UNSET
    acr: Acr | msgspec.UnsetType | None = msgspec.UNSET
    second_factor_age: Minutes | msgspec.UnsetType | None = msgspec.UNSET
    pkce: bool | msgspec.UnsetType = msgspec.UNSET
    accounts: Accounts | msgspec.UnsetType = msgspec.UNSET
    jwks: Keys | msgspec.UnsetType | None = msgspec.UNSET
    jwks_uri: Address | msgspec.UnsetType | None = msgspec.UNSET
    assertion_algorithm: Algorithm | msgspec.UnsetType = msgspec.UNSET
    jwt_access_tokens: bool | msgspec.UnsetType = msgspec.UNSET
    first_party: bool | msgspec.UnsetType = msgspec.UNSET


@schema_name("Application")
class ApplicationAnswer(msgspec.Struct):
    """An application. `secrets` are the moments since which its client secrets are valid, the newest first."""

    client_id: UUID
    name: str
    public: bool
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    backchannel_logout_uri: str | None
    home_url: str | None
    algorithm: str
    acr: str | None
    second_factor_age: int | None
    pkce: bool
    accounts: list[UUID]
    jwks: Keys | None
    jwks_uri: str | None
    assertion_algorithm: str
    jwt_access_tokens: bool
    first_party: bool
    created_at: datetime
    secrets: list[datetime]


@schema_name("CreatedApplication")
class CreatedApplicationAnswer(ApplicationAnswer):
    """An application that was registered, with its client secret: shown now, and never again."""

    client_secret: str | None


@schema_name("ApplicationList")
class ApplicationsAnswer(msgspec.Struct):
    """Every application in the order of their making."""

    applications: list[ApplicationAnswer]


@schema_name("ClientSecret")
class SecretAnswer(msgspec.Struct):
    """A new client secret: shown now, and never again."""

    client_secret: str
