"""The audit log and the heads of its chains.

`position` and `hash` are empty until the sealer, a few seconds later, links the event to the one before it.
"""

import sqlalchemy as sa

from twofold.kit.db import UtcTime, metadata

_serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")

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
    sa.Index("ix_audit_events_account_id_number", "account_id", "number"),
    sa.Index("ix_audit_events_account_id_subject_id_number", "account_id", "subject_id", "number"),
    sa.Index("ix_audit_events_account_id_kind_number", "account_id", "kind", "number"),
    sa.Index(
        "ix_audit_events_unsealed",
        "number",
        sqlite_where=sa.text("hash IS NULL"),
        postgresql_where=sa.text("hash IS NULL"),
    ),
)

audit_chains = sa.Table(
    "audit_chains",
    metadata,
    sa.Column("chain", sa.Text, primary_key=True),  # the account's id, or "installation"
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
    sa.Column("sealed_at", UtcTime, nullable=False),
)
