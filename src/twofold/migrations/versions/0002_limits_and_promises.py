"""What the second release adds: limits by network, known clients, what letters promise, the log against REPLACE.

A release has one migration (docs/decisions/0021-upgrade.md): whatever comes before the release joins this one, tables
and columns first, indexes at the end.
"""

import sqlalchemy as sa
from alembic import op

from twofold.kit.sql.database import UtcTime
from twofold.migrations import append_only, steps, user_search

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _count_refusals()
    _block_networks()
    _discard_events()
    append_only.guard()
    _know_browsers()
    _give_letters_turns()
    _keep_promises()
    _keep_authentication_facts()
    _register_applications()
    _grant_tokens()
    _keep_help_requests()
    _keep_time_zones()
    _keep_adoption_counts()
    _keep_search()
    _note_first_sign_ins()
    _keep_passkeys()
    user_search.fill()
    _index_browsers()
    _index_destinations()
    _index_endings()
    _index_help_requests()
    _find_users_by_domain()
    _count_people()
    steps.create_index("ix_adoption_counts_day", "adoption_counts", ["day"])
    _index_applications()
    _index_tokens()
    _index_letters_by_turn()


def downgrade() -> None:
    for table in ("spent_challenges", "passkey_registrations", "passkey_users", "passkeys"):
        op.drop_table(table, if_exists=True)
    steps.drop_column("users", "passkey_since")
    op.drop_table("adoption_counts", if_exists=True)
    user_search.drop()
    op.drop_table("user_search", if_exists=True)
    steps.drop_index("ix_users_counted", "users")
    op.drop_table("user_preferences", if_exists=True)
    steps.drop_column("accounts", "time_zone")
    steps.drop_column("password_links", "not_before")
    steps.drop_index("ix_outbox_turn_due_at", "outbox")
    steps.drop_column("outbox", "turn")
    op.drop_table("help_requests", if_exists=True)
    for table in (
        "application_rules",
        "application_uses",
        "logout_deliveries",
        "refresh_tokens",
        "access_tokens",
        "grants",
        "authorization_codes",
        "authorizations",
    ):
        op.drop_table(table, if_exists=True)
    for table in ("oidc_keys", "client_assertions", "application_secrets", "applications"):
        op.drop_table(table, if_exists=True)
    op.drop_table("ended_sessions", if_exists=True)
    op.drop_table("destinations", if_exists=True)
    _forget_authentication_facts()
    steps.drop_index("ix_users_domain", "users")
    steps.drop_column("users", "first_signed_in_at")
    _forget_browsers()
    append_only.release()
    op.drop_table("discarded_events", if_exists=True)
    op.drop_table("blocked_networks", if_exists=True)
    op.drop_table("refusal_counts", if_exists=True)


