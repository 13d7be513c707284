"""The link of a reset case: made when its letter goes out, looked at as often as anybody likes."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.directory import flow as directory
from twofold.directory.user import User
from twofold.events import reset_kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_token
from twofold.kit.mail.outbox import Entry
from twofold.lockouts import flow as lockouts
from twofold.lockouts.helper import Helper
from twofold.resets import records
from twofold.resets.case import LIFE, Act, Case, allows, needs_approval
from twofold.resets.flow import close_if_dead, who_can_approve
from twofold.resets.history_flow import note
from twofold.resets.link import Open, Over, Unknown, link_verdict


class Minted(NamedTuple):
    """A link that is about to go out: its secret is in the letter and nowhere else."""

    case: Case
    user: User
    token: str
    valid_until: datetime
    needs_new_password: bool
    needs_approval: bool


class OpenLink(NamedTuple):
    """What the page of an open link shows and asks; `approvers` can approve where the mailbox alone is proved."""

    verdict: Open
    needs_new_password: bool
    needs_approval: bool
    approvers: list[Helper]


def mint_link(connection: sa.Connection, entry: Entry, at: datetime) -> Minted | None:
    """Make the link of a letter that is about to go out; its fifteen minutes begin now.

    None when nobody needs the letter any more: the case is not open, a newer letter waits, or the case is dead because
    its subject changed or its requester lost the right. A letter that is delivered again carries a new link, and only
    that one works.
    """
    user = directory.lock_user_row(connection, entry.user_id)
    case = records.find(connection, UUID(entry.facts["case"]))
    if user is None or case is None or case.letter_id != entry.id:
        return None
    if not allows(case, Act.SEND, at):
        close_if_dead(connection, case, at)
        return None
    token, valid_until = new_token("reset"), at + LIFE
    if not records.store_link(connection, case.key, digest(token), at, valid_until):
        return None
    note(connection, case.key, reset_kinds.ResetSent, origin=Origin(at, actor=acting.SYSTEM))
    forced = lockouts.locked_since_password(connection, user)
    return Minted(case, user, token, valid_until, forced, needs_approval(case))


def view_link(context: AppContext, token: str, at: datetime) -> OpenLink | Over:
    """Return what the page of a link shows. It changes nothing, because programs that check mail open links as well."""
    with context.db.read() as connection:
        verdict = link_verdict(records.find_link(connection, digest(token)), at)
        if not isinstance(verdict, Open):
            return verdict
        user = directory.find_user(connection, verdict.case.subject.id)
        if user is None:
            return Unknown()
        forced, unapproved = lockouts.locked_since_password(connection, user), needs_approval(verdict.case)
        approvers = who_can_approve(connection, verdict.case, user) if unapproved else []
        return OpenLink(verdict, forced, unapproved, approvers)
