"""What was refused, counted by hour and network, and the networks that are blocked, as they rest in the database."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

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
    sa.Column("until", UtcTime, nullable=True, index=True),  # null: until somebody lifts it
)

# What happens at an address that nobody has is written here as it would be into the log, and discarded when the log is
# sealed next: nobody looks at it. A row in as many indexes takes as long, so no stopwatch tells who is in the log.
_serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")

discarded_events = sa.Table(
    "discarded_events",
    metadata,
    sa.Column("number", _serial, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Uuid, nullable=False, unique=True),
    sa.Column("account_id", sa.Uuid, nullable=False),  # an id that nobody has, like that of the subject
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("actor_kind", sa.Text, nullable=False),
    sa.Column("actor_id", sa.Uuid, nullable=True),
    sa.Column("subject_id", sa.Uuid, nullable=False),
    sa.Column("reason", sa.Text, nullable=True),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("browser", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),
    sa.Index("ix_discarded_events_account_id_at_number", "account_id", "at", "number"),
    sa.Index("ix_discarded_events_subject_id_at_number", "subject_id", "at", "number"),
    sa.Index("ix_discarded_events_account_id_kind_at_number", "account_id", "kind", "at", "number"),
    sa.Index("ix_discarded_events_number", "number"),
)
