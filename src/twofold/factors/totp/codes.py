"""Time-based one-time passwords (RFC 6238 over RFC 4226): numbers in, a verdict out.

What is accepted is a time step, not a code: the caller stores the step, and nothing at or below it is accepted again.
"""

import base64
import hmac
from collections.abc import Set as AbstractSet
from datetime import datetime
from urllib.parse import quote

import msgspec

DIGITS = 6
PERIOD = 30  # seconds, the default of RFC 6238 section 5.2
SECRET_BYTES = 20  # 160 bits, as RFC 4226 section 4 (R6) recommends
WINDOW = 1  # steps before and after now (RFC 6238 section 5.2): a phone may be 30 seconds off, a person slow
HINT_WINDOW = 20  # steps, ten minutes: far enough to recognise a clock that is off
NEVER = -1


class Accepted(msgspec.Struct, frozen=True):
    """The code belongs to this fresh step."""

    step: int


class Used(msgspec.Struct, frozen=True):
    """The code was right, but its step, or a newer one, has been accepted (or disclosed by a hint) before."""


class Drift(msgspec.Struct, frozen=True):
    """The code belongs to a step too far away: the phone's clock is off by so many seconds (negative: behind)."""

    step: int
    seconds: int


class Wrong(msgspec.Struct, frozen=True):
    """The code fits no step within ten minutes."""


def step_of(at: datetime) -> int:
    """Return the time step of a moment: whole periods of 30 seconds since 1970 (RFC 6238 section 4.2)."""
    return int(at.timestamp() // PERIOD)


def code_of(secret: bytes, step: int) -> str:
    """Return the six digits of a step (RFC 4226 section 5.3).

    Raises:
        OverflowError: the step is negative.

    """
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = mac[-1] & 0xF
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def match(
    secret: bytes,
    code: str,
    at: datetime,
    last_step: int,
    disclosed_steps: AbstractSet[int] = frozenset(),
) -> Accepted | Used | Drift | Wrong:
    """Judge six digits typed at a moment against a secret.

    `last_step` is the newest step accepted so far (`NEVER` for none); `disclosed_steps` are those whose codes a hint
    about the clock has disclosed before their time, so that they are worth nothing when they come. A step is accepted
    once (RFC 6238 section 5.2): the caller stores it.

    Raises:
        TypeError: `code` has characters beyond ASCII.

    """
    now = step_of(at)
    near = [step for step in range(now - WINDOW, now + WINDOW + 1) if _fits(secret, code, step)]
    for step in near:
        if step > last_step and step not in disclosed_steps:
            return Accepted(step)
    if near:
        return Used()
    for step in _steps_by_distance(now):
        if _fits(secret, code, step):
            return Used() if step == last_step else Drift(step, (step - now) * PERIOD)
    return Wrong()


def base32(secret: bytes) -> str:
    """Return a secret as the key that is typed into an app: 32 letters and digits without padding."""
    return base64.b32encode(secret).decode("ascii").rstrip("=")


def otpauth_uri(issuer: str, label: str, secret: bytes) -> str:
    """Return the `otpauth:` URI that the QR code holds (Key Uri Format), in the one form that every app accepts.

    `secret` stands first (Microsoft Authenticator has needed it), blanks are %20, both issuers are the same.
    """
    name = quote(issuer, safe="")
    return (
        f"otpauth://totp/{name}:{quote(label, safe='@')}"
        f"?secret={base32(secret)}&issuer={name}&algorithm=SHA1&digits={DIGITS}&period={PERIOD}"
    )


def _fits(secret: bytes, code: str, step: int) -> bool:
    return step >= 0 and hmac.compare_digest(code_of(secret, step), code)


def _steps_by_distance(now: int) -> list[int]:
    distances = range(WINDOW + 1, HINT_WINDOW + 1)
    return [step for distance in distances for step in (now - distance, now + distance)]
