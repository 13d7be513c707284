"""The time zone of an account, as its administrators set it."""

import msgspec

from twofold.directory import accounts_flow
from twofold.directory import flow as directory
from twofold.directory.accounts_flow import AccountChange
from twofold.directory.refusals import Refused
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session


class ZoneSaved(msgspec.Struct, frozen=True):
    """The days of the account begin in that zone from now on; dates that were set stay the moments they were."""


class NoLongerAdmin(msgspec.Struct, frozen=True):
    """Whoever asks has just lost the right."""


def change_zone(
    context: AppContext, session: Session, zone: str, *, origin: Origin
) -> ZoneSaved | NoLongerAdmin | Refused:
    """Set the time zone of the administrator's account."""
    with context.db.write() as connection:
        account = accounts_flow.lock_account(connection, session.user.account_id)
        actor = directory.find_user(connection, session.user.id)
        if account is None or actor is None or not sessions.goes_on(connection, session, actor):
            return NoLongerAdmin()
        change, by = AccountChange(time_zone=zone), origin.by(acting.user(actor.id))
        outcome = accounts_flow.store_change(connection, account.id, change, origin=by)
        return outcome if isinstance(outcome, Refused) else ZoneSaved()
