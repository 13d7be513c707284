"""Passkeys as they rest in the database: their public keys, which are no secret; what is open; what was spent."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

passkeys = sa.Table(
    "passkeys",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False, index=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("credential_id", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("counter", sa.BigInteger, nullable=False),
    sa.Column("synced", sa.Boolean, nullable=False),
    sa.Column("transports", sa.Text, nullable=False),
    sa.Column("domain", sa.Text, nullable=False),  # to which it is bound; under another one it is of no use
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("last_used_at", UtcTime, nullable=True),
)
# How authenticators know a user: random, so that it says nothing about them, and the same for all of their passkeys.
passkey_users = sa.Table(
    "passkey_users",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("handle", sa.LargeBinary, nullable=False, unique=True),
)
# One a user: a newer registration takes the place of an older one.
passkey_registrations = sa.Table(
    "passkey_registrations",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, nullable=False, unique=True),
    sa.Column("account_id", sa.Uuid, nullable=False, index=True),
    sa.Column("opener", sa.Text, nullable=False),  # the session or sign-in attempt that alone may complete it
    sa.Column("security_version", sa.Integer, nullable=False),
    sa.Column("challenge", sa.LargeBinary, nullable=False),
    sa.Column("new_backup_code", sa.Boolean, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
# The hashes of challenges that were answered, as long as they could be answered again.
spent_challenges = sa.Table(
    "spent_challenges",
    metadata,
    sa.Column("challenge_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
