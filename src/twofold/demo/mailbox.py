"""The demo's mailbox: letters are delivered into memory, and everybody may read them."""

import threading
from datetime import datetime
from email.message import EmailMessage
from typing import NamedTuple
from uuid import UUID

from twofold.kit import clock
from twofold.kit.crypto.tokens import new_id
from twofold.kit.mail.smtp import Delivered, Outcome, Unreachable

MOST = 500


class Mail(NamedTuple):
    """A letter as it arrived."""

    id: UUID
    to: str
    subject: str
    sent: datetime
    text: str
    html: str


class Mailbox:
    """Takes letters as a mail server would; the worker delivers from its own thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mails: list[Mail] = []

    def deliver(self, message: EmailMessage) -> Outcome:
        """Take a letter."""
        mail = Mail(
            new_id(),
            ", ".join(address.addr_spec for address in message["To"].addresses),
            str(message["Subject"]),
            clock.now(),
            _part(message, "plain"),
            _part(message, "html"),
        )
        with self._lock:
            self._mails = [*self._mails[1 - MOST :], mail]
        return Delivered()

    def reach(self) -> Unreachable | None:
        """Be there, always."""

    def newest_first(self) -> list[Mail]:
        """List the letters."""
        with self._lock:
            return self._mails[::-1]

    def find(self, mail_id: UUID | None) -> Mail | None:
        """Find a letter."""
        with self._lock:
            return next((mail for mail in self._mails if mail.id == mail_id), None)


def _part(message: EmailMessage, subtype: str) -> str:
    body = message.get_body((subtype,))
    return "" if body is None else str(body.get_content())
