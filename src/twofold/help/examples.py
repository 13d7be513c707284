"""Examples of what the API takes and gives, made from its description."""

from typing import Any

Schema = dict[str, Any]

ID = "01954c2e-7f00-7a3b-9c1d-2f6e8a4b5c70"
MOMENT = "2026-03-03T12:00:00Z"

# By the name of a field, where its type alone says too little.
VALUES: dict[str, Any] = {
    "email": "ada@acme.example",
    "name": "Ada Lovelace",
    "password": "orchard kettle lantern",
    "new_password": "marble ferry cinnamon",
    "code": "492039",
    "backup_code": "7KQ2-M4XD-P9RT-3HVW-8BNC-6YJF",
    "new_backup_code": "D3WN-8PKX-5TRB-QH7M-2VJC-9F4Y",
    "session_token": "tf_session_…",
    "client": "tf_client_…",
    "sign_in": "tf_signin_…",
    "token": "tf_reset_…",
    "client_secret": "tf_client_secret_…",
    "secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
    "otpauth_uri": "otpauth://totp/Twofold:ada@acme.example?secret=…",
    "qr_svg": "<svg>…</svg>",
    "reason": "Lost her phone on the train.",
    "role": "member",
    "edition": "enterprise",
    "policy": "required",
    "network": "203.0.113.0/24",
    "address": "192.0.2.7",
    "browser": "Firefox on Windows",
    "redirect_uris": ["https://app.example/callback"],
    "post_logout_redirect_uris": ["https://app.example/bye"],
    "backchannel_logout_uri": "https://app.example/logout",
    "home_url": "https://app.example/",
    "sso_url": "https://login.acme.example/",
    "sso_domains": ["acme.example"],
    "fields": ["email"],
    "methods": ["pwd", "otp"],
    "options": {"challenge": "…", "rpId": "id.acme.example"},
    "credential": {"id": "…", "rawId": "…", "type": "public-key", "response": {"clientDataJSON": "…"}},
    "registration": ID,
}

# What is sent in the place of another field, never beside it.
INSTEAD = {"backup_code": "code", "credential": "code"}


def example(schema: Schema, known: dict[str, Schema], name: str = "") -> Any:
    """Return what a schema describes; `known` are the schemas that others refer to."""
    if "$ref" in schema:
        return example(known[schema["$ref"].rpartition("/")[2]], known, name)
    if "oneOf" in schema:
        return example(next(one for one in schema["oneOf"] if one.get("type") != "null"), known, name)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "array":
            return VALUES[name] if name in VALUES else [example(schema["items"], known, name.removesuffix("s"))]
        case "object":
            parts = schema.get("properties", {})
            shown = [field for field in parts if INSTEAD.get(field) not in parts]
            return {field: example(parts[field], known, field) for field in shown}
        case "boolean":
            return True
        case "integer" | "number":
            return 3
        case _:
            return _text(schema, name)


def _text(schema: Schema, name: str) -> str:
    if schema.get("format") == "uuid" or name in ("id", "account", "user", "replaces"):
        return ID
    if (
        schema.get("format") == "date-time"
        or name.endswith(("_at", "_from", "_until", "since"))
        or name in ("from", "to")
    ):
        return MOMENT
    return str(VALUES.get(name, name.replace("_", " ") or "text"))
