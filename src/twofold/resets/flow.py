"""A reset case is asked for, ends where it must, and is looked at by those who oversee its user.

Whatever changes a case holds its user first, so that a case, its link and the user's factors change one after another.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.directory import flow as directory
from twofold.directory.authority import may_act, oversees
from twofold.directory.refusals import NoMail, NoSuchUser, NotYourself
from twofold.directory.user import User
from twofold.events import reset_kinds
from twofold.events.notices import Notice
from twofold.kit import acting, cursors
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import new_id
from twofold.lockouts import flow as lockouts
from twofold.lockouts.helper import Helper
from twofold.resets import records
from twofold.resets.case import (
    LONGEST_REASON,
    OPEN_STATES,
    SHORTEST_REASON,
    Case,
    CloseReason,
    Key,
    State,
    close_reason,
    sees,
    standing,
)
from twofold.resets.cursor import CaseCursor
from twofold.resets.history_flow import note, notify_of_support
from twofold.resets.outcomes import (
    CaseOpened,
    Frozen,
    HistoryLine,
    Listing,
    MissingReason,
    NoSuchCase,
    NotEnabled,
    OpenRefused,
)

PAGE = 50
LINKS_REMEMBERED = timedelta(days=90)


def open_case(
    context: AppContext,
    actor: User,
    subject: User,
    reason: str,
    *,
    origin: Origin,
) -> CaseOpened | OpenRefused:
    """Ask a user to confirm that their two-factor authentication is switched off.

    A case that is open for the same user is superseded: its links are void at once.
    """
    words = reason.strip()
    refused = _why_not(context, actor, subject, words)
    if refused is not None:
        return refused
    by_actor = origin.by(acting.user(actor.id))
    with context.db.write() as connection:
        held = directory.lock_user_row(connection, subject.id)
        if held is None or not directory.is_as_before(connection, actor):
            return NoSuchUser()
        refused = _why_not(context, actor, held, words)
        if refused is not None:
            return refused
        for older in records.end_open_of(connection, held.id, State.SUPERSEDED, origin.at):
            note(connection, older, reset_kinds.ResetSuperseded, origin=by_actor)
        key = Key(new_id(), held.account_id, held.id)
        values = _new_case(key, actor, held, words, origin.at)
        records.insert(connection, values | {"letter": post_link(context, connection, key, held.email, origin.at)})
        note(connection, key, reset_kinds.ResetAsked, origin=by_actor, words=words)
        notify_of_support(context, connection, actor, held, "asked", words, origin.at)
    return CaseOpened(key.id, State.REQUESTED)


def _new_case(key: Key, actor: User, subject: User, words: str, at: datetime) -> dict[str, Any]:
    return {
        "id": key.id,
        "account_id": key.account_id,
        "user_id": key.user_id,
        "requested_by": actor.id,
        "requester_kind": actor.role,
        "reason": words,
        "state": State.REQUESTED,
        "requested_at": at,
        "email": subject.email,
        "second_factor_since": subject.second_factor_since,
        "factors_changed_at": subject.factors_changed_at,
        "password_tries": 0,
    }


def close_cases_of(connection: sa.Connection, user_id: UUID, at: datetime, *, why: str) -> int:
    """Close whatever case of a user is open, because they were frozen or deactivated or their address changed.

    The caller holds the user. Return how many there were.
    """
    closed = records.end_open_of(connection, user_id, State.CLOSED, at, why)
    for key in closed:
        note(connection, key, reset_kinds.ResetClosed, origin=Origin(at, actor=acting.SYSTEM), words=why)
    return len(closed)


def close_cases_of_account(connection: sa.Connection, account_id: UUID, at: datetime, *, why: str) -> int:
    """Close whatever cases of an account are open, because its people sign in elsewhere now; the caller holds them.

    Return how many there were.
    """
    closed = records.end_open_of_account(connection, account_id, State.CLOSED, at, why)
    for key in closed:
        note(connection, key, reset_kinds.ResetClosed, origin=Origin(at, actor=acting.SYSTEM), words=why)
    return len(closed)


def close_if_dead(connection: sa.Connection, case: Case, at: datetime) -> None:
    """Store that a case is dead, when somebody comes across it.

    Not after too many passwords: whoever fails the fifth closes the case, and until then a right one may be under way.
    """
    why = close_reason(case)
    if case.state in OPEN_STATES and why not in {None, CloseReason.WRONG_PASSWORDS}:
        close_cases_of(connection, case.subject.id, at, why=str(why))


def cases_for(
    context: AppContext,
    viewer: User,
    *,
    account_id: UUID | None = None,
    user_id: UUID | None = None,
    after: str = "",
) -> Listing:
    """List 50 cases that somebody oversees, the newest first: those of their own account, or as support all.

    `after` is the cursor of the page before; what is none of ours counts as the beginning.
    """
    if viewer.role != "support":
        account_id = viewer.account_id
    with context.db.read() as connection:
        found = records.list_cases(
            connection, account_id=account_id, user_id=user_id, after=cursors.read(after, CaseCursor), most=PAGE + 1,
        )  # fmt: skip
    shown = [case for case in found[:PAGE] if sees(viewer, case)]
    more = len(found) > PAGE
    last = found[PAGE - 1] if more else None
    return Listing(shown, None if last is None else cursors.write(CaseCursor(last.requested_at, last.id)))


def open_cases_of(context: AppContext, user_ids: Sequence[UUID], at: datetime) -> dict[UUID, Case]:
    """Return, by user, the cases that are open: for those who have shown already that they may know of them."""
    with context.db.read() as connection:
        cases = records.open_of(connection, user_ids) if user_ids else []
    return {case.subject.id: case for case in cases if standing(case, at) is not State.CLOSED}


def case_for(context: AppContext, viewer: User, case_id: UUID) -> tuple[Case, list[HistoryLine]] | NoSuchCase:
    """Return a case with its history, to somebody who oversees its user."""
    with context.db.read() as connection:
        case = records.find(connection, case_id)
        if case is None or not sees(viewer, case):
            return NoSuchCase()
        return case, records.history(connection, case.id)


def who_can_approve(connection: sa.Connection, case: Case, user: User) -> list[Helper]:
    """List whom a user can ask to approve their case; whoever asked for it is not among them."""
    asked = None if case.requester is None else case.requester.email
    return [helper for helper in lockouts.who_can_help(connection, user) if helper.email != asked]


def usable_reason(words: str) -> bool:
    """Tell whether a reason can be kept: 3 to 500 characters, none of them invisible."""
    visible = all(letter.isprintable() or letter in "\r\n\t" for letter in words)
    return SHORTEST_REASON <= len(words) <= LONGEST_REASON and visible


def forget_over(connection: sa.Connection, at: datetime) -> int:
    """Delete links so old that nobody needs to be told any more what became of them; return how many."""
    return records.forget_links(connection, at - LINKS_REMEMBERED)


def post_link(context: AppContext, connection: sa.Connection, key: Key, email: str, at: datetime) -> UUID | None:
    """Ask the outbox for a letter with a link, which is made when the letter is delivered."""
    return context.outbox.post(
        connection, Notice.RESET_CONFIRM, user_id=key.user_id, account_id=key.account_id, recipient=email, at=at,
        facts={"case": str(key.id)},
    )  # fmt: skip


def _why_not(context: AppContext, actor: User, subject: User, words: str) -> OpenRefused | None:
    if not oversees(actor, subject):
        return NoSuchUser()
    if not may_act(actor, subject):
        return NotYourself()
    if not usable_reason(words):
        return MissingReason()
    if not subject.has_second_factor or not subject.active or subject.sso:
        return NotEnabled()
    if subject.frozen_at is not None:
        return Frozen()
    return None if context.outbox.configured else NoMail()
