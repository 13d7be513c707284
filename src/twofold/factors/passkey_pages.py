"""The pages of a user's own passkeys: the list, and adding one: confirm it's you, the passkey, the backup code."""

import json
from functools import partial
from typing import assert_never

from litestar import MediaType, Response, get, post

from twofold.factors import flow as factors
from twofold.factors import passkey_registration_flow as registration_flow
from twofold.factors import words
from twofold.factors.opening_flow import SetUp, code_needed, opener_of, why_not_offered
from twofold.factors.outcomes import Changed, Locked, NotOffered
from twofold.factors.passkey_registration_flow import (
    AlreadyRegistered,
    NoPasskeysHere,
    Registering,
    RegistrationExpired,
    TooManyPasskeys,
)
from twofold.factors.passkeys import ceremony
from twofold.factors.passkeys import flow as passkeys
from twofold.factors.passkeys.ceremony import BadAnswer
from twofold.factors.passkeys.passkey import MOST_PASSKEYS
from twofold.factors.proof_views import (
    back_to_profile,
    changed_page,
    given_of,
    locked_page,
    missing_proofs,
    not_offered_page,
    proof_page,
    refused_proofs,
    submit_saved,
)
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.forms import Form, parse_form
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.render import page, problem_page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of, cookie, row_id
from twofold.kit.words import gettext as _
from twofold.sessions import guard
from twofold.sessions.session import Session

PASSKEYS = "/profile/two-factor/passkeys"
ADD = f"{PASSKEYS}/add"


@get("/.well-known/webauthn", sync_to_thread=False, include_in_schema=False)
def related_origins(request: AnyRequest) -> AnyResponse:
    """Tell browsers which other pages may ask for our passkeys (WebAuthn Level 3 section 5.11.1)."""
    settings = context_of(request).settings
    if not settings.passkey_origins:
        return Response(b"", status_code=404)
    own = ceremony.origin_of(settings.base_url)
    return Response({"origins": [own, *settings.passkey_origins]}, media_type=MediaType.JSON)


@get(PASSKEYS)
@quick
def show_passkeys(request: AnyRequest) -> AnyResponse:
    """List the passkeys."""
    session, context = guard.signed_in(request, clock.now()), context_of(request)
    with context.db.read() as connection:
        shown = factors.show(connection, session.user.id)
        accepted = passkeys.accepted(connection, context.settings, session.user.id)
    return page(
        request, "factors/passkeys.html", viewer=guard.viewer_of(session), authenticators=shown.passkeys,
        factors=shown.factors, most=MOST_PASSKEYS, possible=passkeys.party_of(context.settings) is not None,
        accepted="" if accepted is None else json.dumps(accepted),
    )  # fmt: skip


@get(ADD)
@quick
def show_add(request: AnyRequest) -> AnyResponse:
    """Ask for the password, and for a code where a factor exists; or for the passkey, once that is proved."""
    at, context = clock.now(), context_of(request)
    session = guard.signed_in(request, at)
    if passkeys.party_of(context.settings) is None:
        return _impossible(request)
    if request.query_params.get("step") == "create":
        with context.db.read() as connection:
            opened = registration_flow.find(context, connection, session.user, opener_of(session), Origin(at))
        return _ended(request) if opened is None else _create_page(request, session, opened)
    refused = why_not_offered(context, session.user, at)
    return _confirm_page(request, session) if refused is None else not_offered_page(request, session, refused)


