"""What operators and administrators change about users: every rule in one place, whoever asks.

The account's row is held before the user's, because rules count seats and administrators.
"""

from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import accounts_flow, add_user_flow, notice_flow, refusals
from twofold.directory import flow as directory
from twofold.directory.account import Account
from twofold.directory.email_address import email_key
from twofold.directory.person_name import name_values
from twofold.directory.refusals import Refused
from twofold.directory.rules import Fault, fault_of_email, fault_of_name
from twofold.directory.user import User
from twofold.events import directory_kinds
from twofold.events.notices import Notice
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.recovery import flow as recovery
from twofold.resets import flow as resets
from twofold.resets.case import CloseReason
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason

# What an administrator may change of somebody in their account. Address and password are not theirs: whoever sets them
# could sign in as that person.
BY_ADMINS = frozenset({"role", "licensed", "active", "exception_until", "name"})
# What ends somebody's sessions; the first that is changed is the reason.
ENDS_SESSIONS = {
    "active": EndReason.DEACTIVATED,
    "password": EndReason.PASSWORD_CHANGED,
    "email": EndReason.EMAIL_CHANGED,
    "role": EndReason.ROLE_CHANGED,
}


class Keep(Enum):
    """Stands for a value that stays as it is, where None means something else."""

    AS_IS = "as it is"


