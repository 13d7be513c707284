"""The page on which somebody who is signed in proves password or second factor again, and is led back."""

from datetime import datetime
from functools import partial

from litestar import get, post

from twofold.factors.outcomes import NotEnabled, SessionOver
from twofold.factors.proof_views import given_of, missing_proofs, proof_page, refused_proofs
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.forms import Form
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.render import see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of, cookie, set_cookie
from twofold.kit.words import gettext as _
from twofold.sessions import guard
from twofold.sessions.session import Session
from twofold.signin.attempt import Step
from twofold.signin.outcomes import Due
from twofold.signin.step_up_flow import PasswordRequired, Proofs, SteppedUp, step_up
from twofold.signin.views import PATHS, form_of, handle_of

CODES = ("code", "passkey")  # what leads here may need no password


@get(guard.STEP_UP)
@quick
def show_step_up(request: AnyRequest) -> AnyResponse:
    """Ask for the password, the code, or both, as whoever led here needs it."""
    asked = Form({name: request.query_params.get(name, "") for name in ("needs", "return_to")})
    session = _session(request, asked, clock.now())
    return _step_up_page(request, session, asked)


@post(guard.STEP_UP)
@takes_password
def submit_step_up(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take what was asked for, and lead back."""
    at, context, form = clock.now(), context_of(request), form_of(request, body)
    session = _session(request, form, at)
    password, code = _asked_for(session, form)
    errors = missing_proofs(form, needs_password=password, needs_code=code)
    if errors:
        return _step_up_page(request, session, form, 400, errors)
    return_to = guard.destination(request, form["return_to"], at) or guard.PROFILE
    given = given_of(form, session, verified=_only_passkey(session, form)) if code else None
    proofs = Proofs(form["password"] if password else None, given, cookie(request, "browser"))
    outcome = step_up(
        context, session, proofs, channel="page", origin=Origin(at, client_info_of(request)), return_to=return_to,
    )  # fmt: skip
    match outcome:
        case SteppedUp(started):
            cookies = [set_cookie(context.settings, "session", started.token)]
            return see_other(return_to, cookies)
        case Due(sign_in, due):
            return see_other(PATHS[Step(due)], [set_cookie(context.settings, "attempt", sign_in)])
        case SessionOver() | NotEnabled():
            return see_other(guard.with_handle("/sign-in", handle_of(form["return_to"])))
        case PasswordRequired():
            too = {"password": _("A code was wrong. Enter your password as well.")}
            return _step_up_page(request, session, Form({**form, "needs": ""}), 401, too)
        case _:
            return refused_proofs(request, session, outcome, partial(_step_up_page, request, session, form))


def _session(request: AnyRequest, asked: Form, at: datetime) -> Session:
    """Return the session; who has none any more signs in, which proves all that there is, and is led on from there.

    Raises:
        ShortCircuit: nobody is signed in, or a policy asks for a second factor first.

    """
    return guard.signed_in(request, at, see_other(guard.with_handle("/sign-in", handle_of(asked["return_to"]))))


def _asked_for(session: Session, form: Form) -> tuple[bool, bool]:
    """Tell whether password and code are asked for; who has no second factor proves the password."""
    has_factor = session.user.has_second_factor
    return form["needs"] not in CODES or not has_factor, form["needs"] != "password" and has_factor


def _only_passkey(session: Session, form: Form) -> bool:
    """Tell whether nothing but a passkey that verifies its user is enough."""
    return form["needs"] == "passkey" and session.user.has_passkey


def _step_up_page(
    request: AnyRequest, session: Session, form: Form, status: int = 200, errors: dict[str, str] | None = None
) -> AnyResponse:
    password, code = _asked_for(session, form)
    return proof_page(
        request, session, "signin/step_up.html", status, needs=form["needs"][:8],
        verified=_only_passkey(session, form), only_passkey=_only_passkey(session, form),
        return_to=handle_of(form["return_to"]), needs_password=password, needs_code=code, errors=errors or {},
    )  # fmt: skip


handlers = [show_step_up, submit_step_up]
