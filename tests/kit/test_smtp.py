import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.harness.ports import free_port
from tests.harness.processes import LONGEST
from tests.harness.smtp import SmtpServer
from twofold.kit.mail.smtp import SECONDS, Delivered, Rejected, SmtpTransport, TryLater, Unreachable

TOKEN = "tf_reset_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefg"


def letter(to: str = "ada@acme.example") -> EmailMessage:
    message = EmailMessage()
    local, _, domain = to.rpartition("@")
    message["From"], message["To"], message["Subject"] = "twofold@acme.example", Address("", local, domain), "Your link"
    message.set_content(f"Open http://127.0.0.1:8000/resets/{TOKEN} now.\n")
    return message


def ca_of(server: SmtpServer, folder: Path) -> Path:
    path = folder / "ca.pem"
    path.write_bytes(server.certificate)
    return path


def why(outcome: object) -> str:
    assert isinstance(outcome, TryLater | Unreachable | Rejected), outcome
    return outcome.why


def test_a_letter_is_delivered(smtp: SmtpServer) -> None:
    assert isinstance(SmtpTransport(smtp.url).deliver(letter()), Delivered)
    arrived = smtp.wait_for("ada@acme.example")
    assert (arrived.sender, arrived.recipients) == ("twofold@acme.example", ("ada@acme.example",))
    assert arrived.link("/resets/").endswith(TOKEN)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("451 4.3.0 Try again later", TryLater("451 4.3.0 Try again later")),
        ("421 4.7.0 Busy", TryLater("421 4.7.0 Busy")),
        ("554 5.7.1 Never", Rejected("554 5.7.1 Never")),
    ],
)
def test_a_letter_that_is_refused_waits_or_is_rejected(
    smtp: SmtpServer, answer: str, outcome: TryLater | Rejected
) -> None:
    smtp.refuse(answer)
    transport = SmtpTransport(smtp.url)
    assert transport.deliver(letter()) == outcome
    smtp.behave()
    assert isinstance(transport.deliver(letter()), Delivered)
    assert len(smtp.letters) == 1


def test_one_recipient_is_rejected_and_the_next_served(smtp: SmtpServer) -> None:
    smtp.reject("gone@acme.example")
    smtp.reject("full@acme.example", "452 4.2.2 Mailbox full")
    transport = SmtpTransport(smtp.url)
    assert transport.deliver(letter("gone@acme.example")) == Rejected("550 5.1.1 No such person here")
    assert transport.deliver(letter("full@acme.example")) == TryLater("452 4.2.2 Mailbox full")
    assert isinstance(transport.deliver(letter()), Delivered)


def test_nothing_of_the_letter_is_kept_of_what_a_server_says(smtp: SmtpServer) -> None:
    smtp.refuse(f"554 5.7.1 <ada@acme.example> Blocked link http://127.0.0.1/{TOKEN} ({TOKEN}) in your letter")
    said = why(SmtpTransport(smtp.url).deliver(letter()))
    assert said.startswith("554 5.7.1 … Blocked link … … in")
    assert "tf_" not in said
    assert "acme" not in said


def test_a_server_that_is_down_is_tried_later_and_found_again(smtp: SmtpServer) -> None:
    transport = SmtpTransport(smtp.url)
    smtp.stop()
    refused = transport.deliver(letter())
    assert isinstance(refused, Unreachable)
    assert "ConnectionRefusedError" in refused.why
    smtp.start()
    assert isinstance(transport.deliver(letter()), Delivered)


def test_a_server_that_does_not_answer_is_given_up_in_time(smtp: SmtpServer) -> None:
    smtp.delay(LONGEST)
    started = time.monotonic()
    assert isinstance(SmtpTransport(smtp.url, seconds=0.3).deliver(letter()), TryLater)
    assert time.monotonic() - started < SECONDS, "it waits as long as it was told to, not as long as it would by itself"


def test_a_login_is_used_and_its_password_may_hold_any_character() -> None:
    with SmtpServer(user="mail er", password="a:b/c@d%e") as smtp:
        url = f"smtp://mail%20er:a%3Ab%2Fc%40d%25e@127.0.0.1:{smtp.port}"
        assert isinstance(SmtpTransport(url).deliver(letter()), Delivered)
        wrong = SmtpTransport(f"smtp://mail%20er:wrong@127.0.0.1:{smtp.port}").deliver(letter())
        assert isinstance(wrong, Unreachable)  # the operator's to repair: no letter is lost by it
        assert wrong.why.startswith("535")
        without = SmtpTransport(f"smtp://127.0.0.1:{smtp.port}").deliver(letter())
        assert isinstance(without, TryLater)
        assert without.why.startswith("530")
        assert len(smtp.letters) == 1


def test_starttls_is_used_with_a_certificate_that_is_trusted(tmp_path: Path) -> None:
    with SmtpServer(user="mailer", password="letters", starttls=True) as smtp:
        assert isinstance(SmtpTransport(smtp.url, ca=ca_of(smtp, tmp_path)).deliver(letter()), Delivered)


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    with SmtpServer(starttls=True) as smtp:
        assert "certificate verify failed" in why(SmtpTransport(smtp.url).deliver(letter()))
        assert smtp.letters == []


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    with SmtpServer(starttls=True) as smtp:
        transport = SmtpTransport(f"smtp+starttls://localhost:{smtp.port}", ca=ca_of(smtp, tmp_path))
        assert "certificate verify failed" in why(transport.deliver(letter()))
        assert smtp.letters == []


def test_starttls_never_goes_on_without_encryption() -> None:
    with SmtpServer(user="mailer", password="letters") as smtp:  # offers no STARTTLS, and would take the login
        transport = SmtpTransport(f"smtp+starttls://mailer:letters@127.0.0.1:{smtp.port}")
        assert "STARTTLS" in why(transport.deliver(letter()))
        assert smtp.letters == []


def test_smtps_is_encrypted_from_the_first_byte(tmp_path: Path) -> None:
    with SmtpServer(smtps=True) as smtp:
        assert smtp.url.startswith("smtps://")
        assert isinstance(SmtpTransport(smtp.url, ca=ca_of(smtp, tmp_path)).deliver(letter()), Delivered)
        assert "certificate verify failed" in why(SmtpTransport(smtp.url).deliver(letter()))


def test_an_address_beyond_ascii_is_delivered(smtp: SmtpServer) -> None:
    assert isinstance(SmtpTransport(smtp.url).deliver(letter("grüße@acme.example")), Delivered)
    assert smtp.letters[0].recipients == ("grüße@acme.example",)


def test_a_letter_that_was_taken_counts_whatever_happens_at_the_goodbye() -> None:
    with abrupt_server() as port:
        assert isinstance(SmtpTransport(f"smtp://127.0.0.1:{port}", seconds=5).deliver(letter()), Delivered)


def test_a_doctor_can_look_without_sending(smtp: SmtpServer) -> None:
    transport = SmtpTransport(smtp.url)
    assert transport.reach() is None
    smtp.stop()
    assert isinstance(transport.reach(), Unreachable)
    assert smtp.letters == []


@contextlib.contextmanager
def abrupt_server() -> Iterator[int]:
    """Take a letter, answer 250, and hang up instead of saying goodbye."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            with client, client.makefile("rwb", buffering=0) as lines:
                lines.write(b"220 mail.example\r\n")
                for line in lines:
                    if line.upper().startswith(b"DATA"):
                        lines.write(b"354 Go on\r\n")
                        while lines.readline().strip() != b".":
                            pass
                        lines.write(b"250 Taken\r\n")
                        return
                    lines.write(b"250 OK\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield port
        thread.join(LONGEST)
