"""The authorization endpoint, and the way back to it from whatever had to be proved first."""

from datetime import datetime
from typing import NamedTuple, assert_never
from urllib.parse import urlsplit
from uuid import UUID

from litestar import get, post

from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import new_token
from twofold.kit.http.forms import parse_form
from twofold.kit.http.machine import FROM_ELSEWHERE
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, problem_page, see_other
from twofold.kit.http.requests import (
    AnyRequest,
    AnyResponse,
    ShortCircuit,
    client_info_of,
    context_of,
    cookie,
    email_cookie,
    row_id,
    set_cookie,
)
from twofold.kit.words import gettext as _
from twofold.oidc import authorize_flow, pushed_flow, scope_words
from twofold.oidc.answer import Answer
from twofold.oidc.application import Application
from twofold.oidc.authorization import Need, OtherAccount, Unmet
from twofold.oidc.authorize_flow import Asked, Denied, Due, Rejected, Unaddressed, Waiting
from twofold.oidc.authorize_views import led_on, sent_at_once
from twofold.oidc.query_views import as_query
from twofold.oidc.request import Parameters, read
from twofold.sessions import guard, methods
from twofold.sessions.session import Session

AUTHORIZE = "/oidc/authorize"


@get(AUTHORIZE)
@quick
def authorize(request: AnyRequest) -> AnyResponse:
    """Answer an application whose user is signed in as it asks; lead everybody else to what is due first."""
    at, context = clock.now(), context_of(request)
    parameters = read(request.scope["query_string"].decode("latin-1"))
    asked = Unaddressed("query") if parameters is None else _read(context, parameters, at)
    match asked:
        case Unaddressed(field):
            return _unaddressed(request, field)
        case Rejected(application, answer):
            return sent_at_once(request, answer, application.name)
        case Asked():
            return _answered(request, asked, at)
        case _:
            assert_never(asked)


@post(AUTHORIZE, opt=FROM_ELSEWHERE)
@quick
def authorize_by_form(request: AnyRequest, body: bytes) -> AnyResponse:
    """Go on as if it had been a query: with a form of another site browsers send no cookie that says who this is."""
    return see_other(f"{AUTHORIZE}?{as_query(request, body)}")


@get("/oidc/authorize/{authorization:str}")
@quick
def go_on(request: AnyRequest, authorization: str) -> AnyResponse:
    """Go on with a request of this browser, once what it asks for is proved."""
    at = clock.now()
    return _gone_on(request, _begun(request, authorization, at), guard.session_of_page(request, at), at)


@post("/oidc/authorize/{authorization:str}/consent")
@quick
def consent(request: AnyRequest, authorization: str, body: bytes) -> AnyResponse:
    """Go on once somebody agrees to what the application may see; lead back to it with their refusal."""
    at, form = clock.now(), parse_form(body, request.headers.get("content-type", ""))
    begun = _begun(request, authorization, at)
    session = guard.session_of_page(request, at)
    asked_before = session is not None and form["user"] == str(session.user.id)  # not somebody else in this browser
    if not asked_before or form["decision"] not in {"allow", "refuse"}:
        return see_other(f"{AUTHORIZE}/{begun.id}")
    if form["decision"] == "allow":
        return _gone_on(request, begun, session, at, agreed=Origin(at, client_info_of(request)))
    answer = authorize_flow.refuse(
        context_of(request), begun.waiting, authorization=begun.id, browser=begun.browser, at=at
    )
    return _over(request) if answer is None else led_on(request, answer, begun.waiting.asked.application.name)


class _Begun(NamedTuple):
    id: UUID
    browser: str
    waiting: Waiting


def _begun(request: AnyRequest, authorization: str, at: datetime) -> _Begun:
    """Return a request that waits for this browser, or the answer that there is none."""
    wanted, browser = row_id(authorization), cookie(request, "destinations")
    if wanted is None or browser is None:
        raise ShortCircuit(_over(request))
    waiting = authorize_flow.find(context_of(request), wanted, browser=browser, at=at)
    if waiting is None:
        raise ShortCircuit(_over(request))
    return _Begun(wanted, browser, waiting)


def _gone_on(
    request: AnyRequest, begun: _Begun, session: Session | None, at: datetime, agreed: Origin | None = None
) -> AnyResponse:
    waiting = begun.waiting
    stepped_down = session is not None and guard.stepped_down(request, session, at)
    outcome = authorize_flow.resume(
        context_of(request), waiting, session, authorization=begun.id, browser=begun.browser,
        stepped_down=stepped_down, at=at, agreed=agreed,
    )  # fmt: skip
    match outcome:
        case None:
            return _over(request)
        case Answer():
            return led_on(request, outcome, waiting.asked.application.name)
        case Denied():
            return _denied(request, outcome)
        case Due(Need.CONSENT, _application) if session is not None:
            return _consent_page(request, begun, session)
        case Due(need, application):
            return _led(request, need, application, at)
        case _:
            assert_never(outcome)


