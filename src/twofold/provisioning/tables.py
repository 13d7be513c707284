"""Operator keys as they rest in the database: only the hash of a key is stored."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

operator_keys = sa.Table(
    "operator_keys",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("key_hash", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("revoked_at", UtcTime, nullable=True),
    sa.Column("last_used_at", UtcTime, nullable=True),
)
