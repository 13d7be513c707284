"""The first schema, and the operator's account."""

import sqlalchemy as sa
from alembic import op

from twofold.kit.clock import now
from twofold.kit.crypto.tokens import new_id
from twofold.kit.sql.database import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:  # noqa: PLR0915 - a list, one table after the other
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("is_operator", sa.Boolean(), nullable=False),
        sa.Column("sso", sa.Boolean(), nullable=False),
        sa.Column("sso_url", sa.Text(), nullable=True),
        sa.Column("seats", sa.Integer(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("required_from", UtcTime(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
    )
    op.create_index("ix_accounts_created_at_id", "accounts", ["created_at", "id"], unique=False)
    op.create_index("ix_accounts_name_key_id", "accounts", ["name_key", "id"], unique=False)
    op.create_index("ix_accounts_required_from", "accounts", ["required_from"], unique=False)
    op.create_table(
        "audit_chains",
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("chain", name=op.f("pk_audit_chains")),
    )
    op.create_table(
        "audit_events",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_events")),
        sa.UniqueConstraint("id", name=op.f("uq_audit_events_id")),
    )
    op.create_index(
        "ix_audit_events_account_id_actor_id_at_number",
        "audit_events",
        ["account_id", "actor_id", "at", "number"],
        unique=False,
        sqlite_where=sa.text("actor_id IS NOT NULL AND (subject_id IS NULL OR subject_id <> actor_id)"),
        postgresql_where=sa.text("actor_id IS NOT NULL AND (subject_id IS NULL OR subject_id <> actor_id)"),
    )
    op.create_index(
        "ix_audit_events_account_id_at_number", "audit_events", ["account_id", "at", "number"], unique=False
    )
    op.create_index(
        "ix_audit_events_account_id_kind_at_number",
        "audit_events",
        ["account_id", "kind", "at", "number"],
        unique=False,
    )
    op.create_index(
        "ix_audit_events_subject_id_at_number", "audit_events", ["subject_id", "at", "number"], unique=False
    )
    op.create_index(
        "ix_audit_events_unsealed",
        "audit_events",
        ["number"],
        unique=False,
        sqlite_where=sa.text("hash IS NULL"),
        postgresql_where=sa.text("hash IS NULL"),
    )
    op.create_index(
        "uq_audit_events_account_id_position",
        "audit_events",
        ["account_id", "position"],
        unique=True,
        sqlite_where=sa.text("position IS NOT NULL"),
        postgresql_where=sa.text("position IS NOT NULL"),
    )
    op.create_index(
        "uq_audit_events_position_of_installation",
        "audit_events",
        ["position"],
        unique=True,
        sqlite_where=sa.text("account_id IS NULL AND position IS NOT NULL"),
        postgresql_where=sa.text("account_id IS NULL AND position IS NOT NULL"),
    )
    op.create_table(
        "audit_signing_keys",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_signing_keys")),
    )
    op.create_table(
        "authenticators",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("given_away", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("last_used_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authenticators")),
    )
    op.create_index(op.f("ix_authenticators_key_id"), "authenticators", ["key_id"], unique=False)
    op.create_index(op.f("ix_authenticators_user_id"), "authenticators", ["user_id"], unique=False)
    op.create_table(
        "backup_codes",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("spent_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_backup_codes")),
    )
    op.create_table(
        "encryption_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("check_box", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encryption_keys")),
    )
    op.create_table(
        "enrolments",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("opener", sa.Text(), nullable=False),
        sa.Column("security_version", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("replaces", sa.Uuid(), nullable=True),
        sa.Column("new_backup_code", sa.Boolean(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("box", sa.LargeBinary(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_enrolments")),
        sa.UniqueConstraint("id", name=op.f("uq_enrolments_id")),
    )
    op.create_index(op.f("ix_enrolments_account_id"), "enrolments", ["account_id"], unique=False)
    op.create_index(op.f("ix_enrolments_expires_at"), "enrolments", ["expires_at"], unique=False)
    op.create_table(
        "known_clients",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", "user_id", name=op.f("pk_known_clients")),
    )
    op.create_index(op.f("ix_known_clients_expires_at"), "known_clients", ["expires_at"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "mailbox_budgets",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("closed_until", UtcTime(), nullable=True),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.Column("mails_since", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_mailbox_budgets")),
    )
    op.create_index(
        "ix_mailbox_budgets_closed",
        "mailbox_budgets",
        ["account_id"],
        unique=False,
        sqlite_where=sa.text("closed_until IS NOT NULL"),
        postgresql_where=sa.text("closed_until IS NOT NULL"),
    )
    op.create_table(
        "not_me_links",
        sa.Column("letter", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("happened_at", UtcTime(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("letter", name=op.f("pk_not_me_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_not_me_links_token_hash")),
    )
    op.create_index(op.f("ix_not_me_links_expires_at"), "not_me_links", ["expires_at"], unique=False)
    op.create_index(op.f("ix_not_me_links_user_id"), "not_me_links", ["user_id"], unique=False)
    op.create_table(
        "operator_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("last_used_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_operator_keys_key_hash")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("settled_at", UtcTime(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_due_at", "outbox", ["due_at"], unique=False)
    op.create_index("ix_outbox_settled_at", "outbox", ["settled_at"], unique=False)
    op.create_table(
        "password_links",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("letter", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("password_set_at", UtcTime(), nullable=True),
        sa.Column("asked_at", UtcTime(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_password_links")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_password_links_token_hash")),
    )
    op.create_index(op.f("ix_password_links_account_id"), "password_links", ["account_id"], unique=False)
    op.create_index(op.f("ix_password_links_expires_at"), "password_links", ["expires_at"], unique=False)
    op.create_table(
        "password_throttles",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcTime(), nullable=False),
        sa.Column("forget_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_password_throttles")),
    )
    op.create_index(op.f("ix_password_throttles_forget_at"), "password_throttles", ["forget_at"], unique=False)
    op.create_table(
        "policy_reminders",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("due", UtcTime(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sent_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "due", "days", name=op.f("pk_policy_reminders")),
    )
    op.create_index("ix_policy_reminders_due", "policy_reminders", ["due"], unique=False)
    op.create_table(
        "removals",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_removals")),
    )
    op.create_index(op.f("ix_removals_expires_at"), "removals", ["expires_at"], unique=False)
    op.create_table(
        "reset_cases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("requested_by", sa.Uuid(), nullable=True),
        sa.Column("requester_kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_at", UtcTime(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("second_factor_since", UtcTime(), nullable=True),
        sa.Column("factors_changed_at", UtcTime(), nullable=True),
        sa.Column("letter", sa.Uuid(), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("sent_at", UtcTime(), nullable=True),
        sa.Column("valid_until", UtcTime(), nullable=True),
        sa.Column("password_tries", sa.Integer(), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", UtcTime(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reset_cases")),
    )
    op.create_index(
        "ix_reset_cases_account_id_requested_at_id", "reset_cases", ["account_id", "requested_at", "id"], unique=False
    )
    op.create_index("ix_reset_cases_requested_at_id", "reset_cases", ["requested_at", "id"], unique=False)
    op.create_index(
        "ix_reset_cases_user_id_requested_at_id", "reset_cases", ["user_id", "requested_at", "id"], unique=False
    )
    op.create_index(
        "uq_reset_cases_open_of_user",
        "reset_cases",
        ["user_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('requested', 'sent')"),
        postgresql_where=sa.text("state IN ('requested', 'sent')"),
    )
    op.create_table(
        "reset_events",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_reset_events")),
    )
    op.create_index("ix_reset_events_case_id_number", "reset_events", ["case_id", "number"], unique=False)
    op.create_table(
        "reset_links",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sent_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_reset_links")),
    )
    op.create_index(op.f("ix_reset_links_case_id"), "reset_links", ["case_id"], unique=False)
    op.create_index(op.f("ix_reset_links_sent_at"), "reset_links", ["sent_at"], unique=False)
    op.create_table(
        "second_factor_budgets",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("wrong_in_row", sa.Integer(), nullable=False),
        sa.Column("last_locked_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_second_factor_budgets")),
    )
    op.create_index(
        "ix_second_factor_budgets_ever_locked",
        "second_factor_budgets",
        ["account_id"],
        unique=False,
        sqlite_where=sa.text("last_locked_at IS NOT NULL"),
        postgresql_where=sa.text("last_locked_at IS NOT NULL"),
    )
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("security_version", sa.Integer(), nullable=False),
        sa.Column("methods", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("authenticated_at", UtcTime(), nullable=False),
        sa.Column("last_seen_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sessions")),
        sa.UniqueConstraint("id", name=op.f("uq_sessions_id")),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"], unique=False)
    op.create_table(
        "sign_in_attempts",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("methods", sa.Text(), nullable=False),
        sa.Column("security_version", sa.Integer(), nullable=False),
        sa.Column("return_to", sa.Text(), nullable=False),
        sa.Column("known_client", sa.LargeBinary(length=32), nullable=True),
        sa.Column("mailed", sa.Boolean(), nullable=False),
        sa.Column("mail_key_id", sa.Text(), nullable=True),
        sa.Column("mail_box", sa.LargeBinary(), nullable=True),
        sa.Column("mail_expires_at", UtcTime(), nullable=True),
        sa.Column("backup_key_id", sa.Text(), nullable=True),
        sa.Column("backup_box", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_attempts")),
        sa.UniqueConstraint("id", name=op.f("uq_sign_in_attempts_id")),
    )
    op.create_index(op.f("ix_sign_in_attempts_expires_at"), "sign_in_attempts", ["expires_at"], unique=False)
    op.create_index(op.f("ix_sign_in_attempts_user_id"), "sign_in_attempts", ["user_id"], unique=False)
    op.create_table(
        "account_domains",
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_account_domains_account_id")),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_account_domains")),
    )
    op.create_index(op.f("ix_account_domains_account_id"), "account_domains", ["account_id"], unique=False)
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("surname_key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("licensed", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("frozen_at", UtcTime(), nullable=True),
        sa.Column("security_version", sa.Integer(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("password_set_at", UtcTime(), nullable=True),
        sa.Column("password_unproven", sa.Boolean(), nullable=False),
        sa.Column("second_factor_since", UtcTime(), nullable=True),
        sa.Column("factors_changed_at", UtcTime(), nullable=True),
        sa.Column("reset_confirmed_at", UtcTime(), nullable=True),
        sa.Column("exception_until", UtcTime(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_users_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
    )
    op.create_index("ix_users_account_id_email_key", "users", ["account_id", "email_key"], unique=False)
    op.create_index("ix_users_account_id_name_key_id", "users", ["account_id", "name_key", "id"], unique=False)
    op.create_index("ix_users_account_id_role", "users", ["account_id", "role"], unique=False)
    op.create_index(
        "ix_users_account_id_second_factor_since",
        "users",
        ["account_id", "second_factor_since"],
        unique=False,
        sqlite_where=sa.text("second_factor_since IS NOT NULL"),
        postgresql_where=sa.text("second_factor_since IS NOT NULL"),
    )
    op.create_index("ix_users_account_id_surname_key", "users", ["account_id", "surname_key"], unique=False)
    op.create_index(
        "ix_users_excepted",
        "users",
        ["account_id", "name_key", "id"],
        unique=False,
        sqlite_where=sa.text("exception_until IS NOT NULL"),
        postgresql_where=sa.text("exception_until IS NOT NULL"),
    )
    op.create_index(
        "ix_users_exception_until",
        "users",
        ["exception_until"],
        unique=False,
        sqlite_where=sa.text("exception_until IS NOT NULL"),
        postgresql_where=sa.text("exception_until IS NOT NULL"),
    )
    op.create_index(
        "ix_users_frozen",
        "users",
        ["account_id", "name_key", "id"],
        unique=False,
        sqlite_where=sa.text("frozen_at IS NOT NULL"),
        postgresql_where=sa.text("frozen_at IS NOT NULL"),
    )
    op.create_index(
        "ix_users_inactive",
        "users",
        ["account_id", "name_key", "id"],
        unique=False,
        sqlite_where=sa.text("active = 0"),
        postgresql_where=sa.text("NOT active"),
    )
    op.create_index("ix_users_name_key_id", "users", ["name_key", "id"], unique=False)
    op.create_index(
        "ix_users_protected",
        "users",
        ["account_id", "name_key", "id"],
        unique=False,
        sqlite_where=sa.text("second_factor_since IS NOT NULL"),
        postgresql_where=sa.text("second_factor_since IS NOT NULL"),
    )
    op.create_index("ix_users_surname_key", "users", ["surname_key"], unique=False)
    op.create_index(
        "ix_users_unprotected",
        "users",
        ["account_id", "licensed", "name_key", "id"],
        unique=False,
        sqlite_where=sa.text("second_factor_since IS NULL AND active = 1"),
        postgresql_where=sa.text("second_factor_since IS NULL AND active"),
    )
    op.create_index(
        "ix_users_without_password",
        "users",
        ["account_id", "name_key", "id"],
        unique=False,
        sqlite_where=sa.text("password_hash IS NULL"),
        postgresql_where=sa.text("password_hash IS NULL"),
    )
    _guard_the_audit_log()
    _create_operator_account()


def downgrade() -> None:  # noqa: PLR0915 - the same
    op.drop_index(
        "ix_users_without_password",
        table_name="users",
        sqlite_where=sa.text("password_hash IS NULL"),
        postgresql_where=sa.text("password_hash IS NULL"),
    )
    op.drop_index(
        "ix_users_unprotected",
        table_name="users",
        sqlite_where=sa.text("second_factor_since IS NULL AND active = 1"),
        postgresql_where=sa.text("second_factor_since IS NULL AND active"),
    )
    op.drop_index("ix_users_surname_key", table_name="users")
    op.drop_index(
        "ix_users_protected",
        table_name="users",
        sqlite_where=sa.text("second_factor_since IS NOT NULL"),
        postgresql_where=sa.text("second_factor_since IS NOT NULL"),
    )
    op.drop_index("ix_users_name_key_id", table_name="users")
    op.drop_index(
        "ix_users_inactive",
        table_name="users",
        sqlite_where=sa.text("active = 0"),
        postgresql_where=sa.text("NOT active"),
    )
    op.drop_index(
        "ix_users_frozen",
        table_name="users",
        sqlite_where=sa.text("frozen_at IS NOT NULL"),
        postgresql_where=sa.text("frozen_at IS NOT NULL"),
    )
    op.drop_index(
        "ix_users_exception_until",
        table_name="users",
        sqlite_where=sa.text("exception_until IS NOT NULL"),
        postgresql_where=sa.text("exception_until IS NOT NULL"),
    )
    op.drop_index(
        "ix_users_excepted",
        table_name="users",
        sqlite_where=sa.text("exception_until IS NOT NULL"),
        postgresql_where=sa.text("exception_until IS NOT NULL"),
    )
    op.drop_index("ix_users_account_id_surname_key", table_name="users")
    op.drop_index(
        "ix_users_account_id_second_factor_since",
        table_name="users",
        sqlite_where=sa.text("second_factor_since IS NOT NULL"),
        postgresql_where=sa.text("second_factor_since IS NOT NULL"),
    )
    op.drop_index("ix_users_account_id_role", table_name="users")
    op.drop_index("ix_users_account_id_name_key_id", table_name="users")
    op.drop_index("ix_users_account_id_email_key", table_name="users")
    op.drop_table("users")
    op.drop_index(op.f("ix_account_domains_account_id"), table_name="account_domains")
    op.drop_table("account_domains")
    op.drop_index(op.f("ix_sign_in_attempts_user_id"), table_name="sign_in_attempts")
    op.drop_index(op.f("ix_sign_in_attempts_expires_at"), table_name="sign_in_attempts")
    op.drop_table("sign_in_attempts")
    op.drop_index("ix_sessions_user_id", table_name="sessions")
    op.drop_index("ix_sessions_expires_at", table_name="sessions")
    op.drop_table("sessions")
    op.drop_index(
        "ix_second_factor_budgets_ever_locked",
        table_name="second_factor_budgets",
        sqlite_where=sa.text("last_locked_at IS NOT NULL"),
        postgresql_where=sa.text("last_locked_at IS NOT NULL"),
    )
    op.drop_table("second_factor_budgets")
    op.drop_index(op.f("ix_reset_links_sent_at"), table_name="reset_links")
    op.drop_index(op.f("ix_reset_links_case_id"), table_name="reset_links")
    op.drop_table("reset_links")
    op.drop_index("ix_reset_events_case_id_number", table_name="reset_events")
    op.drop_table("reset_events")
    op.drop_index(
        "uq_reset_cases_open_of_user",
        table_name="reset_cases",
        sqlite_where=sa.text("state IN ('requested', 'sent')"),
        postgresql_where=sa.text("state IN ('requested', 'sent')"),
    )
    op.drop_index("ix_reset_cases_user_id_requested_at_id", table_name="reset_cases")
    op.drop_index("ix_reset_cases_requested_at_id", table_name="reset_cases")
    op.drop_index("ix_reset_cases_account_id_requested_at_id", table_name="reset_cases")
    op.drop_table("reset_cases")
    op.drop_index(op.f("ix_removals_expires_at"), table_name="removals")
    op.drop_table("removals")
    op.drop_index("ix_policy_reminders_due", table_name="policy_reminders")
    op.drop_table("policy_reminders")
    op.drop_index(op.f("ix_password_throttles_forget_at"), table_name="password_throttles")
    op.drop_table("password_throttles")
    op.drop_index(op.f("ix_password_links_expires_at"), table_name="password_links")
    op.drop_index(op.f("ix_password_links_account_id"), table_name="password_links")
    op.drop_table("password_links")
    op.drop_index("ix_outbox_settled_at", table_name="outbox")
    op.drop_index("ix_outbox_due_at", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("operator_keys")
    op.drop_index(op.f("ix_not_me_links_user_id"), table_name="not_me_links")
    op.drop_index(op.f("ix_not_me_links_expires_at"), table_name="not_me_links")
    op.drop_table("not_me_links")
    op.drop_index(
        "ix_mailbox_budgets_closed",
        table_name="mailbox_budgets",
        sqlite_where=sa.text("closed_until IS NOT NULL"),
        postgresql_where=sa.text("closed_until IS NOT NULL"),
    )
    op.drop_table("mailbox_budgets")
    op.drop_table("leases")
    op.drop_index(op.f("ix_known_clients_expires_at"), table_name="known_clients")
    op.drop_table("known_clients")
    op.drop_index(op.f("ix_enrolments_expires_at"), table_name="enrolments")
    op.drop_index(op.f("ix_enrolments_account_id"), table_name="enrolments")
    op.drop_table("enrolments")
    op.drop_table("encryption_keys")
    op.drop_table("backup_codes")
    op.drop_index(op.f("ix_authenticators_user_id"), table_name="authenticators")
    op.drop_index(op.f("ix_authenticators_key_id"), table_name="authenticators")
    op.drop_table("authenticators")
    op.drop_table("audit_signing_keys")
    op.drop_index(
        "uq_audit_events_position_of_installation",
        table_name="audit_events",
        sqlite_where=sa.text("account_id IS NULL AND position IS NOT NULL"),
        postgresql_where=sa.text("account_id IS NULL AND position IS NOT NULL"),
    )
    op.drop_index(
        "uq_audit_events_account_id_position",
        table_name="audit_events",
        sqlite_where=sa.text("position IS NOT NULL"),
        postgresql_where=sa.text("position IS NOT NULL"),
    )
    op.drop_index(
        "ix_audit_events_unsealed",
        table_name="audit_events",
        sqlite_where=sa.text("hash IS NULL"),
        postgresql_where=sa.text("hash IS NULL"),
    )
    op.drop_index("ix_audit_events_subject_id_at_number", table_name="audit_events")
    op.drop_index("ix_audit_events_account_id_kind_at_number", table_name="audit_events")
    op.drop_index("ix_audit_events_account_id_at_number", table_name="audit_events")
    op.drop_index(
        "ix_audit_events_account_id_actor_id_at_number",
        table_name="audit_events",
        sqlite_where=sa.text("actor_id IS NOT NULL AND (subject_id IS NULL OR subject_id <> actor_id)"),
        postgresql_where=sa.text("actor_id IS NOT NULL AND (subject_id IS NULL OR subject_id <> actor_id)"),
    )
    op.drop_table("audit_events")
    op.drop_table("audit_chains")
    op.drop_index("ix_accounts_required_from", table_name="accounts")
    op.drop_index("ix_accounts_name_key_id", table_name="accounts")
    op.drop_index("ix_accounts_created_at_id", table_name="accounts")
    op.drop_table("accounts")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_log_is_append_only()")


# An UPDATE of which this is true is refused: only an event without a hash may get one, and nothing else changes.
CHANGES_AN_EVENT = """OLD.hash IS NOT NULL OR NEW.hash IS NULL OR NEW.position IS NULL
    OR NEW.number <> OLD.number OR NEW.id <> OLD.id OR NEW.at <> OLD.at OR NEW.kind <> OLD.kind
    OR NEW.result <> OLD.result OR NEW.actor_kind <> OLD.actor_kind OR NEW.address <> OLD.address
    OR NEW.browser <> OLD.browser OR NEW.request_id <> OLD.request_id OR NEW.details <> OLD.details
    OR NEW.account_id IS DISTINCT FROM OLD.account_id OR NEW.actor_id IS DISTINCT FROM OLD.actor_id
    OR NEW.subject_id IS DISTINCT FROM OLD.subject_id OR NEW.reason IS DISTINCT FROM OLD.reason"""
TURNS_A_CHAIN_BACK = "NEW.chain <> OLD.chain OR NEW.position <= OLD.position"


def _guard_the_audit_log() -> None:
    """Refuse to change or delete what the audit log holds, whoever asks: a slip, or SQL that somebody smuggled in."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$"
        )
    for table, refused in (("audit_events", CHANGES_AN_EVENT), ("audit_chains", TURNS_A_CHAIN_BACK)):
        _refuse(table, "UPDATE", refused)
        _refuse(table, "DELETE", None)


def _refuse(table: str, change: str, when: str | None) -> None:
    condition = f"WHEN ({when})" if when else ""
    name = f"{table}_refuses_{change.lower()}"
    if op.get_bind().dialect.name == "postgresql":
        act = "EXECUTE FUNCTION audit_log_is_append_only()"
        op.execute(f"CREATE TRIGGER {name} BEFORE {change} ON {table} FOR EACH ROW {condition} {act}")
        if change == "DELETE":
            op.execute(f"CREATE TRIGGER {table}_refuses_truncate BEFORE TRUNCATE ON {table} {act}")
    else:
        act = "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {change} ON {table} {condition.replace('DISTINCT FROM', 'NOT')} {act}"
        )


def _create_operator_account() -> None:
    """Support agents live in it; it serves all other accounts."""
    accounts = sa.table(
        "accounts",
        sa.column("id", sa.Uuid),
        sa.column("name", sa.Text),
        sa.column("name_key", sa.Text),
        sa.column("edition", sa.Text),
        sa.column("is_operator", sa.Boolean),
        sa.column("sso", sa.Boolean),
        sa.column("policy", sa.Text),
        sa.column("created_at", UtcTime),
    )
    operator = {
        "id": new_id(),
        "name": "Operator",
        "name_key": "operator",
        "edition": "operator",
        "is_operator": True,
        "sso": False,
        "policy": "optional",
        "created_at": now(),
    }
    op.bulk_insert(accounts, [operator])
