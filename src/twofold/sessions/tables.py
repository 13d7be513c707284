"""Sessions as they rest in the database: only the hash of a token is stored."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("id", sa.Uuid, nullable=False, unique=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("security_version", sa.Integer, nullable=False),
    sa.Column("methods", sa.Text, nullable=False),  # "pwd", "pwd otp", "pwd backup_code"
    sa.Column("channel", sa.Text, nullable=False),  # page | api | legacy
    sa.Column("browser", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("authenticated_at", UtcTime, nullable=False),
    sa.Column("last_seen_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Index("ix_sessions_user_id", "user_id"),
    sa.Index("ix_sessions_expires_at", "expires_at"),
)
