"""The API of a user's own second factors: the same flows as the pages."""

from typing import assert_never
from uuid import UUID

from litestar import Response, delete, get, patch, post

from twofold.factors import change_flow, enrolment_flow, removal_flow
from twofold.factors import flow as factors
from twofold.factors.backup_code import flow as backup_code_flow
from twofold.factors.bodies import (
    AuthenticatorAnswer,
    ChangedAnswer,
    ConfirmBody,
    EnrolmentAnswer,
    FactorAnswer,
    OpenBody,
    ProofsBody,
    RemovedAnswer,
    RenameBody,
    TwoFactorAnswer,
)
from twofold.factors.change_flow import Proofs
from twofold.factors.enrolment_flow import OpenRefused
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import (
    Changed,
    EnrolmentExpired,
    LastAuthenticator,
    Locked,
    MalformedCode,
    NoSuchAuthenticator,
    NotOffered,
    Opened,
    RequiredByPolicy,
    TooMany,
    WrongConfirmation,
)
from twofold.factors.proof_views import given_in_call, refused_proofs_problem
from twofold.factors.verdicts import Factor
from twofold.factors.views import enrolment_view, refused_code_problem, wrong_confirmation_problem
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.problems import malformed, problem, refusals, write_refusals
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, client_token, context_of, row_id
from twofold.sessions import guard
from twofold.sessions.session import Session

TAGS = ["Two-factor authentication"]


@get(
    "/two-factor", operation_id="showTwoFactor", tags=TAGS, summary="Show the state of two-factor authentication",
    responses=refusals(401, 403),
)  # fmt: skip
@quick
def show(request: AnyRequest) -> TwoFactorAnswer:
    """Show whether it is on, what the user is told about it, and the authenticators; never a secret."""
    at, context = clock.now(), context_of(request)
    user = guard.caller(request, at).user
    offer = user.eligibility(context.settings.two_factor_editions, at)
    with context.db.read() as connection:
        shown = factors.show(connection, user.id)
    return TwoFactorAnswer(
        enabled=user.has_second_factor,
        eligibility=offer.offer.value,
        reason=offer.reason.value,
        required_from=offer.required_from,
        authenticators=[_authenticator(factor) for factor in shown.authenticators],
        factors=[FactorAnswer(*factor) for factor in shown.factors],
        backup_code_created_at=shown.backup_code_created_at,
        locked=shown.locked,
    )


@post(
    "/two-factor/enrolments", operation_id="openEnrolment", tags=TAGS, summary="Open a set-up",
    responses=write_refusals(401, 403, 404, 409, 423),
)  # fmt: skip
@takes_password
def open_enrolment(request: AnyRequest, data: OpenBody) -> Response[EnrolmentAnswer]:
    """Open the set-up of an authenticator: it protects nothing until a code of the app confirms it, in 15 minutes."""
    at, context = clock.now(), context_of(request)
    session = guard.caller(request, at)
    replaces = row_id(data.replaces) if data.replaces else None
    if data.replaces and replaces is None:
        return problem(404, "not_found")
    given = change_proofs(request, session, data).code
    asked = SetUp(data.password, given, client_token(request), data.name or "", replaces)
    outcome = enrolment_flow.open_in_session(context, session, asked, origin=Origin(at, client_info_of(request)))
    if not isinstance(outcome, Opened):
        return _not_opened(outcome)
    _handed_over(request, session, outcome.new_backup_code)
    view = enrolment_view(context.settings, outcome, session.user.email)
    answer = EnrolmentAnswer(
        outcome.id, view["key"], view["otpauth_uri"], str(view["qr_svg"]), outcome.expires_at, outcome.new_backup_code,
    )  # fmt: skip
    return Response(answer, status_code=201)


