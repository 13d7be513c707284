"""What the operator's API says of abuse, and takes to block a network, as typed bodies."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from twofold.kit.schema_names import schema_name

Network = Annotated[
    str, msgspec.Meta(min_length=1, max_length=64, description="An address, or a network in CIDR form.")
]
Reason = Annotated[str, msgspec.Meta(min_length=3, max_length=500)]
Hours = Annotated[float, msgspec.Meta(gt=0, le=24 * 365)]


@schema_name("RefusedNetwork")
class RefusedNetwork(msgspec.Struct):
    """A network that was refused: how often, by kind, and how many different users it aimed at."""

    network: str
    refused: int
    kinds: dict[str, int]
    users: int


@schema_name("TargetedUser")
class UserAimedAt(msgspec.Struct):
    """A user for whom sign-ins or codes were refused, or letters asked for: how often, from how many networks."""

    user_id: UUID
    account_id: UUID
    email: str
    refused: int
    networks: int


@schema_name("AbuseReport")
class AbuseAnswer(msgspec.Struct):
    """What was refused since a moment. `complete` is false where the log held more than one look takes in."""

    since: datetime
    complete: bool
    kinds: dict[str, int]
    networks: list[RefusedNetwork]
    users: list[UserAimedAt]


@schema_name("NewNetworkBlock")
class BlockBody(msgspec.Struct, forbid_unknown_fields=True):
    """A network to be shut out; without `hours` until it is let in again."""

    network: Network
    reason: Reason
    hours: Hours | None = None


@schema_name("NetworkBlockEnd")
class LiftBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why a network is let in again; it is kept in the audit log."""

    reason: Reason


@schema_name("NetworkBlock")
class BlockAnswer(msgspec.Struct):
    """A network that is shut out, on every node within seconds."""

    id: UUID
    network: str
    reason: str
    blocked_at: datetime
    until: datetime | None


@schema_name("NetworkBlocks")
class BlocksAnswer(msgspec.Struct):
    """The networks that are shut out."""

    blocks: list[BlockAnswer]
