"""The audit log, the heads of its chains, and the key that signs exports.

`position` and `hash` are empty until the sealer, a few seconds later, links the event to the one before it. Nothing
else of an event ever changes and none is deleted or replaced: triggers refuse it (migrations/append_only.py).
"""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

_serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# Acts on somebody else, or on nobody. What people do to themselves is found by its subject, so a sign-in writes none.
_acted_on_another = "actor_id IS NOT NULL AND (subject_id IS NULL OR subject_id <> actor_id)"

audit_events = sa.Table(
    "audit_events",
    metadata,
    sa.Column("number", _serial, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Uuid, nullable=False, unique=True),
    sa.Column("account_id", sa.Uuid, nullable=True),  # null: it concerns the installation
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("actor_kind", sa.Text, nullable=False),  # user | operator | console | system | nobody
    sa.Column("actor_id", sa.Uuid, nullable=True),
    sa.Column("subject_id", sa.Uuid, nullable=True),
    sa.Column("reason", sa.Text, nullable=True),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("browser", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),  # JSON
    sa.Column("position", sa.BigInteger, nullable=True),
    sa.Column("hash", sa.LargeBinary(32), nullable=True),
    sa.Index("ix_audit_events_account_id_at_number", "account_id", "at", "number"),
    sa.Index("ix_audit_events_subject_id_at_number", "subject_id", "at", "number"),  # a user is of one account for ever
    sa.Index("ix_audit_events_account_id_kind_at_number", "account_id", "kind", "at", "number"),
    sa.Index(
        "ix_audit_events_account_id_actor_id_at_number",
        *("account_id", "actor_id", "at", "number"),
        sqlite_where=sa.text(_acted_on_another),
        postgresql_where=sa.text(_acted_on_another),
    ),
    sa.Index(
        "ix_audit_events_unsealed",
        "number",
        sqlite_where=sa.text("hash IS NULL"),
        postgresql_where=sa.text("hash IS NULL"),
    ),
    # A position is given once in a chain. Nulls differ from each other: the installation's chain needs its own index.
    sa.Index(
        "uq_audit_events_account_id_position",
        *("account_id", "position"),
        unique=True,
        sqlite_where=sa.text("position IS NOT NULL"),
        postgresql_where=sa.text("position IS NOT NULL"),
    ),
    sa.Index(
        "uq_audit_events_position_of_installation",
        "position",
        unique=True,
        sqlite_where=sa.text("account_id IS NULL AND position IS NOT NULL"),
        postgresql_where=sa.text("account_id IS NULL AND position IS NOT NULL"),
    ),
)

# What is written when it happens; number, position and hash come by themselves.
WRITTEN = tuple(column.name for column in audit_events.c if column.name not in {"number", "position", "hash"})

# The condition of the index by actor, for the queries that are to use it.
ACTED_ON_ANOTHER = sa.text(_acted_on_another)

audit_chains = sa.Table(
    "audit_chains",
    metadata,
    sa.Column("chain", sa.Text, primary_key=True),  # the account's id, or "installation"
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
    sa.Column("sealed_at", UtcTime, nullable=False),
)

# The private key rests sealed, like every secret: whoever reads the database alone cannot sign a forged export.
audit_signing_keys = sa.Table(
    "audit_signing_keys",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("public_key", sa.LargeBinary(32), nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("box", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)
