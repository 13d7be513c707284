from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.harness.houses import Hands, standing_clock
from tests.harness.smtp import Letter, SmtpServer
from twofold.jobs import COMPOSERS
from twofold.kit.delivery import Delivery
from twofold.kit.house import House
from twofold.kit.smtp import SmtpTransport


class PostOffice:
    """Delivers what waits in a house's outbox at a moment, over a real mail server."""

    def __init__(self, house: House, smtp: SmtpServer, hands: Hands) -> None:
        self.smtp = smtp
        self._house = house
        self._hands = hands
        self._delivery = Delivery(house, SmtpTransport(smtp.url), COMPOSERS)

    def deliver(self, at: datetime | None = None) -> list[Letter]:
        """Deliver everything that is due; return what arrived by it."""
        before, self._hands.at = len(self.smtp.letters), at or self._hands.at
        while self._delivery.run(self._house, self._hands.at):
            pass
        return self.smtp.letters[before:]

    def token(self, path: str, at: datetime | None = None, *, to: str = "ada@acme.example") -> str:
        """Deliver, and return the token of the newest link to a page that somebody got."""
        self.deliver(at)
        with_link = [letter for letter in self.smtp.sent_to(to) if f"/{path}/" in letter.text]
        assert with_link, [letter.subject for letter in self.smtp.letters]
        return with_link[-1].link(f"/{path}/").rpartition("/")[2]


@pytest.fixture
def post_office(house: House, smtp: SmtpServer, hands: Hands) -> PostOffice:
    """Deliver letters at noon, or whenever a test says."""
    return PostOffice(house, smtp, hands)


@pytest.fixture
def hands() -> Iterator[Hands]:
    """Stop the clock at noon, also for what is delivered."""
    with standing_clock() as hands:
        yield hands
