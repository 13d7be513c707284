import pytest

from tests.harness.clock import NOON, later
from tests.harness.houses import BASE_URL
from tests.harness.people import NEW_PASSWORD, PASSWORD
from tests.harness.smtp import SmtpServer
from tests.resets.desk import Delivered, Desk
from twofold.jobs import COMPOSERS
from twofold.kit.delivery import Delivery
from twofold.kit.smtp import SmtpTransport
from twofold.resets import act_flow, flow


def one(letters: list[Delivered], kind: str, to: str) -> Delivered:
    found = [letter for letter in letters if (letter.kind, letter.to) == (kind, to)]
    assert len(found) == 1, [(letter.kind, letter.to) for letter in letters]
    return found[0]


def test_the_letter_says_who_asked_when_why_and_until_when_and_what_it_takes(desk: Desk) -> None:
    desk.ask(at=NOON)
    [letter] = desk.post(later(minutes=3))
    assert letter.subject == "Confirm the reset of your two-factor authentication"
    assert (
        "Hello Ada Lovelace, Grace Hopper (administrator) asked to switch off two-factor authentication for your "
        "account at 3 March 2026, 12:00 UTC. If you agree, confirm by 3 March 2026, 12:18 UTC. If you did not ask for "
        "this, refuse: your account stays as it is and your administrators are told."
    ) in letter.text
    assert '"Lost her phone on the train."' in letter.text
    assert "You will need your password." in letter.text
    assert "new one" not in letter.text
    assert "approve" not in letter.text


def test_the_link_is_built_from_the_settings_and_stands_in_text_and_html(desk: Desk) -> None:
    desk.ask()
    [letter] = desk.post()
    token = letter.text.split("/resets/")[1].split()[0]
    assert f"{BASE_URL}/resets/{token}" in letter.text
    assert f'href="{BASE_URL}/resets/{token}"' in letter.html
    assert ">Confirm or refuse</a>" in letter.html


def test_what_a_user_is_told_of_a_reset_has_a_way_to_say_that_it_was_not_them(desk: Desk) -> None:
    desk.refuse(desk.sent())
    told = desk.post()
    desk.confirm(desk.sent())
    told += desk.post()
    for letter in told:
        assert ("/not-me/" in letter.text) is (letter.to == desk.ada.email), letter.kind


def test_it_says_when_a_new_password_will_be_asked_for(desk: Desk) -> None:
    desk.lock_ada(NOON)
    desk.ask()
    [letter] = desk.post()
    assert (
        "You will need your password, and you will choose a new one, because somebody else may know it." in letter.text
    )
    assert "You will need your password, and you will choose a new one" in letter.html


def test_it_says_when_somebody_must_approve(desk: Desk) -> None:
    desk.set_password_by_mail(NOON)
    desk.ask()
    [letter] = desk.post()
    assert "somebody other than the one who asked must approve" in letter.text
    assert "somebody other than the one who asked must approve" in letter.html


def test_a_reason_cannot_pretend_to_be_part_of_the_letter(desk: Desk) -> None:
    desk.ask(reason='Lost.\n\n<b>Twofold</b> asks you for\nyour "password"')
    [letter] = desk.post()
    assert '"Lost. <b>Twofold</b> asks you for your "password""' in letter.text
    assert "&lt;b&gt;Twofold&lt;/b&gt; asks you for your" in letter.html
    assert "<b>Twofold" not in letter.html


@pytest.mark.parametrize("kind", ["support", "console"])
def test_it_says_what_whoever_asked_is(desk: Desk, kind: str) -> None:
    if kind == "support":
        desk.ask(desk.people.person("sam@operator.example", role="support", name="Sam Agent"))
        said = "Sam Agent (support agent) asked to switch off"
    else:
        flow.open_case(desk.house, None, desk.ada, "Called the operator.", at=NOON)
        said = "The people who run Twofold (on the server itself) asked to switch off"
    assert said in one(desk.post(), "reset_confirm", desk.ada.email).text


def test_a_reset_is_told_to_the_user_and_to_the_administrators(desk: Desk) -> None:
    linus = desk.people.person("linus@acme.example", role="admin")
    token = desk.sent()
    desk.confirm(token, at=later(minutes=1))
    letters = desk.post(later(minutes=2))
    told = one(letters, "reset_done", desk.ada.email)
    assert told.subject == "Two-factor authentication is off"
    assert "Sign in with your password. You can set it up again in your profile." in told.text
    assert "192.0.2.7" in told.text
    for admin in (desk.grace, linus):
        letter = one(letters, "reset_done_by_user", admin.email)
        assert "Ada Lovelace (ada@acme.example) confirmed the reset" in letter.text
    assert len(letters) == 3


