"""Every call that names something by an id or an address: where it goes, who may make it, what it sends beside it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from tests.attacks.companies import REASON, Actor
from tests.harness.people import PASSWORD

V1, ME = "/api/v1", "/profile/two-factor/authenticators"

Body = Callable[[Actor, str, datetime], dict[str, Any]]


class Call(NamedTuple):
    """The kind of what is named; who may make the call with their own ("" where nobody may); the body beside it."""

    kind: str
    who: str
    body: Body | None = None


def saying(**fields: Any) -> Body:
    """Send these fields whoever calls."""
    return lambda _actor, _named, _at: fields


def proofs(actor: Actor, _named: str, at: datetime) -> dict[str, Any]:
    """Send what proves the caller, who is who they say they are."""
    return {"password": PASSWORD, "code": actor.code(at)}


def set_up(actor: Actor, _named: str, _at: datetime) -> dict[str, Any]:
    """Send a code to a set-up in the caller's own sign-in."""
    return {"sign_in": actor.sign_in, "code": "000000"}


def replaces(actor: Actor, named: str, at: datetime) -> dict[str, Any]:
    """Ask for a new authenticator in the place of the one that is named."""
    return proofs(actor, named, at) | {"replaces": named}


def scans(_actor: Actor, named: str, _at: datetime) -> dict[str, Any]:
    """Confirm the set-up that is named."""
    return {"enrolment": named, "code": "000000"}


def registers(_actor: Actor, named: str, _at: datetime) -> dict[str, Any]:
    """Send a passkey for the registration that is named, on a page."""
    return {"registration": named, "credential": "{}"}


def registers_here(_actor: Actor, named: str, _at: datetime) -> dict[str, Any]:
    """Send a passkey for the registration that is named, in a call."""
    return {"registration": named, "credential": {}}


def registers_at_sign_in(actor: Actor, named: str, _at: datetime) -> dict[str, Any]:
    """Send a passkey for the registration that is named, in the caller's own sign-in."""
    return {"sign_in": actor.sign_in, "registration": named, "credential": {}}


# To remove one of several ends the session that the next calls are made in.
UNPROVEN = saying(password="not mine", code="000000")
NOTHING, REASONED, CODE = saying(), saying(**REASON), saying(code="000000")
NEWCOMER = saying(email="newcomer@evil.example", name="New Comer")
CHANGE = saying(role="member", licensed="", exception_until="")
ACTS = ("reset", "unlock", "unfreeze", "deactivate", "activate")


def pages(path: str, acts: tuple[str, ...], who: str) -> dict[tuple[str, str], Call]:
    """Return the pages that act on somebody: each is opened, then sent."""
    return {
        (method, f"{path}/{act}"): Call("user", who, REASONED if method == "POST" else None)
        for act in acts
        for method in ("GET", "POST")
    }


