"""The audit log on pages: an administrator's own account, any account for a support agent; and copies to take away."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from litestar import get, post
from litestar.exceptions import NotFoundException
from litestar.response import Stream

from twofold.admin import guard as admin
from twofold.directory import accounts_flow
from twofold.kit import clock, cursors
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, problem_page, reader_of
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of, row_id
from twofold.kit.words import gettext as _
from twofold.sessions.guard import viewer_of
from twofold.sessions.session import Session
from twofold.support import audit_flow, audit_words, guard
from twofold.support.audit_search import EventCursor, Filters, Page
from twofold.support.audit_views import days_of, log_query

CHUNK = 32 * 1024  # characters that are sent at once
MEDIA_TYPES = {"csv": "text/csv", "jsonl": "application/jsonl"}


class Log(NamedTuple):
    """Whose log is read, by whom, and where its page lies."""

    session: Session
    account_id: UUID
    account_name: str
    path: str

    @property
    def is_support(self) -> bool:
        """Whether a support agent reads the log of an account."""
        return self.session.user.role == "support"


@get("/account/audit")
@quick
def show_own(request: AnyRequest) -> AnyResponse:
    """Show an administrator the log of their account."""
    at = clock.now()
    return _log_page(request, _own(request, at))


@get("/account/audit/integrity")
@quick
def show_own_integrity(request: AnyRequest) -> AnyResponse:
    """Show an administrator how far the log of their account is sealed, and how a copy of it is verified."""
    at = clock.now()
    return _integrity_page(request, _own(request, at))


@post("/account/audit.csv", status_code=200)
@quick
def take_own_csv(request: AnyRequest) -> AnyResponse:
    """Give an administrator their log as CSV."""
    at = clock.now()
    return _copy(request, _own(request, at), "csv", at)


@post("/account/audit.jsonl", status_code=200)
@quick
def take_own_lines(request: AnyRequest) -> AnyResponse:
    """Give an administrator their log as lines of JSON; complete, it can be verified."""
    at = clock.now()
    return _copy(request, _own(request, at), "jsonl", at)


@get("/support/accounts/{account:str}/audit")
@quick
def show_any(request: AnyRequest, account: str) -> AnyResponse:
    """Show a support agent the log of an account."""
    at = clock.now()
    return _log_page(request, _any(request, account, at))


@get("/support/accounts/{account:str}/audit/integrity")
@quick
def show_any_integrity(request: AnyRequest, account: str) -> AnyResponse:
    """Show a support agent how far the log of an account is sealed."""
    at = clock.now()
    return _integrity_page(request, _any(request, account, at))


@post("/support/accounts/{account:str}/audit.csv", status_code=200)
@quick
def take_any_csv(request: AnyRequest, account: str) -> AnyResponse:
    """Give a support agent the log of an account as CSV."""
    at = clock.now()
    return _copy(request, _any(request, account, at), "csv", at)


@post("/support/accounts/{account:str}/audit.jsonl", status_code=200)
@quick
def take_any_lines(request: AnyRequest, account: str) -> AnyResponse:
    """Give a support agent the log of an account as lines of JSON."""
    at = clock.now()
    return _copy(request, _any(request, account, at), "jsonl", at)


def _own(request: AnyRequest, at: datetime) -> Log:
    session = admin.administrator(request, at)
    user = session.user
    return Log(session, user.account_id, user.account_name, "/account/audit")


def _any(request: AnyRequest, account: str, at: datetime) -> Log:
    session, account_id = guard.agent(request, at), row_id(account)
    if account_id is None:
        raise NotFoundException
    with context_of(request).db.read() as connection:
        found = accounts_flow.find_account(connection, account_id)
    if found is None:
        raise NotFoundException
    return Log(session, found.id, found.name, f"/support/accounts/{found.id}/audit")


def _log_page(request: AnyRequest, log: Log) -> AnyResponse:
    context, wanted = context_of(request), log_query(request, context_of(request).db, log.account_id)
    cursor = cursors.read(str(request.query_params.get("cursor", "")), EventCursor)
    shown = Page([], None, None) if wanted.errors else audit_flow.read_page(
        context.db, log.account_id, wanted.filters, cursor,
    )  # fmt: skip
    kinds = sorted(((kind, said.label) for kind, said in audit_words.kinds().items()), key=lambda kind: kind[1])
    return page(
        request, "audit/log.html", 400 if wanted.errors else 200, viewer=viewer_of(log.session), log=log,
        days=days_of(shown.events, reader_of(request)),
        typed=wanted.typed, errors=wanted.errors,
        filtered=wanted.filters.any, kinds=[("", _("Everything")), *kinds],
        older=None if shown.older is None else wanted.address(log.path, shown.older),
        newer=None if shown.newer is None else wanted.address(log.path, shown.newer),
        csv=wanted.address(f"{log.path}.csv"), lines=wanted.address(f"{log.path}.jsonl"),
    )  # fmt: skip


def _integrity_page(request: AnyRequest, log: Log) -> AnyResponse:
    sealed = audit_flow.seal_state(context_of(request), log.account_id)
    return page(request, "audit/integrity.html", viewer=viewer_of(log.session), log=log, sealed=sealed)


def _copy(request: AnyRequest, log: Log, form: str, at: datetime) -> AnyResponse:
    context, wanted = context_of(request), log_query(request, context_of(request).db, log.account_id)
    if wanted.errors:
        return _log_page(request, log)
    lines = audit_flow.take_copy(
        context, log.session.user, log.account_id, wanted.filters, form, origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    if isinstance(lines, audit_flow.CannotSign):
        why = _("A complete copy is signed, and the key for it cannot be read. Tell the people who run this.")
        todo = _("Copies that are narrowed down, and those for spreadsheets, are not signed.")
        return problem_page(request, 503, _("This cannot be done right now"), why, todo)
    name = _file_name(wanted.filters, form, at)
    return Stream(
        _in_chunks(lines),
        media_type=MEDIA_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _file_name(filters: Filters, form: str, at: datetime) -> str:
    return f"audit-log-{at:%Y-%m-%d}{'-filtered' if filters.any else ''}.{form}"


def _in_chunks(lines: Iterator[str]) -> Iterator[str]:
    """Gather lines, so that sending a long log is not one step a line."""
    waiting, size = [], 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= CHUNK:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)


handlers = [
    show_own, show_own_integrity, take_own_csv, take_own_lines,
    show_any, show_any_integrity, take_any_csv, take_any_lines,
]  # fmt: skip
