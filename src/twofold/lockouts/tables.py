"""Attempt budgets as they rest in the database."""

import sqlalchemy as sa

from twofold.directory.tables import users
from twofold.kit.sql.database import UtcTime, metadata
from twofold.lockouts.budget import FINAL_AFTER, LOCK_AFTER
from twofold.sessions.tables import sessions

second_factor_budgets = sa.Table(
    "second_factor_budgets",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("wrong", sa.Integer, nullable=False),
    sa.Column("wrong_in_row", sa.Integer, nullable=False),
    sa.Column("last_locked_at", UtcTime, nullable=True),
    # How many rows of `unknown_wrong_codes` count, as of the last one; and when the user was last mailed about one.
    sa.Column("unknown_wrong", sa.Integer, nullable=False, server_default="0"),
    sa.Column("warned_at", UtcTime, nullable=True),
    # Whoever has ever been locked, by account. Not by the counts: every try writes those, and must touch no index.
    sa.Index(
        "ix_second_factor_budgets_ever_locked",
        "account_id",
        sqlite_where=sa.text("last_locked_at IS NOT NULL"),
        postgresql_where=sa.text("last_locked_at IS NOT NULL"),
    ),
)

# Wrong second factors from browsers that have not signed in with one, a row each; at most ten count before they lock.
unknown_wrong_codes = sa.Table(
    "unknown_wrong_codes",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("browser", sa.LargeBinary(32), nullable=False),  # the hash of its token or, without one, of its sign-in
    sa.Column("at", UtcTime, nullable=False, index=True),
)

# The key is the hash of what is throttled: a typed address together with a network; a typed address over all networks
# (then `wrong` is 0, and `next_at` and `forget_at` are when its budget is full again); a known browser together with
# its user; or an address that letters are asked for, or an account that invites (then `wrong` counts letters, and
# `forget_at` lets the next ones out).
password_throttles = sa.Table(
    "password_throttles",
    metadata,
    sa.Column("key", sa.LargeBinary(32), primary_key=True),
    sa.Column("wrong", sa.Integer, nullable=False),
    sa.Column("next_at", UtcTime, nullable=False),
    sa.Column("forget_at", UtcTime, nullable=False, index=True),
)

# Browsers and API clients that have completed a sign-in of this user before: other clients cannot spend their tries.
known_clients = sa.Table(
    "known_clients",
    metadata,
    sa.Column("token_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    # When it last completed a sign-in with a second factor. A password makes it known, and so does a link for a day;
    # but its wrong codes count as an unknown browser's until the factor that protects its user has come from it.
    sa.Column("second_factor_at", UtcTime, nullable=True),
)

mailbox_budgets = sa.Table(
    "mailbox_budgets",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("wrong", sa.Integer, nullable=False),
    sa.Column("closed_until", UtcTime, nullable=True),
    sa.Column("mails", sa.Integer, nullable=False),
    sa.Column("mails_since", UtcTime, nullable=False),
    sa.Index(
        "ix_mailbox_budgets_closed",
        "account_id",
        sqlite_where=sa.text("closed_until IS NOT NULL"),
        postgresql_where=sa.text("closed_until IS NOT NULL"),
    ),
)

_budget = second_factor_budgets.c
_has_come = (
    users.c.first_signed_in_at.is_not(None)
    | users.c.second_factor_since.is_not(None)  # set up in a session, or in a sign-in that became one
    # A node of the version before signs people in without writing it down; their next sign-in elsewhere does.
    | sa.exists().where(sessions.c.user_id == users.c.id).correlate(users)
)
_is_locked = (
    sa.exists()
    .where(_budget.user_id == users.c.id, (_budget.wrong >= LOCK_AFTER) | (_budget.wrong_in_row >= FINAL_AFTER))
    .correlate(users)
)
# Who can come and do something for others today: active, neither frozen nor locked, and they have come before. Somebody
# who never answered an invitation is no help to anybody, and no administrator to leave an account to.
CAN_ACT: tuple[sa.ColumnElement[bool], ...] = (
    users.c.active,
    users.c.frozen_at.is_(None),
    users.c.password_hash.is_not(None),
    _has_come,
    ~_is_locked,
)
