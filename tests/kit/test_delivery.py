import threading
from datetime import datetime
from email.message import EmailMessage
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.houses import Hands, house_on
from tests.harness.processes import wait_until
from tests.harness.smtp import SmtpServer
from twofold.kit import outbox
from twofold.kit.delivery import Delivery
from twofold.kit.house import House
from twofold.kit.outbox import LEASE, Entry, Outbox, Turn
from twofold.kit.smtp import Outcome, SmtpTransport, Unreachable

ADA, ACME = uuid4(), uuid4()


def tell(_house: House, _connection: sa.Connection, entry: Entry, _at: datetime) -> dict[str, Any]:
    """Compose as the rooms do."""
    return {"happened_at": NOON, "browser": "", "address": "", "facts": entry.facts}


def out_of_date(_house: House, _connection: sa.Connection, _entry: Entry, _at: datetime) -> None:
    return None


def write_and_break(_house: House, connection: sa.Connection, _entry: Entry, _at: datetime) -> dict[str, Any]:
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
def delivery(house: House, smtp: SmtpServer, hands: Hands) -> Delivery:
    return Delivery(house, SmtpTransport(smtp.url, seconds=2), COMPOSERS)


OUTBOX = Outbox(configured=True, turns={"unlocked": Turn.WAITED_FOR, "password_changed": Turn.ASKED_FOR})


def post(house: House, kind: str = "unlocked", recipient: str = "ada@acme.example", **facts: Any) -> UUID:
    with house.db.write() as connection:
        letter = OUTBOX.post(
            connection, kind, user_id=ADA, account_id=ACME, recipient=recipient, at=NOON, facts=facts,
        )  # fmt: skip
    assert letter is not None
    return letter


def row(house: House, letter: UUID) -> Any:
    with house.db.read() as connection:
        return connection.execute(sa.select(outbox.outbox).where(outbox.outbox.c.id == letter)).one()


def test_a_letter_goes_out_once(house: House, smtp: SmtpServer, delivery: Delivery) -> None:
    letter = post(house)
    assert delivery.run(house, NOON)
    assert not delivery.run(house, NOON)
    assert smtp.wait_for("ada@acme.example").subject == "Your account is unlocked"
    assert (row(house, letter).outcome, row(house, letter).settled_at, len(smtp.letters)) == ("sent", NOON, 1)


def test_a_refused_letter_comes_again_and_goes_out(house: House, smtp: SmtpServer, delivery: Delivery) -> None:
    letter = post(house)
    smtp.refuse("451 4.3.0 Later")
    assert delivery.run(house, NOON)
    assert (row(house, letter).outcome, row(house, letter).last_error) == (None, "451 4.3.0 Later")
    assert not delivery.run(house, later(seconds=4))
    smtp.behave()
    assert delivery.run(house, later(seconds=5))
    assert row(house, letter).outcome == "sent"


def test_a_server_that_is_down_delays_and_loses_nothing(house: House, smtp: SmtpServer, delivery: Delivery) -> None:
    letters = [post(house) for _ in range(3)]
    smtp.stop()
    while delivery.run(house, NOON):
        pass
    assert [row(house, letter).outcome for letter in letters] == [None] * 3
    smtp.start()
    while delivery.run(house, later(minutes=1)):
        pass
    assert [row(house, letter).outcome for letter in letters] == ["sent"] * 3
    assert len(smtp.letters) == 3


def test_while_the_server_is_away_no_letter_is_touched_and_once_it_is_back_all_are_due(
    house: House, smtp: SmtpServer, delivery: Delivery
) -> None:
    first, second, third = (post(house) for _ in range(3))
    smtp.stop()
    assert delivery.run(house, NOON)
    assert not delivery.run(house, NOON)
    assert not delivery.run_urgent(house, later(seconds=4))
    assert not delivery.run(house, later(seconds=5))  # looks, in vain
    smtp.start()
    assert not delivery.run(house, later(seconds=14))
    assert [row(house, letter).tries for letter in (first, second, third)] == [1, 0, 0]
    while delivery.run(house, later(seconds=15)):
        pass
    assert [row(house, letter).outcome for letter in (first, second, third)] == ["sent"] * 3


def test_a_server_that_is_away_is_looked_for_once_a_minute_at_least(
    house: House, smtp: SmtpServer, delivery: Delivery
) -> None:
    for _ in range(2):
        post(house)
    smtp.stop()
    delivery.run(house, NOON)
    looks: list[float] = []
    server = delivery._server
    for second in range(1, 600):
        before = server._looks
        assert not delivery.run(house, later(seconds=second))
        if server._looks > before:
            looks.append(second)
    assert looks[:5] == [5, 15, 35, 75, 135]
    assert {after - before for before, after in pairwise(looks[4:])} == {60}


