"""The API of a sign-in: the same flows as the pages."""

from typing import assert_never

from litestar import Response, post

from twofold.directory.refusals import NoMail
from twofold.factors.outcomes import (
    EnrolmentExpired,
    Locked,
    MalformedCode,
    SpentBackupCode,
    UsedCode,
    WrongCode,
    WrongConfirmation,
    WrongPasskey,
)
from twofold.factors.views import enrolment_view, refused_code_problem, wrong_confirmation_problem
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.anonymous import TAKES_PASSWORD
from twofold.kit.http.pools import quick, takes_password
from twofold.kit.http.problems import malformed, problem, write_refusals
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, client_token, context_of, row_id
from twofold.lockouts.flow import Wait, WrongPassword
from twofold.signin import flow, set_up_flow
from twofold.signin.attempt import Expired, OutOfOrder
from twofold.signin.bodies import (
    BackupCodeBody,
    CodeBody,
    EnrolmentBody,
    LegacyAnswer,
    MailedCodeBody,
    NextAnswer,
    OpenedAnswer,
    SessionAnswer,
    SignInAnswer,
    SignInBody,
)
from twofold.signin.first_factor import password_flow
from twofold.signin.first_factor.password_flow import Credentials
from twofold.signin.outcomes import (
    Due,
    Frozen,
    GoesOn,
    LockedOut,
    MailedCodeClosed,
    SignedIn,
    SsoElsewhere,
    TwoFactorNeeded,
    WrongMailedCode,
)


