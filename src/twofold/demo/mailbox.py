"""The demo's mailbox: letters are delivered into memory, and everybody may read them."""

import threading
from datetime import datetime
from email.message import EmailMessage
from typing import NamedTuple, Self
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

    @classmethod
    def of(cls, message: EmailMessage, sent: datetime, mail_id: UUID | None = None) -> Self:
        """Read what a mail program shows of a message."""
        to = ", ".join(address.addr_spec for address in message["To"].addresses)
        text, html = _part(message, "plain"), _part(message, "html")
        return cls(mail_id or new_id(), to, str(message["Subject"]), sent, text, html)


class Mailbox:
    """Takes letters as a mail server would; the worker delivers from its own thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._mails: list[Mail] = []

    def deliver(self, message: EmailMessage) -> Outcome:
        """Take a letter."""
        mail = Mail.of(message, clock.now())
        with self._lock:
            self._mails = [*self._mails[1 - MOST :], mail]
        return Delivered()

    def reach(self) -> Unreachable | None:
        """Be there, always."""

    def newest_first(self) -> list[Mail]:
        """List the letters."""
        with self._lock:
            return self._mails[::-1]


def _part(message: EmailMessage, subtype: str) -> str:
    body = message.get_body((subtype,))
    return "" if body is None else str(body.get_content())
