"""What people agree to: which application may see what of them, for as long as they do not take it back."""

from datetime import datetime

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory.user import User
from twofold.events import application_kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.oidc import use_records as records
from twofold.oidc.application import Application
from twofold.oidc.request import SCOPES
from twofold.sessions.methods import acr
from twofold.sessions.session import Session


def agreed_before(context: AppContext, session: Session | None, application: Application) -> frozenset[str]:
    """Return the scopes to which somebody agreed; of an application of the operator's own nobody is asked."""
    if session is None or application.first_party:
        return frozenset()
    with context.db.read() as connection:
        return _scopes(records.agreed(connection, session.user.id, application.id))


def agree(connection: sa.Connection, user: User, application: Application, scope: str, *, origin: Origin) -> None:
    """Remember what somebody agrees to, beside what they agreed to before."""
    scopes = _scopes(scope) | _scopes(records.agreed(connection, user.id, application.id))
    together = " ".join(name for name in SCOPES if name in scopes)
    records.agree(
        connection,
        {
            "user_id": user.id,
            "application_id": application.id,
            "account_id": user.account_id,
            "scope": together,
            "agreed_at": origin.at,
        },
    )
    audit.record(
        connection, application_kinds.ApplicationAgreed(
            application=str(application.id), name=application.name, scope=together
        ),
        origin=origin.by(acting.user(user.id)), account_id=user.account_id, subject_id=user.id,
    )  # fmt: skip


def note_use(connection: sa.Connection, application: Application, session: Session, scope: str, at: datetime) -> bool:
    """Note a sign-in to an application; False where its user took back what they agreed to."""
    user, reached = session.user, acr(session.methods)
    if not application.first_party:
        agreed = records.note_third_party(connection, user.id, application.id, acr=reached, at=at)
        return _scopes(scope) <= _scopes(agreed)
    records.note_first_party(
        connection,
        {
            "user_id": user.id,
            "application_id": application.id,
            "account_id": user.account_id,
            "scope": scope,
            "last_used_at": at,
            "acr": reached,
        },
    )
    return True


def _scopes(scope: str | None) -> frozenset[str]:
    return frozenset((scope or "").split())
