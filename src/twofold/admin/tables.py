"""What the administrators' pages store: which reminders of a policy went out, and daily counts."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

# One row a letter: a user is reminded of a date so many days before it, once.
policy_reminders = sa.Table(
    "policy_reminders",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("due", UtcTime, primary_key=True),  # from then on this user is stopped
    sa.Column("days", sa.Integer, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("sent_at", UtcTime, nullable=False),
    sa.Index("ix_policy_reminders_due", "due"),
)

# How many active people of an account had a second factor at the end of a day, as it was counted then.
adoption_counts = sa.Table(
    "adoption_counts",
    metadata,
    sa.Column("account_id", sa.Uuid, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("have", sa.Integer, nullable=False),
    sa.Index("ix_adoption_counts_day", "day"),
)