def _count_refusals() -> None:
    op.create_table(
        "refusal_counts",
        sa.Column("hour", UtcTime(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "network", "kind", name=op.f("pk_refusal_counts")),
        if_not_exists=True,
    )


def _block_networks() -> None:
    op.create_table(
        "blocked_networks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("blocked_at", UtcTime(), nullable=False),
        sa.Column("until", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_blocked_networks")),
        sa.UniqueConstraint("network", name=op.f("uq_blocked_networks_network")),
        if_not_exists=True,
    )
    op.create_index(op.f("ix_blocked_networks_until"), "blocked_networks", ["until"], if_not_exists=True)


def _know_browsers() -> None:
    """Count wrong codes of unknown browsers, prolong what is known of the others, mail links that make one known."""
    op.create_table(
        "unknown_wrong_codes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("browser", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_unknown_wrong_codes")),
        if_not_exists=True,
    )
    op.create_table(
        "browser_links",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("letter", sa.Uuid(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_browser_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_browser_links_token_hash")),
        if_not_exists=True,
    )
    steps.add_column(
        "second_factor_budgets", sa.Column("unknown_wrong", sa.Integer(), server_default="0", nullable=False)
    )
    steps.add_column("second_factor_budgets", sa.Column("warned_at", UtcTime(), nullable=True))
    steps.add_column("known_clients", sa.Column("second_factor_at", UtcTime(), nullable=True))
    steps.add_column("sign_in_attempts", sa.Column("known_until", UtcTime(), nullable=True))


def _index_browsers() -> None:
    steps.create_index(op.f("ix_unknown_wrong_codes_at"), "unknown_wrong_codes", ["at"])
    steps.create_index(op.f("ix_browser_links_account_id"), "browser_links", ["account_id"])
    steps.create_index(op.f("ix_browser_links_expires_at"), "browser_links", ["expires_at"])


def _forget_browsers() -> None:
    steps.drop_column("sign_in_attempts", "known_until")
    steps.drop_column("known_clients", "second_factor_at")
    steps.drop_column("second_factor_budgets", "warned_at")
    steps.drop_column("second_factor_budgets", "unknown_wrong")
    op.drop_table("browser_links", if_exists=True)
    op.drop_table("unknown_wrong_codes", if_exists=True)


def _keep_authentication_facts() -> None:
    """Keep each method with its time, what a sign-in is for, where somebody wanted to go, and what sessions ended."""
    steps.add_column("sessions", sa.Column("proved", sa.Text(), nullable=True))
    steps.add_column("sign_in_attempts", sa.Column("proved", sa.Text(), nullable=True))
    steps.add_column("sign_in_attempts", sa.Column("purpose", sa.Text(), nullable=True))
    steps.add_column("sign_in_attempts", sa.Column("session_id", sa.Uuid(), nullable=True))
    op.create_table(
        "destinations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("browser", sa.LargeBinary(length=32), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destinations")),
        if_not_exists=True,
    )

    op.create_table(
        "ended_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("announced", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ended_sessions")),
        if_not_exists=True,
    )


def _index_destinations() -> None:
    steps.create_index(op.f("ix_destinations_network"), "destinations", ["network"])
    steps.create_index(op.f("ix_destinations_expires_at"), "destinations", ["expires_at"])


def _index_endings() -> None:
    steps.create_index(op.f("ix_ended_sessions_token_hash"), "ended_sessions", ["token_hash"])
    steps.create_index(op.f("ix_ended_sessions_expires_at"), "ended_sessions", ["expires_at"])
    to_announce = sa.text("NOT announced")
    steps.create_index(
        "ix_ended_sessions_ended_at", "ended_sessions", ["ended_at"],
        sqlite_where=to_announce, postgresql_where=to_announce,
    )  # fmt: skip


def _keep_help_requests() -> None:
    op.create_table(
        "help_requests",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", UtcTime(), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_help_requests")),
        if_not_exists=True,
    )


def _index_help_requests() -> None:
    steps.create_index(op.f("ix_help_requests_asked_at"), "help_requests", ["asked_at"])
    steps.create_index("ix_help_requests_account_id_asked_at", "help_requests", ["account_id", "asked_at"])


def _forget_authentication_facts() -> None:
    steps.drop_column("sign_in_attempts", "session_id")
    steps.drop_column("sign_in_attempts", "purpose")
    steps.drop_column("sign_in_attempts", "proved")
    steps.drop_column("sessions", "proved")


def _register_applications() -> None:
    """Keep the applications that sign people in through OpenID Connect, and the keys that sign for them."""
    op.create_table(
        "applications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("redirect_uris", sa.Text(), nullable=False),
        sa.Column("post_logout_redirect_uris", sa.Text(), nullable=False),
        sa.Column("backchannel_logout_uri", sa.Text(), nullable=True),
        sa.Column("home_url", sa.Text(), nullable=True),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("acr", sa.Text(), nullable=True),
        sa.Column("second_factor_age", sa.Integer(), nullable=True),
        sa.Column("pkce", sa.Boolean(), nullable=False),
        sa.Column("accounts", sa.Text(), nullable=False),
        sa.Column("jwks", sa.Text(), nullable=True),
        sa.Column("jwks_uri", sa.Text(), nullable=True),
        sa.Column("assertion_algorithm", sa.Text(), nullable=False),
        sa.Column("jwt_access_tokens", sa.Boolean(), nullable=False),
        sa.Column("first_party", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applications")),
        if_not_exists=True,
    )
    op.create_table(
        "application_secrets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_secrets")),
        if_not_exists=True,
    )
    op.create_table(
        "client_assertions",
        sa.Column("jti_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("jti_hash", name=op.f("pk_client_assertions")),
        if_not_exists=True,
    )
    op.create_table(
        "oidc_keys",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("algorithm", sa.Text(), nullable=False),
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("active_from", UtcTime(), nullable=False),
        sa.Column("retired_at", UtcTime(), nullable=True),
        sa.Column("gone_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_oidc_keys")),
        if_not_exists=True,
    )


