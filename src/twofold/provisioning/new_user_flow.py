"""A new user, as operators make one: with a password, or with an invitation to choose one."""

from typing import NamedTuple
from uuid import UUID

from twofold.directory import accounts_flow, add_user_flow
from twofold.directory import flow as directory
from twofold.directory.add_user_flow import NewUser
from twofold.directory.refusals import Refused
from twofold.directory.user import User
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.recovery import flow as recovery
from twofold.recovery.outcomes import Invited


class MadeUser(NamedTuple):
    """The user is made; `invited` where a letter with a link to choose a password is on its way."""

    user: User
    invited: bool


def create_user(
    context: AppContext,
    account_id: UUID | None,
    new: NewUser,
    *,
    origin: Origin,
) -> MadeUser | Refused | None:
    """Make a user in an account (None: the operator's own, for support agents). None: there is no such account.

    Without a password they are invited by mail, in the same transaction; who signs in elsewhere needs neither.
    """
    prepared = add_user_flow.prepare_user(context, new)
    if isinstance(prepared, Refused):
        return prepared
    if _needs_mail(context, account_id, new) and not context.outbox.configured:
        why = "Without a password an invitation is mailed, and there is no mail server (TWOFOLD_SMTP_URL)."
        return Refused("no_mail", "password", why)
    with context.db.write() as connection:
        made = add_user_flow.add_user(connection, account_id, prepared, origin=origin)
        if not isinstance(made, UUID):
            return made
        user = directory.find_user(connection, made)
        if user is None:
            return None
        invited = recovery.invite(context, connection, user, origin)
    return MadeUser(user, isinstance(invited, Invited))


def _needs_mail(context: AppContext, account_id: UUID | None, new: NewUser) -> bool:
    if new.password is not None or not new.active:
        return False
    if account_id is None:
        return True
    with context.db.read() as connection:
        account = accounts_flow.find_account(connection, account_id)
    return account is not None and not account.sso
