import pytest

from tests.harness.clock import NOON, later
from tests.harness.contexts import BASE_URL
from tests.harness.people import NEW_PASSWORD, PASSWORD
from tests.harness.smtp import SmtpServer
from tests.resets.helpdesk import Delivered, Helpdesk
from twofold.kit.acting import Origin
from twofold.kit.mail.delivery import Delivery
from twofold.kit.mail.smtp import SmtpTransport
from twofold.operations.jobs import COMPOSERS
from twofold.resets import act_flow


def one(letters: list[Delivered], kind: str, to: str) -> Delivered:
    found = [letter for letter in letters if (letter.kind, letter.to) == (kind, to)]
    assert len(found) == 1, [(letter.kind, letter.to) for letter in letters]
    return found[0]


def test_the_letter_says_who_asked_when_why_and_until_when_and_what_it_takes(helpdesk: Helpdesk) -> None:
    helpdesk.ask(at=NOON)
    [letter] = helpdesk.post(later(minutes=3))
    assert letter.subject == "Confirm the reset of your two-factor authentication - Twofold"
    assert (
        "Hello Ada Lovelace, Grace Hopper (administrator) asked to switch off two-factor authentication for your "
        "account at 3 March 2026, 12:00 Coordinated Universal Time. If you agree, confirm within 15 minutes, by "
        "3 March 2026, 12:18 Coordinated Universal Time. If you did not ask for this, refuse: "
        "your account stays as it is and your administrators are told."
    ) in letter.text
    assert '"Lost her phone on the train."' in letter.text
    assert "You will need your password." in letter.text
    assert "new one" not in letter.text
    assert "approve" not in letter.text


def test_the_link_is_built_from_the_settings_and_stands_in_text_and_html(helpdesk: Helpdesk) -> None:
    helpdesk.ask()
    [letter] = helpdesk.post()
    token = letter.text.split("/resets/")[1].split()[0]
    assert f"{BASE_URL}/resets/{token}" in letter.text
    assert f'href="{BASE_URL}/resets/{token}"' in letter.html
    assert ">Confirm or refuse</a>" in letter.html


def test_what_a_user_is_told_of_a_reset_has_a_way_to_say_that_it_was_not_them(helpdesk: Helpdesk) -> None:
    helpdesk.refuse(helpdesk.sent())
    told = helpdesk.post()
    helpdesk.confirm(helpdesk.sent())
    told += helpdesk.post()
    for letter in told:
        assert ("/not-me/" in letter.text) is (letter.to == helpdesk.ada.email), letter.kind


def test_it_says_when_a_new_password_will_be_asked_for(helpdesk: Helpdesk) -> None:
    helpdesk.lock_ada(NOON)
    helpdesk.ask()
    [letter] = helpdesk.post()
    assert (
        "You will need your password, and you will choose a new one, because somebody else may know it." in letter.text
    )
    assert "You will need your password, and you will choose a new one" in letter.html


def test_it_says_when_somebody_must_approve(helpdesk: Helpdesk) -> None:
    helpdesk.set_password_by_mail(NOON)
    helpdesk.ask()
    [letter] = helpdesk.post()
    assert "somebody other than the one who asked must approve" in letter.text
    assert "somebody other than the one who asked must approve" in letter.html


def test_a_reason_cannot_pretend_to_be_part_of_the_letter(helpdesk: Helpdesk) -> None:
    helpdesk.ask(reason='Lost.\n\n<b>Twofold</b> asks you for\nyour "password"')
    [letter] = helpdesk.post()
    assert '"Lost. <b>Twofold</b> asks you for your "password""' in letter.text
    assert "&lt;b&gt;Twofold&lt;/b&gt; asks you for your" in letter.html
    assert "<b>Twofold" not in letter.html


def test_it_says_what_whoever_asked_is(helpdesk: Helpdesk) -> None:
    helpdesk.ask(helpdesk.people.user("sam@operator.example", role="support", name="Sam Agent"))
    letter = one(helpdesk.post(), "reset_confirm", helpdesk.ada.email)
    assert "Sam Agent (support agent) asked to switch off" in letter.text


def test_a_reset_is_told_to_the_user_and_to_the_administrators(helpdesk: Helpdesk) -> None:
    linus = helpdesk.people.user("linus@acme.example", role="admin")
    token = helpdesk.sent()
    helpdesk.confirm(token, at=later(minutes=1))
    letters = helpdesk.post(later(minutes=2))
    told = one(letters, "reset_done", helpdesk.ada.email)
    assert told.subject == "Two-factor authentication is off - Twofold"
    assert "Sign in with your password. You can set it up again in your profile." in told.text
    assert "192.0.2.7" in told.text
    for admin in (helpdesk.grace, linus):
        letter = one(letters, "reset_done_by_user", admin.email)
        assert "Ada Lovelace (ada@acme.example) confirmed the reset" in letter.text
    assert len(letters) == 3


