"""An open reset is no secret: to those who oversee its user, wherever they meet them, and to its user."""

from datetime import datetime

import httpx
import pytest

from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.pages import Page, WebClient
from tests.harness.people import PASSWORD
from tests.resets.helpdesk import REASON, Helpdesk
from twofold.directory.user import User


@pytest.fixture
def grace(helpdesk: Helpdesk, http: httpx.Client) -> WebClient:
    """Be Grace, who administers Acme, signed in."""
    return signed_in(http, helpdesk.grace)


def signed_in(http: httpx.Client, user: User, phone: Authenticator | None = None, at: datetime = NOON) -> WebClient:
    web_client = WebClient(http)
    page = web_client.sign_in(user.email, PASSWORD, phone.code(at) if phone else "")
    assert page.heading == "Profile", page.text
    return web_client


def places(helpdesk: Helpdesk, grace: WebClient) -> tuple[Page, Page]:
    """The list of people, and Ada's own page."""
    return grace.get("/people"), grace.get(f"/people/{helpdesk.ada.id}")


def test_nothing_is_said_of_a_reset_where_none_is_open(helpdesk: Helpdesk, grace: WebClient) -> None:
    assert all("reset is open" not in page.text for page in places(helpdesk, grace))


def test_people_and_person_say_how_a_reset_stands_until_it_is_over(
    helpdesk: Helpdesk, grace: WebClient, frozen_clock: FrozenClock
) -> None:
    case = helpdesk.ask()
    assert all("A reset is open: its email is on its way." in page.text for page in places(helpdesk, grace))
    helpdesk.post()
    listed, own = places(helpdesk, grace)
    assert all(
        "A reset is open: it can be answered until 12:15 Coordinated Universal Time." in page.text
        for page in (listed, own)
    )
    assert "Grace Hopper (administrator) asked for it, 12:00 Coordinated Universal Time." in own.text
    assert listed.link("A reset is open") == own.link("View the reset") == f"/resets/case/{case}"
    frozen_clock.forward(minutes=15)
    listed, own = places(helpdesk, grace)
    assert all("its link was valid until 12:15 Coordinated Universal Time." in page.text for page in (listed, own))
    again = grace.submit(own, "Send again")
    assert (again.path, again.notice[:24]) == (f"/resets/case/{case}", "Another email is on its ")
    cancelled = grace.submit(grace.get(f"/people/{helpdesk.ada.id}"), "Cancel the reset")
    assert (cancelled.path, cancelled.notice[:10]) == (f"/resets/case/{case}", "Cancelled.")
    assert all("reset is open" not in page.text for page in places(helpdesk, grace))


def test_a_case_that_died_unnoticed_is_not_called_open(helpdesk: Helpdesk, grace: WebClient) -> None:
    helpdesk.sent()
    helpdesk.people.set_user(helpdesk.ada, factors_changed_at=later(minutes=1))
    assert all("reset is open" not in page.text for page in places(helpdesk, grace))


def test_after_sending_the_notice_leads_to_the_case(helpdesk: Helpdesk, grace: WebClient) -> None:
    page = grace.get(f"/people/{helpdesk.ada.id}/reset")
    page = grace.submit(page, "Send reset e-mail", reason=REASON)
    assert page.notice.endswith("View the reset")
    assert grace.click(page, "View the reset").path.startswith("/resets/case/")


def test_support_sees_it_on_the_person_as_well(helpdesk: Helpdesk, http: httpx.Client) -> None:
    sam, factor = helpdesk.people.agent()
    case = helpdesk.ask()
    helpdesk.post()
    page = signed_in(http, sam, factor.phone).get(f"/support/users/{helpdesk.ada.id}")
    assert "A reset is open: it can be answered until 12:15 Coordinated Universal Time." in page.text
    assert page.link("View the reset") == f"/resets/case/{case}"
    assert {"Send again", "Cancel the reset"} <= set(page.buttons)


def test_its_user_sees_who_asked_when_and_until_when_and_answers_by_mail_alone(
    helpdesk: Helpdesk, http: httpx.Client, frozen_clock: FrozenClock
) -> None:
    """Stops: a reset that its user hears of only by a mail that somebody else reads first."""
    ada = signed_in(http, helpdesk.ada, helpdesk.factor.phone)
    before = ada.get("/profile")
    helpdesk.ask()
    asked = ada.get("/profile")
    assert "Somebody asked to switch this off" in asked.text
    assert "Grace Hopper (administrator), 12:00 Coordinated Universal Time." in asked.text
    assert "You get an email from which you can confirm or refuse it." in asked.text
    helpdesk.post()
    sent = ada.get("/profile")
    assert (
        "You can confirm or refuse it from the email that we sent you, until 12:15 Coordinated Universal Time."
        in sent.text
    )
    assert sent.buttons == before.buttons
    frozen_clock.forward(minutes=15)
    assert (
        "The link in the email that we sent you was valid until 12:15 Coordinated Universal Time."
        in ada.get("/profile").text
    )
