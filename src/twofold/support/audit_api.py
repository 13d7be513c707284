"""The audit log over the API: an administrator's own account, any account for a support agent."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import Parameter, QueryParameter

from twofold.admin import guard
from twofold.admin.dates import parse_moment
from twofold.directory import accounts_flow
from twofold.directory.account import Account
from twofold.directory.user import User
from twofold.kit import clock, cursors
from twofold.kit.http.pools import quick
from twofold.kit.http.problems import problem, refusals
from twofold.kit.http.requests import AnyRequest, context_of, row_id
from twofold.kit.schema_names import schema_name
from twofold.support import audit_flow, audit_words
from twofold.support.audit_search import EventCursor, Filters, Found

TAGS = ["Audit log"]
PAGE = 50
MOST = 200

Kind = Annotated[str | None, Parameter(max_length=100, description="One kind of event, such as `unlocked`.")]
OfUser = Annotated[
    str | None, Parameter(max_length=100, description="Events that this user acted in or is the subject of.")
]
WhichAccount = Annotated[str | None, Parameter(max_length=100, description="For support agents: whose log.")]
From = Annotated[
    str | None,
    QueryParameter(name="from", max_length=40, description="A day of the account, or a moment; included."),
]
To = Annotated[
    str | None,
    QueryParameter(name="to", max_length=40, description="A day of the account, or a moment; not included."),
]
After = Annotated[str | None, Parameter(max_length=100, description="`next` of the page before.")]
Limit = Annotated[int, Parameter(ge=1, le=MOST, description=f"How many to a page, {PAGE} unless told.")]


@schema_name("AuditActor")
class ActorAnswer(msgspec.Struct):
    """Who acted: a user, an operator key (its id), `console`, `system`, or `nobody` who is known."""

    kind: str
    id: UUID | None
    name: str | None
    email: str | None


@schema_name("AuditSubject")
class SubjectAnswer(msgspec.Struct):
    """The user whom an event is about."""

    id: UUID
    name: str | None
    email: str | None


@schema_name("AuditEvent")
class EventAnswer(msgspec.Struct):
    """An event. `position` and `hash` are its place in the account's chain, null until it is sealed."""

    id: UUID
    at: datetime
    kind: str
    result: str
    actor: ActorAnswer
    subject: SubjectAnswer | None
    reason: str | None
    address: str
    browser: str
    request_id: str
    details: dict[str, Any]
    text: str
    position: int | None
    hash: str | None


@schema_name("AuditEventPage")
class EventsAnswer(msgspec.Struct):
    """A page of events, the newest first, and the cursor that leads on to older ones (null: there are none)."""

    events: list[EventAnswer]
    next: str | None


@get(
    "/audit-events", operation_id="listAuditEvents", tags=TAGS, summary="Read the audit log",
    responses=refusals(401, 403, 404),
)  # fmt: skip
@quick
def list_events(
    request: AnyRequest,
    cursor: After = None,
    since: From = None,
    until: To = None,
    kind: Kind = None,
    user: OfUser = None,
    account: WhichAccount = None,
    limit: Limit = PAGE,
) -> Response[EventsAnswer]:
    """Read the log of the administrator's account, or as a support agent that of any; the newest events first."""
    reader, context = guard.overseer(request, clock.now()), context_of(request)
    if reader.role == "support" and account is None:
        return problem(400, "invalid_request", detail="account: say whose log, by its id", fields=["account"])
    of_account = _account(request, reader, account)
    if of_account is None:
        return problem(404, "not_found")
    after, first, end = (None if cursor is None else cursors.read(cursor, EventCursor)), *(
        None if said is None else parse_moment(said, of_account.time_zone) for said in (since, until)
    )  # fmt: skip
    wrong = [name for name, asked, got in (("cursor", cursor, after), ("from", since, first), ("to", until, end))
             if asked is not None and got is None]  # fmt: skip
    if wrong:
        return problem(400, "invalid_request", detail=f"{', '.join(wrong)}: it cannot be read", fields=wrong)
    user_id = None if user is None else row_id(user)
    if user is not None and user_id is None:
        return Response(EventsAnswer([], None), status_code=200)
    found = audit_flow.read_page(context.db, of_account.id, Filters(user_id, kind or "", first, end), after, limit)
    older = None if found.older is None else cursors.write(found.older)
    return Response(EventsAnswer([_answer(one) for one in found.events], older), status_code=200)


def _account(request: AnyRequest, reader: User, account: str | None) -> Account | None:
    """Return whose log is read; another's does not exist for an administrator."""
    wanted = reader.account_id if account is None else row_id(account)
    if wanted is None or (reader.role != "support" and wanted != reader.account_id):
        return None
    with context_of(request).db.read() as connection:
        return accounts_flow.find_account(connection, wanted)


def _answer(found: Found) -> EventAnswer:
    event = found.event
    actor, subject = found.actor, found.subject
    return EventAnswer(
        id=event.id,
        at=event.at,
        kind=event.kind,
        result=event.result,
        actor=ActorAnswer(
            event.actor_kind, event.actor_id, None if actor is None else actor.name,
            None if actor is None else actor.email,
        ),
        subject=None if event.subject_id is None else SubjectAnswer(
            event.subject_id, None if subject is None else subject.name, None if subject is None else subject.email,
        ),
        reason=event.reason,
        address=event.address,
        browser=event.browser,
        request_id=event.request_id,
        details=msgspec.json.decode(event.details, type=dict[str, Any]),
        text=audit_words.sentence(found),
        position=found.position,
        hash=None if found.hash is None else found.hash.hex(),
    )  # fmt: skip


handlers = [list_events]
