"""After a backup was brought back: what was used since it was made must not work a second time.

The database has forgotten the last minutes; the people in it have not. Which codes and links were used in them nobody
can know, so all that could have been are void. docs/decisions/0011-restore.md weighs what that costs.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory.tables import accounts, users
from twofold.events import directory_kinds
from twofold.factors.backup_code.tables import backup_codes
from twofold.factors.passkeys.tables import passkey_registrations
from twofold.factors.tables import removals
from twofold.factors.totp import codes as totp
from twofold.factors.totp.tables import authenticators, enrolments
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.sql.database import Database
from twofold.oidc.grant_tables import access_tokens, authorization_codes, authorizations, refresh_tokens
from twofold.recovery.tables import browser_links, not_me_links, password_links
from twofold.resets.case import OPEN_STATES, State
from twofold.resets.tables import reset_cases, reset_events
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason
from twofold.sessions.tables import destinations
from twofold.signin.tables import sign_in_attempts

# The SHA-256 of nothing that anybody could type.
NOBODYS_HASH = bytes(32)

# What is only good while something goes on: whoever is in the middle of it begins again.
BEGUN = (
    destinations, sign_in_attempts, enrolments, passkey_registrations, removals, authorizations, authorization_codes,
    access_tokens, refresh_tokens,
)  # fmt: skip

# What stays as the backup has it, and why that is safe.
KEPT: Mapping[str, str] = {
    "adoption_counts": "days since the backup are reckoned, or count as the day before them",
    "accounts": "what an operator and an administrator said last is theirs to look through",
    "account_domains": "the same",
    "application_secrets": "a secret replaced since works again: the command says to look through them",
    "application_rules": "what an administrator said last is theirs to look through",
    "application_uses": "access taken back since stands again, without a token",
    "applications": "as the backup has them: the command says to look through them",
    "audit_chains": "the chain goes on from where the backup left it; an export signed later shows the gap",
    "audit_events": "append-only; the restore is an event of its own",
    "audit_signing_keys": "the same key goes on signing",
    "blocked_networks": "as the backup has it: the command says to look through the list",
    "ended_sessions": "whoever was told of an ending since may be told again",
    "client_assertions": "each is over within five minutes",
    "discarded_events": "nobody's, and gone within seconds",
    "encryption_keys": "a key that is missing from the ring is named at the start",
    "grants": "give nothing without a session; they say which applications to tell that those have ended",
    "help_requests": "asks, and changes nothing",
    "known_clients": "opens nothing: a count of its own for passwords",
    "leases": "run out by themselves",
    "logout_deliveries": "an application may be told twice of a sign-out, under the same `jti`",
    "mailbox_budgets": "counts go back to the backup's; the codes they guard are void",
    "oidc_keys": "a key that the backup lacks signs nothing more; applications fetch the others anew",
    "operator_keys": "a key revoked since works again: the command says to look through them",
    "outbox": "a letter may come twice, under the same Message-ID; one whose link or code is void is dropped",
    "passkey_users": "opens nothing: how authenticators know somebody",
    "passkeys": "one removed since works again: the command says to look through them",
    "password_throttles": "waits go back to the backup's",
    "policy_reminders": "a reminder may come twice",
    "refusal_counts": "the last hours are counted too low: a report, which decides nothing",
    "reset_events": "the history of a case, with its end",
    "reset_links": "a link is worth what its case is",
    "spent_challenges": "one answered within ten minutes before the restore could be answered once more, with the "
    "same signature",
    "second_factor_budgets": "counts go back to the backup's: at most five tries more, once a restore",
    "user_preferences": "language and time zone, as the backup has them",
    "user_search": "names and addresses, as `users` has them",
    "unknown_wrong_codes": "the same: at most ten tries more, once a restore",
}


class Restored(NamedTuple):
    """What became void: people to sign in anew, authenticators to wait a code for, backup codes to make anew, links."""

    people: int
    authenticators: int
    backup_codes: int
    links: int


def after_restore(db: Database, *, reason: str, origin: Origin) -> Restored:
    """Make void what may have been used since the backup was made, all or nothing; harmless to run twice.

    No server may run meanwhile, and `at` must be later than anything that one has answered.
    """
    with db.write() as connection:
        done = Restored(
            people=connection.execute(users.update().values(security_version=users.c.security_version + 1)).rowcount,
            authenticators=_spend_codes(connection, origin.at),
            backup_codes=_spend_backup_codes(connection),
            links=_cancel_reset_cases(connection, origin.at) + _void_links(connection, origin.at),
        )
        sessions.end_all(connection, EndReason.RESTORED, origin.at)
        for table in BEGUN:
            connection.execute(table.delete())
        for account_id in (None, *connection.execute(sa.select(accounts.c.id)).scalars()):
            audit.record(
                connection,
                directory_kinds.Restored(done._asdict() if account_id is None else {}),
                origin=origin.by(acting.CONSOLE),
                account_id=account_id,
                reason=reason,
            )
    return done


def _spend_codes(connection: sa.Connection, at: datetime) -> int:
    """Count every code up to the newest that can have been accepted as used; the one after the next works again."""
    newest = totp.step_of(at) + totp.WINDOW
    older = authenticators.c.last_step < newest
    return connection.execute(authenticators.update().where(older).values(last_step=newest)).rowcount


def _spend_backup_codes(connection: sa.Connection) -> int:
    """Count every backup code as used; its owner is asked to make a new one."""
    open_ones = backup_codes.c.code_hash != NOBODYS_HASH
    spent = {"spent_hash": backup_codes.c.code_hash, "code_hash": NOBODYS_HASH, "seen": False}
    return connection.execute(backup_codes.update().where(open_ones).values(spent)).rowcount


def _cancel_reset_cases(connection: sa.Connection, at: datetime) -> int:
    """Cancel the open reset cases: their links may have been answered."""
    is_open = reset_cases.c.state.in_(OPEN_STATES)
    connection.execute(
        reset_events.insert().from_select(
            ["case_id", "account_id", "at", "kind", "actor_kind"],
            sa.select(
                reset_cases.c.id,
                reset_cases.c.account_id,
                sa.literal(at, reset_events.c.at.type),
                sa.literal(State.CANCELLED.value),
                sa.literal(acting.CONSOLE.kind),
            ).where(is_open),
        ),
    )
    ended = {"state": State.CANCELLED, "ended_at": at}
    return connection.execute(reset_cases.update().where(is_open).values(ended)).rowcount


def _void_links(connection: sa.Connection, at: datetime) -> int:
    """Make void what was mailed: passwords to set, invitations, browsers to make known, "this wasn't me"."""
    is_open = not_me_links.c.used_at.is_(None)
    used = connection.execute(not_me_links.update().where(is_open).values(used_at=at)).rowcount
    mailed = sum(connection.execute(table.delete()).rowcount for table in (password_links, browser_links))
    return used + mailed