def _read(context: AppContext, parameters: Parameters, at: datetime) -> Asked | Rejected | Unaddressed:
    if not pushed_flow.is_pushed(parameters):
        return authorize_flow.read(context, parameters, at)
    return pushed_flow.take(context, parameters, at) or Unaddressed("request_uri")


def _answered(request: AnyRequest, asked: Asked, at: datetime) -> AnyResponse:
    context = context_of(request)
    session = guard.session_of_page(request, at)
    stepped_down = session is not None and guard.stepped_down(request, session, at)
    outcome = authorize_flow.answer(context, asked, session, stepped_down=stepped_down, at=at)
    match outcome:
        case Answer():
            return sent_at_once(request, outcome, asked.application.name)
        case Denied():
            return _denied(request, outcome)
        case Due():
            browser = cookie(request, "destinations") or new_token("destinations")
            kept = authorize_flow.keep(
                context, asked.request, session, browser=browser, origin=Origin(at, client_info_of(request))
            )
            if kept is None:
                return _no_room(request)
            cookies = [set_cookie(context.settings, "destinations", browser)]
            if outcome.need is Need.SIGN_IN and asked.request.login_hint:
                cookies.append(email_cookie(context.settings, asked.request.login_hint))
            return see_other(f"{AUTHORIZE}/{kept}", cookies)
        case _:
            assert_never(outcome)


def _led(request: AnyRequest, need: Need, application: Application, at: datetime) -> AnyResponse:
    """Lead to what is due, and from there back to here."""
    match need:
        case Need.SIGN_IN:
            return guard.led_back("/sign-in", request, at)
        case Need.STEP_DOWN:
            return guard.led_back("/sign-in/set-up", request, at)
        case Need.PASSWORD:
            return guard.led_back(f"{guard.STEP_UP}?needs=password", request, at)
        case Need.CODE:
            return guard.led_back(f"{guard.STEP_UP}?needs=code", request, at)
        case Need.PASSKEY:
            return guard.led_back(f"{guard.STEP_UP}?needs=passkey", request, at)
        case Need.CONSENT:
            return guard.led_back("/sign-in", request, at)  # of nobody it is never needed
        case Need.SET_UP:
            return page(request, "oidc/set_up.html", name=application.name, again=request.scope["path"])
        case _:
            assert_never(need)


def _consent_page(request: AnyRequest, begun: _Begun, session: Session) -> AnyResponse:
    asked = begun.waiting.asked
    return page(
        request, "oidc/consent.html", name=asked.application.name, user=session.user, path=f"{AUTHORIZE}/{begun.id}",
        sees=scope_words.of_scope(asked.request.scope), host=urlsplit(asked.request.redirect_uri).netloc,
    )  # fmt: skip


def _denied(request: AnyRequest, denied: Denied) -> AnyResponse:
    name = denied.application.name
    todo = _("If you think that this is a mistake, ask the people who run it.")
    match denied.why:
        case OtherAccount():
            why = _(
                "%(name)s is not for the people of your organisation, so you cannot sign in to it with this account."
            )
        case Unmet(methods.PHISHING_RESISTANT):
            why = _("%(name)s asks for a passkey that checks your fingerprint, face or PIN, and you have none.")
            todo = _("Add one in your profile. Then go back, and sign in from there again.")
        case Unmet(methods.TWO_FACTORS):
            why = _("%(name)s asks for two factors, and two-factor authentication is not switched on for you.")
            todo = _("Ask an administrator of your organisation to switch it on. Then sign in from there again.")
        case Unmet():
            why = _("%(name)s asks for a kind of sign-in that does not exist here.")
            todo = _("Nothing that you do changes that: tell the people who run it.")
        case _:
            assert_never(denied.why)
    return page(
        request, "oidc/denied.html", 403, why=why % {"name": name}, todo=todo, name=name, address=denied.answer.address,
        lacks_passkey=denied.why == Unmet(methods.PHISHING_RESISTANT),
    )  # fmt: skip


def _unaddressed(request: AnyRequest, field: str) -> AnyResponse:
    what = {
        "client_id": _("The application that sent you here is not known here (client_id)."),
        "redirect_uri": _("The address to which you would be sent back is not one of the application (redirect_uri)."),
        "request_uri": _("What the application asked for was used already, or is older than a minute (request_uri)."),
    }.get(field, _("The address that you opened is not valid."))
    todo = _("Nobody was signed in. Tell the people who run the application.")
    if field == "request_uri":
        todo = _("Go back to the application, and sign in from there.")
    return problem_page(request, 400, _("You cannot sign in to this application"), what, todo)


def _over(request: AnyRequest) -> AnyResponse:
    return problem_page(
        request, 410, _("This sign-in is over"),
        _("It went on already, it took more than an hour, or it began in another browser."),
        _("Go back to the application, and sign in from there."),
    )  # fmt: skip


def _no_room(request: AnyRequest) -> AnyResponse:
    return problem_page(
        request, 503, _("Try again in a moment"), _("Too many people on your network are signing in right now."),
        _("Wait a minute, then go back to the application, and sign in from there."),
    )  # fmt: skip


handlers = [authorize, authorize_by_form, go_on, consent]
