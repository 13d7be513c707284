"""The statements of sign-in attempts."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.tables import USER, accounts, users
from twofold.directory.user import User
from twofold.kit.crypto.vault import Sealed
from twofold.kit.sql.database import AnyRow, UtcTime, delete_idle
from twofold.kit.sql.rows import columns
from twofold.kit.sql.statement import Statement
from twofold.lockouts.known_client import KnownClient
from twofold.sessions import methods
from twofold.signin.attempt import Attempt, Purpose, Step
from twofold.signin.tables import sign_in_attempts


class _Stored(NamedTuple):
    """An attempt as it rests, before its values are read and its user is put beside it."""

    id: UUID
    token_hash: bytes
    channel: str
    step: str
    purpose: str | None
    session_id: UUID | None
    methods: str
    proved: str | None
    created_at: datetime
    security_version: int
    return_to: str
    known_client: bytes | None
    known_until: datetime | None
    mailed: bool
    expires_at: datetime


_attempt = sa.select(
    *(column.label(f"attempt_{column.name}") for column in columns(_Stored, sign_in_attempts)),
    *(column.label(f"person_{column.key}") for column in USER),
).select_from(
    sign_in_attempts.join(users, users.c.id == sign_in_attempts.c.user_id).join(
        accounts,
        accounts.c.id == users.c.account_id,
    ),
)
# What steps up a session goes on in no channel that a node of the version before knows: there it would make a new one.
STEPS_UP = ", step-up"
# A new attempt holds no sealed code yet.
_sealed = {"mail_key_id", "mail_box", "mail_expires_at", "backup_key_id", "backup_box"}
_insert = Statement(
    sign_in_attempts.insert(), columns=[column.name for column in sign_in_attempts.c if column.name not in _sealed]
)
_by_token = Statement(_attempt.where(sign_in_attempts.c.token_hash == sa.bindparam("token_hash")))
_by_token_held = Statement(
    _attempt.where(sign_in_attempts.c.token_hash == sa.bindparam("token_hash")).with_for_update(of=sign_in_attempts)
)
_by_id = _attempt.where(sign_in_attempts.c.id == sa.bindparam("attempt_id"))
_in_progress = (
    sa.select(sa.func.count())
    .select_from(sign_in_attempts)
    .where(sign_in_attempts.c.expires_at > sa.bindparam("at", type_=UtcTime))
)
_finish = Statement(
    sign_in_attempts.delete().where(
        sign_in_attempts.c.token_hash == sa.bindparam("token_hash"), sign_in_attempts.c.step == sa.bindparam("step")
    )
)
_boxes = sa.select(
    sign_in_attempts.c.mail_key_id,
    sign_in_attempts.c.mail_box,
    sign_in_attempts.c.mail_expires_at,
    sign_in_attempts.c.backup_key_id,
    sign_in_attempts.c.backup_box,
).where(sign_in_attempts.c.token_hash == sa.bindparam("token_hash"))


def insert(connection: sa.Connection, attempt: Attempt, at: datetime) -> None:
    """Store a new attempt."""
    known = attempt.known_client
    _insert.enqueue(
        connection,
        id=attempt.id,
        token_hash=attempt.token_hash,
        user_id=attempt.user.id,
        account_id=attempt.user.account_id,
        channel=attempt.channel + (STEPS_UP if attempt.purpose is Purpose.STEP_UP else ""),
        step=attempt.step.value,
        purpose=attempt.purpose.value,
        session_id=attempt.session_id,
        **methods.columns(attempt.methods),
        security_version=attempt.security_version,
        return_to=attempt.return_to,
        known_client=None if known is None else known.token_hash,
        known_until=None if known is None else known.until,
        mailed=attempt.mailed,
        created_at=at,
        expires_at=attempt.expires_at,
    )


def by_token(connection: sa.Connection, token_hash: bytes, *, hold: bool = False) -> Attempt | None:
    """Find an attempt and its user by the hash of its token; `hold` keeps others from moving the attempt on."""
    return _read((_by_token_held if hold else _by_token).row(connection, token_hash=token_hash))


def by_id(connection: sa.Connection, attempt_id: UUID) -> Attempt | None:
    """Find an attempt and its user by id."""
    return _read(connection.execute(_by_id, {"attempt_id": attempt_id}).first())


def advance(connection: sa.Connection, attempt: Attempt, step: Step, expires_at: datetime, **values: Any) -> bool:
    """Move an attempt from the step it stands at to another; False when somebody else moved it first."""
    moved = connection.execute(
        sign_in_attempts.update()
        .where(sign_in_attempts.c.token_hash == attempt.token_hash, sign_in_attempts.c.step == attempt.step)
        .values(step=step, expires_at=expires_at, **values),
    )
    return moved.rowcount == 1


def finish(connection: sa.Connection, attempt: Attempt) -> bool:
    """Delete an attempt that is complete; False when it was finished or moved on before."""
    return _finish.count(connection, token_hash=attempt.token_hash, step=attempt.step.value) == 1


def note_mailed(connection: sa.Connection, attempt: Attempt) -> None:
    """Note that a letter with a code is under way for an attempt."""
    own = sign_in_attempts.c.token_hash == attempt.token_hash
    connection.execute(sign_in_attempts.update().where(own).values(mailed=True))


def store_mailed_code(connection: sa.Connection, attempt: Attempt, sealed: Sealed, expires_at: datetime) -> bool:
    """Keep the code that is about to go out, sealed, in the place of any before it; False when nobody needs it now."""
    stored = connection.execute(
        sign_in_attempts.update()
        .where(sign_in_attempts.c.token_hash == attempt.token_hash, sign_in_attempts.c.step == attempt.step)
        .values(mail_key_id=sealed.key_id, mail_box=sealed.ciphertext, mail_expires_at=expires_at),
    )
    return stored.rowcount == 1


def mailed_code(connection: sa.Connection, attempt: Attempt) -> tuple[Sealed, datetime] | None:
    """Return the sealed code that was mailed for an attempt, and until when it holds."""
    row = connection.execute(_boxes, {"token_hash": attempt.token_hash}).first()
    return None if row is None or row.mail_box is None else (Sealed(row.mail_key_id, row.mail_box), row.mail_expires_at)


def backup_code(connection: sa.Connection, attempt: Attempt) -> Sealed | None:
    """Return the sealed new backup code that an attempt keeps until it is saved."""
    row = connection.execute(_boxes, {"token_hash": attempt.token_hash}).first()
    return None if row is None or row.backup_box is None else Sealed(row.backup_key_id, row.backup_box)


def in_progress(connection: sa.Connection, at: datetime) -> int:
    """Count the attempts whose time is not over."""
    return connection.execute(_in_progress, {"at": at}).scalar_one()


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete attempts whose time is over."""
    return delete_idle(connection, sign_in_attempts, sign_in_attempts.c.expires_at <= at)


def _read(row: AnyRow | None) -> Attempt | None:
    if row is None:
        return None
    own, user = _Stored(*row[: len(_Stored._fields)]), User(*row[len(_Stored._fields) :])
    return Attempt(
        id=own.id,
        token_hash=own.token_hash,
        channel=own.channel.removesuffix(STEPS_UP),
        step=Step(own.step),
        purpose=Purpose(own.purpose or Purpose.SESSION),
        session_id=own.session_id,
        methods=methods.read(own.methods, own.proved, own.created_at),
        security_version=own.security_version,
        return_to=own.return_to,
        known_client=None if own.known_client is None else KnownClient(own.known_client, own.known_until),
        mailed=own.mailed,
        expires_at=own.expires_at,
        user=user,
    )
