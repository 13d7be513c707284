from tests.harness.clock import NOON, later
from tests.harness.people import ADA, CLIENT_INFO, People
from tests.harness.smtp import SmtpServer
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.mail.delivery import Delivery
from twofold.kit.mail.smtp import SmtpTransport
from twofold.operations.jobs import COMPOSERS
from twofold.signin import set_up_flow
from twofold.signin.outcomes import Due, GoesOn


def test_the_code_is_mailed_and_proves_the_mailbox(context: AppContext, people: People, smtp: SmtpServer) -> None:
    people.set_account(people.acme, policy="required")
    due = people.begin(people.user())
    assert isinstance(due, Due)
    assert due.next == "verify_email"
    Delivery(context, SmtpTransport(smtp.url), COMPOSERS).run(context, NOON)
    letter = smtp.wait_for(ADA)
    assert letter.subject == f"{letter.code[:3]} {letter.code[3:]} is your code to confirm your email - Twofold"
    said = " ".join(letter.text.split())
    assert "It is valid for 10 minutes (until 3 March 2026, 12:10 Coordinated Universal Time)." in said
    assert letter.link("/forgot-password")
    assert f"{letter.code[:3]} {letter.code[3:]}" in letter.html
    outcome = set_up_flow.submit_mailed_code(
        context, due.sign_in, letter.code, channel="page", origin=Origin(later(minutes=1), CLIENT_INFO),
    )  # fmt: skip
    assert isinstance(outcome, GoesOn)


def test_a_code_whose_sign_in_is_over_is_not_mailed(context: AppContext, people: People, smtp: SmtpServer) -> None:
    people.set_account(people.acme, policy="required")
    people.begin(people.user())
    assert Delivery(context, SmtpTransport(smtp.url), COMPOSERS).run(context, later(minutes=11))
    assert smtp.letters == []
