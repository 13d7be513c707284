"""Handing letters to a mail server over SMTP (RFC 5321): accepted, deferred, rejected, or it is unreachable.

`smtp+starttls` upgrades before anything is said and never goes on without; certificates are verified always.
"""

import contextlib
import re
import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from twofold.setting_addresses import parse_smtp_login

SECONDS = 10.0  # for each answer of the server
PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
LONGEST_WHY = 200  # characters

# What a server says may repeat an address, or a link out of the body (spam filters do): neither is kept or logged.
_PRIVATE = re.compile(r"\S*(?:@|://|tf_[a-z_]+_)\S*")


class Delivered(msgspec.Struct, frozen=True):
    """The server has accepted the letter."""


class TryLater(msgspec.Struct, frozen=True):
    """The server does not accept this letter now: it defers it, or refuses us as its sender."""

    why: str


class Unreachable(msgspec.Struct, frozen=True):
    """The server cannot be reached, or does not let us in: no letter would get through."""

    why: str


class Rejected(msgspec.Struct, frozen=True):
    """The server says that this letter will never reach its recipient."""

    why: str


Outcome = Delivered | TryLater | Unreachable | Rejected


class Transport(Protocol):
    """Whatever delivers letters: a mail server, or the mailbox of a demo. Several threads call it at once."""

    def deliver(self, message: EmailMessage) -> Outcome:
        """Deliver one letter within the two minutes of its claim (`outbox.LEASE`); failures are outcomes."""
        ...

    def reach(self) -> Unreachable | None:
        """Look whether letters would get through, and send nothing; None where they would."""
        ...


class SmtpTransport:
    """Delivers each letter over a connection of its own, so that nothing is left over from the one before."""

    def __init__(
        self,
        url: str,
        *,
        login: tuple[str, str] | None = None,
        ca: Path | None = None,
        own_name: str = "localhost",
        seconds: float = SECONDS,
    ) -> None:
        """Read the URL (`scheme://user:password@host:port`, percent-encoded); `ca` is a PEM file of trusted roots.

        `login` is a user and a password in place of those of the URL; `seconds` bound each answer of the server;
        `own_name` is what it is greeted with (EHLO).

        Raises:
            OSError: `ca` cannot be read, or holds no certificate.

        """
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host = parts.hostname or ""
        self._port = parts.port or PORTS[parts.scheme]
        self._login = login or parse_smtp_login(url, None, None)
        self._own_name = own_name
        self._seconds = seconds
        self._tls = ssl.create_default_context(cafile=None if ca is None else str(ca))

    def deliver(self, message: EmailMessage) -> Outcome:
        """Deliver one letter; whatever went wrong is in the outcome."""
        client = self._connect()
        if isinstance(client, Unreachable):
            return client
        try:
            return self._hand_over(client, message)
        finally:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()
            client.close()

    def reach(self) -> Unreachable | None:
        """Connect, encrypt and log in as for a letter, and send nothing; None where that works."""
        client = self._connect()
        if isinstance(client, Unreachable):
            return client
        with contextlib.suppress(smtplib.SMTPException, OSError):
            client.quit()
        client.close()
        return None

    def _connect(self) -> smtplib.SMTP | Unreachable:
        try:
            return self._logged_in()
        except smtplib.SMTPResponseException as refused:
            return Unreachable(_answer(refused.smtp_code, refused.smtp_error))
        except (smtplib.SMTPException, OSError) as error:
            return Unreachable(_failure(error))

    def _logged_in(self) -> smtplib.SMTP:
        if self._scheme == "smtps":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, self._own_name, timeout=self._seconds, context=self._tls,
            )  # fmt: skip
        else:
            client = smtplib.SMTP(self._host, self._port, self._own_name, timeout=self._seconds)
        try:
            client.ehlo_or_helo_if_needed()
            if self._scheme == "smtp+starttls":
                client.starttls(context=self._tls)  # raises where the server does not offer it
                client.ehlo()
            if self._login is not None:
                client.login(*self._login)
        except BaseException:
            client.close()
            raise
        return client

    def _hand_over(self, client: smtplib.SMTP, message: EmailMessage) -> Outcome:
        try:
            client.send_message(message)
        except smtplib.SMTPRecipientsRefused as refused:
            code, said = next(iter(refused.recipients.values()))
            return _refusal(code, said)
        except smtplib.SMTPDataError as refused:
            return _refusal(refused.smtp_code, refused.smtp_error)
        except smtplib.SMTPResponseException as refused:  # the sender: our settings are wrong, not the recipient
            return TryLater(_answer(refused.smtp_code, refused.smtp_error))
        except smtplib.SMTPNotSupportedError as error:  # an address beyond ASCII, and the server takes none
            return Rejected(_failure(error))
        except (smtplib.SMTPException, OSError) as error:
            return TryLater(_failure(error))
        return Delivered()


def _refusal(code: int, said: bytes | str) -> TryLater | Rejected:
    forever = 500  # RFC 5321 section 4.2.1: 5yz is a permanent negative completion reply
    return Rejected(_answer(code, said)) if code >= forever else TryLater(_answer(code, said))


def _answer(code: int, said: bytes | str) -> str:
    text = said.decode("ascii", "replace") if isinstance(said, bytes) else said
    return _bare(f"{code} {text}")


def _failure(error: Exception) -> str:
    return _bare(f"{type(error).__name__}: {error}")


def _bare(text: str) -> str:
    return " ".join(_PRIVATE.sub("…", text).split())[:LONGEST_WHY]
