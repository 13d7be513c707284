"""Audit events of applications in words: a part of audit_words.py."""

from collections.abc import Callable, Mapping
from typing import Any

from twofold.kit.words import gettext as _

Sentences = tuple[str, str]


def sentences() -> dict[str, Sentences]:
    """Return what each kind of event is called in a list, and the sentence that tells one."""
    return {
        "application_signed_in": (_("Signed in to an application"), _("%(who)s signed in to an application")),
        "application_grant_ended": (
            _("Signed out of an application"), _("%(whom)s: the tokens of an application were taken back")
        ),
        "application_agreed": (_("Access allowed"), _("%(who)s allowed an application to see their details")),
        "application_access_revoked": (_("Access removed"), _("%(who)s removed an application's access")),
        "application_created": (_("Application registered"), _("%(who)s registered an application")),
        "application_changed": (_("Application changed"), _("%(who)s changed an application")),
        "application_rule_changed": (
            _("Rule for an application changed"), _("%(who)s changed what a sign-in to an application has to prove")
        ),
        "application_deleted": (_("Application deleted"), _("%(who)s deleted an application")),
        "application_secret_created": (
            _("Client secret created"), _("%(who)s created a client secret for an application")
        ),
        "oidc_keys_rotated": (_("Signing keys rotated"), _("%(who)s rotated the keys that sign for applications")),
    }  # fmt: skip


def name(details: Mapping[str, Any]) -> str:
    """Name the application of an event, as it was called then."""
    return f'"{details["name"]}"' if details.get("name") else ""


def changes(details: Mapping[str, Any]) -> str:
    """Name the application that was changed, and the fields."""
    fields = {
        "name": _("name"), "redirect_uris": _("redirect addresses"), "home_url": _("home page"),
        "post_logout_redirect_uris": _("addresses after signing out"),
        "backchannel_logout_uri": _("address told of sign-outs"), "algorithm": _("signature"), "acr": _("assurance"),
        "second_factor_age": _("age of the second factor"), "pkce": _("PKCE"), "accounts": _("accounts"),
        "jwks": _("keys"), "jwks_uri": _("address of its keys"),
        "assertion_algorithm": _("signature of the application"), "jwt_access_tokens": _("kind of access tokens"),
        "first_party": _("whether people are asked"),
    }  # fmt: skip
    changed = ", ".join(fields.get(field, field) for field in details.get("changed", {}))
    return f"{name(details)}: {changed}" if changed else name(details)


def why_ended(details: Mapping[str, Any]) -> str:
    """Say why the tokens of an application were taken back."""
    reasons = {
        "code_reused": _("its code was used a second time"),
        "refresh_token_reused": _("a refresh token was used that had been replaced"),
        "revoked": _("the application asked for it"),
    }
    return reasons.get(details.get("why", ""), "")


def active_from(details: Mapping[str, Any]) -> str:
    """Say since when new keys sign."""
    return _("from %(moment)s") % {"moment": details.get("active_from", "")}


MORE: dict[str, Callable[[dict[str, Any]], str]] = {
    "application_signed_in": name,
    "application_grant_ended": why_ended,
    "application_agreed": name,
    "application_access_revoked": name,
    "application_created": name,
    "application_changed": changes,
    "application_rule_changed": changes,
    "application_deleted": name,
    "application_secret_created": name,
    "oidc_keys_rotated": active_from,
}
