"""Who acts, from where, and when: what every flow is told about the request or the job that it works for."""

from datetime import datetime
from typing import NamedTuple, Self
from uuid import UUID

from twofold.kit.client_info import ClientInfo


class Actor(NamedTuple):
    """Who acted: a user, an operator's key, the command line on the server itself, or Twofold on its own."""

    kind: str
    id: UUID | None = None


CONSOLE = Actor("console")
SYSTEM = Actor("system")
NOBODY = Actor("nobody")
NO_REQUEST = ClientInfo("", "")


def user(user_id: UUID) -> Actor:
    """Name a user as the one who acted."""
    return Actor("user", user_id)


class Origin(NamedTuple):
    """What a change comes from: the moment, the client that asked for it, and who is known to act."""

    at: datetime
    client: ClientInfo = NO_REQUEST
    actor: Actor = NOBODY

    def by(self, actor: Actor) -> Self:
        """Name who acts, once that is known."""
        return self._replace(actor=actor)
