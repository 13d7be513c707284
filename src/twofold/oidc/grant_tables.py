"""What an application gets on its way to a user, and what it holds then; of every token only the hash is stored."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

# What an application asked for, while somebody proves who they are; for the browser that began it alone. Also what an
# application pushed, until a browser brings its name: for whoever has the token in that, and counted as its network.
authorizations = sa.Table(
    "authorizations",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),  # stands in the address that leads back to it
    sa.Column("browser", sa.LargeBinary(32), nullable=False),  # the hash of its token
    sa.Column("network", sa.Text, nullable=False, index=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),  # the request, sealed under that token
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)

authorization_codes = sa.Table(
    "authorization_codes",
    metadata,
    sa.Column("code_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("application_id", sa.Uuid, nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("session_id", sa.Uuid, nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("challenge", sa.Text, nullable=True),  # PKCE, S256
    sa.Column("nonce", sa.Text, nullable=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.Column("used_at", UtcTime, nullable=True),
    sa.Column("grant_id", sa.Uuid, nullable=True),  # what it was redeemed for
)

# What one redeemed code gave: the family of its tokens, which end together.
grants = sa.Table(
    "grants",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("application_id", sa.Uuid, nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("session_id", sa.Uuid, nullable=False, index=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("revoked_at", UtcTime, nullable=True),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),  # when the session is over
)

access_tokens = sa.Table(
    "access_tokens",
    metadata,
    sa.Column("token_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("grant_id", sa.Uuid, nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),  # a refresh may ask for less than was granted
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)

refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("token_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("grant_id", sa.Uuid, nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("replaced_at", UtcTime, nullable=True),
    sa.Column("successor", sa.LargeBinary, nullable=True),  # the token after it, sealed under this one
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
