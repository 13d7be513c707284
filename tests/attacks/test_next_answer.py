"""Who exists must not show to whoever asks for a letter and then watches how others are answered, or floods the post.

`make bench-neighbours` watches the time; here the work is counted that takes it, and what comes before what.
"""

import re

import httpx
import pytest
import sqlalchemy as sa

from tests.attacks.test_enumeration import OWN, counted
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.people import ADA, People
from tests.harness.smtp import SmtpServer
from twofold.kit.mail import decoys, outbox
from twofold.kit.mail.delivery import Delivery
from twofold.kit.mail.outbox import MOST_DECOYS_WAITING
from twofold.kit.mail.smtp import SmtpTransport
from twofold.operations.jobs import COMPOSERS, jobs_of
from twofold.recovery.tables import password_links

NOBODY = "nobody@acme.example"


@pytest.fixture
def delivery(people: People, smtp: SmtpServer) -> Delivery:
    return Delivery(people.context, SmtpTransport(smtp.url), COMPOSERS)


def ask(http: httpx.Client, operation: str, email: str) -> None:
    assert http.post(operation, data={"email": email}, headers=OWN).status_code in {200, 303}


def forget_password(http: httpx.Client, email: str) -> None:
    ask(http, "/forgot-password", email)


def work_of_delivering(people: People, delivery: Delivery) -> list[str]:
    """Deliver one letter; return all the work, where undoing a part of a transaction is as good as keeping it."""
    with counted(people) as work:
        assert delivery.run(people.context, NOON)
    return [re.sub("RELEASE|ROLLBACK TO", "END OF", done) for done in work]


@pytest.mark.parametrize(
    ("operation", "table", "event"),
    [("/forgot-password", "password_links", "password_link_sent"), ("/sign-in/email-link", "browser_links", None)],
)
def test_a_letter_for_nobody_takes_the_work_of_one_for_somebody(
    http: httpx.Client,
    people: People,
    smtp: SmtpServer,
    delivery: Delivery,
    frozen_clock: FrozenClock,
    operation: str,
    table: str,
    event: str | None,
) -> None:
    people.user(ADA)
    works = []
    for email in (ADA, NOBODY):
        ask(http, operation, email)
        works.append(work_of_delivering(people, delivery))
        assert not delivery.run(people.context, NOON)
    assert works[0] == works[1]
    assert any(f"{table} SET token_hash" in done for done in works[0])
    assert any("INSERT INTO audit_events" in done for done in works[0]) is (event is not None)
    assert works[0].count("COMMIT") == 2
    assert [letter.recipients for letter in smtp.letters] == [(ADA,)]


def test_a_letter_for_nobody_leaves_neither_event_nor_token_and_is_soon_forgotten(
    http: httpx.Client, people: People, smtp: SmtpServer, delivery: Delivery, frozen_clock: FrozenClock
) -> None:
    forget_password(http, NOBODY)
    assert delivery.run(people.context, NOON)
    assert people.events() == []
    with people.context.db.read() as connection:
        assert connection.execute(sa.select(password_links.c.token_hash)).scalars().all() == [None]
    frozen_clock.forward(hours=1, seconds=1)
    next(job for job in jobs_of(people.context, None) if job.name == "clean-up").run(people.context, frozen_clock.at)
    with people.context.db.read() as connection:
        assert connection.execute(sa.select(outbox.outbox.c.id)).all() == []
        assert connection.execute(sa.select(password_links.c.user_id)).all() == []
    assert smtp.letters == []


def test_a_flood_for_nobody_delays_no_letter_to_somebody(
    http: httpx.Client, people: People, smtp: SmtpServer, delivery: Delivery, frozen_clock: FrozenClock
) -> None:
    people.user(ADA)
    for number in range(200):
        forget_password(http, f"nobody{number}@acme.example")
    forget_password(http, ADA)
    assert delivery.run(people.context, NOON)
    assert [letter.recipients for letter in smtp.letters] == [(ADA,)]


def test_a_flood_for_nobody_is_worked_off_at_a_bounded_rate_and_waits_within_bounds(
    http: httpx.Client, people: People, smtp: SmtpServer, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoys, "FIRST_GUESS", 0.0)
    asked = 200
    for number in range(asked):
        forget_password(http, f"nobody{number}@acme.example")
    jobs = [job for job in jobs_of(people.context, SmtpTransport(smtp.url)) if job.name.startswith("letters")]
    done = []
    for second in range(4):
        before = left_of(people)
        for job in jobs:
            while job.run(people.context, later(seconds=second)):
                pass
        done.append(before - left_of(people))
    assert done == [asked - MOST_DECOYS_WAITING, decoys.A_SECOND, decoys.A_SECOND, decoys.A_SECOND]
    with people.context.db.read() as connection:
        links = connection.execute(sa.select(sa.func.count()).select_from(password_links)).scalar_one()
    assert links == MOST_DECOYS_WAITING + decoys.BURST


def left_of(people: People) -> int:
    """Count the letters for nobody that wait."""
    waits = outbox.outbox.c.due_at.is_not(None)
    with people.context.db.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(outbox.outbox).where(waits)).scalar_one()


def test_letters_to_somebody_take_the_places_of_those_for_nobody(
    http: httpx.Client,
    people: People,
    smtp: SmtpServer,
    delivery: Delivery,
    frozen_clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where strangers ask without end, as much is done in each second, whoever they ask for."""
    monkeypatch.setattr(decoys, "FIRST_GUESS", 0.0)
    for number in range(30):
        forget_password(http, f"nobody{number}@acme.example")
    while delivery.run(people.context, NOON):
        pass
    for known in range(2):
        forget_password(http, people.user(f"known{known}@acme.example").email)
    before = left_of(people)
    while delivery.run(people.context, later(seconds=1)):
        pass
    assert len(smtp.letters) == 2
    assert before - left_of(people) == decoys.A_SECOND
