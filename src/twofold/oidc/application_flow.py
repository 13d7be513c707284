"""Who an application is: found by its client_id, and proved by its secret."""

from typing import NamedTuple
from uuid import UUID

import msgspec

from twofold.kit.crypto.tokens import digest
from twofold.kit.sql.database import Database
from twofold.oidc import application_records as records
from twofold.oidc.application import Application
from twofold.sessions.session import Session


class BadClient(msgspec.Struct, frozen=True):
    """There is no such application, or it did not prove to be it (`invalid_client`, RFC 6749 section 5.2)."""


def find(db: Database, client_id: str) -> Application | None:
    """Find an application by its client_id, as it was given: in another spelling it is another one."""
    application_id = _id_of(client_id)
    if application_id is None:
        return None
    with db.read() as connection:
        return records.find(connection, application_id)


class Caller(NamedTuple):
    """An application that proved to be it, and the session of the code that it brings, where that was read with it."""

    application: Application
    session: Session | None = None


def authenticate(db: Database, client_id: str, secret: str | None) -> Application | BadClient:
    """Find an application that proves to be it by one of its secrets; a public one has none, and must not send any.

    One statement compares hashes of 256 random bits, whether or not there is such an application.
    """
    application_id = _id_of(client_id)
    if application_id is None:
        return BadClient()
    with db.read() as connection:
        found = records.find_proved(connection, application_id, digest(secret or ""))
    if found is None:
        return BadClient()
    application, proved = found
    return application if _may_pass(application, secret, proved=proved) else BadClient()


def authenticate_with_code(db: Database, client_id: str, secret: str | None, code: str) -> Caller | BadClient:
    """Find an application likewise, and with it the session of a code: in one statement."""
    application_id = _id_of(client_id)
    if application_id is None:
        return BadClient()
    with db.read() as connection:
        found = records.find_proved_with_code(connection, application_id, digest(secret or ""), digest(code))
    if found is None:
        return BadClient()
    application, proved, session = found
    return Caller(application, session) if _may_pass(application, secret, proved=proved) else BadClient()


def _may_pass(application: Application, secret: str | None, *, proved: bool) -> bool:
    return secret is None if application.public else proved


def _id_of(client_id: str) -> UUID | None:
    try:
        found = UUID(client_id)
    except ValueError:
        return None
    return found if str(found) == client_id else None
