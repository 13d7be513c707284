"""The API's sign-in with a passkey: the same flows as the pages."""

from typing import Any, assert_never

import msgspec
from litestar import Response, post

from twofold.factors.outcomes import Locked, MalformedCode, SpentBackupCode, UsedCode, WrongCode, WrongPasskey
from twofold.factors.passkey_bodies import RegistrationAnswer
from twofold.factors.passkey_registration_flow import (
    AlreadyRegistered,
    NoPasskeysHere,
    Registering,
    RegistrationExpired,
    TooManyPasskeys,
)
from twofold.factors.passkeys import challenge
from twofold.factors.passkeys import flow as passkeys
from twofold.factors.passkeys.ceremony import BadAnswer
from twofold.factors.passkeys.passkey import Assertion
from twofold.factors.views import credential_text, wrong_passkey_problem
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import digest
from twofold.kit.http.anonymous import TAKES_PASSWORD
from twofold.kit.http.pools import quick
from twofold.kit.http.problems import problem, write_refusals
from twofold.kit.http.requests import AnyRequest, client_info_of, client_token, context_of, row_id
from twofold.kit.schema_names import schema_name
from twofold.signin import attempt_flow, flow, set_up_passkey_flow
from twofold.signin.api import over_problem
from twofold.signin.attempt import Expired, OutOfOrder, Step
from twofold.signin.bodies import EnrolmentBody, SessionAnswer, Token
from twofold.signin.first_factor import passkey_flow
from twofold.signin.first_factor.passkey_flow import Presented
from twofold.signin.outcomes import Due, Frozen, LockedOut, SignedIn


@schema_name("PasskeyOptionsRequest")
class OptionsBody(msgspec.Struct, forbid_unknown_fields=True):
    """A sign-in in progress whose second factor is due; without one, a passkey is to sign in alone."""

    sign_in: Token | None = None


@schema_name("PasskeyOptions")
class OptionsAnswer(msgspec.Struct):
    """The token of the sign-in, and what a browser is asked to sign (PublicKeyCredentialRequestOptionsJSON)."""

    sign_in: str
    options: dict[str, Any]


@schema_name("PasskeyProof")
class PasskeyBody(msgspec.Struct, forbid_unknown_fields=True):
    """The token of the sign-in, and what the browser answered (AuthenticationResponseJSON)."""

    sign_in: Token
    credential: dict[str, Any]


@schema_name("SignInRegistration")
class CompletionBody(msgspec.Struct, forbid_unknown_fields=True):
    """A sign-in in progress, its open registration, and what the browser made (RegistrationResponseJSON)."""

    sign_in: Token
    registration: Token
    credential: dict[str, Any]


@post(
    "/sign-ins/passkey/options", operation_id="askForPasskey", status_code=200, tags=["Signing in"],
    opt=TAKES_PASSWORD, summary="Ask for a passkey", responses=write_refusals(401, 404, 409),
)  # fmt: skip
@quick
def ask(request: AnyRequest, data: OptionsBody) -> Response[OptionsAnswer]:
    """Return what a browser is asked to sign: as the second factor of a sign-in in progress, or alone."""
    context, at = context_of(request), clock.now()
    sign_in = data.sign_in or context.vault.new_token("signin")
    holder = challenge.of_sign_in(digest(sign_in))
    if data.sign_in is None:
        options = passkeys.ask_anybody(context, holder, at)
    else:
        attempt = attempt_flow.at_step(context, sign_in, "api", Step.CODE, at)
        if isinstance(attempt, Expired | OutOfOrder):
            return over_problem(attempt)
        options = passkeys.ask(context, attempt.user, holder, at)
    return problem(404, "not_found") if options is None else Response(OptionsAnswer(sign_in, options), status_code=200)


@post(
    "/sign-ins/passkey", operation_id="provePasskey", status_code=200, tags=["Signing in"], opt=TAKES_PASSWORD,
    summary="Use a passkey", responses=write_refusals(401, 403, 409, 423),
)  # fmt: skip
@quick
def submit(request: AnyRequest, data: PasskeyBody) -> Response[SessionAnswer]:
    """Take what a passkey answered, as the second factor of the sign-in that asked for it, or alone."""
    context, origin = context_of(request), Origin(clock.now(), client_info_of(request))
    credential, holder = credential_text(data.credential), challenge.of_sign_in(digest(data.sign_in))
    client = client_token(request)
    outcome = flow.submit_code(
        context, data.sign_in, Assertion(credential, holder), channel="api", client=client, origin=origin,
    ) if attempt_flow.exists(context, data.sign_in) else passkey_flow.submit_passkey(
        context, Presented(credential, holder, client, "api"), origin=origin,
    )  # fmt: skip
    match outcome:
        case SignedIn(session, known_as):
            return Response(SessionAnswer(session.token, known_as, session.expires_at), status_code=200)
        case WrongPasskey():
            return wrong_passkey_problem(outcome)
        case Locked(final) | LockedOut(final=final):
            return problem(423, "locked", final=final)
        case Frozen():
            return problem(403, "frozen")
        case Expired() | OutOfOrder():
            return over_problem(outcome)
        case Due() | WrongCode() | UsedCode() | SpentBackupCode() | MalformedCode():
            raise RuntimeError(f"a passkey is right, refused or locked, not {outcome!r}")
        case _:
            assert_never(outcome)


@post(
    "/sign-ins/passkeys/options", operation_id="openSignInRegistration", tags=["Signing in"],
    summary="Begin the forced set-up by a passkey", responses=write_refusals(401, 404, 409),
)  # fmt: skip
@quick
def open_registration(request: AnyRequest, data: EnrolmentBody) -> Response[RegistrationAnswer]:
    """Return what a browser is asked to make, in a sign-in whose mailbox is proved."""
    outcome = set_up_passkey_flow.open_registration(
        context_of(request), data.sign_in, channel="api", origin=Origin(clock.now()),
    )  # fmt: skip
    match outcome:
        case Registering(registration, options):
            return Response(RegistrationAnswer(registration, options), status_code=201)
        case NoPasskeysHere():
            return problem(404, "not_found")
        case Expired() | OutOfOrder():
            return over_problem(outcome)
        case _:
            assert_never(outcome)


@post(
    "/sign-ins/passkeys", operation_id="completeSignInRegistration", status_code=200, tags=["Signing in"],
    summary="Complete the forced set-up by a passkey", responses=write_refusals(400, 401, 404, 409, 410),
)  # fmt: skip
@quick
def complete_registration(request: AnyRequest, data: CompletionBody) -> Response[SessionAnswer]:
    """Take what the browser made; the answer carries the session and the backup code."""
    wanted = row_id(data.registration)
    if wanted is None:
        return problem(410, "registration_expired")
    outcome = set_up_passkey_flow.complete(
        context_of(request), data.sign_in, wanted, credential_text(data.credential), channel="api",
        client=client_token(request), origin=Origin(clock.now(), client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case SignedIn(session, client, _, backup_code):
            answer = SessionAnswer(session.token, client, session.expires_at, backup_code=backup_code)
            return Response(answer, status_code=200)
        case BadAnswer(why):
            return problem(400, "invalid_credential", why=why)
        case AlreadyRegistered():
            return problem(409, "already_registered")
        case RegistrationExpired() | TooManyPasskeys():
            return problem(410, "registration_expired")
        case NoPasskeysHere():
            return problem(404, "not_found")
        case Expired() | OutOfOrder():
            return over_problem(outcome)
        case Due():
            return problem(401, "sign_in_expired")
        case _:
            assert_never(outcome)


handlers = [ask, submit, open_registration, complete_registration]
