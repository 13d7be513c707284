"""What is written down and told of a reset case: its history, the audit log, letters."""

from datetime import datetime

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.person import Person
from twofold.kit.house import House
from twofold.kit.visitor import Visitor
from twofold.resets import records
from twofold.resets.case import Case, Key, Subject


def note(
    connection: sa.Connection,
    key: Key,
    kind: str,
    *,
    actor: audit.Actor,
    at: datetime,
    words: str | None = None,
    result: str = "done",
    visitor: Visitor = audit.HERE,
) -> None:
    """Write an event into the history of a case and into the audit log."""
    records.note(
        connection,
        {
            "case_id": key.id,
            "account_id": key.account_id,
            "at": at,
            "kind": kind,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "words": words,
        },
    )
    audit.record(
        connection, f"reset_{kind}", at=at, account_id=key.account_id, actor=actor, subject_id=key.user_id,
        result=result, reason=words, visitor=visitor, details={"case": str(key.id)},
    )  # fmt: skip


def actor_of(person: Person | None) -> audit.Actor:
    """Name whoever acts for the audit log; nobody in person is the command line."""
    return audit.CONSOLE if person is None else audit.user(person.id)


def tell_overseers(
    house: House,
    connection: sa.Connection,
    case: Case,
    kind: str,
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
    directory.tell_admins(house, connection, case.account_id, kind, at, except_id=subject.id, **facts)
    if requester is not None and (requester.role != "admin" or requester.account_id != case.account_id):
        asked = directory.find_person(connection, requester.id)
        if asked is not None:
            directory.tell(house, connection, asked, kind, at, **facts)


def tell_of_support(
    house: House,
    connection: sa.Connection,
    actor: Person | None,
    subject: Person | Subject,
    act: str,
    reason: str,
    at: datetime,
) -> None:
    """Tell an account's administrators what a support agent did for one of its users, and why."""
    if actor is not None and actor.role == "support":
        directory.tell_admins(
            house, connection, subject.account_id, "reset_by_support", at, except_id=subject.id, act=act,
            agent=actor.name, name=subject.name, email=subject.email, reason=reason,
        )  # fmt: skip
