"""The statements of reset cases: a case is read together with the people it is about, in one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.tables import accounts, users
from twofold.kit.mail.outbox import outbox
from twofold.kit.sql.database import AnyRow, UtcTime, delete_idle
from twofold.kit.sql.rows import columns
from twofold.resets.case import (
    MOST_WRONG_PASSWORDS,
    OPEN_STATES,
    Case,
    Key,
    Letter,
    Requester,
    State,
    Subject,
    SubjectAtOpening,
)
from twofold.resets.cursor import CaseCursor
from twofold.resets.link import Link
from twofold.resets.outcomes import HistoryLine
from twofold.resets.tables import reset_cases, reset_events, reset_links

_case = reset_cases.c
_requester = users.alias("requester")
_approver = users.alias("approver")
_newer = reset_cases.alias("newer")

_subject_columns = columns(Subject, users, accounts, account_name=accounts.c.name)
_requester_columns = columns(Requester, _requester)
_columns = (
    *(column.label(f"subject_{number}") for number, column in enumerate(_subject_columns)),
    *(column.label(f"requester_{number}") for number, column in enumerate(_requester_columns)),
    _approver.c.name.label("approver_name"),
    outbox.c.id.label("posted"),
    outbox.c.outcome.label("letter_outcome"),
    outbox.c.last_error.label("letter_error"),
    *reset_cases.c,
)
_joined = (
    reset_cases.join(users, users.c.id == _case.user_id)
    .join(accounts, accounts.c.id == users.c.account_id)
    .outerjoin(_requester, _requester.c.id == _case.requested_by)
    .outerjoin(_approver, _approver.c.id == _case.approved_by)
    .outerjoin(outbox, outbox.c.id == _case.letter)
)
_cases = sa.select(*_columns).select_from(_joined)
_by_id = _cases.where(_case.id == sa.bindparam("case_id"))
_listed = _cases.order_by(_case.requested_at.desc(), _case.id.desc())
_by_link = (
    sa.select(
        *_columns,
        reset_links.c.token_hash.label("link_hash"),
        sa.select(sa.func.max(_newer.c.sent_at))
        .where(
            _newer.c.user_id == _case.user_id,
            _newer.c.id != _case.id,
            _newer.c.requested_at >= _case.requested_at,
        )
        .scalar_subquery()
        .label("newer_case_sent_at"),
    )
    .select_from(_joined.join(reset_links, reset_links.c.case_id == _case.id))
    .where(reset_links.c.token_hash == sa.bindparam("of_link"))
)

_is_open = _case.state.in_(OPEN_STATES)
_open_of = _cases.where(_case.user_id.in_(sa.bindparam("of_users", expanding=True)), _is_open)
_end_open = (
    reset_cases.update()
    .where(_is_open)
    .values(
        state=sa.bindparam("new_state"), ended_at=sa.bindparam("at", type_=UtcTime), ended_why=sa.bindparam("why"),
    )
    .returning(*columns(Key, reset_cases))
)  # fmt: skip
_end_of_user = _end_open.where(_case.user_id == sa.bindparam("of_user"))
_end_of_account = _end_open.where(_case.account_id == sa.bindparam("of_account"))
# Charged and committed before the password is hashed, and only as long as the link is open.
_charge = (
    reset_cases.update()
    .where(
        _case.id == sa.bindparam("case_id"),
        _case.state == State.SENT,
        _case.token_hash == sa.bindparam("of_link"),
        _case.valid_until > sa.bindparam("at", type_=UtcTime),
        _case.password_tries < MOST_WRONG_PASSWORDS,
    )
    .values(password_tries=_case.password_tries + 1)
    .returning(_case.password_tries)
)
_events = (
    sa.select(reset_events, users.c.name.label("actor_name"))
    .select_from(reset_events.outerjoin(users, users.c.id == reset_events.c.actor_id))
    .where(reset_events.c.case_id == sa.bindparam("case_id"))
    .order_by(reset_events.c.number)
)


def insert(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Store a new case."""
    connection.execute(reset_cases.insert(), values)


def hold(connection: sa.Connection, case_id: UUID) -> None:
    """Keep others from changing a case until the transaction ends."""
    connection.execute(sa.select(_case.id).where(_case.id == case_id).with_for_update())


def find(connection: sa.Connection, case_id: UUID) -> Case | None:
    """Find a case by id."""
    row = connection.execute(_by_id, {"case_id": case_id}).first()
    return None if row is None else _read(row)


def find_link(connection: sa.Connection, token_hash: bytes) -> Link | None:
    """Find a link that was sent, newest or not, with its case."""
    row = connection.execute(_by_link, {"of_link": token_hash}).first()
    return None if row is None else Link(row.link_hash, _read(row), row.newer_case_sent_at)


