"""Why a session ended before its time, and what there is to tell of it."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID


class EndReason(StrEnum):
    """What ended a session; what ends by itself, by time or idleness, has none."""

    SIGNED_OUT = "signed_out"
    SIGNED_OUT_ELSEWHERE = "signed_out_elsewhere"  # by its user, in another session of theirs
    FACTORS_CHANGED = "factors_changed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a reason, not a password
    EMAIL_CHANGED = "email_changed"
    ROLE_CHANGED = "role_changed"
    RESET = "reset"
    FROZEN = "frozen"
    DEACTIVATED = "deactivated"
    SINGLE_SIGN_ON = "single_sign_on"
    STEPPED_DOWN = "stepped_down"  # a policy asks for a second factor first
    RESTORED = "restored"  # the database was


class Ending(NamedTuple):
    """The end of one session, for whoever has to tell others of it."""

    session_id: UUID  # its `sid`
    user_id: UUID
    account_id: UUID
    reason: EndReason
    at: datetime
