"""Sign-in attempts as they rest in the database: the row that a sign-in advances through."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

sign_in_attempts = sa.Table(
    "sign_in_attempts",
    metadata,
    sa.Column("token_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("id", sa.Uuid, nullable=False, unique=True),
    sa.Column("user_id", sa.Uuid, nullable=False, index=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),  # page | api: an attempt of one does not go on in the other
    sa.Column("step", sa.Text, nullable=False),  # what is due next
    # What it leads to (attempt.Purpose); NULL, a session, in rows of nodes of the version before.
    sa.Column("purpose", sa.Text, nullable=True),
    sa.Column("session_id", sa.Uuid, nullable=True),  # of which session, where one is stepped up
    sa.Column("methods", sa.Text, nullable=False),  # "pwd otp": for nodes of the version before, which read no times
    sa.Column("proved", sa.Text, nullable=True),  # the methods with their times (sessions.methods.stored)
    sa.Column("security_version", sa.Integer, nullable=False),
    sa.Column("return_to", sa.Text, nullable=False),
    # Who began, if they have signed in with this second factor before, and until when that was known.
    sa.Column("known_client", sa.LargeBinary(32), nullable=True),
    sa.Column("known_until", UtcTime, nullable=True),
    sa.Column("mailed", sa.Boolean, nullable=False),  # a letter with a code waits or has gone out
    # The code that was mailed for a forced set-up, sealed: six digits are too few to rest as a hash.
    sa.Column("mail_key_id", sa.Text, nullable=True),
    sa.Column("mail_box", sa.LargeBinary, nullable=True),
    sa.Column("mail_expires_at", UtcTime, nullable=True),
    # The new backup code, sealed, until its owner says that it is saved.
    sa.Column("backup_key_id", sa.Text, nullable=True),
    sa.Column("backup_box", sa.LargeBinary, nullable=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
