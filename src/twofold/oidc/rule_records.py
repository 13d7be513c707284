"""The statements of an account's rules for applications, and of who uses these."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.kit.sql.database import upsert
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement
from twofold.oidc.rule import MINUTE, Rule
from twofold.oidc.use_tables import application_rules, application_uses
from twofold.sessions.methods import ONE_FACTOR


class Usage(NamedTuple):
    """How many people of an account use an application, how many of them with two factors, and when last."""

    application_id: UUID
    people: int
    with_two_factors: int
    last_used_at: datetime


_of_account = Statement(
    sa.select(*columns(Rule, application_rules), application_rules.c.application_id).where(
        application_rules.c.account_id == sa.bindparam("account")
    )
)
_find = Statement(
    sa.select(*columns(Rule, application_rules)).where(
        application_rules.c.account_id == sa.bindparam("account"),
        application_rules.c.application_id == sa.bindparam("application"),
    )
)
_store = upsert(application_rules, ["account_id", "application_id"], ["acr", "second_factor_age"])
_usage = Statement(
    sa.select(
        application_uses.c.application_id,
        sa.func.count().label("people"),
        sa.func.count().filter(application_uses.c.acr != sa.bindparam("one")).label("with_two_factors"),
        sa.func.max(application_uses.c.last_used_at).label("last_used_at"),
    )
    .where(application_uses.c.account_id == sa.bindparam("account"), application_uses.c.last_used_at.is_not(None))
    .group_by(application_uses.c.application_id)
)


def find(connection: sa.Connection, account_id: UUID, application_id: UUID) -> Rule | None:
    """Return what an account asks for at an application."""
    row = _find.row(connection, account=account_id, application=application_id)
    return None if row is None else _rule(row.acr, row.second_factor_age)


def of_account(connection: sa.Connection, account_id: UUID) -> Mapping[UUID, Rule]:
    """Return what an account asks for, by the id of each application."""
    rows = _of_account.rows(connection, account=account_id)
    return {row.application_id: _rule(row.acr, row.second_factor_age) for row in rows}


def store(connection: sa.Connection, account_id: UUID, application_id: UUID, rule: Rule) -> None:
    """Store what an account asks for at an application, in place of what it asked for before."""
    age = rule.second_factor_age
    values = {"acr": rule.acr, "second_factor_age": None if age is None else age // MINUTE}
    connection.execute(
        _store[connection.dialect.name], {"account_id": account_id, "application_id": application_id, **values}
    )


def usage(connection: sa.Connection, account_id: UUID) -> Mapping[UUID, Usage]:
    """Return who of an account has used which application, by its id."""
    return {row.application_id: Usage(*row) for row in _usage.rows(connection, account=account_id, one=ONE_FACTOR)}


def _rule(acr: str | None, minutes: int | None) -> Rule:
    return Rule(acr, None if minutes is None else timedelta(minutes=minutes))
