"""What this provider is and can do, as it describes itself (OpenID Connect Discovery, RFC 8414). Pure."""

from typing import Any

from twofold.oidc.answer import Mode
from twofold.oidc.application import ALGORITHMS
from twofold.oidc.request import SCOPES, Prompt
from twofold.sessions import methods

CLAIMS = (
    "iss", "sub", "aud", "exp", "iat", "nonce", "azp", "at_hash", "sid", "auth_time", "acr", "amr", "name", "locale",
    "zoneinfo", "email", "email_verified", "account_id", "account_name", "edition", "role", "licensed",
)  # fmt: skip
PROVED = ("client_secret_basic", "client_secret_post", "private_key_jwt")
CLIENT_AUTHENTICATION = (*PROVED, "none")
SIGNED_BY = "endpoint_auth_signing_alg_values_supported"  # what an application may sign `private_key_jwt` with

# What a member that is left out would promise: OpenID Connect Discovery section 3 takes `request_uri` as supported.
NOT_BUILT = ("request_parameter_supported", "request_uri_parameter_supported")


def description(issuer: str) -> dict[str, Any]:
    """Describe the provider whose issuer is the base URL."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oidc/authorize",
        "token_endpoint": f"{issuer}/oidc/token",
        "userinfo_endpoint": f"{issuer}/oidc/userinfo",
        "jwks_uri": f"{issuer}/oidc/jwks.json",
        "introspection_endpoint": f"{issuer}/oidc/introspect",
        "revocation_endpoint": f"{issuer}/oidc/revoke",
        "pushed_authorization_request_endpoint": f"{issuer}/oidc/par",
        "require_pushed_authorization_requests": False,
        "end_session_endpoint": f"{issuer}/oidc/end-session",
        "scopes_supported": SCOPES,
        "claims_supported": CLAIMS,
        "claim_types_supported": ("normal",),
        "subject_types_supported": ("public",),
        "response_types_supported": ("code",),
        "response_modes_supported": tuple(Mode),
        "grant_types_supported": ("authorization_code", "refresh_token"),
        "prompt_values_supported": tuple(Prompt),
        "acr_values_supported": (methods.ONE_FACTOR, methods.TWO_FACTORS, methods.PHISHING_RESISTANT),
        "code_challenge_methods_supported": ("S256",),
        "id_token_signing_alg_values_supported": ALGORITHMS,
        "token_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
        "introspection_endpoint_auth_methods_supported": PROVED,
        "revocation_endpoint_auth_methods_supported": CLIENT_AUTHENTICATION,
        "claims_parameter_supported": True,
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        **{f"{endpoint}_{SIGNED_BY}": ALGORITHMS for endpoint in ("token", "introspection", "revocation")},
        **dict.fromkeys(NOT_BUILT, False),
    }