@post(
    "/sign-ins", operation_id="beginSignIn", opt=TAKES_PASSWORD, tags=["Signing in"],
    summary="Begin a sign-in", responses=write_refusals(401, 403, 423),
)  # fmt: skip
@takes_password
def begin(request: AnyRequest, data: SignInBody) -> Response[SignInAnswer]:
    """Take address and password; the answer says what is due next, `none` when the session is there."""
    outcome = password_flow.submit_password(
        context_of(request), _credentials(request, data, "api"), origin=Origin(clock.now(), client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case SignedIn(session, client):
            answer = SignInAnswer("none", session_token=session.token, client=client, expires_at=session.expires_at)
            return Response(answer, status_code=201)
        case Due(sign_in, due, expires_at):
            return Response(SignInAnswer(due, sign_in=sign_in, expires_at=expires_at), status_code=201)
        case LockedOut(final=final):
            return problem(423, "locked", final=final)
        case NoMail():
            return problem(503, "no_mail")
        case MailedCodeClosed(seconds):
            return problem(429, "too_many_attempts", retry_after=seconds)
        case WrongPassword() | Wait() | SsoElsewhere() | Frozen():
            return _refused(outcome)
        case _:
            assert_never(outcome)


@post(
    "/legacy/sign-ins", operation_id="signInLegacy", opt=TAKES_PASSWORD, tags=["Signing in"],
    summary="Sign a program in by password", responses=write_refusals(401, 403),
)  # fmt: skip
@takes_password
def begin_legacy(request: AnyRequest, data: SignInBody) -> Response[LegacyAnswer]:
    """Sign in a program that can show no second step; refused where the user has, or must have, a second factor."""
    outcome = password_flow.submit_legacy(
        context_of(request), _credentials(request, data, "legacy"), origin=Origin(clock.now(), client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case SignedIn(session, client):
            return Response(LegacyAnswer(session.token, client), status_code=201)
        case TwoFactorNeeded():
            return problem(403, "two_factor_not_supported_by_client")
        case WrongPassword() | Wait() | SsoElsewhere() | Frozen():
            return _refused(outcome)
        case _:
            assert_never(outcome)


@post(
    "/sign-ins/code", operation_id="proveCode", status_code=200, tags=["Signing in"],
    summary="Prove the second factor", responses=write_refusals(401, 409, 423),
)  # fmt: skip
@quick
def submit_code(request: AnyRequest, data: CodeBody) -> Response[SessionAnswer]:
    """Take the code of the app, or the backup code in its place."""
    if (data.code is None) == (data.backup_code is None):
        return problem(400, "invalid_request", detail="Send either code or backup_code.", fields=["code"])
    return _prove(request, data.sign_in, data.code or data.backup_code or "")


@post(
    "/sign-ins/backup-code", operation_id="proveBackupCode", status_code=200, tags=["Signing in"],
    summary="Use the backup code", responses=write_refusals(401, 409, 423),
)  # fmt: skip
@quick
def submit_backup_code(request: AnyRequest, data: BackupCodeBody) -> Response[SessionAnswer]:
    """Take the backup code; it is used up, and the answer carries the new one, which nobody can show again."""
    return _prove(request, data.sign_in, data.backup_code)


@post(
    "/sign-ins/email-code", operation_id="proveMailedCode", status_code=200, tags=["Signing in"],
    summary="Prove the mailbox", responses=write_refusals(401, 409),
)  # fmt: skip
@quick
def submit_mailed_code(request: AnyRequest, data: MailedCodeBody) -> Response[NextAnswer]:
    """Take the six digits that were mailed, where a policy forces the set-up of a second factor."""
    outcome = set_up_flow.submit_mailed_code(
        context_of(request),
        data.sign_in,
        data.code,
        channel="api",
        origin=Origin(clock.now(), client_info_of(request)),
    )
    match outcome:
        case GoesOn(due, expires_at):
            return Response(NextAnswer(due, expires_at), status_code=200)
        case WrongMailedCode(left):
            return problem(401, "invalid_code", attempts_left=left)
        case MailedCodeClosed(seconds):
            return problem(429, "too_many_attempts", retry_after=seconds)
        case MalformedCode():
            return malformed("code")
        case Expired() | OutOfOrder():
            return over_problem(outcome)
        case _:
            assert_never(outcome)


@post(
    "/sign-ins/email-code/delivery", operation_id="sendMailedCodeAgain", status_code=200, tags=["Signing in"],
    summary="Mail another code", responses=write_refusals(401, 409),
)  # fmt: skip
@quick
def resend(request: AnyRequest, data: EnrolmentBody) -> Response[NextAnswer]:
    """Mail another code; three an hour go out."""
    outcome = set_up_flow.resend(context_of(request), data.sign_in, channel="api", at=clock.now())
    match outcome:
        case GoesOn(due, expires_at):
            return Response(NextAnswer(due, expires_at), status_code=200)
        case Wait(seconds) | MailedCodeClosed(seconds):
            return problem(429, "too_many_attempts", retry_after=seconds)
        case Expired() | OutOfOrder():
            return over_problem(outcome)
        case _:
            assert_never(outcome)


@post(
    "/sign-ins/enrolments", operation_id="openSignInEnrolment", tags=["Signing in"],
    summary="Open the forced set-up", responses=write_refusals(401, 409),
)  # fmt: skip
@quick
def open_enrolment(request: AnyRequest, data: EnrolmentBody) -> Response[OpenedAnswer]:
    """Open the set-up of an authenticator in a sign-in whose mailbox is proved."""
    context, at = context_of(request), clock.now()
    outcome = set_up_flow.open_enrolment(context, data.sign_in, channel="api", at=at)
    if isinstance(outcome, Expired | OutOfOrder):
        return over_problem(outcome)
    attempt, opened = outcome
    view = enrolment_view(context.settings, opened, attempt.user.email)
    answer = OpenedAnswer(opened.id, view["key"], view["otpauth_uri"], str(view["qr_svg"]), opened.expires_at)
    return Response(answer, status_code=201)


@post(
    "/sign-ins/enrolments/{enrolment:str}/confirmation", operation_id="confirmSignInEnrolment", status_code=200,
    tags=["Signing in"], summary="Confirm the forced set-up", responses=write_refusals(401, 404, 409, 410),
)  # fmt: skip
@quick
def confirm_enrolment(request: AnyRequest, enrolment: str, data: MailedCodeBody) -> Response[SessionAnswer]:
    """Confirm the set-up with a code of the new app; the answer carries the session and the backup code."""
    wanted = row_id(enrolment)
    if wanted is None:
        return problem(410, "enrolment_expired")
    outcome = set_up_flow.confirm_enrolment(
        context_of(request), data.sign_in, wanted, data.code, channel="api", client=client_token(request),
        origin=Origin(clock.now(), client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case SignedIn(session, client, _, backup_code):
            answer = SessionAnswer(session.token, client, session.expires_at, backup_code=backup_code)
            return Response(answer, status_code=200)
        case WrongConfirmation():
            return wrong_confirmation_problem(outcome)
        case MalformedCode():
            return malformed("code")
        case EnrolmentExpired():
            return problem(410, "enrolment_expired")
        case Expired() | OutOfOrder():
            return over_problem(outcome)
        case Due():
            return problem(401, "sign_in_expired")
        case _:
            assert_never(outcome)


def _prove(request: AnyRequest, sign_in: str, typed: str) -> AnyResponse:
    outcome = flow.submit_code(
        context_of(request),
        sign_in,
        typed,
        channel="api",
        client=client_token(request),
        origin=Origin(clock.now(), client_info_of(request)),
    )
    match outcome:
        case SignedIn(session, client, _, new_backup_code):
            answer = SessionAnswer(session.token, client, session.expires_at, new_backup_code=new_backup_code)
            return Response(answer, status_code=200)
        case MalformedCode():
            return malformed("code")
        case WrongCode() | UsedCode() | SpentBackupCode() | Locked():
            return refused_code_problem(outcome)
        case WrongPasskey():
            raise RuntimeError(f"what is typed is no passkey: {outcome!r}")
        case Expired() | OutOfOrder():
            return over_problem(outcome)
        case Due():
            return problem(401, "sign_in_expired")
        case _:
            assert_never(outcome)


def _credentials(request: AnyRequest, data: SignInBody, channel: str) -> Credentials:
    return Credentials(data.email, data.password, client_token(request), channel)


def _refused(outcome: WrongPassword | Wait | SsoElsewhere | Frozen) -> AnyResponse:
    match outcome:
        case WrongPassword():
            return problem(401, "invalid_credentials")
        case Wait(seconds):
            return problem(429, "too_many_attempts", retry_after=seconds)
        case SsoElsewhere(url):
            return problem(403, "sso_required", url=url)
        case Frozen():
            return problem(403, "frozen")
        case _:
            assert_never(outcome)


def over_problem(outcome: Expired | OutOfOrder) -> AnyResponse:
    """Answer a call whose sign-in is over, or waits for another step."""
    if isinstance(outcome, OutOfOrder):
        return problem(409, "out_of_order", due=outcome.due.value)
    return problem(401, "sign_in_expired")


handlers = [
    begin,
    begin_legacy,
    submit_code,
    submit_backup_code,
    submit_mailed_code,
    resend,
    open_enrolment,
    confirm_enrolment,
]