# By the path. What people own themselves comes first: what comes later ends their sessions.
IN_PATH: dict[tuple[str, str], Call] = {
    ("POST", f"{V1}/sign-ins/enrolments/{{enrolment}}/confirmation"): Call("set_up", "member", set_up),
    ("POST", f"{V1}/two-factor/enrolments/{{enrolment}}/confirmation"): Call("enrolment", "member", CODE),
    ("PATCH", f"{V1}/two-factor/authenticators/{{authenticator}}"): Call("authenticator", "member", saying(name="x")),
    ("DELETE", f"{V1}/two-factor/authenticators/{{authenticator}}"): Call("authenticator", "member", UNPROVEN),
    ("PATCH", f"{V1}/two-factor/passkeys/{{passkey}}"): Call("passkey", "member", saying(name="x")),
    ("DELETE", f"{V1}/two-factor/passkeys/{{passkey}}"): Call("passkey", "member", UNPROVEN),
    ("GET", f"{ME}/{{authenticator}}/rename"): Call("authenticator", "member"),
    ("POST", f"{ME}/{{authenticator}}/rename"): Call("authenticator", "member", saying(name="y")),
    ("GET", f"{ME}/{{authenticator}}/remove"): Call("authenticator", "member"),
    ("POST", f"{ME}/{{authenticator}}/remove"): Call("authenticator", "member", UNPROVEN),
    ("DELETE", f"{V1}/sessions/{{session_id}}"): Call("session", "member"),
    ("POST", "/profile/sessions/{session_id}/end"): Call("other_session", "member", NOTHING),
    ("GET", f"{V1}/users/{{user_id}}"): Call("user", "admin"),
    ("PATCH", f"{V1}/users/{{user_id}}"): Call("user", "admin", saying(licensed=False)),
    ("POST", f"{V1}/users/{{user_id}}/two-factor-resets"): Call("user", "admin", REASONED),
    ("POST", f"{V1}/users/{{user_id}}/unlock"): Call("user", "admin", REASONED),
    ("POST", f"{V1}/users/{{user_id}}/unfreeze"): Call("user", "admin", REASONED),
    ("GET", f"{V1}/two-factor-resets/{{case_id}}"): Call("case", "admin"),
    ("POST", f"{V1}/two-factor-resets/{{case_id}}/delivery"): Call("case", "admin"),
    ("POST", f"{V1}/two-factor-resets/{{case_id}}/approval"): Call("case", "admin"),
    ("POST", f"{V1}/two-factor-resets/{{case_id}}/cancellation"): Call("case", "admin"),
    ("GET", "/resets/case/{case_id}"): Call("case", "admin"),
    ("POST", "/resets/case/{case_id}/delivery"): Call("case", "admin", NOTHING),
    ("POST", "/resets/case/{case_id}/approval"): Call("case", "admin", NOTHING),
    ("POST", "/resets/case/{case_id}/cancellation"): Call("case", "admin", NOTHING),
    ("GET", "/people/{user_id}"): Call("user", "admin"),
    ("POST", "/people/{user_id}"): Call("user", "admin", CHANGE),
    **pages("/people/{user_id}", ACTS, "admin"),
    ("POST", "/people/{user_id}/invitation"): Call("user", "admin", NOTHING),
    ("GET", f"{V1}/accounts/{{account}}"): Call("account", "operator"),
    ("PATCH", f"{V1}/accounts/{{account}}"): Call("account", "operator", saying(name="Taken over")),
    ("POST", f"{V1}/accounts/{{account}}/users"): Call("account", "operator", NEWCOMER),
    ("GET", "/support/accounts/{account}"): Call("account", "support"),
    ("GET", "/support/accounts/{account}/audit"): Call("account", "support"),
    ("GET", "/support/accounts/{account}/audit/integrity"): Call("account", "support"),
    ("POST", "/support/accounts/{account}/audit.csv"): Call("account", "support", NOTHING),
    ("POST", "/support/accounts/{account}/audit.jsonl"): Call("account", "support", NOTHING),
    ("GET", "/support/users/{user_id}"): Call("user", "support"),
    **pages("/support/users/{user_id}", ACTS[:3], "support"),
    # Links: their token is mailed to one person. No id stands in for it.
    ("GET", "/resets/{token}"): Call("case", ""),
    ("POST", "/resets/{token}"): Call("case", "", saying(password=PASSWORD)),
    ("GET", "/set-password/{token}"): Call("user", ""),
    ("POST", "/set-password/{token}"): Call("user", "", saying(new_password="marble ferry cinnamon")),
    ("GET", "/not-me/{token}"): Call("user", ""),
    ("POST", "/not-me/{token}"): Call("user", "", NOTHING),
    ("GET", "/known-browser/{token}"): Call("user", ""),
    ("POST", "/known-browser/{token}"): Call("user", "", NOTHING),
    ("POST", "/api/v1/abuse/blocks/{block}/lift"): Call("account", "", saying(reason="A mistake.")),
    ("GET", "/api/{path}"): Call("account", ""),
    ("GET", "/static/{name}"): Call("account", ""),
    # Applications are the operator's; a request that waits is a browser's.
    ("GET", f"{V1}/applications/{{client_id}}"): Call("account", ""),
    ("PATCH", f"{V1}/applications/{{client_id}}"): Call("account", "", saying(name="Taken over")),
    ("POST", f"{V1}/applications/{{client_id}}/secrets"): Call("account", "", NOTHING),
    ("DELETE", f"{V1}/applications/{{client_id}}"): Call("account", "", NOTHING),
    ("GET", "/oidc/authorize/{authorization}"): Call("account", ""),
    ("GET", "/account/applications/{application}"): Call("account", ""),
    ("POST", "/account/applications/{application}"): Call("account", "", NOTHING),
    ("POST", "/applications/{application}/remove-access"): Call("account", "", NOTHING),
    ("POST", "/oidc/authorize/{authorization}/consent"): Call("account", "", NOTHING),
}  # fmt: skip

