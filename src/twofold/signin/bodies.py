"""What the API's sign-in calls take and give, as typed bodies."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from twofold.kit.schema_names import schema_name

Email = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


@schema_name("Credentials")
class SignInBody(msgspec.Struct, forbid_unknown_fields=True):
    """The user's address and password."""

    email: Email
    password: Password


@schema_name("CodeProof")
class CodeBody(msgspec.Struct, forbid_unknown_fields=True):
    """A sign-in in progress, and the code that its step takes (or the backup code in its place)."""

    sign_in: Token
    code: Code | None = None
    backup_code: Code | None = None


@schema_name("BackupCodeProof")
class BackupCodeBody(msgspec.Struct, forbid_unknown_fields=True):
    """A sign-in in progress, and the backup code."""

    sign_in: Token
    backup_code: Code


@schema_name("MailedCodeProof")
class MailedCodeBody(msgspec.Struct, forbid_unknown_fields=True):
    """A sign-in in progress, and the six digits from the mailbox."""

    sign_in: Token
    code: Code


@schema_name("SignInEnrolmentRequest")
class EnrolmentBody(msgspec.Struct, forbid_unknown_fields=True):
    """A sign-in in progress whose mailbox is proved."""

    sign_in: Token


@schema_name("SignIn")
class SignInAnswer(msgspec.Struct, omit_defaults=True):
    """Where a sign-in stands: `next` is what is due, `none` when the session is there."""

    next: str
    sign_in: str | None = None
    session_token: str | None = None
    client: str | None = None
    expires_at: datetime | None = None


@schema_name("NewSession")
class SessionAnswer(msgspec.Struct, omit_defaults=True):
    """A complete sign-in: the session, the client's token, and a backup code where one was made."""

    session_token: str
    client: str
    expires_at: datetime
    new_backup_code: str | None = None
    backup_code: str | None = None


@schema_name("LegacySession")
class LegacyAnswer(msgspec.Struct):
    """A session for a program that knows no second step, and the token by which it is known from now on."""

    session_token: str
    client: str


@schema_name("NextStep")
class NextAnswer(msgspec.Struct):
    """What is due next, and until when."""

    next: str
    expires_at: datetime


@schema_name("SignInEnrolment")
class OpenedAnswer(msgspec.Struct):
    """A set-up that is open: the secret for the app, as key, as address and as QR code."""

    enrolment: UUID
    secret: str
    otpauth_uri: str
    qr_svg: str
    expires_at: datetime
