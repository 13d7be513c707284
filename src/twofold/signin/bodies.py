"""What the API's sign-in calls take and give, as typed bodies."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

Email = Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class SignInBody(msgspec.Struct, forbid_unknown_fields=True):
    """The user's address and password."""

    email: Email
    password: Password


class CodeBody(msgspec.Struct, forbid_unknown_fields=True):
    """A sign-in in progress, and the code that its step takes (or the backup code in its place)."""

    sign_in: Token
    code: Code | None = None
    backup_code: Code | None = None


class BackupCodeBody(msgspec.Struct, forbid_unknown_fields=True):
    """A sign-in in progress, and the backup code."""

    sign_in: Token
    backup_code: Code


class MailedCodeBody(msgspec.Struct, forbid_unknown_fields=True):
    """A sign-in in progress, and the six digits from the mailbox."""

    sign_in: Token
    code: Code


class EnrolmentBody(msgspec.Struct, forbid_unknown_fields=True):
    """A sign-in in progress whose mailbox is proved."""

    sign_in: Token


class SignInAnswer(msgspec.Struct, omit_defaults=True):
    """Where a sign-in stands: `next` is what is due, `none` when the session is there."""

    next: str
    sign_in: str | None = None
    session_token: str | None = None
    client: str | None = None
    expires_at: datetime | None = None


class SessionAnswer(msgspec.Struct, omit_defaults=True):
    """A complete sign-in: the session, the client's token, and a backup code where one was made."""

    session_token: str
    client: str
    expires_at: datetime
    new_backup_code: str | None = None
    backup_code: str | None = None


class LegacyAnswer(msgspec.Struct):
    """A session for a program that knows no second step, and the token by which it is known from now on."""

    session_token: str
    client: str


class NextAnswer(msgspec.Struct):
    """What is due next, and until when."""

    next: str
    expires_at: datetime


class OpenedAnswer(msgspec.Struct):
    """A set-up that is open: the secret for the app, as key, as address and as QR code."""

    enrolment: UUID
    secret: str
    otpauth_uri: str
    qr_svg: str
    expires_at: datetime
