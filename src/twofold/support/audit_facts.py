"""The facts of an audit event in words: what stands in brackets after the sentence that audit_words.py says."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from twofold.events.kinds import Operation
from twofold.kit.words import gettext as _
from twofold.kit.words import ngettext
from twofold.support import application_words


def in_words(kind: str, details: dict[str, Any]) -> str:
    """Say the facts of an event; empty where its sentence says enough."""
    return MORE[kind](details) if kind in MORE else ""


@cache
def operations() -> Mapping[str, str]:
    """Return what a second factor was asked for, in words."""
    return {
        Operation.SIGN_IN: _("at sign-in"),
        Operation.STEP_UP: _("when confirming their identity again"),
        Operation.SET_UP: _("when setting up an authenticator"),
        Operation.REMOVE: _("when removing two-factor authentication"),
        Operation.REMOVE_ONE: _("when removing an authenticator"),
        Operation.REGENERATE: _("when regenerating the backup code"),
        Operation.PASSWORD: _("when changing the password"),
    }


def _methods(details: Mapping[str, Any]) -> str:
    said = {"pwd": _("password"), "otp": _("code"), "backup_code": _("backup code")}
    ways = _(" and ").join(said.get(method, str(method)) for method in details.get("methods", []))
    channels = {"api": _("by a program"), "legacy": _("by a program that knows only passwords")}
    return ", ".join(part for part in (ways, channels.get(details.get("channel", ""), "")) if part)


def _sessions(details: Mapping[str, Any]) -> str:
    count = details.get("sessions", 1)
    return "" if count == 1 else ngettext("%(n)d session", "%(n)d sessions", count) % {"n": count}


def _why_refused(details: Mapping[str, Any]) -> str:
    said = {
        "password_wrong": _("wrong password"),
        "frozen": _("frozen"),
        "two_factor_needed": _("the program cannot ask for a second factor"),
    }
    return said.get(details.get("why", ""), str(details.get("why", "")))


def _why_passkey_refused(details: Mapping[str, Any]) -> str:
    said = {
        "challenge": _("for another request, or too late"),
        "cross_origin": _("asked for by another site's page"),
        "domain": _("made for another domain"),
        "malformed": _("cannot be read"),
        "origin": _("asked for by another site"),
        "signature": _("wrong signature"),
        "spent": _("sent a second time"),
        "type": _("made for something else"),
        "unknown": _("not one of theirs"),
        "user_handle": _("somebody else's"),
        "user_presence": _("nobody was there"),
        "user_verification": _("nobody was verified"),
    }
    why = said.get(details.get("why", ""), str(details.get("why", "")))
    return f"{why}, {_operation(details)}".removesuffix(", ")


def _operation(details: Mapping[str, Any]) -> str:
    # Events of the first release name it `door`.
    return operations().get(details.get("operation") or details.get("door", ""), "")


def _quoted(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda details: f'"{details[name]}"' if details.get(name) else ""


def _plain(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda details: str(details.get(name) or "")


def _changes(details: dict[str, Any]) -> str:
    """Say what was before and what is now, field by field; of a password only that it was set."""
    fields = {
        "role": _("role"), "licensed": _("licence"), "active": _("active"), "exception_until": _("exception until"),
        "name": _("name"), "email": _("email address"), "edition": _("edition"), "sso": _("single sign-on"),
        "sso_domains": _("SSO domains"), "sso_url": _("SSO address"), "seats": _("licences"),
        "time_zone": _("time zone"), "password": _("password"),
    }  # fmt: skip
    known = details | {"password": _("set")} if "password" in details else details
    return "; ".join(f"{fields.get(name, name)}: {_change(change)}" for name, change in known.items())


def _policy(details: Mapping[str, Any]) -> str:
    before, after = details.get("before") or {}, details.get("after") or {}
    moved = {name: {"before": before.get(name), "after": after.get(name)} for name in after}
    fields = {"policy": _("policy"), "required_from": _("required from")}
    return "; ".join(
        f"{fields.get(name, name)}: {_change(change)}"
        for name, change in moved.items()
        if change["before"] != change["after"]
    )


def _change(change: Any) -> str:
    if isinstance(change, dict) and {"before", "after"} <= change.keys():
        return f"{_value(change['before'])} → {_value(change['after'])}"
    return _value(change)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or _("none")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return _("none") if value is None else str(value)


def _people(details: Mapping[str, Any]) -> str:
    count = details.get("people", 0)
    return ngettext("%(n)d person", "%(n)d people", count) % {"n": count}


def _export(details: Mapping[str, Any]) -> str:
    filtered = details.keys() - {"form"}
    form = str(details.get("form", "")).upper()
    return _("%(form)s, filtered") % {"form": form} if filtered else form


MORE: dict[str, Callable[[dict[str, Any]], str]] = {
    **application_words.MORE,
    "help_asked": lambda details: _("locked by wrong codes") if details.get("locked") else "",
    "signed_in": _methods,
    "signed_out": _sessions,
    "stepped_up": _methods,
    "sign_in_refused": _why_refused,
    "second_factor_wrong": _operation,
    "backup_code_used": _operation,
    "two_factor_set_up": _quoted("authenticator"),
    "two_factor_added": _quoted("authenticator"),
    "two_factor_replaced": _quoted("authenticator"),
    "authenticator_renamed": _quoted("name"),
    "passkey_added": _quoted("passkey"),
    "passkey_refused": _why_passkey_refused,
    "passkey_counter_went_back": _quoted("passkey"),
    "account_created": _quoted("name"),
    "user_created": _plain("email"),
    "user_changed": _changes,
    "account_changed": _changes,
    "policy_changed": _policy,
    "reminders_sent": _people,
    "audit_exported": _export,
    "operator_key_created": _quoted("name"),
    "network_blocked": _quoted("network"),
    "network_unblocked": _quoted("network"),
}

# Kinds that have facts, of which the sentence says enough.
SAID_WITHOUT = frozenset({
    "frozen", "keys_rotated", "operator_key_revoked", "password_link_sent", "password_set_by_mail", "restored",
    "secret_unreadable",
})  # fmt: skip