@post(
    "/two-factor/enrolments/{enrolment:str}/confirmation", status_code=200, tags=TAGS, summary="Confirm a set-up",
    operation_id="confirmEnrolment", responses=write_refusals(401, 403, 404, 410, 423),
)  # fmt: skip
@quick
def confirm_enrolment(request: AnyRequest, enrolment: str, data: ConfirmBody) -> Response[ChangedAnswer]:
    """Confirm a set-up with a code of the new app: from now on it protects the user, and other sessions end."""
    at, context = clock.now(), context_of(request)
    session, wanted = guard.caller(request, at), row_id(enrolment)
    if wanted is None:
        return problem(410, "enrolment_expired")
    outcome = enrolment_flow.confirm_in_session(
        context, session, wanted, data.code, origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case Changed(token, backup_code):
            _handed_over(request, session, backup_code)
            return Response(ChangedAnswer(token, backup_code), status_code=200)
        case WrongConfirmation():
            return wrong_confirmation_problem(outcome)
        case MalformedCode():
            return malformed("code")
        case Locked():
            return refused_code_problem(outcome)
        case EnrolmentExpired():
            return problem(410, "enrolment_expired")
        case _:
            assert_never(outcome)


@patch(
    "/two-factor/authenticators/{authenticator:str}",
    operation_id="renameAuthenticator",
    tags=TAGS,
    summary="Rename an authenticator",
    responses=write_refusals(401, 403, 404),
)
@quick
def rename(request: AnyRequest, authenticator: str, data: RenameBody) -> Response[AuthenticatorAnswer]:
    """Give an authenticator another name."""
    renamed = rename_factor(request, authenticator, data, "totp")
    return renamed if isinstance(renamed, Response) else Response(_authenticator(renamed), status_code=200)


@delete(
    "/two-factor/authenticators/{authenticator:str}", status_code=200, tags=TAGS, summary="Remove one authenticator",
    operation_id="removeAuthenticator", responses=write_refusals(401, 403, 404, 409, 423),
)  # fmt: skip
@takes_password
def remove_one(request: AnyRequest, authenticator: str, data: ProofsBody) -> Response[RemovedAnswer]:
    """Remove one authenticator; the last one goes only by removing two-factor authentication."""
    return remove_factor(request, authenticator, data, "totp")


@post(
    "/two-factor/backup-code",
    operation_id="regenerateBackupCode",
    status_code=200,
    tags=TAGS,
    summary="Regenerate the backup code",
    responses=write_refusals(401, 403, 409, 423),
)
@takes_password
def regenerate(request: AnyRequest, data: ProofsBody) -> Response[ChangedAnswer]:
    """Put a new backup code in the place of the old one; nobody can show it again."""
    at = clock.now()
    session = guard.caller(request, at)
    outcome = change_flow.regenerate(
        context_of(request), session, change_proofs(request, session, data),
        origin=Origin(at, client_info_of(request)), seen=True,
    )  # fmt: skip
    if isinstance(outcome, Changed):
        return Response(ChangedAnswer(outcome.session_token, outcome.backup_code), status_code=200)
    return refused_proofs_problem(outcome)


@post(
    "/two-factor/removal",
    operation_id="removeTwoFactor",
    status_code=200,
    tags=TAGS,
    summary="Remove two-factor authentication",
    responses=write_refusals(401, 403, 409, 423),
)
@takes_password
def remove(request: AnyRequest, data: ProofsBody) -> Response[RemovedAnswer]:
    """Switch two-factor authentication off, unless the organisation requires it."""
    at = clock.now()
    session = guard.caller(request, at)
    outcome = removal_flow.remove(
        context_of(request), session, change_proofs(request, session, data),
        origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case Changed(token):
            return Response(RemovedAnswer(token), status_code=200)
        case RequiredByPolicy():
            return problem(409, "required_by_policy")
        case _:
            return refused_proofs_problem(outcome)


def _authenticator(factor: Factor) -> AuthenticatorAnswer:
    return AuthenticatorAnswer(factor.id, factor.name, factor.created_at, factor.last_used_at)


def _handed_over(request: AnyRequest, session: Session, backup_code: str | None) -> None:
    """Note that a program gets a new backup code with its answer: no page is needed to say that it is saved."""
    backup_code_flow.say_saved(context_of(request), session.user.id, backup_code)


def rename_factor(request: AnyRequest, factor: str, data: RenameBody, kind: str) -> Factor | AnyResponse:
    """Give a factor of a kind another name, and return it; or the answer that says why not."""
    at, context = clock.now(), context_of(request)
    session = guard.caller(request, at)
    if (wanted := _own(request, session, factor, kind)) is None:
        return problem(404, "not_found")
    outcome = change_flow.rename(context, session, wanted, data.name, origin=Origin(at, client_info_of(request)))
    if isinstance(outcome, NoSuchAuthenticator):
        return problem(404, "not_found")
    if not outcome:
        return problem(400, "invalid_request", detail="Give a name of 1 to 40 characters.", fields=["name"])
    with context.db.read() as connection:
        shown = factors.show(connection, session.user.id).factors
    renamed = next((known for known in shown if known.id == wanted), None)
    return renamed or problem(404, "not_found")  # somebody may have removed it meanwhile


def remove_factor(request: AnyRequest, factor: str, data: ProofsBody, kind: str) -> Response[RemovedAnswer]:
    """Remove one factor of a kind, and answer."""
    at = clock.now()
    session = guard.caller(request, at)
    if (wanted := _own(request, session, factor, kind)) is None:
        return problem(404, "not_found")
    outcome = removal_flow.remove_one(
        context_of(request), session, wanted, change_proofs(request, session, data),
        origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case Changed(token, new_backup_code):
            _handed_over(request, session, new_backup_code)
            return Response(RemovedAnswer(token, new_backup_code), status_code=200)
        case NoSuchAuthenticator():
            return problem(404, "not_found")
        case LastAuthenticator():
            return problem(409, "last_authenticator")
        case _:
            return refused_proofs_problem(outcome)


def change_proofs(request: AnyRequest, session: Session, data: ProofsBody | OpenBody) -> Proofs:
    """Return what a call proves: the password, and a code, the backup code or what a passkey answered."""
    given = given_in_call(session, data.code or data.backup_code, data.credential)
    return Proofs(data.password, given or "", client_token(request))


def _own(request: AnyRequest, session: Session, factor: str, kind: str) -> UUID | None:
    """Return the id of a factor of the caller's, if it is of that kind."""
    wanted = row_id(factor)
    with context_of(request).db.read() as connection:
        shown = factors.show(connection, session.user.id).factors
    return next((own.id for own in shown if own.id == wanted and own.kind == kind), None)


def _not_opened(outcome: OpenRefused) -> AnyResponse:
    match outcome:
        case NotOffered(offer):
            return problem(403, "not_offered", reason=offer.reason.value)
        case TooMany():
            return problem(409, "too_many_authenticators")
        case NoSuchAuthenticator():
            return problem(404, "not_found")
        case _:
            return refused_proofs_problem(outcome)


handlers = [show, open_enrolment, confirm_enrolment, rename, remove_one, regenerate, remove]
