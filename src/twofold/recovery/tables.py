"""Links that are mailed to a user as they rest in the database: only the hash of a token is stored."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

# One a user: a newer one takes the place of an older. The token is minted when the letter is delivered.
password_links = sa.Table(
    "password_links",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False, index=True),
    sa.Column("letter", sa.Uuid, nullable=False),  # the one that may mint it; a letter before that is out of date
    sa.Column("purpose", sa.Text, nullable=False),  # forgot | invitation | unfrozen | reset
    # What the user was like when it was asked for; when that has changed, the link is void.
    sa.Column("email_key", sa.Text, nullable=False),
    sa.Column("password_set_at", UtcTime, nullable=True),
    sa.Column("asked_at", UtcTime, nullable=False),
    sa.Column("token_hash", sa.LargeBinary(32), nullable=True, unique=True),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    # A promise: the letter goes out then, not before, and until then nothing that is asked for takes its place.
    sa.Column("not_before", UtcTime, nullable=True),
)

# One a user: a newer one takes the place of an older. The token is minted when the letter is delivered.
browser_links = sa.Table(
    "browser_links",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False, index=True),
    sa.Column("letter", sa.Uuid, nullable=False),  # the one that may mint it
    sa.Column("email_key", sa.Text, nullable=False),  # whose address it was asked for; with another one it is void
    sa.Column("token_hash", sa.LargeBinary(32), nullable=True, unique=True),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)

# One a letter: the same letter, sent again after a crash, brings another link, and the one before it is void.
not_me_links = sa.Table(
    "not_me_links",
    metadata,
    sa.Column("letter", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, nullable=False, index=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("about", sa.Text, nullable=False),  # the kind of the letter
    sa.Column("happened_at", UtcTime, nullable=False),
    sa.Column("token_hash", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.Column("used_at", UtcTime, nullable=True),
)
