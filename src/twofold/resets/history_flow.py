"""What is written down and told of a reset case: its history, the audit log, letters."""

from datetime import datetime

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory import notice_flow
from twofold.directory.user import User
from twofold.events.notices import Notice
from twofold.events.reset_kinds import ResetEvent
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.resets import records
from twofold.resets.case import Case, Key, Subject


def note(
    connection: sa.Connection,
    key: Key,
    event: type[ResetEvent],
    *,
    origin: Origin,
    words: str | None = None,
    result: str = "done",
) -> None:
    """Write an event into the history of a case and into the audit log."""
    records.note(
        connection,
        {
            "case_id": key.id,
            "account_id": key.account_id,
            "at": origin.at,
            "kind": event.kind.removeprefix("reset_"),
            "actor_kind": origin.actor.kind,
            "actor_id": origin.actor.id,
            "words": words,
        },
    )
    audit.record(
        connection, event(str(key.id)), origin=origin, account_id=key.account_id, subject_id=key.user_id, result=result,
        reason=words,
    )  # fmt: skip


def notify_overseers(
    context: AppContext,
    connection: sa.Connection,
    case: Case,
    kind: Notice,
    at: datetime,
) -> None:
    """Tell the account's administrators, and whoever asked, what became of a case; never its subject."""
    subject, requester = case.subject, case.requester
    facts = {
        "case": str(case.id),
        "name": subject.name,
        "email": subject.email,
        "requester": requester.name if requester is not None else "",
        "requester_kind": case.requester_kind,
        "reason": case.reason,
    }
    notice_flow.notify_admins(context, connection, case.account_id, kind, at, except_id=subject.id, **facts)
    if requester is not None and (requester.role != "admin" or requester.account_id != case.account_id):
        asked = directory.find_user(connection, requester.id)
        if asked is not None:
            notice_flow.notify(context, connection, asked, kind, at, **facts)


def notify_of_support(
    context: AppContext,
    connection: sa.Connection,
    actor: User,
    subject: User | Subject,
    act: str,
    reason: str,
    at: datetime,
) -> None:
    """Tell an account's administrators what a support agent did for one of its users, and why."""
    if actor.role == "support":
        notice_flow.notify_admins(
            context, connection, subject.account_id, Notice.RESET_BY_SUPPORT, at, except_id=subject.id, act=act,
            agent=actor.name, name=subject.name, email=subject.email, reason=reason,
        )  # fmt: skip
