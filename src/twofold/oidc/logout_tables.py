"""Applications that are to be told of the end of a session."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

logout_deliveries = sa.Table(
    "logout_deliveries",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),  # the `jti` of every token that is sent for it
    sa.Column("application_id", sa.Uuid, nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("session_id", sa.Uuid, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_at", UtcTime, nullable=True),  # null: settled
    sa.Column("claimed_until", UtcTime, nullable=True),  # somebody sends it
    sa.Column("settled_at", UtcTime, nullable=True, index=True),
    sa.Column("last_error", sa.Text, nullable=True),
    sa.Index(
        "ix_logout_deliveries_due_at",
        "due_at",
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    ),
    sa.Index(
        "ix_logout_deliveries_application_id_claimed_until",
        "application_id",
        "claimed_until",
        sqlite_where=sa.text("claimed_until IS NOT NULL"),
        postgresql_where=sa.text("claimed_until IS NOT NULL"),
    ),
)
