"""The API of a user's own session and password."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, delete, get, put

from twofold.directory.password import Weakness
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.proof_views import given_in_call, refused_proofs_problem
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.problems import NOTHING, problem, refusals, write_refusals
from twofold.kit.http.requests import AnyRequest, client_info_of, client_token, context_of, row_id
from twofold.kit.schema_names import schema_name
from twofold.profile import flow
from twofold.profile.flow import NewPassword, NoPassword, PasswordChanged
from twofold.sessions import flow as sessions
from twofold.sessions import guard, methods

TAGS = ["Session and password"]

Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


@schema_name("SessionUser")
class UserAnswer(msgspec.Struct):
    """A user, as they see themselves."""

    id: UUID
    email: str
    name: str
    role: str


@schema_name("SessionAccount")
class AccountAnswer(msgspec.Struct):
    """The user's account."""

    id: UUID
    name: str


@schema_name("Session")
class SessionAnswer(msgspec.Struct):
    """A session: whose, by which methods (`pwd`, `otp`, `backup_code`), proved when, and until when.

    `sid` stays the same from the sign-in to the end; `acr` is `urn:twofold:1fa` or `urn:twofold:2fa`.
    """

    sid: UUID
    user: UserAnswer
    account: AccountAnswer
    methods: list[str]
    authenticated_at: datetime
    second_factor_at: datetime | None
    acr: str
    expires_at: datetime


@schema_name("OwnSession")
class ListedSession(msgspec.Struct):
    """One of the user's sessions."""

    id: UUID
    browser: str
    address: str
    authenticated_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    current: bool


@schema_name("OwnSessions")
class Sessions(msgspec.Struct):
    """The user's sessions, the latest used first."""

    sessions: list[ListedSession]


@schema_name("PasswordChange")
class PasswordBody(msgspec.Struct, forbid_unknown_fields=True):
    """The old and the new password, and a code where a factor exists."""

    password: Secret
    new_password: Secret
    code: Code | None = None
    backup_code: Code | None = None
    credential: dict[str, Any] | None = None


@schema_name("PasswordChanged")
class PasswordAnswer(msgspec.Struct, omit_defaults=True):
    """The session's new token."""

    session_token: str
    new_backup_code: str | None = None


@get("/session", operation_id="checkSession", tags=TAGS, summary="Check a session", responses=refusals(401))
@quick
def show_session(request: AnyRequest) -> SessionAnswer:
    """Tell whose session this is, and how it was proved."""
    session = guard.caller(request, clock.now(), even_stepped_down=True)
    user = session.user
    return SessionAnswer(
        session.id,
        UserAnswer(user.id, user.email, user.name, user.role),
        AccountAnswer(user.account_id, user.account_name),
        methods.names(session.methods),
        methods.authenticated_at(session.methods),
        methods.second_factor_at(session.methods),
        methods.acr(session.methods),
        session.expires_at,
    )


@delete(
    "/session", operation_id="signOut", status_code=204, tags=TAGS, summary="Sign out",
    responses=write_refusals(401),
)  # fmt: skip
@quick
def sign_out(request: AnyRequest) -> None:
    """End this session."""
    at = clock.now()
    session = guard.caller(request, at, even_stepped_down=True)
    sessions.sign_out(context_of(request).db, session, origin=Origin(at, client_info_of(request)))


@get(
    "/sessions", operation_id="listSessions", tags=TAGS, summary="List one's own sessions",
    responses=refusals(401, 403),
)  # fmt: skip
@quick
def list_sessions(request: AnyRequest) -> Sessions:
    """List where the user is signed in."""
    at = clock.now()
    session = guard.caller(request, at)
    rows = sessions.list_own(context_of(request), session, at)
    return Sessions(
        [
            ListedSession(
                row.id,
                row.browser,
                row.address,
                row.authenticated_at,
                row.last_seen_at,
                row.expires_at,
                row.id == session.id,
            )
            for row in rows
        ],
    )


@delete(
    "/sessions/{session_id:str}",
    operation_id="endSession",
    status_code=204,
    tags=TAGS,
    summary="End one of one's own sessions",
    responses=NOTHING | write_refusals(401, 403, 404),
)
@quick
def end_session(request: AnyRequest, session_id: str) -> Response[None]:
    """Sign one of the user's sessions out."""
    at = clock.now()
    session, wanted = guard.caller(request, at), row_id(session_id)
    db = context_of(request).db
    if wanted is None or not sessions.end_one(db, session, wanted, origin=Origin(at, client_info_of(request))):
        return problem(404, "not_found")
    return Response(None, status_code=204)


@put(
    "/password", operation_id="changePassword", tags=TAGS, summary="Change the password",
    responses=write_refusals(401, 403, 422, 423),
)  # fmt: skip
@takes_password
def change_password(request: AnyRequest, data: PasswordBody) -> Response[PasswordAnswer]:
    """Change the password; every other session ends, this one goes on under a new token."""
    at = clock.now()
    session = guard.caller(request, at)
    given = given_in_call(session, data.code or data.backup_code, data.credential)
    asked = NewPassword(data.password, data.new_password, given or "", client_token(request))
    outcome = flow.change_password(context_of(request), session, asked, origin=Origin(at, client_info_of(request)))
    match outcome:
        case PasswordChanged(token, new_backup_code):
            backup_code.say_saved(context_of(request), session.user.id, new_backup_code)
            return Response(PasswordAnswer(token, new_backup_code), status_code=200)
        case NoPassword(url):
            return problem(403, "sso_required", url=url)
        case Weakness():
            return problem(422, "weak_password", why=outcome.value, fields=["new_password"])
        case _:
            return refused_proofs_problem(outcome)


handlers = [show_session, sign_out, list_sessions, end_session, change_password]
