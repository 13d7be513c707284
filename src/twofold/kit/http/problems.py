"""Refusals of the API as RFC 9457 problems: a stable `code`, a title for people, and what the client needs to go on."""

from typing import Annotated, Any

import msgspec
from litestar import Response
from litestar.openapi.datastructures import ResponseSpec

from twofold.kit.schema_names import schema_name

MEDIA_TYPE = "application/problem+json"

TITLES = {
    "invalid_request": "The request is not valid.",
    "invalid_credentials": "That email address and password do not match.",
    "invalid_password": "That password is not right.",
    "invalid_code": "That code is not right.",
    "invalid_credential": "That passkey is not right, or not for this request.",
    "already_registered": "This passkey is registered already.",
    "registration_expired": "This registration is over. Start it again.",
    "too_many_passkeys": "Ten passkeys are the most.",
    "locked": "Too many wrong codes: the second factor is locked until an administrator or support agent acts.",
    "sso_required": "This organisation signs in with single sign-on.",
    "frozen": "This user is frozen until an administrator or support agent acts.",
    "no_mail": "Twofold has no mail server, so it cannot send what this needs.",
    "sign_in_expired": "This sign-in is over. Start again with address and password.",
    "out_of_order": "Another step of this sign-in is due.",
    "two_factor_not_supported_by_client": "This user needs a second factor, which this client cannot ask for.",
    "two_factor_required": "The organisation requires two-factor authentication. Sign in again to set it up.",
    "not_signed_in": "Sign in, and send the session token as a bearer token.",
    "not_allowed": "You may not do this.",
    "not_found": "There is nothing here by that id.",
    "misdirected_request": "Twofold has another name here. Call it by the host of its base URL.",
    "not_offered": "Two-factor authentication is not offered to this user.",
    "enrolment_expired": "This set-up is over. Start it again.",
    "too_many_authenticators": "Five authenticators are the most.",
    "last_authenticator": "The last factor goes only by removing two-factor authentication.",
    "not_enabled": "This user has no second factor.",
    "required_by_policy": "The organisation requires two-factor authentication: it can be replaced, not removed.",
    "too_many_attempts": "Too many attempts. Wait, then try again.",
    "too_many_invitations": "No more invitations can go out yet. Wait, then try again.",
    "too_many_requests": "Too many requests from your network. Wait, then try again.",
    "weak_password": "That password is too easy to guess.",
    "method_not_allowed": "This address does not take that method.",
    "unsupported_media_type": "Send JSON, as application/json.",
    "payload_too_large": "The request is too large.",
    "request_timeout": "The request did not arrive in time.",
    "unavailable": "Twofold cannot answer right now. Try again in a moment.",
    "internal": "Something went wrong on our side. The request id helps to find out what.",
    "email_taken": "Somebody with this email address exists already.",
    "no_seat_left": "All licences of this account are in use.",
    "domain_taken": "This domain belongs to another account.",
    "domain_in_use": "People of other accounts have addresses of this domain.",
    "last_admin": "The account would have no administrator left.",
    "not_yourself": "Nobody can do this for themselves.",
    "lock_is_final": "After a hundred wrong codes only a reset helps.",
    "link_expired": "This link is used, replaced or too old.",
    "new_password_required": "Choose a new password: somebody else may know the old one.",
    "approval_required": "An administrator or support agent must approve this reset first.",
    "would_lock_out_last_admin": "No active administrator has a second factor yet.",
    "network_blocked": "The operator has blocked the network that this call comes from.",
    "wrong_state": "The case is not in a state that allows this.",
}  # fmt: skip


@schema_name("Problem")
class Problem(msgspec.Struct, omit_defaults=True):
    """A refusal: `code` is stable, `title` is for people; the other fields come with the codes that need them."""

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None
    fields: list[str] | None = None
    attempts_left: int | None = None
    hint: str | None = None
    minutes: int | None = None
    url: str | None = None
    reason: str | None = None
    why: str | None = None
    due: str | None = None
    final: bool | None = None


def problem(
    status: int,
    code: str,
    *,
    retry_after: int | None = None,
    **extra: Any,
) -> Response[Any]:
    """Answer with a refusal; `retry_after` is in seconds, `extra` are fields of a `Problem`.

    Raises:
        KeyError: `code` is not one of TITLES.

    """
    body = Problem(type=f"/api/docs#{code}", title=TITLES[code], status=status, code=code, **extra)
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    if status == 401:  # noqa: PLR2004 - RFC 9110 section 15.5.2
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def problem_body(status: int, code: str) -> bytes:
    """Return a refusal as it is sent, for whoever answers without a request at hand.

    Raises:
        KeyError: `code` is not one of TITLES.

    """
    return msgspec.json.encode(Problem(type=f"/api/docs#{code}", title=TITLES[code], status=status, code=code))


def malformed(field: str) -> Response[Any]:
    """Answer that what was sent as a code cannot be one; nothing was charged."""
    detail = f"{field}: a code has six digits, a backup code 24 letters and digits."
    return problem(400, "invalid_request", detail=detail, fields=[field])


# Of calls that answer 204: there is no body, so no type of one.
NOTHING = {204: ResponseSpec(None, description="Done", generate_examples=False)}


def refusals(*statuses: int) -> dict[int, ResponseSpec]:
    """Declare the refusals of a call for its OpenAPI description; 400, 421, 429 and 503 may come from every call."""
    spec = ResponseSpec(
        Annotated[Problem, "problem"], description="A refusal", media_type=MEDIA_TYPE, generate_examples=False
    )
    return dict.fromkeys(sorted({400, 421, 429, 503, *statuses}), spec)


def write_refusals(*statuses: int) -> dict[int, ResponseSpec]:
    """Declare the refusals of a call that writes: a body that is too long or no JSON is refused by each of them."""
    return refusals(413, 415, *statuses)
