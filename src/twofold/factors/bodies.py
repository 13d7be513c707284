"""What the API's calls about second factors take and give, as typed bodies."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from twofold.kit.schema_names import schema_name

Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


@schema_name("Proofs")
class ProofsBody(msgspec.Struct, forbid_unknown_fields=True):
    """Password and code (or the backup code, or what a passkey answered, in its place)."""

    password: Password
    code: Code | None = None
    backup_code: Code | None = None
    credential: dict[str, Any] | None = None


@schema_name("NewEnrolment")
class OpenBody(ProofsBody, forbid_unknown_fields=True):
    """Password, and code where a factor exists; the new authenticator's name, and which one it replaces."""

    name: Name | None = None
    replaces: str | None = None


@schema_name("EnrolmentConfirmation")
class ConfirmBody(msgspec.Struct, forbid_unknown_fields=True):
    """A code of the new app."""

    code: Code


@schema_name("AuthenticatorName")
class RenameBody(msgspec.Struct, forbid_unknown_fields=True):
    """The new name of an authenticator."""

    name: Name


@schema_name("Authenticator")
class AuthenticatorAnswer(msgspec.Struct):
    """One of the user's authenticators."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


@schema_name("Factor")
class FactorAnswer(msgspec.Struct):
    """One of the user's second factors, of any kind."""

    kind: str
    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None


@schema_name("TwoFactor")
class TwoFactorAnswer(msgspec.Struct):
    """The state of the user's two-factor authentication, and what they are told about it."""

    enabled: bool
    eligibility: str
    reason: str
    required_from: datetime | None
    authenticators: list[AuthenticatorAnswer]
    factors: list[FactorAnswer]
    backup_code_created_at: datetime | None
    locked: bool


@schema_name("Enrolment")
class EnrolmentAnswer(msgspec.Struct, omit_defaults=True):
    """A set-up that is open: the secret for the app, as key, as address and as QR code."""

    enrolment: UUID
    secret: str
    otpauth_uri: str
    qr_svg: str
    expires_at: datetime
    new_backup_code: str | None = None


@schema_name("FactorsChanged")
class ChangedAnswer(msgspec.Struct):
    """A change that was made: the session's new token, and a new backup code (null: the old one stays)."""

    session_token: str
    backup_code: str | None


@schema_name("FactorsRemoved")
class RemovedAnswer(msgspec.Struct, omit_defaults=True):
    """A factor that was removed: the session's new token."""

    session_token: str
    new_backup_code: str | None = None
