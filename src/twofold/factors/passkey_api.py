"""The API of a user's own passkeys: the same flows as the pages."""

from typing import assert_never

from litestar import Response, delete, get, patch, post

from twofold.factors import flow as factors
from twofold.factors import passkey_registration_flow as registration_flow
from twofold.factors.api import change_proofs, remove_factor, rename_factor
from twofold.factors.backup_code import flow as backup_code_flow
from twofold.factors.bodies import FactorAnswer, ProofsBody, RemovedAnswer, RenameBody
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import Changed, Locked, NotOffered
from twofold.factors.passkey_bodies import (
    OpenBody,
    OwnOptionsAnswer,
    PasskeysAnswer,
    RegisterBody,
    RegisteredAnswer,
    RegistrationAnswer,
)
from twofold.factors.passkey_registration_flow import (
    AlreadyRegistered,
    NoPasskeysHere,
    OpenRefused,
    Registering,
    RegistrationExpired,
    TooManyPasskeys,
)
from twofold.factors.passkeys import challenge
from twofold.factors.passkeys import flow as passkeys
from twofold.factors.passkeys.ceremony import BadAnswer
from twofold.factors.proof_views import refused_proofs_problem
from twofold.factors.views import credential_text
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.problems import problem, refusals, write_refusals
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, client_token, context_of, row_id
from twofold.sessions import guard

TAGS = ["Two-factor authentication"]


@post(
    "/session/passkey/options", operation_id="askForOwnPasskey", status_code=200, tags=TAGS,
    summary="Ask for a passkey where a code is asked for", responses=write_refusals(401, 403, 404),
)  # fmt: skip
@quick
def ask(request: AnyRequest) -> Response[OwnOptionsAnswer]:
    """Return what a browser is asked to sign: its answer, `credential`, stands in for the code of any call."""
    at = clock.now()
    session = guard.caller(request, at)
    options = passkeys.ask(context_of(request), session.user, challenge.of_session(session.id), at)
    return problem(404, "not_found") if options is None else Response(OwnOptionsAnswer(options), status_code=200)


@get(
    "/two-factor/passkeys",
    operation_id="listPasskeys",
    tags=TAGS,
    summary="List passkeys",
    responses=refusals(401, 403),
)
@quick
def show(request: AnyRequest) -> PasskeysAnswer:
    """List the passkeys of the user."""
    session = guard.caller(request, clock.now())
    with context_of(request).db.read() as connection:
        return PasskeysAnswer([FactorAnswer(*one) for one in factors.show(connection, session.user.id).passkeys])


@post(
    "/two-factor/passkeys/options", operation_id="openRegistration", tags=TAGS, summary="Begin to add a passkey",
    responses=write_refusals(401, 403, 404, 409, 423),
)  # fmt: skip
@takes_password
def open_registration(request: AnyRequest, data: OpenBody) -> Response[RegistrationAnswer]:
    """Return what a browser is asked to make, for 15 minutes."""
    context, session = context_of(request), guard.caller(request, clock.now())
    given = change_proofs(request, session, data).code
    asked = SetUp(data.password, given, client_token(request))
    origin = Origin(clock.now(), client_info_of(request))
    outcome = registration_flow.open_in_session(context, session, asked, origin=origin)
    if not isinstance(outcome, Registering):
        return _not_opened(outcome)
    backup_code_flow.say_saved(context, session.user.id, outcome.new_backup_code)
    return Response(RegistrationAnswer(outcome.id, outcome.options, outcome.new_backup_code), status_code=201)


@post(
    "/two-factor/passkeys", operation_id="addPasskey", tags=TAGS, summary="Add a passkey",
    responses=write_refusals(400, 401, 403, 404, 409, 410, 423),
)  # fmt: skip
@quick
def register(request: AnyRequest, data: RegisterBody) -> Response[RegisteredAnswer]:
    """Take what the browser made: from now on it protects the user, and other sessions end."""
    context, at, wanted = context_of(request), clock.now(), row_id(data.registration)
    session = guard.caller(request, at)
    if wanted is None:
        return problem(410, "registration_expired")
    outcome = registration_flow.complete_in_session(
        context, session, wanted, credential_text(data.credential), data.name or "",
        origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case Changed(token, backup_code):
            backup_code_flow.say_saved(context, session.user.id, backup_code)
            with context.db.read() as connection:
                newest = factors.show(connection, session.user.id).passkeys[-1]
            return Response(RegisteredAnswer(FactorAnswer(*newest), token, backup_code), status_code=201)
        case BadAnswer(why):
            return problem(400, "invalid_credential", why=why)
        case AlreadyRegistered():
            return problem(409, "already_registered")
        case TooManyPasskeys():
            return problem(409, "too_many_passkeys")
        case RegistrationExpired():
            return problem(410, "registration_expired")
        case NoPasskeysHere():
            return problem(404, "not_found")
        case Locked(final):
            return problem(423, "locked", final=final)
        case _:
            assert_never(outcome)


@patch(
    "/two-factor/passkeys/{passkey:str}", operation_id="renamePasskey", tags=TAGS, summary="Rename a passkey",
    responses=write_refusals(401, 403, 404),
)  # fmt: skip
@quick
def rename(request: AnyRequest, passkey: str, data: RenameBody) -> Response[FactorAnswer]:
    """Give a passkey another name."""
    renamed = rename_factor(request, passkey, data, "passkey")
    return renamed if isinstance(renamed, Response) else Response(FactorAnswer(*renamed), status_code=200)


@delete(
    "/two-factor/passkeys/{passkey:str}", status_code=200, operation_id="removePasskey", tags=TAGS,
    summary="Remove a passkey", responses=write_refusals(401, 403, 404, 409, 423),
)  # fmt: skip
@takes_password
def remove(request: AnyRequest, passkey: str, data: ProofsBody) -> Response[RemovedAnswer]:
    """Remove a passkey; the last factor goes only by removing two-factor authentication."""
    return remove_factor(request, passkey, data, "passkey")


def _not_opened(outcome: OpenRefused) -> AnyResponse:
    match outcome:
        case NotOffered(offer):
            return problem(403, "not_offered", reason=offer.reason.value)
        case TooManyPasskeys():
            return problem(409, "too_many_passkeys")
        case NoPasskeysHere():
            return problem(404, "not_found")
        case _:
            return refused_proofs_problem(outcome)


handlers = [ask, show, open_registration, register, rename, remove]