def list_cases(
    connection: sa.Connection,
    *,
    account_id: UUID | None,
    user_id: UUID | None,
    after: CaseCursor | None,
    most: int,
) -> list[Case]:
    """List cases, the newest first: of an account or of all, of one user or of all, after a cursor."""
    query = _listed.limit(most)
    if account_id is not None:
        query = query.where(_case.account_id == account_id)
    if user_id is not None:
        query = query.where(_case.user_id == user_id)
    if after is not None:
        query = query.where(
            _case.requested_at <= after.requested_at,
            (_case.requested_at < after.requested_at) | (_case.id < after.id),
        )
    return [_read(row) for row in connection.execute(query)]


def open_of(connection: sa.Connection, user_ids: Sequence[UUID]) -> list[Case]:
    """Return the cases of some users that are stored as open; at most one of each."""
    return [_read(row) for row in connection.execute(_open_of, {"of_users": user_ids})]


def end_open_of(
    connection: sa.Connection, user_id: UUID, state: State, at: datetime, why: str | None = None
) -> list[Key]:
    """End whatever case of a user is open, and return which that was; at most one is."""
    values = {"of_user": user_id, "new_state": state, "at": at, "why": why}
    return [Key(*row) for row in connection.execute(_end_of_user, values)]


def end_open_of_account(connection: sa.Connection, account_id: UUID, state: State, at: datetime, why: str) -> list[Key]:
    """End whatever cases of an account are open, and return which those were."""
    values = {"of_account": account_id, "new_state": state, "at": at, "why": why}
    return [Key(*row) for row in connection.execute(_end_of_account, values)]


def change(connection: sa.Connection, case_id: UUID, **values: Any) -> bool:
    """Change a case that is open; False when it is not any more."""
    changed = connection.execute(reset_cases.update().where(_case.id == case_id, _is_open).values(values))
    return changed.rowcount == 1


def answer(connection: sa.Connection, case_id: UUID, token_hash: bytes, state: State, at: datetime) -> bool:
    """Confirm or refuse a case by its newest link, once; False when it was answered, ended or sent anew meanwhile."""
    answered = connection.execute(
        reset_cases.update()
        .where(_case.id == case_id, _case.state == State.SENT, _case.token_hash == token_hash, _case.valid_until > at)
        .values(state=state, ended_at=at),
    )
    return answered.rowcount == 1


def store_link(connection: sa.Connection, key: Key, token_hash: bytes, at: datetime, valid_until: datetime) -> bool:
    """Make a link the newest of its case; False when the case is not open any more."""
    sent = change(connection, key.id, state=State.SENT, token_hash=token_hash, sent_at=at, valid_until=valid_until)
    if sent:
        values = {"token_hash": token_hash, "case_id": key.id, "account_id": key.account_id, "sent_at": at}
        connection.execute(reset_links.insert(), values)
    return sent


def charge_password(connection: sa.Connection, case_id: UUID, token_hash: bytes, at: datetime) -> int | None:
    """Charge one password to a link that is open and return how many that makes; None when it is not open."""
    return connection.execute(_charge, {"case_id": case_id, "of_link": token_hash, "at": at}).scalar()


def note(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Add a line to the history of a case."""
    connection.execute(reset_events.insert(), values)


def history(connection: sa.Connection, case_id: UUID) -> list[HistoryLine]:
    """Return the history of a case, the oldest line first."""
    rows = connection.execute(_events, {"case_id": case_id})
    return [HistoryLine(row.at, row.kind, row.actor_kind, row.actor_name, row.words) for row in rows]


def forget_links(connection: sa.Connection, before: datetime) -> int:
    """Delete links that were sent before a moment."""
    return delete_idle(connection, reset_links, reset_links.c.sent_at < before)


def _read(row: AnyRow) -> Case:
    people: Sequence[Any] = row
    requester = len(_subject_columns)
    approver = requester + len(_requester_columns)
    return Case(
        id=row.id,
        account_id=row.account_id,
        state=State(row.state),
        reason=row.reason,
        requester_kind=row.requester_kind,
        asked=SubjectAtOpening(row.email, row.second_factor_since, row.factors_changed_at),
        requested_at=row.requested_at,
        sent_at=row.sent_at,
        valid_until=row.valid_until,
        token_hash=row.token_hash,
        letter_id=row.letter,
        password_tries=row.password_tries,
        approved_at=row.approved_at,
        ended_at=row.ended_at,
        ended_why=row.ended_why,
        subject=Subject(*people[:requester]),
        requester=None if people[requester] is None else Requester(*people[requester:approver]),
        approver_name=row.approver_name,
        letter=None if row.posted is None else Letter(row.letter_outcome, row.letter_error),
    )
