"""What somebody uses and can open: their applications, and taking back what these may see."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from twofold.audit import flow as audit
from twofold.events import application_kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.oidc import application_records, grant_records, use_records
from twofold.sessions.session import Session


class OwnApplication(NamedTuple):
    """An application that somebody can open, or has signed in to; an empty `scope`: it sees nothing of them."""

    id: UUID
    name: str
    home_url: str | None
    scope: str
    last_used_at: datetime | None


def list_own(context: AppContext, session: Session) -> list[OwnApplication]:
    """List the applications of the user of a session by name: those with an address of their own, and those used."""
    with context.db.read() as connection:
        registered = application_records.all_applications(connection)
        used = use_records.of_user(connection, session.user.id) if registered else {}
    listed = []
    for application in registered:
        use, accounts = used.get(application.id), application.accounts
        if (use or application.home_url) and (not accounts or session.user.account_id in accounts):
            scope, last = ("", None) if use is None else (use.scope, use.last_used_at)
            listed.append(OwnApplication(application.id, application.name, application.home_url, scope, last))
    return sorted(listed, key=lambda own: own.name.casefold())


def revoke(context: AppContext, session: Session, application_id: UUID, *, origin: Origin) -> bool:
    """Take back what an application may see of somebody: its tokens for them end. False: it could see nothing.

    What they agreed to goes first: an exchange that comes between waits for it, or is seen by what ends the grants.
    """
    user = session.user
    with context.db.write() as connection:
        if not use_records.forget(connection, user.id, application_id):
            return False
        grant_records.revoke_of_user(connection, user.id, application_id, origin.at)
        application = application_records.find(connection, application_id)
        audit.record(
            connection, application_kinds.ApplicationAccessRevoked(
                application=str(application_id), name="" if application is None else application.name
            ),
            origin=origin.by(acting.user(user.id)), account_id=user.account_id, subject_id=user.id,
        )  # fmt: skip
    return True
