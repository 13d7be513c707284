"""How many people of an account have a second factor, lack it, and have to set it up; and its licences."""

from datetime import datetime
from typing import NamedTuple

from twofold.admin import adoption_records
from twofold.admin.adoption import by_state
from twofold.admin.user_filter import Rules
from twofold.admin.user_summary import TwoFactor
from twofold.directory import accounts_flow
from twofold.directory.user import User
from twofold.kit.context import AppContext


class PeopleCounts(NamedTuple):
    """The active people of an account, and the licences in use of its `seats`; None is as many as they like."""

    protected: int
    without: int
    must_set_up: int
    licences: int
    seats: int | None


def count(context: AppContext, viewer: User, rules: Rules, at: datetime) -> PeopleCounts:
    """Count the people of the viewer's account."""
    with context.db.read() as connection:
        counted = adoption_records.counts(connection, viewer.account_id, at)
        account = accounts_flow.find_account(connection, viewer.account_id)
    must_set_up = by_state(counted, rules)[TwoFactor.MUST_SET_UP]
    return PeopleCounts(
        counted.protected, counted.people - counted.protected, must_set_up, counted.licences,
        None if account is None else account.seats,
    )  # fmt: skip
