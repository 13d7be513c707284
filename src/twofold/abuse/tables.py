"""What was refused, counted by hour and network, and the networks that are shut out, as they rest in the database."""

import sqlalchemy as sa

from twofold.kit.db import UtcTime, metadata

# One row for an hour, a network and a kind of refusal, however many there were: a flood must not grow the log.
refusal_counts = sa.Table(
    "refusal_counts",
    metadata,
    sa.Column("hour", UtcTime, primary_key=True),  # the beginning of the hour
    sa.Column("network", sa.Text, primary_key=True),  # kit.network: 192.0.2.0/24, 2001:db8::/56, unknown
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("refused", sa.BigInteger, nullable=False),
)

blocked_networks = sa.Table(
    "blocked_networks",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("network", sa.Text, nullable=False, unique=True),  # in CIDR form
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("blocked_at", UtcTime, nullable=False),
    sa.Column("until", UtcTime, nullable=True),  # null: until somebody lifts it
)