def test_one_thread_looks_for_a_server_that_hangs_and_the_others_go_on(
    house: House, smtp: SmtpServer, hands: Hands
) -> None:
    delivery = Delivery(house, SmtpTransport(smtp.url, seconds=0.5), COMPOSERS)
    post(house)
    smtp.hang()
    assert delivery.run(house, NOON)
    looking = threading.Thread(target=delivery.run, args=(house, later(seconds=5)))
    looking.start()
    wait_until(delivery._server._looking.locked, seconds=5, what="a look")
    assert not delivery.run(house, later(seconds=5))  # at once, while the other one still waits
    assert delivery._server._looking.locked()
    looking.join(timeout=10)


def test_a_clock_that_is_set_back_delays_no_look(
    house: House, smtp: SmtpServer, hands: Hands, delivery: Delivery
) -> None:
    letter = post(house)
    post(house)
    smtp.stop()
    delivery.run(house, hands.forward(hours=1))
    smtp.start()
    assert delivery.run(house, NOON)
    assert row(house, letter).tries == 1
    assert len(smtp.letters) == 1


def test_a_rejected_recipient_ends_their_letter_and_no_other(
    house: House, smtp: SmtpServer, delivery: Delivery
) -> None:
    letter = post(house)
    smtp.reject("ada@acme.example")
    assert delivery.run(house, NOON)
    assert (row(house, letter).outcome, row(house, letter).last_error[:9]) == ("rejected", "550 5.1.1")
    smtp.behave()
    assert not delivery.run(house, later(days=1))
    post(house)
    assert delivery.run(house, NOON)
    assert len(smtp.letters) == 1


def test_a_slow_server_is_given_up_and_tried_again(house: House, smtp: SmtpServer, hands: Hands) -> None:
    letter = post(house)
    smtp.delay(2)
    assert Delivery(house, SmtpTransport(smtp.url, seconds=0.3), COMPOSERS).run(house, NOON)
    assert row(house, letter).outcome is None
    smtp.behave()
    assert Delivery(house, SmtpTransport(smtp.url), COMPOSERS).run(house, later(seconds=5))
    assert row(house, letter).outcome == "sent"


def test_after_a_crash_the_letter_is_repeated_under_the_same_message_id(
    house: House, smtp: SmtpServer, delivery: Delivery
) -> None:
    letter = post(house)
    with pytest.raises(KeyboardInterrupt):
        Delivery(house, Dies(SmtpTransport(smtp.url)), COMPOSERS).run(house, NOON)
    assert row(house, letter).outcome is None
    assert not delivery.run(house, later(seconds=119))
    assert delivery.run(house, NOON + LEASE)
    assert row(house, letter).outcome == "sent"
    first, second = smtp.letters
    assert first.message["Message-ID"] == second.message["Message-ID"]


def test_a_letter_that_is_out_of_date_is_dropped(house: House, smtp: SmtpServer, delivery: Delivery) -> None:
    letter = post(house, "locked")
    assert delivery.run(house, NOON)
    assert row(house, letter).outcome == "dropped"
    assert smtp.letters == []


@pytest.mark.parametrize("kind", ["frozen", "of_a_newer_version", "two_factor_added"])
def test_a_letter_that_cannot_be_composed_waits_and_holds_up_no_other(
    house: House, smtp: SmtpServer, delivery: Delivery, kind: str
) -> None:
    broken = post(house, kind)  # two_factor_added lacks the fact that its template names
    post(house)
    assert delivery.run(house, NOON)
    assert delivery.run(house, NOON)
    assert not delivery.run(house, NOON)
    assert [arrived.subject for arrived in smtp.letters] == ["Your account is unlocked"]
    found = row(house, broken)
    assert (found.outcome, found.due_at, found.recipient) == (None, later(seconds=5), "ada@acme.example")
    assert found.last_error.startswith("not composed: ")


def test_an_urgent_letter_does_not_queue_behind_others(house: House, smtp: SmtpServer, delivery: Delivery) -> None:
    for _ in range(3):
        post(house, "two_factor_added", authenticator="Pixel")
    post(house)
    assert delivery.run_urgent(house, NOON)
    assert [arrived.subject for arrived in smtp.letters] == ["Your account is unlocked"]
    assert not delivery.run_urgent(house, NOON)


def test_nothing_private_is_logged(
    house: House, smtp: SmtpServer, delivery: Delivery, capsys: pytest.CaptureFixture[str]
) -> None:
    post(house)
    smtp.refuse("451 4.3.0 ada@acme.example http://127.0.0.1/not-me/tf_notme_abcdefghijklmnopqrstu")
    delivery.run(house, NOON)
    smtp.behave()
    delivery.run(house, later(seconds=5))
    said = "".join(capsys.readouterr())
    assert "letter postponed" in said
    assert "letter sent" in said
    assert "acme" not in said
    assert "tf_notme" not in said


def test_two_workers_share_the_work(postgresql_url: str, smtp: SmtpServer, hands: Hands) -> None:
    with house_on(postgresql_url) as one, house_on(postgresql_url) as two:
        for _ in range(4):
            post(one)
        transport = SmtpTransport(smtp.url)
        first, second = (Delivery(house, transport, COMPOSERS) for house in (one, two))
        while first.run(one, NOON) | second.run(two, NOON):
            pass
    assert len({arrived.message["Message-ID"] for arrived in smtp.letters}) == len(smtp.letters) == 4
