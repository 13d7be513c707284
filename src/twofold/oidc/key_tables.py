"""The keys that sign ID tokens and logout tokens; the private ones rest sealed."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

oidc_keys = sa.Table(
    "oidc_keys",
    metadata,
    sa.Column("kid", sa.Text, primary_key=True),  # the thumbprint (RFC 7638)
    sa.Column("algorithm", sa.Text, nullable=False),  # RS256 | ES256
    sa.Column("public", sa.Text, nullable=False),  # JWK (RFC 7517)
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),  # the private JWK
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("active_from", UtcTime, nullable=False),  # signs from then on
    sa.Column("retired_at", UtcTime, nullable=True),  # until then
    sa.Column("gone_at", UtcTime, nullable=True),  # and is published until then
    # One key of each algorithm has no end: nodes that make the first one, or rotate, at the same time make it once.
    sa.Index(
        "uq_oidc_keys_algorithm",
        "algorithm",
        unique=True,
        sqlite_where=sa.text("retired_at IS NULL"),
        postgresql_where=sa.text("retired_at IS NULL"),
    ),
)
