"""The pages of a reset link, for its user: nobody has to be signed in. Opening one changes nothing."""

from typing import assert_never

from litestar import get, post
from litestar.status_codes import HTTP_200_OK

from twofold.directory.password import Weakness
from twofold.factors import words as factor_words
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import fingerprint
from twofold.kit.http.anonymous import TAKES_PASSWORD
from twofold.kit.http.forms import Form, parse_form
from twofold.kit.http.links import Link
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.render import page, problem_page
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of
from twofold.kit.words import gettext as _
from twofold.kit.words import ngettext
from twofold.resets import confirm_flow, link_flow, words
from twofold.resets.confirm_flow import Given
from twofold.resets.link_flow import OpenLink
from twofold.resets.outcomes import (
    ApprovalRequired,
    LinkOver,
    NewPasswordRequired,
    NotYet,
    RefusalDone,
    ResetDone,
    SamePassword,
    WrongPassword,
)
from twofold.resets.views import over_page

LINK = Link("reset", "/resets/link")
WARN_FROM = 2  # tries left


@get("/resets/{token:str}", sync_to_thread=False)
def open_link(request: AnyRequest, token: str) -> AnyResponse:
    """Lead on to the page, with the token in a cookie."""
    return LINK.trade(request, token) if LINK.is_token(token) else _no_such_page(request)


@get("/resets/link")
@quick
def show_link(request: AnyRequest) -> AnyResponse:
    """Show who asked for the reset, when and why, and ask for the password."""
    return _link_page(request, LINK.token(request))


@post("/resets/link", opt=TAKES_PASSWORD)
@takes_password
def answer_link(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take the answer: confirmed with the password, or refused."""
    form = parse_form(body, request.headers.get("content-type", ""))
    token = LINK.token_of_form(request, form)
    given = _answer(request, token, form)
    return LINK.spent(request, given) if given.status_code == HTTP_200_OK else given


@post("/resets/{token:str}", opt=TAKES_PASSWORD)
@takes_password
def answer_by_token(request: AnyRequest, token: str, body: bytes) -> AnyResponse:
    """Take the answer of somebody who has no cookie: a program, or a page that was opened before there was one."""
    form = parse_form(body, request.headers.get("content-type", ""))
    return _answer(request, token, form) if LINK.is_token(token) else _no_such_page(request)


def _answer(request: AnyRequest, token: str, form: Form) -> AnyResponse:
    return _refuse(request, token) if form["answer"] == "refuse" else _confirm(request, token, form)


def _refuse(request: AnyRequest, token: str) -> AnyResponse:
    outcome = confirm_flow.refuse(context_of(request), token, origin=Origin(clock.now(), client_info_of(request)))
    match outcome:
        case RefusalDone():
            return page(request, "resets/refused.html")
        case LinkOver(verdict):
            return over_page(request, verdict)
        case _:
            assert_never(outcome)


def _confirm(request: AnyRequest, token: str, form: Form) -> AnyResponse:
    if not form["password"]:
        return _link_page(request, token, 400, {"password": _("Enter your password.")})
    given = Given(form["password"], form["new_password"])
    outcome = confirm_flow.confirm(
        context_of(request), token, given, origin=Origin(clock.now(), client_info_of(request))
    )
    match outcome:
        case ResetDone(eligibility):
            return page(
                request, "resets/done.html", afterwards=words.afterwards(eligibility),
                new_password=bool(given.new_password),
            )  # fmt: skip
        case LinkOver(verdict):
            return over_page(request, verdict)
        case WrongPassword(left):
            return _link_page(request, token, 401, {"password": _wrong_password(left)})
        case _:
            return _link_page(request, token, *_not_yet(outcome))


def _not_yet(outcome: NotYet) -> tuple[int, dict[str, str]]:
    match outcome:
        case NewPasswordRequired():
            return 409, {"new_password": _("Choose a new password: somebody else may know the old one.")}
        case SamePassword():
            return 422, {"new_password": _("That is your current password. Choose another.")}
        case Weakness():
            return 422, {"new_password": factor_words.weak_password(outcome)}
        case ApprovalRequired():
            return 409, {"": _("Somebody must approve this reset before you can confirm it.")}
        case _:
            assert_never(outcome)


def _link_page(
    request: AnyRequest,
    token: str,
    status: int = 200,
    errors: dict[str, str] | None = None,
) -> AnyResponse:
    """Show the page of a link as it stands now, whatever was sent before."""
    context = context_of(request)
    link = link_flow.view_link(context, token, clock.now())
    if not isinstance(link, OpenLink):
        return over_page(request, link)
    case = link.verdict.case
    return page(
        request, "resets/confirm.html", status, case=case,
        asked_by=words.requester(case, context.settings.product_name), role=words.role(case.requester_kind),
        valid_until=link.verdict.valid_until, errors=errors or {},
        needs_new_password=link.needs_new_password or "new_password" in (errors or {}),
        needs_approval=link.needs_approval, approvers=link.approvers, fingerprint=fingerprint(token),
    )  # fmt: skip


def _wrong_password(left: int) -> str:
    wrong = factor_words.wrong_password()
    if left > WARN_FROM:
        return wrong
    warning = ngettext(
        "You have one attempt left before this request is closed.",
        "You have two attempts left before this request is closed.",
        left,
    )
    return f"{wrong} {warning}"


def _no_such_page(request: AnyRequest) -> AnyResponse:
    return problem_page(request, 404, _("Not found"), _("There is no page at this address."), "")


handlers = [open_link, show_link, answer_link, answer_by_token]
