import smtplib
import ssl
import time
from email.message import EmailMessage

import pytest

from tests.harness.processes import LONGEST
from tests.harness.smtp import SmtpServer


def letter(to: str = "ada@acme.example", subject: str = "Your code") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "twofold@acme.example", to, subject
    message.set_content("Grüße. Your code is 123 456.\n\nOpen http://127.0.0.1:8000/resets/tf_reset_x1 now.")
    message.add_alternative("<p>Grüße</p>", subtype="html")
    return message


def client(smtp: SmtpServer) -> smtplib.SMTP:
    return smtplib.SMTP(smtp.host, smtp.port, timeout=LONGEST)


def test_a_letter_arrives_as_it_was_sent(smtp: SmtpServer) -> None:
    with client(smtp) as connection:
        connection.send_message(letter())
    arrived = smtp.wait_for("Ada@acme.example", subject="code")
    assert arrived.sender == "twofold@acme.example"
    assert arrived.recipients == ("ada@acme.example",)
    assert arrived.text.startswith("Grüße.")
    assert "<p>Grüße</p>" in arrived.html
    assert arrived.link("/resets/") == "http://127.0.0.1:8000/resets/tf_reset_x1"
    assert arrived.code == "123456"


def test_a_letter_that_never_comes_is_named(smtp: SmtpServer) -> None:
    with pytest.raises(AssertionError, match=r"no 1 letters to bob@acme\.example"):
        smtp.wait_for("bob@acme.example", seconds=0.1)


@pytest.mark.parametrize("answer", ["451 4.3.0 Later", "554 5.7.1 Never"])
def test_it_refuses_letters_until_it_behaves(smtp: SmtpServer, answer: str) -> None:
    smtp.refuse(answer)
    with client(smtp) as connection:
        with pytest.raises(smtplib.SMTPDataError) as refusal:
            connection.send_message(letter())
        assert refusal.value.smtp_code == int(answer[:3])
        assert smtp.letters == []
        smtp.behave()
        connection.send_message(letter())
    assert len(smtp.letters) == 1


def test_it_rejects_one_recipient_and_takes_the_others(smtp: SmtpServer) -> None:
    smtp.reject("gone@acme.example")
    with client(smtp) as connection:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            connection.send_message(letter(to="Gone@acme.example"))
        connection.send_message(letter())
    assert [arrived.recipients for arrived in smtp.letters] == [("ada@acme.example",)]


def test_it_is_slow_when_told_to(smtp: SmtpServer) -> None:
    smtp.delay(0.4)
    with client(smtp) as connection:
        started = time.monotonic()
        connection.send_message(letter())
    assert time.monotonic() - started >= 0.4


def test_it_goes_down_in_the_middle_and_comes_up_on_the_same_port(smtp: SmtpServer) -> None:
    connection = client(smtp)
    connection.ehlo()
    smtp.stop()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        connection.noop()
    connection.close()
    with pytest.raises(ConnectionRefusedError):
        client(smtp)
    smtp.start()
    with client(smtp) as again:
        again.send_message(letter())
    assert len(smtp.letters) == 1


def test_a_login_is_demanded() -> None:
    with SmtpServer(user="mailer", password="letters") as smtp:
        assert smtp.url == f"smtp://mailer:letters@127.0.0.1:{smtp.port}"
        with client(smtp) as connection:
            with pytest.raises(smtplib.SMTPSenderRefused):
                connection.send_message(letter())
            with pytest.raises(smtplib.SMTPAuthenticationError):
                connection.login("mailer", "wrong")
            connection.login("mailer", "letters")
            connection.send_message(letter())
        assert len(smtp.letters) == 1


def test_encryption_is_demanded_and_its_certificate_can_be_trusted() -> None:
    with SmtpServer(starttls=True) as smtp:
        assert smtp.url.startswith("smtp+starttls://")
        assert smtp.certificate
        trusting = ssl.create_default_context(cadata=smtp.certificate.decode())
        with client(smtp) as connection:
            with pytest.raises(smtplib.SMTPSenderRefused):
                connection.send_message(letter())
            connection.starttls(context=trusting)
            connection.send_message(letter())
        assert len(smtp.letters) == 1
        with client(smtp) as connection, pytest.raises(ssl.SSLCertVerificationError):
            connection.starttls(context=ssl.create_default_context())
