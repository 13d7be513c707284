"""The pages on which a person changes factors that exist: regenerate, remove, rename, one authenticator less."""

from functools import partial
from typing import assert_never
from uuid import UUID

from litestar import get, post

from twofold.factors import change_flow, flow, removal_flow
from twofold.factors.change_flow import Proofs
from twofold.factors.outcomes import (
    AwaitsLastQuestion,
    Changed,
    LastAuthenticator,
    NoSuchAuthenticator,
    RequiredByPolicy,
    SessionOver,
)
from twofold.factors.proof_views import (
    back_to_profile,
    changed_page,
    given_of,
    missing_proofs,
    proof_page,
    refused_proofs,
    submit_saved,
)
from twofold.factors.verdicts import Factor
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.forms import Form, parse_form
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.render import page, problem_page, see_other
from twofold.kit.http.requests import (
    AnyRequest,
    AnyResponse,
    ShortCircuit,
    client_info_of,
    context_of,
    cookie,
    row_id,
    set_cookie,
)
from twofold.kit.words import gettext as _
from twofold.sessions import guard
from twofold.sessions.session import Session

REGENERATE = "/profile/two-factor/backup-code"
REMOVE = "/profile/two-factor/remove"
AUTHENTICATORS = "/profile/two-factor/authenticators"


@get(REGENERATE)
@quick
def show_regenerate(request: AnyRequest) -> AnyResponse:
    """Ask for password and code before a new backup code takes the place of the old one."""
    session = _with_factor(request)
    return proof_page(request, session, "factors/regenerate.html")


@post(REGENERATE)
@takes_password
def submit_regenerate(request: AnyRequest, body: bytes) -> AnyResponse:
    """Make a new backup code and show it once."""
    session, form = _with_factor(request), _form(request, body)
    if "backup_code" in form:
        return submit_saved(request, session, form, "factors/new_backup_code.html")

    show = partial(proof_page, request, session, "factors/regenerate.html")
    errors = missing_proofs(form, needs_code=True)
    if errors:
        return show(400, errors=errors)
    outcome = change_flow.regenerate(
        context_of(request),
        session,
        _proofs(request, session, form),
        origin=Origin(clock.now(), client_info_of(request)),
        seen=False,
    )
    if isinstance(outcome, Changed):
        return changed_page(request, session, outcome, "factors/new_backup_code.html")
    return refused_proofs(request, session, outcome, show)


@get(REMOVE)
@quick
def show_remove(request: AnyRequest) -> AnyResponse:
    """Ask for password and code before two-factor authentication is removed."""
    at, session = clock.now(), _with_factor(request)
    if session.user.eligibility(context_of(request).settings.two_factor_editions, at).required:
        return _required(request)
    return proof_page(request, session, "factors/remove.html")


