import threading
from datetime import datetime
from email.message import EmailMessage
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock, context_on
from tests.harness.processes import LONGEST, wait_until
from tests.harness.smtp import SmtpServer
from twofold.kit.context import AppContext
from twofold.kit.mail import outbox
from twofold.kit.mail.delivery import Delivery
from twofold.kit.mail.outbox import LEASE, Entry, Outbox, Priority
from twofold.kit.mail.smtp import Outcome, SmtpTransport, Unreachable

ADA, ACME = uuid4(), uuid4()


def tell(_context: AppContext, _connection: sa.Connection, entry: Entry, _at: datetime) -> dict[str, Any]:
    """Compose as the features do."""
    return {"happened_at": NOON, "browser": "", "address": "", "facts": entry.facts}


def out_of_date(_context: AppContext, _connection: sa.Connection, _entry: Entry, _at: datetime) -> None:
    return None


def write_and_break(_context: AppContext, connection: sa.Connection, _entry: Entry, _at: datetime) -> dict[str, Any]:
    connection.execute(outbox.outbox.update().values(recipient="nobody@acme.example"))
    raise KeyError("about")


COMPOSERS = {"unlocked": tell, "two_factor_added": tell, "locked": out_of_date, "frozen": write_and_break}


class Dies:
    """A worker that dies between the server's 250 and writing it down."""

    def __init__(self, transport: SmtpTransport) -> None:
        self._transport = transport

    def deliver(self, message: EmailMessage) -> Outcome:
        self._transport.deliver(message)
        raise KeyboardInterrupt

    def reach(self) -> Unreachable | None:
        return self._transport.reach()


@pytest.fixture
def delivery(context: AppContext, smtp: SmtpServer, frozen_clock: FrozenClock) -> Delivery:
    return Delivery(context, SmtpTransport(smtp.url, seconds=LONGEST), COMPOSERS)


OUTBOX = Outbox(configured=True, priorities={"unlocked": Priority.WAITED_FOR, "password_changed": Priority.ASKED_FOR})


def post(context: AppContext, kind: str = "unlocked", recipient: str = "ada@acme.example", **facts: Any) -> UUID:
    with context.db.write() as connection:
        letter = OUTBOX.post(connection, kind, user_id=ADA, account_id=ACME, recipient=recipient, at=NOON, facts=facts)
    assert letter is not None
    return letter


def row(context: AppContext, letter: UUID) -> Any:
    with context.db.read() as connection:
        return connection.execute(sa.select(outbox.outbox).where(outbox.outbox.c.id == letter)).one()


def test_a_letter_goes_out_once(context: AppContext, smtp: SmtpServer, delivery: Delivery) -> None:
    letter = post(context)
    assert delivery.run(context, NOON)
    assert not delivery.run(context, NOON)
    assert smtp.wait_for("ada@acme.example").subject == "Your account is unlocked - Twofold"
    assert (row(context, letter).outcome, row(context, letter).settled_at, len(smtp.letters)) == ("sent", NOON, 1)


def test_a_refused_letter_comes_again_and_goes_out(context: AppContext, smtp: SmtpServer, delivery: Delivery) -> None:
    letter = post(context)
    smtp.refuse("451 4.3.0 Later")
    assert delivery.run(context, NOON)
    assert (row(context, letter).outcome, row(context, letter).last_error) == (None, "451 4.3.0 Later")
    assert not delivery.run(context, later(seconds=4))
    smtp.behave()
    assert delivery.run(context, later(seconds=5))
    assert row(context, letter).outcome == "sent"


def test_a_server_that_is_down_delays_and_loses_nothing(
    context: AppContext, smtp: SmtpServer, delivery: Delivery
) -> None:
    letters = [post(context) for _ in range(3)]
    smtp.stop()
    while delivery.run(context, NOON):
        pass
    assert [row(context, letter).outcome for letter in letters] == [None] * 3
    smtp.start()
    while delivery.run(context, later(minutes=1)):
        pass
    assert [row(context, letter).outcome for letter in letters] == ["sent"] * 3
    assert len(smtp.letters) == 3


def test_while_the_server_is_away_no_letter_is_touched_and_then_all_of_them_are_due(
    context: AppContext, smtp: SmtpServer, delivery: Delivery
) -> None:
    first, second, third = (post(context) for _ in range(3))
    smtp.stop()
    assert delivery.run(context, NOON)
    assert not delivery.run(context, NOON)
    assert not delivery.run_urgent(context, later(seconds=4))
    assert not delivery.run(context, later(seconds=5))  # probes, in vain
    smtp.start()
    assert not delivery.run(context, later(seconds=14))
    assert [row(context, letter).tries for letter in (first, second, third)] == [1, 0, 0]
    while delivery.run(context, later(seconds=15)):
        pass
    assert [row(context, letter).outcome for letter in (first, second, third)] == ["sent"] * 3


def test_a_server_that_is_away_is_probed_once_a_minute_at_least(
    context: AppContext, smtp: SmtpServer, delivery: Delivery
) -> None:
    for _ in range(2):
        post(context)
    smtp.stop()
    delivery.run(context, NOON)
    probes: list[float] = []
    server = delivery._server
    for second in range(1, 600):
        before = server._probes
        assert not delivery.run(context, later(seconds=second))
        if server._probes > before:
            probes.append(second)
    assert probes[:5] == [5, 15, 35, 75, 135]
    assert {after - before for before, after in pairwise(probes[4:])} == {60}


