"""The statements of what applications with keys have proved themselves by."""

from datetime import datetime

import sqlalchemy as sa

from twofold.kit.sql.database import INSERTS, delete_idle
from twofold.kit.sql.statement import Statement
from twofold.oidc.application_tables import client_assertions

_use = Statement({name: insert(client_assertions).on_conflict_do_nothing() for name, insert in INSERTS.items()})


def use(connection: sa.Connection, jti_hash: bytes, expires_at: datetime) -> bool:
    """Note that an assertion was used; False where it was before."""
    return _use.count(connection, jti_hash=jti_hash, expires_at=expires_at) == 1


def forget_over(connection: sa.Connection, before: datetime) -> int:
    """Delete those that were over before a moment."""
    return delete_idle(connection, client_assertions, client_assertions.c.expires_at <= before)
