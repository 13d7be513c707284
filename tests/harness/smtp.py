"""A real mail server in the test's own process, that can misbehave like one.

It keeps what it takes, and can be told to refuse, to reject one recipient, to be slow, to hang, or to be down.
"""

import asyncio
import re
import socket
import ssl
import tempfile
import threading
import warnings
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self, TypeVar

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.harness.certificates import self_signed
from tests.harness.ports import free_port
from tests.harness.processes import LONGEST

Result = TypeVar("Result")


@dataclass(frozen=True)
class Letter:
    """A message as it arrived, with the addresses of its envelope."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def links(self) -> list[str]:
        """Every http address in the plain text, in order."""
        return re.findall(r"https?://[^\s<>\"]+", self.text)

    def link(self, containing: str) -> str:
        """Return the one address in the plain text that contains a piece of text."""
        found = [link for link in self.links if containing in link]
        assert len(found) == 1, f"{len(found)} links with {containing!r} in:\n{self.text}"
        return found[0]

    @property
    def code(self) -> str:
        """The one six-digit code in the plain text."""
        found: list[str] = re.findall(r"(?<![\w-])\d{3} ?\d{3}(?![\w-])", self.text)
        assert len(found) == 1, f"{len(found)} codes in:\n{self.text}"
        return str(found[0]).replace(" ", "")

    def _part(self, subtype: str) -> str:
        part = self.message.get_body((subtype,))
        return str(part.get_content()) if part is not None else ""


class SmtpServer:
    """A mail server on loopback; `user` and `password` demand a login, `starttls` encryption before anything else.

    With `smtps` the connection is encrypted from its first byte on.
    """

    host = "127.0.0.1"

    def __init__(self, *, user: str = "", password: str = "", starttls: bool = False, smtps: bool = False) -> None:
        self.user = user
        self.password = password
        self.certificate = b""
        self._tls: ssl.SSLContext | None = None
        self._tls_at_once: ssl.SSLContext | None = None
        if starttls:
            self.certificate, self._tls = _make_tls(self.host)
        if smtps:
            self.certificate, self._tls_at_once = _make_tls(self.host)
        self.port = free_port()
        self.letters: list[Letter] = []
        self._arrived = threading.Condition()
        self._refusal = ""
        self._rejected: dict[str, str] = {}
        self._delay = 0.0
        self._running: _Running | None = None
        self._silent: socket.socket | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """What TWOFOLD_SMTP_URL is to be."""
        scheme = "smtp+starttls" if self._tls else "smtps" if self._tls_at_once else "smtp"
        login = f"{self.user}:{self.password}@" if self.user else ""
        return f"{scheme}://{login}{self.host}:{self.port}"

    def start(self) -> None:
        """Come up, after a stop on the same port as before."""
        self._speak()
        if self._running is None:
            self._running = _Running(self._session, self.host, self.port, self._tls_at_once)

    def stop(self) -> None:
        """Go down in the middle of whatever happens: connections are cut, new ones refused, letters kept."""
        if self._running is not None:
            self._running.stop()
            self._running = None
        self._speak()

    def hang(self) -> None:
        """Take connections from now on and never say a word, until `start` or `stop`."""
        self.stop()
        self._silent = socket.create_server((self.host, self.port))

    def refuse(self, answer: str = "451 4.3.0 Try again later") -> None:
        """Answer every letter so instead of taking it (4xx: for now, 5xx: for good), until `behave`."""
        self._refusal = answer

    def reject(self, recipient: str, answer: str = "550 5.1.1 No such person here") -> None:
        """Answer one recipient so, until `behave`."""
        self._rejected[recipient.lower()] = answer

    def delay(self, seconds: float) -> None:
        """Take that long to accept a letter; `behave` ends it, also for those that wait."""
        self._delay = seconds

    def behave(self) -> None:
        """Take every letter again, at once."""
        self._refusal, self._rejected, self._delay = "", {}, 0.0

    def sent_to(self, recipient: str, *, subject: str = "") -> list[Letter]:
        """Return the letters to a recipient so far, those with a word in the subject, oldest first."""
        return [
            letter
            for letter in tuple(self.letters)
            if recipient.lower() in [to.lower() for to in letter.recipients]
            and subject.lower() in letter.subject.lower()
        ]

    def wait_for(self, recipient: str, *, subject: str = "", count: int = 1, seconds: float = LONGEST) -> Letter:
        """Wait until a recipient has `count` letters with a word in the subject; return the newest of them."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.sent_to(recipient, subject=subject)) >= count, seconds):
                seen = [(letter.recipients, letter.subject) for letter in self.letters]
                raise AssertionError(
                    f"no {count} letters to {recipient} with {subject!r} within {seconds} s, but {seen}"
                )
            return self.sent_to(recipient, subject=subject)[-1]

    def clear(self) -> None:
        """Forget the letters so far."""
        with self._arrived:
            self.letters.clear()

    def _speak(self) -> None:
        if self._silent is not None:
            self._silent.close()
            self._silent = None

    def _session(self) -> SMTP:
        """Make what talks with one client."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS")
            return SMTP(
                self,
                hostname="mail.example",
                enable_SMTPUTF8=True,
                tls_context=self._tls,
                require_starttls=self._tls is not None,
                authenticator=self._admits if self.user else None,
                auth_required=bool(self.user),
                auth_require_tls=self._tls is not None,
            )

    def _admits(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: object
    ) -> AuthResult:
        known = LoginPassword(self.user.encode(), self.password.encode())
        return AuthResult(success=login == known, handled=False)

    # The two steps of a delivery in which aiosmtpd asks us.

    async def handle_RCPT(  # noqa: N802 - aiosmtpd looks for this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if answer := self._rejected.get(address.lower()):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        until = asyncio.get_running_loop().time() + self._delay
        while self._delay and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110 - set in another thread
            await asyncio.sleep(0.02)
        if self._refusal:
            return self._refusal
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        with self._arrived:
            self.letters.append(Letter(envelope.mail_from or "", tuple(envelope.rcpt_tos), message))
            self._arrived.notify_all()
        return "250 OK"


class _Running:
    """The listening part, with an event loop in a thread of its own."""

    def __init__(self, make_session: Callable[[], SMTP], host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._loop = asyncio.new_event_loop()
        self._sessions: list[SMTP] = []
        self._make_session = make_session
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp", daemon=True)
        self._thread.start()
        self._server = self._call(self._loop.create_server(self._new_session, host, port, reuse_address=True, ssl=tls))

    def stop(self) -> None:
        self._call(self._cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LONGEST)
        self._loop.close()

    def _new_session(self) -> SMTP:
        session = self._make_session()
        self._sessions.append(session)
        return session

    async def _cut(self) -> None:
        self._server.close()
        for session in self._sessions:
            if isinstance(session.transport, asyncio.WriteTransport):
                session.transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _call(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(LONGEST)


def _make_tls(host: str) -> tuple[bytes, ssl.SSLContext]:
    """Return a certificate (PEM) that vouches for itself and the server's side of TLS with it."""
    certificate, private = self_signed(host)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.NamedTemporaryFile() as file:
        file.write(private + certificate)
        file.flush()
        context.load_cert_chain(file.name)
    return certificate, context
