"""The post of an application, delivered when a test says: every letter as its reader gets it, and what it brings."""

import re
from datetime import datetime

from tests.harness.people import People
from tests.resets.helpdesk import Delivered
from twofold.kit import clock
from twofold.kit.mail import outbox
from twofold.kit.mail.letters import Letters
from twofold.operations.jobs import COMPOSERS


class Mailbox:
    """Takes letters out of the outbox and composes them as the worker does; a mail server is not needed for that."""

    def __init__(self, people: People) -> None:
        self.context = people.context
        self.letters: list[Delivered] = []
        self._letters = Letters(people.context.settings)

    def deliver(self, at: datetime | None = None) -> list[Delivered]:
        """Deliver every letter that is due, now or at a moment; return those that nobody had to drop."""
        at, before = at or clock.now(), len(self.letters)
        with self.context.db.write() as connection:
            while entries := outbox.claim(connection, at, most=100):
                for entry in entries:
                    told = COMPOSERS[entry.kind](self.context, connection, entry, at)
                    outbox.settle(connection, entry.id, "dropped" if told is None else "sent", at)
                    if told is not None:
                        message = self._letters.write(entry, told, at)
                        parts = [message.get_body((subtype,)) for subtype in ("plain", "html")]
                        text, html = (str(part.get_content()) for part in parts if part is not None)
                        self.letters.append(Delivered(entry.kind, entry.recipient, str(message["Subject"]), text, html))
        return self.letters[before:]

    def token(self, path: str, at: datetime | None = None, *, to: str = "") -> str:
        """Deliver, and return the token of the newest link to a page, of somebody's if they are named."""
        found = self.find(path, at, to=to)
        assert found is not None, [(letter.kind, letter.to) for letter in self.letters]
        return found

    def find(self, path: str, at: datetime | None = None, *, to: str = "") -> str | None:
        """Deliver, and return the token of the newest link to a page, if any ever came."""
        self.deliver(at)
        for letter in reversed(self.letters):
            if to in ("", letter.to) and (link := re.search(rf"/{path}/(tf_[\w-]+)", letter.text)):
                return link[1]
        return None

    def code(self, at: datetime | None = None, *, to: str = "") -> str | None:
        """Deliver, and return the newest mailed code, if any ever came."""
        self.deliver(at)
        for letter in reversed(self.letters):
            if letter.kind == "sign_in_code" and to in ("", letter.to):
                found = re.search(r"(?<![\w-])(\d{3}) ?(\d{3})(?![\w-])", letter.text)
                assert found is not None, letter.text
                return found[1] + found[2]
        return None
