"""What was refused, counted by hour and network, as it rests in the database."""

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
