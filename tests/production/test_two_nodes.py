"""Two nodes share the work behind the pages, and one is killed in the middle of it."""

from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from tests.faults.crowd import crowd, now
from tests.harness import processes
from tests.harness.contexts import CHEAP_SERVER, KEYS, context_on
from tests.harness.server import Server, variables, worker
from tests.harness.smtp import SmtpServer
from twofold.kit import leases
from twofold.kit.context import AppContext
from twofold.kit.leases import Held
from twofold.kit.mail.outbox import outbox
from twofold.operations.jobs import LETTERS_AT_ONCE

LETTERS = 16
ALONE = ("remind", "clean-up")


def holders(context: AppContext) -> dict[str, Held | None]:
    with context.db.read() as connection:
        return {name: leases.holder_of(connection, name) for name in ALONE}


def test_no_letter_is_lost_and_no_job_done_twice_when_a_node_dies_in_the_middle(
    postgresql_url: str, smtp: SmtpServer, tmp_path: Path
) -> None:
    """Stops: a letter that its node took with it, two nodes that clean up at once, a job that nobody does any more."""
    everybody = {member.email for member in crowd(postgresql_url, LETTERS)}  # each is told that the factor is on
    chosen = variables(database_url=postgresql_url, keys=KEYS, smtp_url=smtp.url, **CHEAP_SERVER)
    environment = Server(tmp_path / "node", settings=chosen).environment
    waiting = sa.select(sa.func.count()).where(outbox.c.due_at.is_not(None))
    in_hand = sa.select(sa.func.count()).where(outbox.c.due_at > sa.bindparam("at"))
    smtp.delay(8)  # until the first one is dead; a letter is given up after ten
    with context_on(postgresql_url) as context, worker(environment) as first:

        def counted(query: sa.Select[int]) -> int:
            with context.db.read() as connection:
                return connection.execute(query, {"at": now()}).scalar_one()

        processes.wait_until(lambda: None not in holders(context).values(), what="the leases of the first")
        of_the_first = holders(context)
        with worker(environment):
            processes.wait_until(lambda: counted(in_hand) > LETTERS_AT_ONCE, what="both at work")
            first.kill()
            first.wait(timeout=processes.LONGEST)
            smtp.behave()
            # The second delivers whatever is free; what the first had in hand stays claimed, for two minutes.
            processes.wait_until(lambda: 0 < counted(waiting) == counted(in_hand) <= LETTERS_AT_ONCE, what="the rest")
            left = counted(waiting)
            assert holders(context) == of_the_first, "a lease was taken from a node that may be alive"
            with context.db.write() as connection:  # two minutes pass
                connection.execute(outbox.update().where(outbox.c.due_at.is_not(None)).values(due_at=now()))
                connection.execute(leases.leases.update().values(until=now()))
            processes.wait_until(lambda: counted(waiting) == 0, what="the letters of the dead")
    arrived = Counter(str(letter.message["Message-ID"]) for letter in smtp.letters)
    assert {letter.recipients[0] for letter in smtp.letters} == everybody
    assert len(arrived) == LETTERS, "a letter came again under another Message-ID"
    assert sum(arrived.values()) <= LETTERS + left, "a letter came twice though its node was alive"