@post(ADD)
@takes_password
def submit_add(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take whichever step was sent: who it is, the passkey, or that the backup code is saved."""
    form = parse_form(body, request.headers.get("content-type", ""))
    session = guard.signed_in(request, clock.now())
    if "registration" in form:
        return _submit_passkey(request, session, form)
    if "backup_code" in form:
        return submit_saved(request, session, form, "factors/save_backup_code.html")
    return _submit_confirm(request, session, form)


def _submit_confirm(request: AnyRequest, session: Session, form: Form) -> AnyResponse:
    at, context = clock.now(), context_of(request)
    errors = missing_proofs(form, needs_code=code_needed(session, at))
    if errors:
        return _confirm_page(request, session, 400, errors)
    asked = SetUp(form["password"], given_of(form, session), cookie(request, "browser"))
    outcome = registration_flow.open_in_session(context, session, asked, origin=Origin(at, client_info_of(request)))
    match outcome:
        case Registering(new_backup_code=None):
            return see_other(f"{ADD}?step=create")
        case Registering():
            return _create_page(request, session, outcome)  # the one answer that can show the new backup code
        case NotOffered():
            return not_offered_page(request, session, outcome)
        case TooManyPasskeys():
            return _full(request)
        case NoPasskeysHere():
            return _impossible(request)
        case _:
            return refused_proofs(request, session, outcome, partial(_confirm_page, request, session))


def _submit_passkey(request: AnyRequest, session: Session, form: Form) -> AnyResponse:
    at, context, wanted = clock.now(), context_of(request), row_id(form["registration"])
    if wanted is None:
        return _ended(request)
    origin = Origin(at, client_info_of(request))
    outcome = registration_flow.complete_in_session(
        context, session, wanted, form["credential"], form["name"], origin=origin,
    )  # fmt: skip
    match outcome:
        case Changed(backup_code=None):
            return changed_page(request, session, outcome, "factors/passkey_added.html")
        case Changed():
            return changed_page(request, session, outcome, "factors/save_backup_code.html", purpose="passkey")
        case BadAnswer() | AlreadyRegistered():
            with context.db.read() as connection:
                opened = registration_flow.find(context, connection, session.user, opener_of(session), origin)
            if opened is None:
                return _ended(request)
            errors = {"": words.refused_registration(known=isinstance(outcome, AlreadyRegistered))}
            return _create_page(request, session, opened, 409 if outcome == AlreadyRegistered() else 400, errors)
        case Locked():
            return locked_page(request, session)
        case TooManyPasskeys():
            return _full(request)
        case RegistrationExpired():
            return _ended(request)
        case NoPasskeysHere():
            return _impossible(request)
        case _:
            assert_never(outcome)


def _confirm_page(
    request: AnyRequest, session: Session, status: int = 200, errors: dict[str, str] | None = None
) -> AnyResponse:
    has_factor = session.user.has_second_factor
    return proof_page(
        request, session, "factors/confirm.html", status, purpose="add passkey" if has_factor else "first passkey",
        needs_code="code" in (errors or {}) or code_needed(session, clock.now()), name_value="", replaces="",
        errors=errors or {},
    )  # fmt: skip


def _create_page(
    request: AnyRequest,
    session: Session,
    opened: Registering,
    status: int = 200,
    errors: dict[str, str] | None = None,
) -> AnyResponse:
    return page(
        request, "factors/create_passkey.html", status, viewer=guard.viewer_of(session), registration=opened.id,
        asked=json.dumps(opened.options), new_backup_code=opened.new_backup_code, errors=errors or {},
    )  # fmt: skip


def _full(request: AnyRequest) -> AnyResponse:
    link = (PASSKEYS, _("Your passkeys"))
    return problem_page(request, 409, _("Ten is the most"), _("You have ten passkeys."), _("Remove one first."), link)


def _impossible(request: AnyRequest) -> AnyResponse:
    what = _("Passkeys are bound to a domain, and this address is none.")
    todo = _("Tell the people who run this service.")
    return problem_page(request, 403, _("Not available"), what, todo, back_to_profile())


def _ended(request: AnyRequest) -> AnyResponse:
    what = _("This set-up has ended: its 15 minutes are over, or a newer one was started.")
    todo = _("Nothing has changed. Start again; if your device kept the passkey, delete it there.")
    return problem_page(request, 410, _("Set-up ended"), what, todo, (ADD, _("Start again")))


handlers = [related_origins, show_passkeys, show_add, submit_add]
