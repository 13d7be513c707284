"""Every table of every feature, gathered for migrations and checks."""

from twofold.abuse import tables as abuse
from twofold.admin import tables as admin
from twofold.audit import tables as audit
from twofold.directory import tables as directory
from twofold.factors import tables as factors
from twofold.factors.backup_code import tables as backup_code
from twofold.factors.passkeys import tables as passkeys
from twofold.factors.totp import tables as totp
from twofold.kit import leases
from twofold.kit.crypto import keyring
from twofold.kit.mail import outbox
from twofold.kit.sql.database import metadata
from twofold.lockouts import tables as lockouts
from twofold.oidc import application_tables, grant_tables, key_tables, logout_tables, use_tables
from twofold.provisioning import tables as provisioning
from twofold.recovery import tables as recovery
from twofold.resets import tables as resets
from twofold.sessions import tables as sessions
from twofold.signin import tables as signin

TABLE_MODULES = (
    abuse, admin, application_tables, audit, backup_code, directory, factors, grant_tables, key_tables, keyring, leases,
    lockouts, logout_tables, outbox, passkeys, provisioning, recovery, resets, sessions, signin, totp, use_tables,
)  # fmt: skip

# The one order in which a transaction locks rows of existing tables; docs/architecture.md says how it is kept.
# Whoever needs two of them takes the upper one first, so nobody ever waits in a circle. Of several rows of one table
# the smaller id comes first.
LOCK_ORDER = (
    "leases",
    "outbox",  # a letter that is delivered; to post one is a row of its own
    "sign_in_attempts",
    "accounts",
    "account_domains",
    "users",
    "user_search",  # by the triggers of `users` alone
    "user_preferences",
    "password_throttles",
    "reset_cases",
    "help_requests",
    "second_factor_budgets",
    "authenticators",
    "spent_challenges",
    "passkeys",
    "backup_codes",
    "enrolments",
    "passkey_registrations",
    "removals",
    "unknown_wrong_codes",
    "mailbox_budgets",
    "passkey_users",
    "password_links",
    "browser_links",
    "not_me_links",
    "authorizations",
    "authorization_codes",
    "application_rules",
    "application_uses",
    "refresh_tokens",
    "access_tokens",
    "grants",
    "sessions",
    "ended_sessions",
    "destinations",
    "logout_deliveries",
    "applications",
    "application_secrets",
    "client_assertions",
    "known_clients",
    "policy_reminders",
    "adoption_counts",
    "operator_keys",
    "blocked_networks",
    "encryption_keys",
    "audit_signing_keys",
    "oidc_keys",
    "audit_chains",
    "audit_events",
    "discarded_events",
    "refusal_counts",
)

__all__ = ["LOCK_ORDER", "TABLE_MODULES", "metadata"]
