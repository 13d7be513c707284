"""Who an application is: found by its client_id, and proved by its secret."""

from uuid import UUID

import msgspec

from twofold.kit.crypto.tokens import digest
from twofold.kit.sql.database import Database
from twofold.oidc import application_records as records
from twofold.oidc.application import Application


class BadClient(msgspec.Struct, frozen=True):
    """There is no such application, or it did not prove to be it (`invalid_client`, RFC 6749 section 5.2)."""


def find(db: Database, client_id: str) -> Application | None:
    """Find an application by its client_id, as it was given: in another spelling it is another one."""
    application_id = _id_of(client_id)
    if application_id is None:
        return None
    with db.read() as connection:
        return records.find(connection, application_id)


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
    may_pass = secret is None if application.public else proved
    return application if may_pass else BadClient()


def _id_of(client_id: str) -> UUID | None:
    try:
        found = UUID(client_id)
    except ValueError:
        return None
    return found if str(found) == client_id else None
