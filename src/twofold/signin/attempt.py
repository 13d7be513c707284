"""A sign-in in progress: which step is due, and what leads on to the next. docs/architecture.md draws it.

Pure: values in, values out. Nothing here knows which kinds of factors there are: `methods` says what was proved.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from twofold.directory.eligibility import Eligibility
from twofold.directory.user import User
from twofold.lockouts.known_client import KnownClient
from twofold.sessions.methods import Methods

LIFE = timedelta(minutes=10)  # from the last completed step
MAILED_CODE_LIFE = timedelta(minutes=10)


class Step(StrEnum):
    """What a sign-in waits for."""

    CODE = "code"
    VERIFY_EMAIL = "verify_email"
    SET_UP = "set_up"
    SAVE_BACKUP_CODE = "save_backup_code"
    DONE = "done"


class Purpose(StrEnum):
    """What a sign-in leads to."""

    SESSION = "session"
    STEP_UP = "step_up"  # a session that there is goes on, with what was proved again


class Attempt(NamedTuple):
    """A sign-in attempt and whose it is. `session_id` is that of the session which is stepped up."""

    id: UUID
    token_hash: bytes
    channel: str
    step: Step
    purpose: Purpose
    session_id: UUID | None
    methods: Methods
    security_version: int
    return_to: str
    known_client: KnownClient | None
    mailed: bool
    expires_at: datetime
    user: User


class Expired(msgspec.Struct, frozen=True):
    """There is no such sign-in in progress: too old, finished, ended by a change, or never begun."""


class OutOfOrder(msgspec.Struct, frozen=True):
    """The sign-in is in progress, but another step is due."""

    due: Step


def first_step(user: User, offer: Eligibility) -> Step:
    """Return what follows the first factor: the second where there is one, its set-up where it is required."""
    if user.has_second_factor:
        return Step.CODE
    return Step.VERIFY_EMAIL if offer.required else Step.DONE


def after_second_factor(channel: str, *, new_backup_code: bool) -> Step:
    """Return what follows the second factor: on pages, a new backup code is shown and saved before going on."""
    return Step.SAVE_BACKUP_CODE if new_backup_code and channel == "page" else Step.DONE


def guard(attempt: Attempt | None, channel: str, step: Step, at: datetime) -> Attempt | Expired | OutOfOrder:
    """Let an attempt do a step, or say why not: the one guard that every step passes.

    The security version is compared as well: a sign-in that began before a factor, the password or the role changed,
    or before the user was frozen, does not go on after.
    """
    if attempt is None or attempt.channel != channel or at >= attempt.expires_at:
        return Expired()
    user = attempt.user
    if attempt.security_version != user.security_version or not user.active or user.frozen_at is not None:
        return Expired()
    if user.sso:  # their organisation came to sign in elsewhere meanwhile: there is no local sign-in any more
        return Expired()
    return attempt if attempt.step is step else OutOfOrder(attempt.step)
