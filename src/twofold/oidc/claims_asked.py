"""What a request asks an ID token to say, as far as it is about the sign-in (OpenID Connect Core 5.5). Pure."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class ClaimsAsked(NamedTuple):
    """What is asked of `acr` and `sub`; `auth_time` is in every ID token, so to ask for it changes nothing."""

    acr_values: tuple[str, ...] = ()  # wished for
    acr_essential: tuple[str, ...] | None = None  # one of these has to be reached
    subject: str | None = None  # who has to be signed in


def read_claims(text: str) -> ClaimsAsked | None:
    """Read the parameter `claims`; None where it is not as section 5.5 has it. Claims that we do not know are none."""
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        return None
    members: list[Any] = [asked.get(name) for name in ("id_token", "userinfo")] if isinstance(asked, dict) else ["none"]
    if not all(_is_member(member) for member in members):
        return None
    in_id_token = members[0] or {}
    acr, subject = in_id_token.get("acr") or {}, in_id_token.get("sub") or {}
    values = _values(acr)
    return ClaimsAsked(
        acr_values=() if acr.get("essential") else values,
        acr_essential=values if acr.get("essential") and values else None,
        subject=next(iter(_values(subject)), None),
    )


def _is_member(member: object) -> bool:
    return member is None or (isinstance(member, dict) and all(_is_asked(asked) for asked in member.values()))


def _is_asked(asked: object) -> bool:
    if asked is None:
        return True
    return isinstance(asked, dict) and isinstance(asked.get("essential", False), bool) and _are_values(asked)


def _are_values(asked: Mapping[str, Any]) -> bool:
    return isinstance(asked.get("values", []), list) and not ("value" in asked and "values" in asked)


def _values(asked: Mapping[str, Any]) -> tuple[str, ...]:
    named = asked.get("values", [asked["value"]] if "value" in asked else [])
    return tuple(value for value in named if isinstance(value, str))
