"""Reset cases as they rest in the database, with every link that was sent for them and what happened to them."""

import sqlalchemy as sa

from twofold.kit.sql.database import UtcTime, metadata

_serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_is_open = sa.text("state IN ('requested', 'sent')")

reset_cases = sa.Table(
    "reset_cases",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("user_id", sa.Uuid, nullable=False),
    sa.Column("requested_by", sa.Uuid, nullable=True),  # null: the command line
    sa.Column("requester_kind", sa.Text, nullable=False),  # admin | support | console, when they asked
    sa.Column("reason", sa.Text, nullable=False),
    # requested | sent | confirmed | refused | cancelled | superseded | closed. A sent link expires by the clock alone.
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("requested_at", UtcTime, nullable=False),
    # What the subject was like when the case was opened; if any of it changes, the links of the case are void.
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("second_factor_since", UtcTime, nullable=True),
    sa.Column("factors_changed_at", UtcTime, nullable=True),
    # The newest link, made when its letter is delivered.
    sa.Column("letter", sa.Uuid, nullable=True),
    sa.Column("token_hash", sa.LargeBinary(32), nullable=True),
    sa.Column("sent_at", UtcTime, nullable=True),
    sa.Column("valid_until", UtcTime, nullable=True),
    sa.Column("password_tries", sa.Integer, nullable=False),  # tries charged, across the links of the case
    sa.Column("approved_by", sa.Uuid, nullable=True),
    sa.Column("approved_at", UtcTime, nullable=True),
    sa.Column("ended_at", UtcTime, nullable=True),
    sa.Column("ended_why", sa.Text, nullable=True),
    # One open case a user: whoever asks again supersedes the one before.
    sa.Index(
        "uq_reset_cases_open_of_user",
        "user_id",
        unique=True,
        sqlite_where=_is_open,
        postgresql_where=_is_open,
    ),
    sa.Index("ix_reset_cases_user_id_requested_at_id", "user_id", "requested_at", "id"),
    sa.Index("ix_reset_cases_account_id_requested_at_id", "account_id", "requested_at", "id"),
    sa.Index("ix_reset_cases_requested_at_id", "requested_at", "id"),
)

# Every link that was sent, so that one before the newest is answered "a newer link was sent".
reset_links = sa.Table(
    "reset_links",
    metadata,
    sa.Column("token_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("case_id", sa.Uuid, nullable=False, index=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("sent_at", UtcTime, nullable=False, index=True),
)

# Who asked for a reset themselves, and when last: locked, or without phone and backup code. It changes nothing.
help_requests = sa.Table(
    "help_requests",
    metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("asked_at", UtcTime, nullable=False, index=True),
    sa.Column("locked", sa.Boolean, nullable=False),  # whether wrong codes had locked them
    sa.Index("ix_help_requests_account_id_asked_at", "account_id", "asked_at"),
)

# The history of a case as its page shows it; the audit log says the same, sealed.
reset_events = sa.Table(
    "reset_events",
    metadata,
    sa.Column("number", _serial, primary_key=True, autoincrement=True),
    sa.Column("case_id", sa.Uuid, nullable=False),
    sa.Column("account_id", sa.Uuid, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("actor_kind", sa.Text, nullable=False),
    sa.Column("actor_id", sa.Uuid, nullable=True),
    sa.Column("words", sa.Text, nullable=True),  # a reason that was given, or why it was closed
    sa.Index("ix_reset_events_case_id_number", "case_id", "number"),
)
