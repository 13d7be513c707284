"""Pieces that several pages and calls show: the QR code, the label in the app, a refused code as a problem."""

import json
from typing import Any, assert_never

import segno
from litestar import Response
from markupsafe import Markup

from twofold.factors.outcomes import (
    Locked,
    Opened,
    SpentBackupCode,
    UsedCode,
    WrongCode,
    WrongConfirmation,
    WrongPasskey,
)
from twofold.factors.totp import codes as totp
from twofold.kit.http.problems import problem
from twofold.settings import Settings


def label_of(settings: Settings, email: str) -> str:
    """Return how the app names this account, so that a person can find the right entry."""
    return f"{settings.product_name} ({email})"


def enrolment_view(settings: Settings, opened: Opened, email: str) -> dict[str, Any]:
    """Return what the set-up pages show: QR code, key, link, and until when."""
    uri = totp.otpauth_uri(settings.product_name, email, opened.secret)
    return {
        "qr_svg": qr_svg(uri),
        "key": totp.base32(opened.secret),
        "otpauth_uri": uri,
        "valid_until": opened.expires_at,
    }


def qr_svg(uri: str) -> Markup:
    """Draw a QR code as inline SVG; it never passes through anybody else's service."""
    return Markup(segno.make(uri, error="m", micro=False).svg_inline(omitsize=True, border=4))  # noqa: S704 - our own drawing


def refused_code_problem(outcome: WrongCode | UsedCode | SpentBackupCode | Locked) -> Response[Any]:
    """Answer an API call whose code was refused."""
    match outcome:
        case WrongCode(left, unreadable=True):
            return problem(401, "invalid_code", attempts_left=left, hint="unreadable")
        case WrongCode(left, drift):
            return problem(401, "invalid_code", attempts_left=left, **hint_of(drift))
        case UsedCode(left):
            return problem(401, "invalid_code", attempts_left=left, hint="used")
        case SpentBackupCode(left):
            return problem(401, "invalid_code", attempts_left=left, hint="used_backup_code")
        case Locked(final):
            return problem(423, "locked", final=final)
        case _:
            assert_never(outcome)


def wrong_passkey_problem(outcome: WrongPasskey) -> Response[Any]:
    """Answer an API call whose passkey was refused."""
    return problem(401, "invalid_credential", why=outcome.why)


def wrong_confirmation_problem(outcome: WrongConfirmation) -> Response[Any]:
    """Answer an API call whose code does not confirm a new app."""
    return problem(401, "invalid_code", attempts_left=outcome.left, **hint_of(outcome.drift))


def credential_text(credential: dict[str, Any]) -> str:
    """Return what a program sent of a passkey as the text that the checks take apart."""
    return json.dumps(credential)


def hint_of(drift: int | None) -> dict[str, Any]:
    """Return what a wrong code tells about the phone's clock."""
    if drift is None:
        return {}
    minutes = max(1, round(abs(drift) / 60))
    return {"hint": "clock_behind" if drift < 0 else "clock_ahead", "minutes": minutes}
