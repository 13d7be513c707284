"""The language and the time zone that somebody chooses for themselves."""

import msgspec

from twofold.directory import preference_flow
from twofold.directory.refusals import Refused
from twofold.factors.outcomes import SessionOver
from twofold.kit.context import AppContext
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session


class PreferencesSaved(msgspec.Struct, frozen=True):
    """Pages and mails are in that language and zone from now on."""


def choose(
    context: AppContext, session: Session, language: str | None, zone: str | None
) -> PreferencesSaved | Refused | SessionOver:
    """Store in which language and zone a user reads, None for what their browser says; or say why it cannot be."""
    with context.db.write() as connection:
        user = sessions.hold_user(connection, session)
        if user is None:
            return SessionOver()
        return preference_flow.choose(connection, user, language, zone) or PreferencesSaved()
