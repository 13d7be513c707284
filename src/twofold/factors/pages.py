"""The pages on which a person sets an authenticator up: confirm it's you, scan, save the backup code."""

from functools import partial
from typing import assert_never

from litestar import get, post

from twofold.factors import enrolment_flow, opening_flow, words
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import (
    Changed,
    EnrolmentExpired,
    Locked,
    MalformedCode,
    NoSuchAuthenticator,
    NotOffered,
    Opened,
    TooMany,
    WrongConfirmation,
)
from twofold.factors.proof_views import (
    changed_page,
    given_of,
    locked_page,
    missing_proofs,
    not_offered_page,
    proof_page,
    refused_proofs,
    submit_saved,
)
from twofold.factors.views import enrolment_view
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.forms import Form, parse_form
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.render import page, problem_page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of, cookie, row_id
from twofold.kit.words import gettext as _
from twofold.sessions import guard
from twofold.sessions.session import Session

CONFIGURE = "/profile/two-factor/configure"


@get(CONFIGURE)
@quick
def show_configure(request: AnyRequest) -> AnyResponse:
    """Ask for the password, and for a code where a factor exists; or show the open set-up again on reload."""
    at, context = clock.now(), context_of(request)
    session = guard.signed_in(request, at)
    if request.query_params.get("step") == "scan":
        with context.db.read() as connection:
            opened = enrolment_flow.find(context, connection, session.user, opening_flow.opener_of(session), at)
        return _ended(request) if opened is None else _scan_page(request, session, opened)
    refused = opening_flow.why_not_offered(context, session.user, at)
    if refused is not None:
        return not_offered_page(request, session, refused)
    return _confirm_page(request, session, request.query_params.get("replaces", ""))


@post(CONFIGURE)
@takes_password
def submit_configure(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take whichever step of the set-up was sent: who it is, the code of the new app, or that the code is saved."""
    form = parse_form(body, request.headers.get("content-type", ""))
    session = guard.signed_in(request, clock.now())
    if "enrolment" in form:
        return _submit_scan(request, session, form)
    if "backup_code" in form:
        return submit_saved(request, session, form, "factors/save_backup_code.html")
    return _submit_confirm(request, session, form)


def _submit_confirm(request: AnyRequest, session: Session, form: Form) -> AnyResponse:
    at, context, replaces = clock.now(), context_of(request), form["replaces"]
    errors = missing_proofs(form, needs_code=opening_flow.code_needed(session, at))
    if errors:
        return _confirm_page(request, session, replaces, form, 400, errors)
    replaced = row_id(replaces) if replaces else None
    if replaces and replaced is None:
        return _no_such(request)
    asked = SetUp(form["password"], given_of(form, session), cookie(request, "browser"), form["name"], replaced)
    outcome = enrolment_flow.open_in_session(context, session, asked, origin=Origin(at, client_info_of(request)))
    match outcome:
        case Opened(new_backup_code=None):
            return see_other(f"{CONFIGURE}?step=scan")
        case Opened():
            return _scan_page(request, session, outcome)  # the one answer that can show the new backup code
        case NotOffered():
            return not_offered_page(request, session, outcome)
        case TooMany():
            todo = _("Remove one first, or replace one.")
            link = ("/profile/two-factor/authenticators", _("Your authenticators"))
            return problem_page(
                request, 409, _("Five is the most"), _("You have five authenticators already."), todo, link
            )
        case NoSuchAuthenticator():
            return _no_such(request)
        case _:
            return refused_proofs(request, session, outcome, partial(_confirm_page, request, session, replaces, form))


def _submit_scan(request: AnyRequest, session: Session, form: Form) -> AnyResponse:
    at, context = clock.now(), context_of(request)
    opener, enrolment = opening_flow.opener_of(session), row_id(form["enrolment"])
    with context.db.read() as connection:
        opened = enrolment_flow.find(context, connection, session.user, opener, at)
    if opened is None or enrolment is None:
        return _ended(request)
    outcome = enrolment_flow.confirm_in_session(
        context, session, enrolment, form["code"], origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case Changed():
            purpose = "replace" if outcome.change == "replaced" else ""
            return changed_page(request, session, outcome, "factors/save_backup_code.html", purpose=purpose)
        case WrongConfirmation():
            return _scan_page(request, session, opened, 401, words.wrong_confirmation(outcome))
        case MalformedCode():
            return _scan_page(request, session, opened, 400, _("Enter the six digits that your app shows."))
        case Locked():
            return locked_page(request, session)
        case EnrolmentExpired():
            return _ended(request)
        case _:
            assert_never(outcome)


def _confirm_page(
    request: AnyRequest,
    session: Session,
    replaces: str,
    form: Form | None = None,
    status: int = 200,
    errors: dict[str, str] | None = None,
) -> AnyResponse:
    has_factor = session.user.has_second_factor
    return proof_page(
        request, session, "factors/confirm.html", status,
        purpose="replace" if replaces else "add" if has_factor else "set up",
        needs_code="code" in (errors or {}) or opening_flow.code_needed(session, clock.now()),
        name_value=form["name"] if form else "", replaces=replaces, errors=errors or {},
    )  # fmt: skip


def _scan_page(
    request: AnyRequest,
    session: Session,
    opened: Opened,
    status: int = 200,
    error: str | None = None,
) -> AnyResponse:
    view = enrolment_view(context_of(request).settings, opened, session.user.email)
    return page(
        request, "factors/scan.html", status, viewer=guard.viewer_of(session), enrolment=opened.id, name=opened.name,
        new_backup_code=opened.new_backup_code, errors={"code": error} if error else {}, **view,
    )  # fmt: skip


def _ended(request: AnyRequest) -> AnyResponse:
    what = _("This set-up has ended: its 15 minutes are over, a newer one was started, or too many codes did not fit.")
    todo = _("Nothing has changed. Delete the entry from your app and start again.")
    return problem_page(request, 410, _("Set-up ended"), what, todo, (CONFIGURE, _("Start again")))


def _no_such(request: AnyRequest) -> AnyResponse:
    what = _("This authenticator no longer exists.")
    link = ("/profile/two-factor/authenticators", _("Your authenticators"))
    return problem_page(request, 404, _("Not found"), what, "", link)


handlers = [show_configure, submit_configure]
