from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.harness.contexts import FrozenClock, standing_clock
from tests.harness.smtp import Letter, SmtpServer
from twofold.kit.context import AppContext
from twofold.kit.mail.delivery import Delivery
from twofold.kit.mail.smtp import SmtpTransport
from twofold.operations.jobs import COMPOSERS


class Mailer:
    """Delivers what waits in an outbox at a moment, over a real mail server."""

    def __init__(self, context: AppContext, smtp: SmtpServer, frozen_clock: FrozenClock) -> None:
        self.smtp = smtp
        self._context = context
        self._frozen_clock = frozen_clock
        self._delivery = Delivery(context, SmtpTransport(smtp.url), COMPOSERS)

    def deliver(self, at: datetime | None = None) -> list[Letter]:
        """Deliver everything that is due; return what arrived by it."""
        before, self._frozen_clock.at = len(self.smtp.letters), at or self._frozen_clock.at
        while self._delivery.run(self._context, self._frozen_clock.at):
            pass
        return self.smtp.letters[before:]

    def token(self, path: str, at: datetime | None = None, *, to: str = "ada@acme.example") -> str:
        """Deliver, and return the token of the newest link to a page that somebody got."""
        self.deliver(at)
        with_link = [letter for letter in self.smtp.sent_to(to) if f"/{path}/" in letter.text]
        assert with_link, [letter.subject for letter in self.smtp.letters]
        return with_link[-1].link(f"/{path}/").rpartition("/")[2]


@pytest.fixture
def mailer(context: AppContext, smtp: SmtpServer, frozen_clock: FrozenClock) -> Mailer:
    """Deliver letters at noon, or whenever a test says."""
    return Mailer(context, smtp, frozen_clock)


@pytest.fixture
def frozen_clock() -> Iterator[FrozenClock]:
    """Stop the clock at noon, also for what is delivered."""
    with standing_clock() as frozen_clock:
        yield frozen_clock