@post(REMOVE)
@takes_password
def submit_remove(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take the proofs and ask for a confirmation; or take that and remove."""
    session, form = _with_factor(request), _form(request, body)
    if "confirmation" in form:
        return _answer_removal(request, session, form)

    show = partial(proof_page, request, session, "factors/remove.html")
    errors = missing_proofs(form, needs_code=True)
    if errors:
        return show(400, errors=errors)
    outcome = removal_flow.ask_removal(
        context_of(request), session, _proofs(request, session, form),
        origin=Origin(clock.now(), client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case AwaitsLastQuestion():
            return page(
                request, "factors/remove_confirm.html", viewer=guard.viewer_of(session),
                confirmation=outcome.confirmation, new_backup_code=outcome.new_backup_code,
            )  # fmt: skip
        case RequiredByPolicy():
            return _required(request)
        case _:
            return refused_proofs(request, session, outcome, show)


@get(AUTHENTICATORS)
@quick
def show_authenticators(request: AnyRequest) -> AnyResponse:
    """List the authenticators."""
    session = _with_factor(request)
    return page(
        request, "factors/authenticators.html", viewer=guard.viewer_of(session),
        authenticators=_authenticators(request, session),
    )  # fmt: skip


@get(AUTHENTICATORS + "/{authenticator:str}/rename")
@quick
def show_rename(request: AnyRequest, authenticator: str) -> AnyResponse:
    """Ask for another name."""
    session = _with_factor(request)
    named = _own(request, session, authenticator)
    return page(request, "factors/rename.html", viewer=guard.viewer_of(session), name_value=named.name)


@post(AUTHENTICATORS + "/{authenticator:str}/rename")
@quick
def submit_rename(request: AnyRequest, authenticator: str, body: bytes) -> AnyResponse:
    """Give an authenticator another name."""
    session, form = _with_factor(request), _form(request, body)
    named = _own(request, session, authenticator)
    outcome = change_flow.rename(
        context_of(request), session, named.id, form["name"], origin=Origin(clock.now(), client_info_of(request)),
    )  # fmt: skip
    if isinstance(outcome, NoSuchAuthenticator):
        return _no_such(request)
    if outcome:
        return see_other("/profile?done=renamed")
    errors = {"name": _("Give a name of 1 to 40 characters.")}
    return page(
        request, "factors/rename.html", 400, viewer=guard.viewer_of(session), name_value=form["name"], errors=errors,
    )  # fmt: skip


@get(AUTHENTICATORS + "/{authenticator:str}/remove")
@quick
def show_remove_one(request: AnyRequest, authenticator: str) -> AnyResponse:
    """Ask for password and code before one authenticator is removed."""
    session = _with_factor(request)
    named = _own(request, session, authenticator)
    return proof_page(request, session, "factors/remove_one.html", name=named.name)


@post(AUTHENTICATORS + "/{authenticator:str}/remove")
@takes_password
def submit_remove_one(request: AnyRequest, authenticator: str, body: bytes) -> AnyResponse:
    """Remove one authenticator."""
    session, form = _with_factor(request), _form(request, body)
    if "backup_code" in form:
        return submit_saved(request, session, form, "factors/new_backup_code.html")
    named = _own(request, session, authenticator)

    show = partial(proof_page, request, session, "factors/remove_one.html", name=named.name)
    errors = missing_proofs(form, needs_code=True)
    if errors:
        return show(400, errors=errors)
    outcome = removal_flow.remove_one(
        context_of(request),
        session,
        named.id,
        _proofs(request, session, form),
        origin=Origin(clock.now(), client_info_of(request)),
    )
    match outcome:
        case Changed(token, backup_code):
            if backup_code is not None:
                return changed_page(request, session, outcome, "factors/new_backup_code.html")
            return see_other("/profile?done=removed_one", [set_cookie(context_of(request).settings, "session", token)])
        case NoSuchAuthenticator():
            raise ShortCircuit(_no_such(request))
        case LastAuthenticator():
            what = _("It is your only second factor.")
            todo = _("Add another one first, or turn off two-factor authentication as a whole.")
            return problem_page(request, 409, _("Not removed"), what, todo, back_to_profile())
        case _:
            return refused_proofs(request, session, outcome, show)


def _answer_removal(request: AnyRequest, session: Session, form: Form) -> AnyResponse:
    outcome = removal_flow.answer_removal(
        context_of(request), session, form["confirmation"], origin=Origin(clock.now(), client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case Changed(token):
            return see_other("/profile?done=removed", [set_cookie(context_of(request).settings, "session", token)])
        case RequiredByPolicy():
            return _required(request)
        case SessionOver():
            what = _("More than ten minutes have passed, or something changed meanwhile. Nothing was removed.")
            return problem_page(request, 410, _("Not removed"), what, "", (REMOVE, _("Start again")))
        case _:
            assert_never(outcome)


def _with_factor(request: AnyRequest) -> Session:
    session = guard.signed_in(request, clock.now())
    if not session.user.has_second_factor:
        raise ShortCircuit(see_other("/profile"))
    return session


def _authenticators(request: AnyRequest, session: Session) -> list[Factor]:
    with context_of(request).db.read() as connection:
        return flow.show(connection, session.user.id).factors


def _own(request: AnyRequest, session: Session, text: str) -> Factor:
    wanted: UUID | None = row_id(text)
    for authenticator in _authenticators(request, session):
        if authenticator.id == wanted:
            return authenticator
    raise ShortCircuit(_no_such(request))


def _no_such(request: AnyRequest) -> AnyResponse:
    link = (AUTHENTICATORS, _("Your authenticators"))
    return problem_page(request, 404, _("Not found"), _("This authenticator no longer exists."), "", link)


def _required(request: AnyRequest) -> AnyResponse:
    what = _("Your organisation requires two-factor authentication. You can replace your phone, but not switch it off.")
    return problem_page(request, 409, _("Remove two-factor authentication"), what, "", back_to_profile())


def _form(request: AnyRequest, body: bytes) -> Form:
    return parse_form(body, request.headers.get("content-type", ""))


def _proofs(request: AnyRequest, session: Session, form: Form) -> Proofs:
    return Proofs(form["password"], given_of(form, session), cookie(request, "browser"))


handlers = [
    show_regenerate,
    submit_regenerate,
    show_remove,
    submit_remove,
    show_authenticators,
    show_rename,
    submit_rename,
    show_remove_one,
    submit_remove_one,
]