class UserChange(NamedTuple):
    """What is to be changed of a user; None leaves a value as it is, but for `exception_until`: None ends it."""

    role: str | None = None
    licensed: bool | None = None
    active: bool | None = None
    exception_until: datetime | Keep | None = Keep.AS_IS
    email: str | None = None
    name: str | None = None
    password: str | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What is said, by field."""
        said = {name: value for name, value in self._asdict().items() if value is not None}
        if self.exception_until is None:
            said["exception_until"] = None
        return {name: value for name, value in said.items() if value is not Keep.AS_IS}


def change_user(
    context: AppContext,
    *,
    origin: Origin,
    subject_id: UUID,
    change: UserChange,
    within: UUID | None,
) -> User | Refused | None:
    """Change a user; `within` is the account of an administrator who asks, None for the operator.

    None is returned when there is nobody by that id whom the asker oversees; support agents are never changed here.
    """
    with context.db.read() as connection:
        found = directory.find_user(connection, subject_id)
    if found is None or found.is_operator or (within is not None and found.account_id != within):
        return None
    refused = _why_not(found, change, origin.at, within)
    if refused:
        return refused
    hashed: str | Refused | None = None
    if change.password is not None:
        hashed = add_user_flow.hash_password(
            context, change.password, change.email or found.email, change.name or found.name
        )
    if isinstance(hashed, Refused):
        return hashed
    try:
        with context.db.write() as connection:
            account = accounts_flow.lock_account(connection, found.account_id)
            user = directory.lock_user_row(connection, subject_id)
            if account is None or user is None:
                return None
            return _apply(context, connection, account, user, change, hashed, origin=origin)
    except sa.exc.IntegrityError:
        return refusals.email_taken()


def _why_not(user: User, change: UserChange, at: datetime, within: UUID | None) -> Refused | None:
    """Say what is wrong with a change as it is asked for, before anything is looked up or hashed."""
    told = change.told
    fault = None
    if within is not None and (foreign := sorted(told.keys() - BY_ADMINS)):
        return Refused("not_allowed", foreign[0], "Only the operator changes this; the person can do it themselves.")
    if change.role not in {None, "member", "admin"}:
        fault = Fault("role", "A role is member or admin.")
    elif change.email is not None:
        fault = fault_of_email(change.email)
    if fault is None and change.name is not None:
        fault = fault_of_name(change.name)
    if fault is None and isinstance(change.exception_until, datetime) and change.exception_until <= at:
        fault = Fault("exception_until", "Choose a moment that lies ahead.")
    if fault is not None:
        return refusals.invalid(fault)
    if change.password is not None and user.sso:
        return refusals.sso_has_no_password()
    return None


def _apply(
    context: AppContext,
    connection: sa.Connection,
    account: Account,
    user: User,
    change: UserChange,
    hashed: str | None,
    *,
    origin: Origin,
) -> User | Refused:
    after = _after(user, change)
    changed = _what_changed(user, after, hashed)
    if not changed:
        return user
    refused = _why_not_now(connection, account, user, after, hashed)
    if refused:
        return refused
    ends = next((reason for what, reason in ENDS_SESSIONS.items() if what in changed), None)
    directory.change_user(
        connection, user.id, _columns(after, changed, hashed, origin.at), ends_sessions=ends is not None
    )
    _void_what_was_mailed(connection, after, changed, origin.at)
    if ends is not None:
        sessions.end_outdated(connection, user.id, ends, origin.at)
    audit.record(
        connection,
        directory_kinds.UserChanged(_details(user, after, changed)),
        origin=origin,
        account_id=user.account_id,
        subject_id=user.id,
    )
    _notify(context, connection, user, after, changed, origin)
    held = directory.find_user(connection, user.id)
    return user if held is None else held


def _void_what_was_mailed(connection: sa.Connection, after: User, changed: set[str], at: datetime) -> None:
    """End links that lie in a mailbox, where they went to another address or the person may not sign in any more."""
    leaves = "active" in changed and not after.active
    if leaves or "email" in changed:
        why = CloseReason.INACTIVE if leaves else CloseReason.EMAIL_CHANGED
        resets.close_cases_of(connection, after.id, at, why=why)
    if leaves or changed & {"email", "password"}:
        recovery.void_links(connection, after.id)


def _after(user: User, change: UserChange) -> User:
    """Return the person as they are to be, but for what the database sets."""
    told = {name: value for name, value in change.told.items() if name != "password"}
    if change.email is not None:
        told |= {"email": change.email.strip(), "email_key": email_key(change.email)}
    if change.name is not None:
        told["name"] = change.name.strip()
    return user._replace(**told)


def _what_changed(before: User, after: User, hashed: str | None) -> set[str]:
    """Name what changes; an address that is only spelled another way is `spelling`, and the same mailbox."""
    changed = {
        name
        for name in ("role", "licensed", "active", "exception_until", "name")
        if getattr(before, name) != getattr(after, name)
    }
    if before.email_key != after.email_key:
        changed.add("email")
    elif before.email != after.email:
        changed.add("spelling")
    if hashed is not None:
        changed.add("password")
    return changed


def _why_not_now(
    connection: sa.Connection, account: Account, before: User, after: User, hashed: str | None
) -> Refused | None:
    """Apply the rules that look at others in the account, whose row is held."""
    was_admin, is_admin = (user.role == "admin" and user.active for user in (before, after))
    if was_admin and not is_admin and _leaves_nobody_in_charge(connection, account, before):
        why = "Somebody else who has signed in and can act must be administrator first: this is the last one."
        return Refused("last_admin", "role", why)
    if before.is_placeholder and after.is_placeholder and hashed is not None:
        return refusals.email_taken()  # nobody could sign in with it
    had_seat, has_seat = (user.licensed and user.active for user in (before, after))
    if has_seat and not had_seat and (refused := accounts_flow.why_no_seat(connection, account)):
        return refused
    if hashed is not None and account.sso:  # since a moment ago
        return refusals.sso_has_no_password()
    if before.email_key != after.email_key and directory.find_user_by_email(connection, after.email) is not None:
        return refusals.email_taken()
    if after.active and (before.email_key != after.email_key or not before.active):
        return accounts_flow.why_not_domain(connection, after.email, account.id)
    return None


def _leaves_nobody_in_charge(connection: sa.Connection, account: Account, admin: User) -> bool:
    """Tell whether an account would be left without an administrator, or only with such as never came or cannot come.

    Where none of them ever came they can be exchanged for each other: nobody is lost who could act. With single sign-on
    they sign in elsewhere, which is not seen here.
    """
    if directory.other_admins(connection, account.id, admin.id) == 0:
        return True
    return not account.sso and lockouts.is_last_who_can_act(connection, admin)


def _columns(after: User, changed: set[str], hashed: str | None, at: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: getattr(after, name) for name in changed & {"role", "licensed", "active", "exception_until"}
    }
    if "name" in changed:
        values |= name_values(after.name)
    if changed & {"email", "spelling"}:
        values |= {"email": after.email, "email_key": after.email_key}
    if hashed is not None:
        values |= {"password_hash": hashed, "password_set_at": at, "password_unproven": False}
    return values


def _details(before: User, after: User, changed: set[str]) -> dict[str, Any]:
    """Say what was before and is after; of a password only that it was set."""
    names = {"email" if name == "spelling" else name for name in changed} - {"password"}
    details: dict[str, Any] = {
        name: {"before": getattr(before, name), "after": getattr(after, name)} for name in sorted(names)
    }
    return details | {"password": "set"} if "password" in changed else details


def _notify(
    context: AppContext,
    connection: sa.Connection,
    before: User,
    after: User,
    changed: set[str],
    origin: Origin,
) -> None:
    """Mail the user: a new address to both of them, so that the old mailbox learns where its account went."""
    seen = {"address": origin.client.address, "browser": origin.client.browser}
    if "email" in changed:
        for user in (before, after):
            notice_flow.notify(
                context, connection, user, Notice.ADDRESS_CHANGED, origin.at, old=before.email, new=after.email, **seen
            )
    if "password" in changed:
        notice_flow.notify(context, connection, after, Notice.PASSWORD_CHANGED, origin.at, **seen)