def _index_applications() -> None:
    steps.create_index(op.f("ix_client_assertions_expires_at"), "client_assertions", ["expires_at"])
    steps.create_index(op.f("ix_application_secrets_application_id"), "application_secrets", ["application_id"])
    without_end = sa.text("retired_at IS NULL")
    steps.create_index(
        "uq_oidc_keys_algorithm", "oidc_keys", ["algorithm"],
        unique=True, sqlite_where=without_end, postgresql_where=without_end,
    )  # fmt: skip


def _grant_tokens() -> None:
    """Keep what applications ask for, the codes they get, and the tokens that they hold then."""
    op.create_table(
        "authorizations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("browser", sa.LargeBinary(length=32), nullable=False),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authorizations")),
        if_not_exists=True,
    )
    op.create_table(
        "authorization_codes",
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("challenge", sa.Text(), nullable=True),
        sa.Column("nonce", sa.Text(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.Column("grant_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("pk_authorization_codes")),
        if_not_exists=True,
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grants")),
        if_not_exists=True,
    )
    _keep_tokens()
    _tell_of_endings()
    _note_uses()


def _note_uses() -> None:
    op.create_table(
        "application_uses",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("agreed_at", UtcTime(), nullable=True),
        sa.Column("last_used_at", UtcTime(), nullable=True),
        sa.Column("acr", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", "application_id", name=op.f("pk_application_uses")),
        if_not_exists=True,
    )
    op.create_table(
        "application_rules",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("acr", sa.Text(), nullable=True),
        sa.Column("second_factor_age", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("account_id", "application_id", name=op.f("pk_application_rules")),
        if_not_exists=True,
    )


def _keep_tokens() -> None:
    op.create_table(
        "access_tokens",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_access_tokens")),
        if_not_exists=True,
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("replaced_at", UtcTime(), nullable=True),
        sa.Column("successor", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_refresh_tokens")),
        if_not_exists=True,
    )


def _tell_of_endings() -> None:
    op.create_table(
        "logout_deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.Column("claimed_until", UtcTime(), nullable=True),
        sa.Column("settled_at", UtcTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logout_deliveries")),
        if_not_exists=True,
    )


def _index_tokens() -> None:
    steps.create_index(
        "ix_application_uses_account_id_application_id", "application_uses", ["account_id", "application_id"]
    )
    steps.create_index(op.f("ix_authorizations_network"), "authorizations", ["network"])
    steps.create_index(op.f("ix_grants_session_id"), "grants", ["session_id"])
    for table in ("authorizations", "authorization_codes", "grants", "access_tokens", "refresh_tokens"):
        steps.create_index(op.f(f"ix_{table}_expires_at"), table, ["expires_at"])
    steps.create_index(op.f("ix_logout_deliveries_settled_at"), "logout_deliveries", ["settled_at"])
    for columns, where in (
        (["due_at"], sa.text("due_at IS NOT NULL")),
        (["application_id", "claimed_until"], sa.text("claimed_until IS NOT NULL")),
    ):
        name = f"ix_logout_deliveries_{'_'.join(columns)}"
        steps.create_index(name, "logout_deliveries", columns, sqlite_where=where, postgresql_where=where)


def _keep_time_zones() -> None:
    steps.add_column("accounts", sa.Column("time_zone", sa.Text(), nullable=False, server_default="UTC"))
    op.create_table(
        "user_preferences",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_preferences")),
        if_not_exists=True,
    )


def _keep_passkeys() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("transports", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("last_used_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkeys_credential_id")),
        if_not_exists=True,
    )
    op.create_index(op.f("ix_passkeys_user_id"), "passkeys", ["user_id"], if_not_exists=True)
    op.create_table(
        "passkey_users",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("handle", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_passkey_users")),
        sa.UniqueConstraint("handle", name=op.f("uq_passkey_users_handle")),
        if_not_exists=True,
    )
    op.create_table(
        "passkey_registrations",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("opener", sa.Text(), nullable=False),
        sa.Column("security_version", sa.Integer(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("new_backup_code", sa.Boolean(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_passkey_registrations")),
        sa.UniqueConstraint("id", name=op.f("uq_passkey_registrations_id")),
        if_not_exists=True,
    )
    for column in ("account_id", "expires_at"):
        name = op.f(f"ix_passkey_registrations_{column}")
        op.create_index(name, "passkey_registrations", [column], if_not_exists=True)
    op.create_table(
        "spent_challenges",
        sa.Column("challenge_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("challenge_hash", name=op.f("pk_spent_challenges")),
        if_not_exists=True,
    )
    op.create_index(op.f("ix_spent_challenges_expires_at"), "spent_challenges", ["expires_at"], if_not_exists=True)
    steps.add_column("users", sa.Column("passkey_since", UtcTime(), nullable=True))


def _keep_adoption_counts() -> None:
    op.create_table(
        "adoption_counts",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("have", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "day", name=op.f("pk_adoption_counts")),
        if_not_exists=True,
    )


def _keep_search() -> None:
    key = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "user_search",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("piece", key, nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "piece", "user_id", name=op.f("pk_user_search")),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )
    user_search.keep()


def _note_first_sign_ins() -> None:
    """Note who has signed in before, and when first, as far as the log knows; a batch at a time, for others write on.

    Who signs in at a node of the version before until that is replaced is known by their session, then by the next
    sign-in.
    """
    steps.add_column("users", sa.Column("first_signed_in_at", UtcTime(), nullable=True))
    users = sa.table("users", sa.column("id", sa.Uuid()), sa.column("first_signed_in_at", UtcTime()))
    events = sa.table(
        "audit_events", sa.column("subject_id", sa.Uuid()), sa.column("kind", sa.Text()), sa.column("at", UtcTime())
    )
    first = (
        sa.select(events.c.at)
        .where(events.c.subject_id == users.c.id, events.c.kind == "signed_in")
        .order_by(events.c.at)
        .limit(1)
        .scalar_subquery()
    )
    steps.fill(users, users.c.id, {"first_signed_in_at": first}, users.c.first_signed_in_at.is_(None))


def _find_users_by_domain() -> None:
    """Index users by the domain of their address: an expression, so that rows of older nodes need no filling in."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    domain = "split_part(email_key, '@', 2)" if on_postgresql else "substr(email_key, instr(email_key, '@') + 1)"
    steps.create_index("ix_users_domain", "users", [sa.text(domain)])


def _count_people() -> None:
    columns = ["account_id", "exception_until", "active", "licensed", "second_factor_since"]
    steps.create_index("ix_users_counted", "users", columns)


def _discard_events() -> None:
    op.create_table(
        "discarded_events",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_discarded_events")),
        sa.UniqueConstraint("id", name=op.f("uq_discarded_events_id")),
        if_not_exists=True,
    )
    for name, columns in (
        ("account_id_at_number", ["account_id", "at", "number"]),
        ("subject_id_at_number", ["subject_id", "at", "number"]),
        ("account_id_kind_at_number", ["account_id", "kind", "at", "number"]),
        ("number", ["number"]),
    ):
        op.create_index(f"ix_discarded_events_{name}", "discarded_events", columns, if_not_exists=True)


def _give_letters_turns() -> None:
    after_all_others = "3"  # as nodes of the version before deliver their own
    steps.add_column("outbox", sa.Column("turn", sa.SmallInteger(), nullable=False, server_default=after_all_others))


def _index_letters_by_turn() -> None:
    waits = sa.text("due_at IS NOT NULL")
    steps.create_index(
        "ix_outbox_turn_due_at", "outbox", ["turn", "due_at"], sqlite_where=waits, postgresql_where=waits
    )


def _keep_promises() -> None:
    steps.add_column("password_links", sa.Column("not_before", UtcTime(), nullable=True))
