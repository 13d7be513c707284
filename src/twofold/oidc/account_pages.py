"""The pages on which administrators see which applications their account uses, and are stricter about one."""

from typing import Any, assert_never
from uuid import UUID

from litestar import get, post
from litestar.exceptions import NotFoundException

from twofold.admin import guard
from twofold.directory.rules import Fault
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.forms import parse_form
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of, row_id
from twofold.kit.words import gettext as _
from twofold.oidc import rule_flow
from twofold.oidc.rule import MINUTE, Rule, stricter
from twofold.oidc.rule_flow import NoLongerAdmin, OfAccount, RuleSaved
from twofold.sessions.guard import viewer_of
from twofold.sessions.methods import PHISHING_RESISTANT, TWO_FACTORS
from twofold.sessions.session import Session

APPLICATIONS = "/account/applications"


@get(APPLICATIONS)
@quick
def show_applications(request: AnyRequest) -> AnyResponse:
    """List the applications of the account, with how many people use each, and with what assurance."""
    session = guard.administrator(request, clock.now())
    listed = rule_flow.list_for_account(context_of(request), session.user.account_id)
    notice = _("Saved. It counts from the next sign-in to the application on.")
    return page(
        request, "oidc/account_applications.html", viewer=viewer_of(session),
        applications=[_view(one) for one in listed], notice=notice if request.query_params.get("done") else None,
    )  # fmt: skip


@get("/account/applications/{application:str}")
@quick
def show_rule(request: AnyRequest, application: str) -> AnyResponse:
    """Show what the account asks for at an application, and the form that changes it."""
    session = guard.administrator(request, clock.now())
    one = _one(request, session, row_id(application))
    age = one.rule.second_factor_age
    return _rule_page(request, session, one, one.rule.acr or "", "" if age is None else str(age // MINUTE))


@post("/account/applications/{application:str}")
@quick
def submit_rule(request: AnyRequest, application: str, body: bytes) -> AnyResponse:
    """Set it."""
    at, form = clock.now(), parse_form(body, request.headers.get("content-type", ""))
    session, wanted = guard.administrator(request, at), row_id(application)
    one = _one(request, session, wanted)
    outcome = rule_flow.change(
        context_of(request), session, one.application.id, form["acr"], form["minutes"].strip(),
        origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case RuleSaved():
            return see_other(f"{APPLICATIONS}?done=1")
        case Fault(field, why):
            return _rule_page(request, session, one, form["acr"], form["minutes"], 400, {field: why})
        case NoLongerAdmin():
            raise NotFoundException
        case _:
            assert_never(outcome)


def _one(request: AnyRequest, session: Session, wanted: UUID | None) -> OfAccount:
    one = None if wanted is None else rule_flow.find(context_of(request), session.user.account_id, wanted)
    if one is None:
        raise NotFoundException
    return one


def _rule_page(
    request: AnyRequest, session: Session, one: OfAccount, acr: str, minutes: str, status: int = 200,
    errors: dict[str, str] | None = None,
) -> AnyResponse:  # fmt: skip
    only_passkeys = _("Whoever has none can no longer sign in to this application.")
    levels = [
        ("", _("What the application asks for"), ""), (TWO_FACTORS, _("Two factors, always"), ""),
        (PHISHING_RESISTANT, _("A passkey, always"), only_passkeys),
    ]  # fmt: skip
    return page(
        request, "oidc/account_rule.html", status, viewer=viewer_of(session), name=one.application.name,
        own=_demand(one._replace(rule=Rule())), levels=levels, acr=acr, minutes=minutes, errors=errors or {},
    )  # fmt: skip


def _view(one: OfAccount) -> dict[str, Any]:
    usage = one.usage
    return {
        "id": one.application.id,
        "name": one.application.name,
        "people": 0 if usage is None else usage.people,
        "with_two_factors": 0 if usage is None else usage.with_two_factors,
        "last_used_at": None if usage is None else usage.last_used_at,
        "demand": _demand(one),
        "own_rule": one.rule != Rule(),
    }


def _demand(one: OfAccount) -> str:
    """Say what a sign-in has to prove."""
    asked = stricter(one.application, one.rule)
    if asked.acr == PHISHING_RESISTANT and asked.second_factor_age is None:
        return _("a passkey")
    if asked.second_factor_age is not None:
        minutes = asked.second_factor_age // MINUTE
        return _("two factors, the second at most %(minutes)s minutes ago") % {"minutes": minutes}
    return _("two factors") if asked.acr is not None else _("nothing beyond the sign-in")


handlers = [show_applications, show_rule, submit_rule]
