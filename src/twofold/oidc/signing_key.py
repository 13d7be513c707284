"""A key that signs ID tokens and logout tokens, as it is stored: its private part is sealed."""

from datetime import datetime
from typing import NamedTuple


class SigningKey(NamedTuple):
    """A key of one algorithm, and the moments from which it signs, is retired, and is published no more."""

    kid: str
    algorithm: str
    public: str  # JWK (RFC 7517)
    key_id: str
    sealed: bytes
    created_at: datetime
    active_from: datetime
    retired_at: datetime | None
    gone_at: datetime | None
