"""A session and whose it is, as one value; and whether it still holds."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from twofold.directory.user import User
from twofold.sessions.methods import Methods, has_second_factor, read

SEEN_EVERY = timedelta(minutes=1)


class Session(NamedTuple):
    """A session found by its token, with the user and account it belongs to.

    `id` stays from the sign-in to the end, whatever token the session goes on under: OpenID Connect's `sid`.
    """

    id: UUID
    token_hash: bytes
    methods: Methods
    channel: str
    began_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    user: User

    @property
    def of_agent(self) -> bool:
        """Whether a support agent holds it who has proved a second factor in it; without one it opens no account."""
        return self.user.role == "support" and has_second_factor(self.methods)

    @property
    def of_overseer(self) -> bool:
        """Whether an administrator holds it, or such an agent."""
        return self.user.role == "admin" or self.of_agent


class OwnSession(NamedTuple):
    """A session as its user sees it in the list of theirs."""

    id: UUID
    browser: str
    address: str
    began_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    authenticated_at: datetime


class Started(NamedTuple):
    """A session that was made, or goes on: its token is known to the client alone and is never stored."""

    token: str
    id: UUID
    expires_at: datetime


class StoredSession(NamedTuple):
    """A session as it rests, before its methods are read and its user is put beside it."""

    id: UUID
    token_hash: bytes
    methods: str
    proved: str | None
    channel: str
    authenticated_at: datetime
    last_seen_at: datetime
    expires_at: datetime


OWN_COLUMNS = len(StoredSession._fields)


def of_row(values: Sequence[Any]) -> Session:
    """Read a session from the columns of `tables.SESSION`: its own, then its user's."""
    own = StoredSession(*values[:OWN_COLUMNS])
    return Session(
        id=own.id,
        token_hash=own.token_hash,
        methods=read(own.methods, own.proved, own.authenticated_at),
        channel=own.channel,
        began_at=own.authenticated_at,
        last_seen_at=own.last_seen_at,
        expires_at=own.expires_at,
        user=User(*values[OWN_COLUMNS:]),
    )


def holds(session: Session, idle: timedelta, at: datetime) -> bool:
    """Tell whether a session is neither over nor idle for too long.

    By default those are 24 hours and 1 hour, as NIST SP 800-63B-4 section 2.2.3 has them.
    """
    return at < session.expires_at and at - session.last_seen_at < idle


def due_to_be_seen(session: Session, at: datetime) -> bool:
    """Tell whether its last use should be written down again: at most once a minute."""
    return at - session.last_seen_at >= SEEN_EVERY