def test_what_comes_next_is_said_as_it_is_when_the_letter_goes_out(desk: Desk) -> None:
    desk.lock_ada(NOON)
    desk.confirm(desk.sent(), PASSWORD, NEW_PASSWORD)
    desk.people.set_account(desk.people.acme, policy="required", required_from=NOON)
    told = one(desk.post(), "reset_done", desk.ada.email)
    assert "Sign in with your new password. You will be asked to set it up again." in told.text
    assert "Sign in with your new password. You will be asked to set it up again." in told.html


def test_a_refusal_alerts_the_administrators_and_whoever_asked(desk: Desk) -> None:
    agent = desk.people.person("sam@operator.example", role="support", name="Sam Agent")
    desk.ask(agent)
    letters = desk.post()
    by_support = one(letters, "reset_by_support", desk.grace.email)
    assert "Sam Agent (support agent) asked Ada Lovelace (ada@acme.example) to confirm" in by_support.text
    assert "Lost her phone on the train." in by_support.text
    token = one(letters, "reset_confirm", desk.ada.email).text.split("/resets/")[1].split()[0]
    desk.refuse(token, at=later(minutes=1))
    letters = desk.post(later(minutes=1))
    for alerted in (desk.grace, agent):
        alert = one(letters, "reset_refused", alerted.email)
        assert "somebody may be trying to get into their account" in alert.text
        assert f"{BASE_URL}/resets/case/" in alert.text
    assert "Your account stays as it is" in one(letters, "reset_refused_by_you", desk.ada.email).text
    assert len(letters) == 3


def test_five_wrong_passwords_are_told_to_the_administrators(desk: Desk) -> None:
    token = desk.sent()
    for _ in range(5):
        desk.confirm(token, "not the password")
    letters = desk.post()
    assert "somebody else reads their mail" in one(letters, "reset_closed", desk.grace.email).text
    assert len(letters) == 1


@pytest.mark.parametrize("act", ["sent_again", "approved", "cancelled"])
def test_what_an_agent_does_about_a_case_is_told_to_the_administrators(desk: Desk, act: str) -> None:
    case_id = desk.ask()
    desk.post()
    agent = desk.people.person("sam@operator.example", role="support", name="Sam Agent")
    acts = {"sent_again": act_flow.send_again, "approved": act_flow.approve, "cancelled": act_flow.cancel}
    acts[act](desk.house, agent, case_id, at=NOON)
    letter = one(desk.post(), "reset_by_support", desk.grace.email)
    said = {"sent_again": "another link", "approved": "approved that", "cancelled": "cancelled the reset"}
    assert said[act] in letter.text
    assert said[act] in letter.html
    assert f"reset_{act}" in [event.kind for event in desk.people.events()]


def test_an_administrator_who_is_the_subject_gets_no_letter_about_it_as_administrator(desk: Desk) -> None:
    desk.people.set_person(desk.ada, role="admin")
    desk.refuse(desk.sent())
    assert {letter.to for letter in desk.post() if letter.kind == "reset_refused"} == {desk.grace.email}


def test_who_is_no_administrator_any_more_when_the_letter_goes_out_gets_none(desk: Desk) -> None:
    linus = desk.people.person("linus@acme.example", role="admin")
    desk.refuse(desk.sent())
    desk.people.set_person(linus, role="member")
    desk.people.set_person(desk.grace, active=False)
    assert [letter.kind for letter in desk.post()] == ["reset_refused_by_you"]


def test_a_letter_goes_over_the_wire_and_a_rejected_one_shows_on_its_case(desk: Desk, smtp: SmtpServer) -> None:
    delivery = Delivery(desk.house, SmtpTransport(smtp.url), COMPOSERS)
    case_id = desk.ask()
    assert delivery.run_urgent(desk.house, NOON)
    letter = smtp.wait_for(desk.ada.email)
    token = letter.link("/resets/").rpartition("/")[2]
    assert desk.view(token).verdict.case.id == case_id
    assert desk.case(case_id).letter == ("sent", None)

    smtp.reject(desk.ada.email)
    act_flow.send_again(desk.house, desk.grace, case_id, at=later(minutes=1))
    assert delivery.run_urgent(desk.house, later(minutes=1))
    fared = desk.case(case_id).letter
    assert fared is not None
    assert fared.outcome == "rejected"
    assert "550" in (fared.error or "")
