"""An authorization request: what an application asks for, or the standard's error. Pure.

OpenID Connect Core 1.0 section 3.1.2.1, RFC 6749 section 4.1.1, RFC 7636 section 4.3.
"""

import re
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from twofold.oidc.answer import Answer, Mode
from twofold.oidc.application import Application, allows_redirect
from twofold.oidc.claims_asked import read_claims

SCOPES = ("openid", "profile", "email", "account", "offline_access")
MOST_PARAMETERS = 50
LONGEST_EMAIL = 254  # characters
LONGEST, LONGEST_HINT = 2048, 4096  # characters of a parameter; of an ID token that is given back
MOST_SECONDS = 10 * 365 * 24 * 3600  # of max_age: no session is that old
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # what S256 makes: 256 bits of base64url
_NOT_BUILT = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}


class Prompt(StrEnum):
    """What an application asks to be shown, or not to be (`prompt`)."""

    NONE = "none"
    LOGIN = "login"
    CONSENT = "consent"  # asked anew; of an application of the operator's own nobody is asked
    SELECT_ACCOUNT = "select_account"


class Parameters(NamedTuple):
    """The parameters of a request that have a value, by name; of those that came twice only the name."""

    values: Mapping[str, str]
    doubled: frozenset[str]


class Refused(NamedTuple):
    """Why there is no code: the error's name in the standard, and a sentence for whoever builds the application."""

    error: str
    why: str


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """What an application asks for, checked; it may rest, sealed, while somebody proves who they are."""

    client_id: UUID
    redirect_uri: str
    mode: Mode
    state: str | None
    scope: str
    nonce: str | None
    challenge: str | None
    prompts: frozenset[Prompt]
    max_age: int | None  # seconds
    acr_values: tuple[str, ...]
    id_token_hint: str | None = None
    login_hint: str = ""  # an email address, or empty: what else it may be says nothing here
    subject: str | None = None  # whom that hint names, once it is checked, or `claims` does
    acr_essential: tuple[str, ...] | None = None  # one of these has to be reached, known here or not

    def answer(self, issuer: str, **fields: str) -> Answer:
        """Return the answer to it, with its `state` and who answers."""
        return Answer.of(self.redirect_uri, self.mode, self.state, issuer, fields)


def read(query: str) -> Parameters | None:
    """Read a query; None where it is none. What has no value counts as left out (RFC 6749 section 3.1)."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, encoding="utf-8", errors="strict", separator="&",
                          max_num_fields=MOST_PARAMETERS)  # fmt: skip
    except ValueError:
        return None
    times = Counter(name for name, _value in pairs)
    doubled = frozenset(name for name, count in times.items() if count > 1)
    return Parameters({name: value for name, value in pairs if value and name not in doubled}, doubled)


def return_address(parameters: Parameters, application: Application) -> str | None:
    """Return where the answer goes; None where that is not an address of this application: nobody is led there."""
    uri = parameters.values.get("redirect_uri", "")
    return uri if allows_redirect(application, uri) else None


def parse(parameters: Parameters, application: Application, redirect_uri: str) -> AuthorizationRequest | Refused:
    """Read a request of an application whose redirect address is known to be its own."""
    values = parameters.values
    refused = _malformed(parameters) or _not_supported(values) or _without_challenge(values, application)
    if refused is not None:
        return refused
    prompts, max_age = _prompts(values.get("prompt", "")), _seconds(values.get("max_age"))
    if isinstance(prompts, Refused):
        return prompts
    if isinstance(max_age, Refused):
        return max_age
    asked, claims = values["scope"].split(" "), read_claims(values.get("claims", "{}"))
    if claims is None:
        return Refused("invalid_request", "claims is not JSON as OpenID Connect Core section 5.5 has it.")
    return AuthorizationRequest(
        client_id=application.id,
        redirect_uri=redirect_uri,
        mode=_mode(values),
        state=values.get("state"),
        scope=" ".join(scope for scope in SCOPES if scope in asked),
        nonce=values.get("nonce"),
        challenge=values.get("code_challenge"),
        prompts=prompts,
        max_age=max_age,
        acr_values=(*values.get("acr_values", "").split(), *claims.acr_values),
        id_token_hint=values.get("id_token_hint"),
        login_hint=_address(values.get("login_hint", "")),
        subject=claims.subject,
        acr_essential=claims.acr_essential,
    )


def refusal(parameters: Parameters, redirect_uri: str, issuer: str, refused: Refused) -> Answer:
    """Return the answer to a request that could not be read, as far as it says how it wants it."""
    state = parameters.values.get("state")
    kept = state if state is None or len(state) <= LONGEST else None
    return Answer.of(redirect_uri, _mode(parameters.values), kept, issuer, error_fields(refused))


def error_fields(refused: Refused) -> dict[str, str]:
    """Return an error as the parameters of an answer (RFC 6749 section 4.1.2.1)."""
    return {"error": refused.error, "error_description": refused.why}


def _address(hint: str) -> str:
    """Return a hint that may be an email address, for the sign-in page to fill in (OpenID Connect Core 3.1.2.1)."""
    return hint if "@" in hint and len(hint) <= LONGEST_EMAIL and hint.isprintable() else ""


def _malformed(parameters: Parameters) -> Refused | None:
    if parameters.doubled:
        return Refused("invalid_request", "A parameter came twice.")
    for name, value in parameters.values.items():
        if len(value) > (LONGEST_HINT if name == "id_token_hint" else LONGEST):
            return Refused("invalid_request", "A parameter is too long.")
    return None


def _not_supported(values: Mapping[str, str]) -> Refused | None:
    for name, error in _NOT_BUILT.items():
        if name in values:
            return Refused(error, f"The parameter {name} is not supported.")
    if "response_type" not in values:
        return Refused("invalid_request", "response_type is missing.")
    if values["response_type"] != "code":
        return Refused("unsupported_response_type", "The only response_type is code.")
    if values.get("response_mode", Mode.QUERY) not in set(Mode):
        return Refused("invalid_request", "response_mode is query or form_post.")
    if "openid" not in values.get("scope", "").split(" "):
        return Refused("invalid_scope", "The scope has to contain openid.")
    return None


def _without_challenge(values: Mapping[str, str], application: Application) -> Refused | None:
    """Refuse what is not protected by PKCE (RFC 7636) as this application has to be."""
    challenge = values.get("code_challenge")
    if challenge is None:
        needed = application.pkce or application.public or "code_challenge_method" in values
        return Refused("invalid_request", "code_challenge is missing (PKCE).") if needed else None
    if values.get("code_challenge_method") != "S256":  # left out, it would be `plain`
        return Refused("invalid_request", "The only code_challenge_method is S256.")
    if not CHALLENGE.fullmatch(challenge):
        return Refused("invalid_request", "code_challenge is no SHA-256 in base64url.")
    return None


def _prompts(text: str) -> frozenset[Prompt] | Refused:
    try:
        prompts = frozenset(Prompt(name) for name in text.split())
    except ValueError:
        return Refused("invalid_request", "prompt has a value that is not supported.")
    if Prompt.NONE in prompts and len(prompts) > 1:
        return Refused("invalid_request", "prompt=none goes with no other value.")
    return prompts


def _seconds(text: str | None) -> int | Refused | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MOST_SECONDS)):
        return Refused("invalid_request", "max_age is a number of seconds.")
    return min(int(text), MOST_SECONDS)


def _mode(values: Mapping[str, str]) -> Mode:
    mode = values.get("response_mode")
    return Mode(mode) if mode in set(Mode) else Mode.QUERY
