"""The statements of applications and their secrets."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from twofold.directory.tables import accounts, users
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement
from twofold.oidc.application import Application, Registration, Secret
from twofold.oidc.application_tables import application_secrets, applications
from twofold.oidc.grant_tables import authorization_codes
from twofold.sessions.session import OWN_COLUMNS, Session, of_row
from twofold.sessions.tables import COUNTS, SESSION, sessions

MINUTE = timedelta(minutes=1)

_find = Statement(sa.select(applications).where(applications.c.id == sa.bindparam("application")))
_OWN = tuple(applications.c)
_PROVED = (
    sa.exists()
    .where(
        application_secrets.c.application_id == applications.c.id,
        application_secrets.c.secret_hash == sa.bindparam("secret_hash", type_=sa.LargeBinary),
    )
    .label("proved")
)
_find_proved = Statement(sa.select(*_OWN, _PROVED).where(applications.c.id == sa.bindparam("application")))
# With it the session of a code of its own that it brings, if that counts: an exchange is a statement shorter.
_with_code = (
    applications.outerjoin(
        authorization_codes,
        (authorization_codes.c.application_id == applications.c.id)
        & (authorization_codes.c.code_hash == sa.bindparam("code_hash", type_=sa.LargeBinary)),
    )
    .outerjoin(sessions, sessions.c.id == authorization_codes.c.session_id)
    .outerjoin(users, sa.and_(users.c.id == sessions.c.user_id, *COUNTS))
    .outerjoin(accounts, accounts.c.id == users.c.account_id)
)
_find_proved_with_code = Statement(
    sa.select(*_OWN, _PROVED, *(column.label(f"session_{place}") for place, column in enumerate(SESSION)))
    .select_from(_with_code)
    .where(applications.c.id == sa.bindparam("application"))
)
_hold = sa.select(applications).where(applications.c.id == sa.bindparam("application")).with_for_update()
_all = sa.select(applications).order_by(applications.c.created_at, applications.c.id)
_secrets = (
    sa.select(*columns(Secret, application_secrets))
    .where(application_secrets.c.application_id.in_(sa.bindparam("applications", expanding=True)))
    .order_by(application_secrets.c.created_at.desc(), application_secrets.c.id.desc())
)


def find(connection: sa.Connection, application_id: UUID) -> Application | None:
    """Find an application by id."""
    row = _find.row(connection, application=application_id)
    return None if row is None else _application(row)


def find_proved(connection: sa.Connection, application_id: UUID, secret_hash: bytes) -> tuple[Application, bool] | None:
    """Find an application, and tell whether a secret is one of its own."""
    row = _find_proved.row(connection, application=application_id, secret_hash=secret_hash)
    return None if row is None else (_application(row), bool(row.proved))


def find_proved_with_code(
    connection: sa.Connection, application_id: UUID, secret_hash: bytes, code_hash: bytes
) -> tuple[Application, bool, Session | None] | None:
    """Find an application likewise, and the session of a code of its own, if it counts."""
    row = _find_proved_with_code.row(
        connection, application=application_id, secret_hash=secret_hash, code_hash=code_hash
    )
    if row is None:
        return None
    session = row[len(_OWN) + 1 :]
    is_one = session[OWN_COLUMNS] is not None  # the id of its user
    return _application(row), bool(row.proved), of_row(session) if is_one else None


def hold(connection: sa.Connection, application_id: UUID) -> Application | None:
    """Find an application and hold its row to the end of the transaction."""
    row = connection.execute(_hold, {"application": application_id}).first()
    return None if row is None else _application(row)


def all_applications(connection: sa.Connection) -> list[Application]:
    """List every application in the order of their making."""
    return [_application(row) for row in connection.execute(_all)]


def insert(connection: sa.Connection, application: Application) -> None:
    """Store a new application."""
    values = {"id": application.id, "created_at": application.created_at, **_columns(application.registration)}
    connection.execute(applications.insert(), values)


def update(connection: sa.Connection, application_id: UUID, registration: Registration) -> None:
    """Store what is said of an application now, whose row is held."""
    of_it = applications.c.id == application_id
    connection.execute(applications.update().where(of_it).values(_columns(registration)))


def delete(connection: sa.Connection, application_id: UUID) -> None:
    """Delete an application, whose row is held, and its secrets."""
    connection.execute(application_secrets.delete().where(application_secrets.c.application_id == application_id))
    connection.execute(applications.delete().where(applications.c.id == application_id))


def secrets(connection: sa.Connection, application_ids: Sequence[UUID]) -> list[Secret]:
    """List the secrets of applications, the newest first."""
    return [Secret(*row) for row in connection.execute(_secrets, {"applications": application_ids})]


def insert_secret(
    connection: sa.Connection, secret_id: UUID, application_id: UUID, secret_hash: bytes, at: datetime
) -> None:
    """Store a new secret."""
    values = {"id": secret_id, "application_id": application_id, "secret_hash": secret_hash, "created_at": at}
    connection.execute(application_secrets.insert(), values)


def delete_secrets(connection: sa.Connection, secret_ids: Sequence[UUID]) -> None:
    """Delete secrets of an application whose row is held."""
    connection.execute(application_secrets.delete().where(application_secrets.c.id.in_(secret_ids)))


def _application(row: Any) -> Application:
    age = row.second_factor_age
    return Application(
        id=row.id,
        name=row.name,
        public=row.public,
        redirect_uris=msgspec.json.decode(row.redirect_uris, type=tuple[str, ...]),
        post_logout_redirect_uris=msgspec.json.decode(row.post_logout_redirect_uris, type=tuple[str, ...]),
        backchannel_logout_uri=row.backchannel_logout_uri,
        home_url=row.home_url,
        algorithm=row.algorithm,
        acr=row.acr,
        second_factor_age=None if age is None else age * MINUTE,
        pkce=row.pkce,
        accounts=msgspec.json.decode(row.accounts, type=frozenset[UUID]),
        jwks=row.jwks,
        jwks_uri=row.jwks_uri,
        assertion_algorithm=row.assertion_algorithm,
        jwt_access_tokens=row.jwt_access_tokens,
        first_party=row.first_party,
        created_at=row.created_at,
    )


def _columns(registration: Registration) -> dict[str, Any]:
    age = registration.second_factor_age
    lists = {
        name: msgspec.json.encode(values).decode()
        for name, values in (
            ("redirect_uris", registration.redirect_uris),
            ("post_logout_redirect_uris", registration.post_logout_redirect_uris),
            ("accounts", sorted(registration.accounts)),
        )
    }
    return {**registration._asdict(), **lists, "second_factor_age": None if age is None else age // MINUTE}
