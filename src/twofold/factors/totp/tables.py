"""Authenticator apps as they rest in the database: their secrets encrypted, the newest step that was accepted."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

authenticators = sa.Table(
    "authenticators",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False, index=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False, index=True),
    sa.Column("box", sa.LargeBinary, nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),
    sa.Column("given_away", sa.Text, nullable=False),  # disclosed steps; nodes of the version before know this name
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("last_used_at", UtcTime, nullable=True),
)
# One a user: a newer set-up takes the place of an older one.
enrolments = sa.Table(
    "enrolments",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, nullable=False, unique=True),
    sa.Column("account_id", sa.Uuid, nullable=False, index=True),
    sa.Column("opener", sa.Text, nullable=False),  # the session or sign-in attempt that alone may see and confirm it
    sa.Column("security_version", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("replaces", sa.Uuid, nullable=True),
    sa.Column("new_backup_code", sa.Boolean, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("box", sa.LargeBinary, nullable=False),
    sa.Column("wrong", sa.Integer, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
