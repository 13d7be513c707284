"""The language and the time zone that users have chosen for themselves."""

from uuid import UUID

import sqlalchemy as sa

from twofold.directory import preference_records as records
from twofold.directory.refusals import Refused, invalid
from twofold.directory.rules import Fault, fault_of_time_zone
from twofold.directory.user import User
from twofold.kit.context import AppContext
from twofold.kit.moments import LANGUAGES, Choices, Reader
from twofold.kit.words import gettext as _


def choices_of(connection: sa.Connection, user_id: UUID) -> Choices:
    """Return what a user has chosen, with the time zone of their account; of somebody unknown nothing."""
    return records.choices_of(connection, user_id) or Choices()


def choices_of_user(context: AppContext, user_id: UUID) -> Choices:
    """Return the same in a read of its own."""
    with context.db.read() as connection:
        return choices_of(connection, user_id)


def zone_of_account(connection: sa.Connection, account_id: UUID) -> str:
    """Return the time zone in which the days of an account begin."""
    return records.zone_of_account(connection, account_id)


def reader_of_mail(connection: sa.Connection, user_id: UUID) -> Reader:
    """Return how somebody reads moments in a letter, where no browser says it: as they chose, else in their account."""
    chosen = choices_of(connection, user_id)
    return Reader(chosen.language or LANGUAGES[0], chosen.zone or chosen.account_zone)


def choose(connection: sa.Connection, user: User, language: str | None, zone: str | None) -> Refused | None:
    """Store what a user, who is held, has chosen; None for what their browser says. Say why it cannot be."""
    fault = None if zone is None else fault_of_time_zone(zone)
    if language is not None and language not in LANGUAGES:
        fault = Fault("language", _("Choose one of the languages of the list."))
    if fault is not None:
        return invalid(fault)
    records.store(connection, user.id, user.account_id, {"language": language, "time_zone": zone})
    return None