def test_one_thread_probes_a_server_that_hangs_and_the_others_go_on(
    context: AppContext, smtp: SmtpServer, delivery: Delivery
) -> None:
    post(context)
    smtp.stop()
    assert delivery.run(context, NOON)
    smtp.hang()
    prober = threading.Thread(target=delivery.run, args=(context, later(seconds=5)))
    prober.start()
    wait_until(delivery._server._probing.locked, what="a probe")
    assert not delivery.run(context, later(seconds=5))  # at once, while the other one still waits
    assert delivery._server._probing.locked()
    smtp.stop()
    prober.join(LONGEST)
    assert not prober.is_alive()


def test_a_clock_that_is_set_back_delays_no_probe(
    context: AppContext, smtp: SmtpServer, frozen_clock: FrozenClock, delivery: Delivery
) -> None:
    letter = post(context)
    post(context)
    smtp.stop()
    delivery.run(context, frozen_clock.forward(hours=1))
    smtp.start()
    assert delivery.run(context, NOON)
    assert row(context, letter).tries == 1
    assert len(smtp.letters) == 1


def test_a_rejected_recipient_ends_their_letter_and_no_other(
    context: AppContext, smtp: SmtpServer, delivery: Delivery
) -> None:
    letter = post(context)
    smtp.reject("ada@acme.example")
    assert delivery.run(context, NOON)
    assert (row(context, letter).outcome, row(context, letter).last_error[:9]) == ("rejected", "550 5.1.1")
    smtp.behave()
    assert not delivery.run(context, later(days=1))
    post(context)
    assert delivery.run(context, NOON)
    assert len(smtp.letters) == 1


def test_a_slow_server_is_given_up_and_tried_again(
    context: AppContext, smtp: SmtpServer, frozen_clock: FrozenClock
) -> None:
    letter = post(context)
    smtp.delay(LONGEST)
    assert Delivery(context, SmtpTransport(smtp.url, seconds=0.3), COMPOSERS).run(context, NOON)
    assert row(context, letter).outcome is None
    smtp.behave()
    assert Delivery(context, SmtpTransport(smtp.url), COMPOSERS).run(context, later(seconds=5))
    assert row(context, letter).outcome == "sent"


def test_after_a_crash_the_letter_is_repeated_under_the_same_message_id(
    context: AppContext, smtp: SmtpServer, delivery: Delivery
) -> None:
    letter = post(context)
    with pytest.raises(KeyboardInterrupt):
        Delivery(context, Dies(SmtpTransport(smtp.url)), COMPOSERS).run(context, NOON)
    assert row(context, letter).outcome is None
    assert not delivery.run(context, later(seconds=119))
    assert delivery.run(context, NOON + LEASE)
    assert row(context, letter).outcome == "sent"
    first, second = smtp.letters
    assert first.message["Message-ID"] == second.message["Message-ID"]


def test_a_letter_that_is_out_of_date_is_dropped(context: AppContext, smtp: SmtpServer, delivery: Delivery) -> None:
    letter = post(context, "locked")
    assert delivery.run(context, NOON)
    assert row(context, letter).outcome == "dropped"
    assert smtp.letters == []


@pytest.mark.parametrize("kind", ["frozen", "of_a_newer_version", "two_factor_added"])
def test_a_letter_that_cannot_be_composed_waits_and_holds_up_no_other(
    context: AppContext, smtp: SmtpServer, delivery: Delivery, kind: str
) -> None:
    broken = post(context, kind)  # two_factor_added lacks the fact that its template names
    post(context)
    assert delivery.run(context, NOON)
    assert delivery.run(context, NOON)
    assert not delivery.run(context, NOON)
    assert [arrived.subject for arrived in smtp.letters] == ["Your account is unlocked - Twofold"]
    found = row(context, broken)
    assert (found.outcome, found.due_at, found.recipient) == (None, later(seconds=5), "ada@acme.example")
    assert found.last_error.startswith("not composed: ")


def test_an_urgent_letter_does_not_queue_behind_others(
    context: AppContext, smtp: SmtpServer, delivery: Delivery
) -> None:
    for _ in range(3):
        post(context, "two_factor_added", authenticator="Pixel")
    post(context)
    assert delivery.run_urgent(context, NOON)
    assert [arrived.subject for arrived in smtp.letters] == ["Your account is unlocked - Twofold"]
    assert not delivery.run_urgent(context, NOON)


def test_nothing_private_is_logged(
    context: AppContext, smtp: SmtpServer, delivery: Delivery, capsys: pytest.CaptureFixture[str]
) -> None:
    post(context)
    smtp.refuse("451 4.3.0 ada@acme.example http://127.0.0.1/not-me/tf_notme_abcdefghijklmnopqrstu")
    delivery.run(context, NOON)
    smtp.behave()
    delivery.run(context, later(seconds=5))
    said = "".join(capsys.readouterr())
    assert "letter postponed" in said
    assert "letter sent" in said
    assert "acme" not in said
    assert "tf_notme" not in said


def test_two_workers_share_the_work(postgresql_url: str, smtp: SmtpServer, frozen_clock: FrozenClock) -> None:
    with context_on(postgresql_url) as one, context_on(postgresql_url) as two:
        for _ in range(4):
            post(one)
        transport = SmtpTransport(smtp.url)
        first, second = (Delivery(context, transport, COMPOSERS) for context in (one, two))
        while first.run(one, NOON) | second.run(two, NOON):
            pass
    assert len({arrived.message["Message-ID"] for arrived in smtp.letters}) == len(smtp.letters) == 4
