"""What is answered where a handler refused, broke, or was never reached: pages to people, problems to programs."""

import re
from collections.abc import Callable
from typing import Any, cast

import jinja2
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.status_codes import HTTP_400_BAD_REQUEST, HTTP_404_NOT_FOUND

from twofold.kit import metrics
from twofold.kit.http.edge import Refusal, Refusals
from twofold.kit.http.forms import BadForm
from twofold.kit.http.machine import is_for_programs, oauth_error
from twofold.kit.http.pools import Overloaded
from twofold.kit.http.problems import MEDIA_TYPE, problem, problem_body
from twofold.kit.http.render import problem_page, see_other
from twofold.kit.http.requests import ShortCircuit, is_call
from twofold.kit.sql import away
from twofold.kit.words import gettext as _
from twofold.operations import limiting
from twofold.sessions.flow import SessionEnded

CUT_OFF = "client disconnected prematurely"  # says Litestar of a body, as if it were our fault
CODES = {
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "payload_too_large",
    415: "unsupported_media_type",
}

log = structlog.get_logger()


def _is_api(request: Request[Any, Any, Any]) -> bool:
    """Look at the path alone: the address of a request begins with a Host that may be nonsense, and cannot be read."""
    return is_call(str(request.scope["path"]))


def _turned(_request: Request[Any, Any, Any], turned: ShortCircuit) -> Response[Any]:
    return turned.response


def _bad_form(request: Request[Any, Any, Any], bad: BadForm) -> Response[Any]:
    return problem_page(request, 400, _("The form could not be read"), str(bad), "")


def _overloaded(request: Request[Any, Any, Any], _error: Exception) -> Response[Any]:
    return _unavailable(
        request,
        limiting.CANNOT_ANSWER,
        limiting.WAIT_AND_RELOAD,
    )


