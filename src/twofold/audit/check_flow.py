"""Whether the log is as it was sealed, as the database holds it; nothing is written, and nothing signed."""

from twofold.audit import records
from twofold.audit.chain import Break, Head, content, empty, follow
from twofold.audit.export_flow import PAGE
from twofold.kit.sql.database import Database


def sealed(db: Database) -> int:
    """Return how many events are sealed."""
    with db.read() as connection:
        return sum(head.position for head in records.all_heads(connection))


def first_break(db: Database) -> Break | None:
    """Follow every chain to its head; return where one breaks first. It takes some 0.1 ms an event."""
    with db.read() as connection:
        heads = records.all_heads(connection)
    return next((broken for head in heads if (broken := _broken(db, head))), None)


def _broken(db: Database, head: Head) -> Break | None:
    reached = empty(head.chain)
    while reached.position < head.position:
        with db.read() as connection:
            page = records.events_of_chain(connection, head, reached.position, PAGE)
        if not page:
            return Break(head.chain, reached.position + 1, f"event {reached.position + 1} is missing at its end.")
        for position, stored, event in page:
            followed = follow(reached, content(event, head.chain, position), stored)
            if isinstance(followed, Break):
                return followed
            reached = followed
    return None if reached == head else Break(head.chain, head.position, "its end is not the one that was sealed.")
