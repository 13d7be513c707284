"""The audit log of an account, as its administrators and support agents read it and take it with them.

Whoever takes a copy leaves a line in it, which the copy holds already.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog

from twofold.admin import spreadsheet
from twofold.audit import export_flow, seal_flow
from twofold.audit import flow as audit
from twofold.audit.chain import account_of, chain_of, content, moment
from twofold.audit.export_flow import SealState
from twofold.directory import flow as directory
from twofold.directory.user import NamedUser, User
from twofold.events import directory_kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.vault import Vault, VaultError
from twofold.kit.sql.database import EPOCH, Database
from twofold.support import audit_records as records
from twofold.support.audit_search import EventCursor, Filters, Found, Page
from twofold.support.audit_words import sentence

PAGE = 50
EXPORT_PAGE = 500
# Behind it comes the first event there is.
BEGINNING = EventCursor(EPOCH - timedelta(days=1), 0, forwards=True)

log = structlog.get_logger("twofold.support")

COLUMNS = (
    "time", "what", "kind", "result", "actor", "subject", "reason", "address", "browser", "request_id", "details", "id",
    "position", "hash",
)  # fmt: skip


class CannotSign(msgspec.Struct, frozen=True):
    """The key that signs complete copies does not open: it is not in the key ring, or its row was tampered with."""


def read_page(db: Database, account_id: UUID, filters: Filters, cursor: EventCursor | None, most: int = PAGE) -> Page:
    """Read a page of an account's log, the newest event first."""
    with db.read() as connection:
        found = records.page(connection, account_id, filters, cursor, most + 1)
    forwards = cursor is not None and cursor.forwards
    more, shown = len(found) > most, found[:most]
    if forwards:
        shown.reverse()
    if not shown:
        return Page([], None, None)
    older = shown[-1].cursor if more or forwards else None
    newer = shown[0].cursor._replace(forwards=True) if cursor is not None and (more or not forwards) else None
    return Page(shown, older, newer)


def find_user_named(db: Database, account_id: UUID, email: str) -> UUID | None:
    """Find whom somebody means by an address: a user of the account, or somebody else whom its log names.

    Nobody else: the id goes into the copy that is taken, and would tell that the address is known in another account.
    """
    with db.read() as connection:
        user = directory.find_user_by_email(connection, email)
        if user is None:
            return None
        theirs = user.account_id == account_id or records.page(connection, account_id, Filters(user.id), None, 1)
    return user.id if theirs else None


def address_of(db: Database, account_id: UUID, user_id: UUID) -> str | None:
    """Return the address of one of an account's users, for the page to show whom it is narrowed to."""
    with db.read() as connection:
        return records.email_of(connection, account_id, user_id)


def seal_state(context: AppContext, account_id: UUID) -> SealState:
    """Tell how far an account's log is sealed, and the public key that its exports are signed with."""
    return export_flow.seal_state(context.db, chain_of(account_id))


def take_copy(
    context: AppContext,
    actor: User,
    account_id: UUID,
    filters: Filters,
    form: str,
    *,
    origin: Origin,
) -> Iterator[str] | CannotSign:
    """Export an account's log as lines of CSV (`form` is "csv") or else of JSON, and record that it was."""
    if form != "csv" and not filters.any and not _can_sign(context, origin.at):
        return CannotSign()
    with context.db.write() as connection:
        audit.record(
            connection,
            directory_kinds.AuditExported({"form": form, **filters.as_json()}),
            origin=origin.by(acting.user(actor.id)),
            account_id=account_id,
        )
    if form == "csv":
        return csv_lines(context.db, chain_of(account_id), origin.at, filters)
    return export_lines(context.db, context.vault, chain_of(account_id), origin.at, filters)


def export_lines(
    db: Database,
    vault: Vault,
    chain: str | None,
    at: datetime,
    filters: Filters | None = None,
) -> Iterator[str]:
    """Export a chain (an account's id, or "installation"), or all of them (None), as lines of JSON.

    Without filters it is complete and ends in a signed head, for `audit.verify.verify_lines`. With filters it says in
    its first line that it cannot be verified; filters need one chain.

    Raises:
        ValueError: there are filters and no chain.
        VaultError: while it is read, without filters: the key that signs exports does not open.

    """
    if filters is None or not filters.any:
        return export_flow.complete_lines(db, vault, chain, at, records.names)
    if chain is None:
        raise ValueError("a filtered export is of one chain")
    return _filtered_lines(db, chain, at, filters)


def csv_lines(db: Database, chain: str, at: datetime, filters: Filters) -> Iterator[str]:
    """Export a chain as CSV, for spreadsheets: it cannot be verified, and no field of it is taken for a formula.

    Raises:
        ValueError: while it is read: `chain` is neither "installation" nor an account's id.

    """
    yield spreadsheet.line(COLUMNS)
    for found in _every(db, chain, at, filters):
        event = found.event
        yield spreadsheet.line(
            (
                moment(event.at), sentence(found), event.kind, event.result, _words(found.actor, event.actor_kind),
                _words(found.subject, ""), event.reason or "", event.address, event.browser, event.request_id,
                event.details, str(event.id), str(found.position), (found.hash or b"").hex(),
            )
        )  # fmt: skip


def _can_sign(context: AppContext, at: datetime) -> bool:
    try:
        export_flow.signer(context.db, context.vault, at)
    except VaultError as error:
        log.error("no complete copy of the log: the key that signs it does not open", why=str(error))  # noqa: TRY400 - no trace helps
        return False
    return True


def _filtered_lines(db: Database, chain: str, at: datetime, filters: Filters) -> Iterator[str]:
    note = "This export is filtered, so it cannot be verified: nobody can tell what it leaves out."
    yield export_flow.header(at, complete=False, note=note, chains=[chain], filters=filters.as_json())
    for found in _every(db, chain, at, filters):
        people = {who.id: who.words for who in (found.actor, found.subject) if who is not None}
        yield export_flow.json_line(
            {
                "event": content(found.event, chain, found.position or 0),
                "hash": (found.hash or b"").hex(),
                "names": export_flow.names_of(found.event, people),
            }
        )


def _every(db: Database, chain: str, at: datetime, filters: Filters) -> Iterator[Found]:
    """Read all that is sealed of a log, the oldest first, page by page, each on a connection of its own."""
    seal_flow.seal_everything(db, at)
    after: EventCursor | None = BEGINNING
    while after is not None:
        with db.read() as connection:
            found = records.page(connection, account_of(chain), filters, after, EXPORT_PAGE)
        yield from (one for one in found if one.hash is not None)
        after = found[-1].cursor._replace(forwards=True) if len(found) == EXPORT_PAGE else None


def _words(who: NamedUser | None, kind: str) -> str:
    return kind if who is None else who.words