# In the query or in the body.
ELSEWHERE: dict[tuple[str, str], Call] = {
    ("POST", "/profile/two-factor/configure?step=scan"): Call("enrolment", "member", scans),
    ("POST", "/profile/two-factor/passkeys/add?step=create"): Call("registration", "member", registers),
    ("POST", f"{V1}/sign-ins/passkeys"): Call("forced_registration", "member", registers_at_sign_in),
    ("POST", f"{V1}/two-factor/passkeys"): Call("registration", "member", registers_here),
    ("POST", f"{V1}/two-factor/enrolments"): Call("authenticator", "member", replaces),
    ("GET", "/profile/two-factor/configure?replaces={id}"): Call("authenticator", ""),  # a field to be sent back
    ("POST", "/profile/two-factor/configure"): Call("authenticator", "member", replaces),
    ("GET", f"{V1}/users?account={{id}}"): Call("account", "support"),
    ("GET", f"{V1}/users?search={{email}}"): Call("email", "admin"),
    ("GET", f"{V1}/two-factor-resets?account={{id}}"): Call("account", "support"),
    ("GET", f"{V1}/two-factor-resets?user={{id}}"): Call("user", "admin"),
    ("GET", f"{V1}/audit-events?account={{id}}"): Call("account", "support"),
    ("GET", f"{V1}/audit-events?user={{id}}"): Call("user", "admin"),
    ("GET", "/resets?account={id}"): Call("account", "support"),
    ("GET", "/people?q={email}"): Call("email", "admin"),
    ("GET", "/account/audit?person={id}"): Call("user", "admin"),
    ("GET", "/account/audit?person={email}"): Call("email", "admin"),
    ("POST", "/account/audit.csv?person={id}"): Call("user", "admin", NOTHING),
    ("POST", "/account/audit.jsonl?person={email}"): Call("email", "admin", NOTHING),
    ("GET", "/support?q={email}"): Call("email", "support"),
}  # fmt: skip

EVERY = IN_PATH | ELSEWHERE
PERSONAL = {where: call for where, call in EVERY.items() if call.who == "member"}

# What the API takes that names nothing: a new name has to be put here, or a call that names something above.
NAMES_NOTHING = {
    "query": {"cursor", "from", "hours", "kind", "limit", "state", "to"},
    "body": {
        "active", "backup_code", "code", "dry_run", "edition", "exception_until", "hours", "licensed", "name",
        "network", "new_password", "password", "policy", "reason", "required_from", "role", "seats", "sso",
        "sso_domains", "sso_url", "time_zone",
        # of an application, which is the operator's
        "accounts", "acr", "algorithm", "backchannel_logout_uri", "first_party", "home_url", "pkce",
        "post_logout_redirect_uris", "public", "redirect_uris", "second_factor_age", "jwks", "jwks_uri",
        "assertion_algorithm", "jwt_access_tokens",
        # tokens: whoever holds one may
        "sign_in", "token",
        # what a passkey answers is for one holder
        "credential",
        # the one of a new user or of a change: it belongs to nobody yet, or the call is refused (see the last test)
        "email",
    },
}  # fmt: skip
