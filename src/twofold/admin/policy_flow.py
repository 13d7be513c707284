"""The policy of an account: what it is, whom a change would stop, and the change itself."""

from datetime import datetime

import msgspec
import sqlalchemy as sa

from twofold.admin import policy_records as records
from twofold.admin.policy import Policy, alike, normalised, stops_from
from twofold.admin.policy_records import Stopped
from twofold.audit import flow as audit
from twofold.directory import accounts_flow, notice_flow
from twofold.directory import flow as directory
from twofold.directory.account import Account
from twofold.directory.eligibility import Reason, Standing, eligibility
from twofold.directory.refusals import NoMail
from twofold.directory.user import User
from twofold.events import directory_kinds
from twofold.events.notices import Notice
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session

NOBODY = Stopped((), 0, 0, 0, 0)


class Preview(msgspec.Struct, frozen=True):
    """What a policy would mean: from when it stops whom. Nothing is saved."""

    policy: Policy
    from_at: datetime | None
    stopped: Stopped


class PolicySaved(msgspec.Struct, frozen=True):
    """The policy is saved, and whom it stops."""

    preview: Preview


class NotOffered(msgspec.Struct, frozen=True):
    """Two-factor authentication is not offered in this account at all, so there is nothing to rule."""

    reason: Reason


class WouldLockOutLastAdmin(msgspec.Struct, frozen=True):
    """No administrator of the account has a second factor: one of them must try it first."""


class NoLongerAdmin(msgspec.Struct, frozen=True):
    """Whoever asks has just lost the right."""


PolicyRefused = NotOffered | WouldLockOutLastAdmin | NoMail | NoLongerAdmin


def current(user: User) -> Policy:
    """Return the policy of somebody's account."""
    return Policy(user.policy, user.required_from)


def why_not_offered(context: AppContext, account: User | Account, at: datetime) -> NotOffered | None:
    """Say why nobody of an account is offered two-factor authentication, whatever its policy; None where it is."""
    anybody = Standing("member", licensed=True, exception_until=None, edition=account.edition, sso=account.sso,
                       policy="optional", required_from=None)  # fmt: skip
    told = eligibility(anybody, context.settings.two_factor_editions, at)
    return None if told.offered else NotOffered(told.reason)


def preview(context: AppContext, session: Session, policy: Policy, at: datetime, most: int) -> Preview | PolicyRefused:
    """Tell whom a policy would stop and from when; or why it cannot be saved."""
    with context.db.read() as connection:
        account = accounts_flow.find_account(connection, session.user.account_id)
        if account is None:
            return NoLongerAdmin()
        refused = _why_not(context, connection, account, policy, at)
        return _preview(connection, account, policy, at, most) if refused is None else refused


def change_policy(
    context: AppContext, session: Session, policy: Policy, *, origin: Origin, most: int
) -> PolicySaved | PolicyRefused:
    """Save a policy and tell the administrators; whoever it stops is led to the set-up with their next request."""
    with context.db.write() as connection:
        account = accounts_flow.lock_account(connection, session.user.account_id)
        actor = directory.find_user(connection, session.user.id)
        if account is None or actor is None or not sessions.goes_on(connection, session, actor):
            return NoLongerAdmin()
        refused = _why_not(context, connection, account, policy, origin.at)
        if refused is not None:
            return refused
        before, after = _policy_of(account), normalised(policy, origin.at)
        if not alike(before, after, origin.at):
            _save(context, connection, actor, before, after, origin=origin)
        return PolicySaved(_preview(connection, account, policy, origin.at, most))


def _why_not(
    context: AppContext, connection: sa.Connection, account: Account, policy: Policy, at: datetime
) -> NotOffered | WouldLockOutLastAdmin | NoMail | None:
    refused = why_not_offered(context, account, at)
    if refused is not None:
        return refused
    if not policy.is_required or alike(_policy_of(account), policy, at):
        return None
    if not records.has_protected_admin(connection, account.id):
        return WouldLockOutLastAdmin()
    return None if context.outbox.configured else NoMail()


def _preview(connection: sa.Connection, account: Account, policy: Policy, at: datetime, most: int) -> Preview:
    if not policy.is_required:
        people = records.people_of(connection, account.id)
        return Preview(normalised(policy, at), None, NOBODY._replace(of=people))
    from_at = stops_from(policy, at)
    return Preview(normalised(policy, at), from_at, records.stopped(connection, account.id, from_at, most))


def _save(
    context: AppContext,
    connection: sa.Connection,
    actor: User,
    before: Policy,
    after: Policy,
    *,
    origin: Origin,
) -> None:
    accounts_flow.set_policy(connection, actor.account_id, after.policy, after.required_from)
    audit.record(
        connection,
        directory_kinds.PolicyChanged(before=before._asdict(), after=after._asdict()),
        origin=origin.by(acting.user(actor.id)),
        account_id=actor.account_id,
    )
    notice_flow.notify_admins(
        context, connection, actor.account_id, Notice.POLICY_CHANGED, origin.at, by=actor.name, policy=after.policy,
        required_from=after.required_from, before=before.policy,
    )  # fmt: skip


def _policy_of(account: Account) -> Policy:
    return Policy(account.policy, account.required_from)
