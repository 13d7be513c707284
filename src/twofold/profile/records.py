"""What the log tells its user of their own sign-ins."""

from uuid import UUID

import sqlalchemy as sa

from twofold.audit.tables import audit_events
from twofold.kit.sql.rows import columns
from twofold.profile.sign_in import SignIn

MOST_LOOKED_AT = 100  # events: of somebody who changes much, older sign-ins are not shown

_log = audit_events.c
# The newest events by the index of their subject; sign-ins are picked among those alone.
_newest = (
    sa.select(*columns(SignIn, audit_events), _log.kind)
    .where(_log.subject_id == sa.bindparam("of_user", type_=sa.Uuid))
    .order_by(_log.at.desc(), _log.number.desc())
    .limit(MOST_LOOKED_AT)
    .subquery()
)
_sign_ins = (
    sa.select(*(_newest.c[name] for name in SignIn._fields))
    .where(_newest.c.kind == "signed_in")
    .order_by(_newest.c.at.desc())
    .limit(sa.bindparam("most"))
)


def last_sign_ins(connection: sa.Connection, user_id: UUID, most: int) -> list[SignIn]:
    """List the newest sign-ins of a user that the log tells of, the newest first."""
    return [SignIn(*row) for row in connection.execute(_sign_ins, {"of_user": user_id, "most": most})]
