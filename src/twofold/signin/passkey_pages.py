"""The pages on which a passkey signs in: as the second step, and alone."""

import json
from typing import assert_never

from litestar import get, post

from twofold.factors import words
from twofold.factors.outcomes import Locked, MalformedCode, SpentBackupCode, UsedCode, WrongCode, WrongPasskey
from twofold.factors.passkeys import challenge
from twofold.factors.passkeys.passkey import Assertion
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import digest
from twofold.kit.http.anonymous import TAKES_PASSWORD
from twofold.kit.http.forms import Form
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of, cookie
from twofold.sessions import guard
from twofold.signin import flow
from twofold.signin.attempt import Attempt, Expired, OutOfOrder, Step
from twofold.signin.first_factor import passkey_flow
from twofold.signin.first_factor.passkey_flow import Presented
from twofold.signin.outcomes import Due, Frozen, LockedOut, SignedIn
from twofold.signin.views import (
    PASSKEY,
    PATHS,
    attempt_of,
    enter_page,
    form_of,
    go_on_page,
    sign_in_page,
    start_over,
)


@get(PASSKEY)
@quick
def show_passkey(request: AnyRequest) -> AnyResponse:
    """Ask for the passkey of whoever has proved their password."""
    return _passkey_page(request, attempt_of(request, Step.CODE))


@post(PASSKEY, opt=TAKES_PASSWORD)
@quick
def submit_passkey(request: AnyRequest, body: bytes) -> AnyResponse:
    """Take what a passkey answered: as the second step, or alone from the sign-in page."""
    form = form_of(request, body)
    return _sign_in_alone(request, form) if form["alone"] else _prove(request, form)


def _prove(request: AnyRequest, form: Form) -> AnyResponse:
    attempt, token = attempt_of(request, Step.CODE), cookie(request, "attempt") or ""
    given = Assertion(form["credential"], challenge.of_sign_in(digest(token)))
    outcome = flow.submit_code(
        context_of(request), token, given, channel="page", client=cookie(request, "browser"),
        origin=Origin(clock.now(), client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case SignedIn():
            return enter_page(request, outcome)
        case WrongPasskey():
            return _passkey_page(request, attempt, 401, {"": words.refused_passkey(outcome)})
        case Locked():
            return see_other("/sign-in/locked")
        case Due(_, due):
            return see_other(PATHS[Step(due)])
        case Expired() | OutOfOrder():
            return start_over(request, outcome)
        case WrongCode() | UsedCode() | SpentBackupCode() | MalformedCode():
            raise RuntimeError(f"a passkey is right, refused or locked, not {outcome!r}")
        case _:
            assert_never(outcome)


def _sign_in_alone(request: AnyRequest, form: Form) -> AnyResponse:
    at = clock.now()
    given = Presented(
        form["credential"], challenge.SIGN_IN_PAGE, cookie(request, "browser"), "page",
        guard.destination(request, form["return_to"], at),
    )  # fmt: skip
    outcome = passkey_flow.submit_passkey(context_of(request), given, origin=Origin(at, client_info_of(request)))
    match outcome:
        case SignedIn():
            return enter_page(request, outcome)
        case LockedOut():
            return go_on_page(request, "/sign-in/locked", outcome.sign_in)
        case Frozen():
            return page(request, "signin/frozen.html", 403, helpers=[])
        case WrongPasskey(why):
            errors = {"": words.refused_passkey(outcome)}
            unknown = form["credential"] if why == "unknown" else ""
            return sign_in_page(request, 401, form=form, errors=errors, unknown_credential=unknown)
        case _:
            assert_never(outcome)


def _passkey_page(
    request: AnyRequest, attempt: Attempt, status: int = 200, errors: dict[str, str] | None = None
) -> AnyResponse:
    token = cookie(request, "attempt") or ""
    asked, has_app = flow.passkey_asked(context_of(request), attempt.user, digest(token), clock.now())
    if asked is None:
        return see_other(PATHS[Step.CODE])
    return page(request, "signin/passkey.html", status, asked=json.dumps(asked), has_app=has_app, errors=errors or {})


handlers = [show_passkey, submit_passkey]
