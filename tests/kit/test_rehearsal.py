"""The conversation with a mail server that is played to nobody: whole, without an end outside, and never a failure."""

import smtplib
import socket
import threading
from email.message import EmailMessage

import pytest

from twofold.kit.mail import rehearsal


def letter(body: str = "Hello", sender: str = "twofold@login.example.com") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "nobody@localhost", "A link"
    message.set_content(body)
    return message


@pytest.mark.parametrize("body", ["Hello", ".\n..\n.\n", "x" * 100_000, "\u00fc" * 3000], ids=len)
def test_the_whole_conversation_is_held(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    codes: list[int] = []
    getreply = smtplib.SMTP.getreply

    def noted(self: smtplib.SMTP) -> tuple[int, bytes]:
        answer = getreply(self)
        codes.append(answer[0])
        return answer

    monkeypatch.setattr(smtplib.SMTP, "getreply", noted)
    rehearsal.hand_over(letter(body))
    assert codes == [220, 250, 250, 250, 354, 250, 221], "greeting, EHLO, MAIL, RCPT, DATA, the letter, QUIT"


def test_it_connects_to_nothing_and_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it left the process"))
    before = threading.active_count()
    rehearsal.hand_over(letter())
    assert threading.active_count() == before


def test_a_letter_that_no_server_would_take_is_no_failure() -> None:
    """Stops: a decoy whose sender has an address beyond ASCII, that comes again and again."""
    rehearsal.hand_over(letter(sender="zw\u00f6lf@login.example.com"))
