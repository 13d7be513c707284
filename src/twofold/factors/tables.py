"""What all kinds of second factors share in the database; each kind has tables of its own."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

# A removal that was proved with password and code and waits for the answer to its last question.
removals = sa.Table(
    "removals",
    metadata,
    sa.Column("session_id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("token_hash", sa.LargeBinary(32), nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