def _database_away(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Say nothing of whether it was carried out: of a COMMIT that got no answer nobody knows."""
    request_id = request.scope.get("twofold_request_id", "")
    log.error("the database did not answer", id=request_id, error=type(error).__name__, says=away.what_it_says(error))
    return _unavailable(
        request,
        _("We cannot answer right now."),
        _("Wait a few seconds, then try again. A code that you have just entered may be used up: take the next one."),
    )


def _session_ended(request: Request[Any, Any, Any], _error: SessionEnded) -> Response[Any]:
    """Answer as where nobody is signed in: the session was signed out while this request was under way."""
    return problem(401, "not_signed_in") if _is_api(request) else see_other("/sign-in")


def _unavailable(request: Request[Any, Any, Any], what: str, todo: str) -> Response[Any]:
    if is_for_programs(request):
        later = {"Retry-After": str(limiting.RETRY_AFTER)}
        return oauth_error(503, "temporarily_unavailable", "Try again in a moment.", later)
    if _is_api(request):
        return problem(503, "unavailable", retry_after=limiting.RETRY_AFTER)
    response = problem_page(request, 503, _("Try again in a moment"), what, todo)
    response.headers["Retry-After"] = str(limiting.RETRY_AFTER)
    return response


def refusals(pages: jinja2.Environment) -> Refusals:
    """Render what the edge itself answers with."""
    return Refusals(
        foreign_form=_refusal_page(
            pages,
            403,
            _("This form came from somewhere else"),
            _("It was not sent from our own page, so nothing was done."),
            _("Open the page here and send the form again."),
            ("/profile", _("Go to your profile")),
        ),
        blocked_page=_refusal_page(
            pages,
            403,
            _("Your network is blocked"),
            _(
                "The people who run this service have blocked the network that you are in, so nobody can sign in from "
                "it."
            ),
            _("Use another network. If you think that this is a mistake, ask them to look at it."),
        ),
        blocked_call=_refused_call(403, "network_blocked"),
        not_found_page=_refusal_page(pages, 404, *_not_found()),
        not_found_call=_refused_call(404, "not_found"),
        misdirected_page=_refusal_page(
            pages,
            421,
            _("This is not the right address"),
            _("This is not the address at which people sign in."),
            _("Open the address that your organisation gave you."),
        ),
        misdirected_call=_refused_call(421, "misdirected_request"),
    )


def _refusal_page(
    pages: jinja2.Environment, status: int, heading: str, what: str, todo: str, link: tuple[str, str] | None = None
) -> Refusal:
    html = pages.get_template("errors/problem.html").render(
        heading=heading, what=what, todo=todo, link=link, errors={}, viewer=None
    )
    return Refusal(status, "text/html; charset=utf-8", html.encode())


def _refused_call(status: int, code: str) -> Refusal:
    return Refusal(status, MEDIA_TYPE, problem_body(status, code))


def _not_found() -> tuple[str, str, str, tuple[str, str]]:
    return _("Not found"), _("There is no page at this address."), "", ("/profile", _("Go to your profile"))


def _invalid(request: Request[Any, Any, Any], error: ValidationException) -> Response[Any]:
    """Name the fields that are wrong, never what was in them."""
    if not _is_api(request):
        return http_error(request, error)
    extra = cast("list[dict[str, Any]]", error.extra) if isinstance(error.extra, list) else []
    wrong = [_wrong_field(str(item.get("key", "")), str(item.get("message", ""))) for item in extra]
    wrong = wrong or [("body", "it is missing or no JSON object")]
    detail = "; ".join(f"{field}: {message}" for field, message in wrong)
    return problem(400, "invalid_request", detail=detail, fields=sorted({field for field, _message in wrong}))


def _wrong_field(key: str, message: str) -> tuple[str, str]:
    """Name the field that a complaint is about; one that is missing or unknown is named in the complaint's text."""
    named = re.search(r"field `([^`]+)`", message)
    if key == "data":
        return (named[1] if named else "body"), ("it is missing" if message == "'data'" else message)
    return key or "body", message


def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    status = 400 if error.detail == CUT_OFF else error.status_code
    if is_for_programs(request):
        return oauth_error(status, "invalid_request", "The request is not valid.")
    if _is_api(request):
        if status == HTTP_400_BAD_REQUEST:
            return problem(400, "invalid_request", detail="body: it is no JSON", fields=["body"])
        return problem(status, CODES.get(status, "invalid_request"))
    if status == HTTP_404_NOT_FOUND:
        return problem_page(request, 404, *_not_found())
    return problem_page(
        request, status, _("That did not work"), _("The request is not valid."), _("Go back and try again.")
    )


def _too_deep(request: Request[Any, Any, Any], error: RecursionError) -> Response[Any]:
    """Refuse JSON that is nested deeper than it can be read; deep anywhere else is a bug of ours."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    reader = "" if at is None else str(at.tb_frame.f_globals.get("__name__", ""))
    if reader.startswith("litestar.serialization"):
        return http_error(request, HTTPException(status_code=400))
    return _broken(request, error)


def _broken(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    request_id = request.scope.get("twofold_request_id", "")
    metrics.unexpected_errors.inc()
    log.error("unexpected error", id=request_id, error=type(error).__name__, exc_info=error)
    if is_for_programs(request):
        return oauth_error(500, "server_error", f"Request id {request_id}")
    if _is_api(request):
        return problem(500, "internal", detail=f"Request id {request_id}")
    what = _("Something went wrong on our side, and we have written it down.")
    return problem_page(
        request,
        500,
        _("Something went wrong"),
        what,
        _("Try again. If it happens again, name this number: %s") % request_id,
    )


EXCEPTION_HANDLERS: dict[type[Exception], Callable[[Request[Any, Any, Any], Any], Response[Any]]] = {
    ShortCircuit: _turned,
    BadForm: _bad_form,
    Overloaded: _overloaded,
    SessionEnded: _session_ended,
    **dict.fromkeys(away.DATABASE_AWAY, _database_away),
    ValidationException: _invalid,
    HTTPException: http_error,
    RecursionError: _too_deep,
    Exception: _broken,
}
