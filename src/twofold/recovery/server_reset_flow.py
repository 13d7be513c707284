"""The reset from the server's own command line, and what becomes of a password that a thief knows.

Elsewhere a reset is confirmed by its user, who is asked for a new password where wrong codes have locked them since the
password was set. Here nobody is asked, so the password is void. docs/decisions/0036-reset-on-the-server.md weighs it.
"""

from datetime import datetime

import msgspec

from twofold.directory import flow as directory
from twofold.directory.user import User
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.recovery import records
from twofold.recovery.password_flow import ask_link
from twofold.recovery.password_link import QUIET_AFTER_RESET, Purpose
from twofold.resets import confirm_flow as resets
from twofold.resets.outcomes import MissingReason, NotEnabled, ResetDone
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason


class ResetOnServer(msgspec.Struct, frozen=True):
    """Two-factor authentication is off, and what this means for the password.

    `known`: whoever typed the wrong codes knew the password they had. `password` says whether there is one now.
    `link_at`: a link to choose one is mailed then; None: there is no mail server, or they cannot sign in anyway.
    """

    known: bool
    password: bool
    link_at: datetime | None


def reset_on_server(
    context: AppContext, user: User, reason: str, at: datetime, *, keep_password: bool = False
) -> ResetOnServer | NotEnabled | MissingReason:
    """Switch a user's two-factor authentication off at once, and their password where somebody else knows it.

    The link to choose another is mailed 24 hours later, as after any reset: else the mailbox alone would be enough.
    """
    with context.db.write() as connection:
        held = directory.lock_user_row(connection, user.id)
        if held is None:
            return NotEnabled()
        done = resets.reset_now(context, connection, held, reason, at)  # holds the counts as well
        if not isinstance(done, ResetDone):
            return done
        has_password = held.password_hash is not None
        known = has_password and lockouts.locked_since_password(connection, held)
        if known and not keep_password:
            directory.void_password(connection, held.id)
            has_password = False
        link_at = None
        if not has_password and held.active and not held.sso and held.frozen_at is None:
            link_at = at + QUIET_AFTER_RESET
            records.void(connection, held.id)  # what was asked for before the reset would not work
            void = held._replace(password_hash=None, password_set_at=None)
            ask_link(context, connection, void, Purpose.RESET, at, not_before=link_at)
        sessions.end_outdated(connection, held.id, EndReason.RESET, at)
    return ResetOnServer(known, has_password, link_at if context.outbox.configured else None)
