"""Applications as they rest in the database: of a client secret only the hash is stored."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

applications = sa.Table(
    "applications",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),  # its client_id
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("public", sa.Boolean, nullable=False),
    sa.Column("redirect_uris", sa.Text, nullable=False),  # JSON
    sa.Column("post_logout_redirect_uris", sa.Text, nullable=False),  # JSON
    sa.Column("backchannel_logout_uri", sa.Text, nullable=True),
    sa.Column("home_url", sa.Text, nullable=True),
    sa.Column("algorithm", sa.Text, nullable=False),  # RS256 | ES256
    sa.Column("acr", sa.Text, nullable=True),
    sa.Column("second_factor_age", sa.Integer, nullable=True),  # minutes
    sa.Column("pkce", sa.Boolean, nullable=False),
    sa.Column("accounts", sa.Text, nullable=False),  # JSON; empty: all
    sa.Column("jwks", sa.Text, nullable=True),  # a JWK Set, or
    sa.Column("jwks_uri", sa.Text, nullable=True),  # where it is
    sa.Column("assertion_algorithm", sa.Text, nullable=False),  # RS256 | ES256
    sa.Column("jwt_access_tokens", sa.Boolean, nullable=False),
    sa.Column("first_party", sa.Boolean, nullable=False),  # nobody is asked what it may see
    sa.Column("created_at", UtcTime, nullable=False),
)

application_secrets = sa.Table(
    "application_secrets",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("application_id", sa.Uuid, nullable=False, index=True),
    sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)

# What applications with keys proved themselves by: each assertion counts once, on every node (RFC 7523 section 3).
client_assertions = sa.Table(
    "client_assertions",
    metadata,
    sa.Column("jti_hash", sa.LargeBinary(32), primary_key=True),  # of the application and its `jti`
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