def test_what_comes_next_is_said_as_it_is_when_the_letter_goes_out(helpdesk: Helpdesk) -> None:
    helpdesk.lock_ada(NOON)
    helpdesk.confirm(helpdesk.sent(), PASSWORD, NEW_PASSWORD)
    helpdesk.people.set_account(helpdesk.people.acme, policy="required", required_from=NOON)
    told = one(helpdesk.post(), "reset_done", helpdesk.ada.email)
    assert "Sign in with your new password. You will be asked to set it up again." in told.text
    assert "Sign in with your new password. You will be asked to set it up again." in told.html


def test_a_refusal_alerts_the_administrators_and_whoever_asked(helpdesk: Helpdesk) -> None:
    agent = helpdesk.people.user("sam@operator.example", role="support", name="Sam Agent")
    helpdesk.ask(agent)
    letters = helpdesk.post()
    by_support = one(letters, "reset_by_support", helpdesk.grace.email)
    assert "Sam Agent (support agent) asked Ada Lovelace (ada@acme.example) to confirm" in by_support.text
    assert "Lost her phone on the train." in by_support.text
    token = one(letters, "reset_confirm", helpdesk.ada.email).text.split("/resets/")[1].split()[0]
    helpdesk.refuse(token, at=later(minutes=1))
    letters = helpdesk.post(later(minutes=1))
    for alerted in (helpdesk.grace, agent):
        alert = one(letters, "reset_refused", alerted.email)
        assert "somebody may be trying to get into their account" in alert.text
        assert f"{BASE_URL}/resets/case/" in alert.text
    assert "Your account stays as it is" in one(letters, "reset_refused_by_you", helpdesk.ada.email).text
    assert len(letters) == 3


def test_five_wrong_passwords_are_told_to_the_administrators(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    for _ in range(5):
        helpdesk.confirm(token, "not the password")
    letters = helpdesk.post()
    assert "somebody else reads their mail" in one(letters, "reset_closed", helpdesk.grace.email).text
    assert len(letters) == 1


@pytest.mark.parametrize("act", ["sent_again", "approved", "cancelled"])
def test_what_an_agent_does_about_a_case_is_told_to_the_administrators(helpdesk: Helpdesk, act: str) -> None:
    case_id = helpdesk.ask()
    helpdesk.post()
    agent = helpdesk.people.user("sam@operator.example", role="support", name="Sam Agent")
    acts = {"sent_again": act_flow.send_again, "approved": act_flow.approve, "cancelled": act_flow.cancel}
    acts[act](helpdesk.context, agent, case_id, origin=Origin(NOON))
    letter = one(helpdesk.post(), "reset_by_support", helpdesk.grace.email)
    said = {"sent_again": "another link", "approved": "approved that", "cancelled": "cancelled the reset"}
    assert said[act] in letter.text
    assert said[act] in letter.html
    assert f"reset_{act}" in [event.kind for event in helpdesk.people.events()]


def test_an_administrator_gets_no_second_letter_about_a_reset_of_their_own(helpdesk: Helpdesk) -> None:
    helpdesk.people.set_user(helpdesk.ada, role="admin")
    helpdesk.refuse(helpdesk.sent())
    assert {letter.to for letter in helpdesk.post() if letter.kind == "reset_refused"} == {helpdesk.grace.email}


def test_who_is_no_administrator_any_more_when_the_letter_goes_out_gets_none(helpdesk: Helpdesk) -> None:
    linus = helpdesk.people.user("linus@acme.example", role="admin")
    helpdesk.refuse(helpdesk.sent())
    helpdesk.people.set_user(linus, role="member")
    helpdesk.people.set_user(helpdesk.grace, active=False)
    assert [letter.kind for letter in helpdesk.post()] == ["reset_refused_by_you"]


def test_a_letter_goes_over_the_wire_and_a_rejected_one_shows_on_its_case(helpdesk: Helpdesk, smtp: SmtpServer) -> None:
    delivery = Delivery(helpdesk.context, SmtpTransport(smtp.url), COMPOSERS)
    case_id = helpdesk.ask()
    assert delivery.run_urgent(helpdesk.context, NOON)
    letter = smtp.wait_for(helpdesk.ada.email)
    token = letter.link("/resets/").rpartition("/")[2]
    assert helpdesk.view(token).verdict.case.id == case_id
    assert helpdesk.case(case_id).letter == ("sent", None)

    smtp.reject(helpdesk.ada.email)
    act_flow.send_again(helpdesk.context, helpdesk.grace, case_id, origin=Origin(later(minutes=1)))
    assert delivery.run_urgent(helpdesk.context, later(minutes=1))
    fared = helpdesk.case(case_id).letter
    assert fared is not None
    assert fared.outcome == "rejected"
    assert "550" in (fared.error or "")
