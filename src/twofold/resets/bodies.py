"""What the API's calls about resets take and give, as typed bodies."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from twofold.kit.schema_names import schema_name

Token = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]


@schema_name("ResetConfirmation")
class ConfirmBody(msgspec.Struct, forbid_unknown_fields=True):
    """The token of the link, the password, and a new one where wrong codes have locked the user."""

    token: Token
    password: Password
    new_password: Password | None = None


@schema_name("ResetRefusal")
class RefuseBody(msgspec.Struct, forbid_unknown_fields=True):
    """The token of the link."""

    token: Token


@schema_name("ResetConfirmed")
class ConfirmedAnswer(msgspec.Struct):
    """Two-factor authentication is off; eligibility and reason say what comes next for the user."""

    status: str
    eligibility: str
    reason: str
    required_from: datetime | None


@schema_name("ResetRefused")
class RefusedAnswer(msgspec.Struct):
    """The case is refused."""

    status: str


@schema_name("NamedUser")
class PersonAnswer(msgspec.Struct):
    """Whose second factor is to be switched off."""

    id: UUID
    name: str
    email: str


@schema_name("ResetRequester")
class RequesterAnswer(msgspec.Struct):
    """Who asked, and what they were then: admin, support or console (the command line, without an id)."""

    kind: str
    id: UUID | None
    name: str | None


@schema_name("LetterDelivery")
class DeliveryAnswer(msgspec.Struct):
    """How the newest letter fares: waiting, sent, rejected or dropped; and what the mail server said last."""

    status: str
    error: str | None


@schema_name("ResetEvent")
class EventAnswer(msgspec.Struct):
    """One line of a case's history."""

    at: datetime
    kind: str
    by: str | None
    words: str | None


@schema_name("ResetCase")
class CaseAnswer(msgspec.Struct):
    """A reset case."""

    id: UUID
    status: str
    why: str | None
    account: UUID
    user: PersonAnswer
    requested_by: RequesterAnswer
    reason: str
    requested_at: datetime
    sent_at: datetime | None
    valid_until: datetime | None
    delivery: DeliveryAnswer | None
    needs_approval: bool
    approved_at: datetime | None
    approved_by: str | None
    ended_at: datetime | None


@schema_name("ResetCaseWithHistory")
class CaseWithHistory(CaseAnswer):
    """A reset case with its history, the oldest line first."""

    history: list[EventAnswer]


@schema_name("ResetCasePage")
class CasesAnswer(msgspec.Struct):
    """A page of cases, the newest first; `next` is the cursor of the page after it."""

    resets: list[CaseAnswer]
    next: str | None
