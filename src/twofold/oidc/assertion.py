"""What an application with keys proves itself by: a JWT that it signed for us, just now, for once (RFC 7523). Pure."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LONGEST_LIFE = timedelta(minutes=5)
SKEW = timedelta(seconds=30)  # that an application's clock may be ahead of ours
LONGEST_JTI = 255  # characters


class Proof(NamedTuple):
    """A verified assertion, which counts once until it is over."""

    jti: str
    expires_at: datetime


def proof_of(claims: Mapping[str, Any], *, client_id: str, audiences: Collection[str], at: datetime) -> Proof | None:
    """Hold the claims of an assertion whose signature is right against RFC 7523 section 3; None where one is wrong."""
    jti, expires_at = claims.get("jti"), _moment(claims.get("exp"))
    is_its_own = claims.get("iss") == claims.get("sub") == client_id
    if not is_its_own or not _is_for_us(claims.get("aud"), audiences) or expires_at is None:
        return None
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
        return None
    begins = [_moment(claims[name]) for name in ("nbf", "iat") if name in claims]
    began = all(moment is not None and moment <= at + SKEW for moment in begins)
    return Proof(jti, expires_at) if began and at < expires_at <= at + LONGEST_LIFE + SKEW else None


def _is_for_us(audience: object, ours: Collection[str]) -> bool:
    """Tell whether an assertion is for us and nobody else: who else it is for could send it to us."""
    named = audience if isinstance(audience, list) else [audience]
    return bool(named) and all(isinstance(one, str) and one in ours for one in named)


def _moment(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
