"""Who uses which application: what it may see of them, and when they signed in to it last."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

application_uses = sa.Table(
    "application_uses",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("application_id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),  # what it may see: agreed to, or else asked for last
    sa.Column("agreed_at", UtcTime, nullable=True),  # null: nobody was asked
    sa.Column("last_used_at", UtcTime, nullable=True),
    sa.Column("acr", sa.Text, nullable=True),  # what that sign-in proved
    sa.Index("ix_application_uses_account_id_application_id", "account_id", "application_id"),
)

# What an account asks of its people at an application, beyond what that asks for itself.
application_rules = sa.Table(
    "application_rules",
    metadata,
    sa.Column("account_id", sa.Uuid, primary_key=True),
    sa.Column("application_id", sa.Uuid, primary_key=True),
    sa.Column("acr", sa.Text, nullable=True),
    sa.Column("second_factor_age", sa.Integer, nullable=True),  # minutes
)
