"""Backup codes as they rest in the database: hashed."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

backup_codes = sa.Table(
    "backup_codes",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("code_hash", sa.LargeBinary(32), nullable=False),
    sa.Column("spent_hash", sa.LargeBinary(32), nullable=True),  # the last one used, so that it is answered "used"
    sa.Column("seen", sa.Boolean, nullable=False),  # False from its making until the user says that it is saved
    sa.Column("created_at", UtcTime, nullable=False),
)
