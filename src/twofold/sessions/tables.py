"""Sessions as they rest in the database: only the hash of a token is stored."""

import sqlalchemy as sa

from twofold.directory.tables import USER, accounts, users
from twofold.kit.sql.database import UtcTime, metadata
from twofold.kit.sql.rows import columns
from twofold.sessions.session import StoredSession

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("id", sa.Uuid, nullable=False, unique=True),  # its `sid`: from the sign-in to the end
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("security_version", sa.Integer, nullable=False),
    sa.Column("methods", sa.Text, nullable=False),  # "pwd otp": for nodes of the version before, which read no times
    sa.Column("proved", sa.Text, nullable=True),  # the methods with their times (methods.stored); those nodes leave it
    sa.Column("channel", sa.Text, nullable=False),  # page | api | legacy
    sa.Column("browser", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("authenticated_at", UtcTime, nullable=False),  # when it began
    sa.Column("last_seen_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Index("ix_sessions_user_id", "user_id"),
    sa.Index("ix_sessions_expires_at", "expires_at"),
)

# A session with its user and account, in the order that session.of_row reads.
SESSION = (*columns(StoredSession, sessions), *(column.label(f"person_{column.key}") for column in USER))
JOINED = sessions.join(users, users.c.id == sessions.c.user_id).join(accounts, accounts.c.id == users.c.account_id)
# It counts only under the security version it was made under: raising that ends it, on every node at once.
COUNTS = (sessions.c.security_version == users.c.security_version, users.c.active, users.c.frozen_at.is_(None))

# Sessions that ended before their time, until that: applications are to be told, and whoever still has the token.
ended_sessions = sa.Table(
    "ended_sessions",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),  # the session's
    sa.Column("token_hash", sa.LargeBinary(32), nullable=False, index=True),  # of its last token
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),  # ending.EndReason
    sa.Column("ended_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),  # when the session would have ended by itself
    sa.Column("announced", sa.Boolean, nullable=False),  # whether subscribers were told
    sa.Index(
        "ix_ended_sessions_ended_at",
        "ended_at",
        sqlite_where=sa.text("NOT announced"),
        postgresql_where=sa.text("NOT announced"),
    ),
)

# Where whoever has to sign in first wanted to go, for the browser that began it alone.
destinations = sa.Table(
    "destinations",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),  # stands in the address of the sign-in page
    sa.Column("browser", sa.LargeBinary(32), nullable=False),  # the hash of its token
    sa.Column("network", sa.Text, nullable=False, index=True),
    # The path of this site, with its query, sealed under that token: with it what an application or a person put there.
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
