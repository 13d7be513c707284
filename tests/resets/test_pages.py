import httpx
import pytest

from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.pages import Page, WebClient
from tests.harness.people import NEW_PASSWORD, PASSWORD
from tests.resets.helpdesk import Helpdesk
from twofold.kit.acting import Origin
from twofold.kit.mail import outbox
from twofold.resets import act_flow, flow
from twofold.resets.case import State
from twofold.signin.outcomes import SignedIn


def path_of(token: str) -> str:
    return f"/resets/{token}"


@pytest.fixture
def grace(helpdesk: Helpdesk, web_client: WebClient) -> WebClient:
    """Be Grace, signed in."""
    web_client.sign_in(helpdesk.grace.email, PASSWORD)
    return web_client


# --- the link


def test_the_page_names_who_asked_when_why_and_until_when(helpdesk: Helpdesk, web_client: WebClient) -> None:
    page = web_client.get(path_of(helpdesk.sent()))
    assert (page.status, page.heading) == (200, "Confirm two-factor reset")
    for said in ("Grace Hopper (administrator)", "Lost her phone on the train.", "ada@acme.example"):
        assert said in page.text
    assert page.times == ["2026-03-03T12:00:00Z", "2026-03-03T12:15:00Z"]
    assert page.form("Confirm").inputs["password"]["type"] == "password"
    assert "new_password" not in page.form("Confirm").inputs
    assert page.headers["cache-control"] == "no-store"


def test_it_is_confirmed_with_the_password_and_says_what_comes_next(helpdesk: Helpdesk, web_client: WebClient) -> None:
    token = helpdesk.sent()
    page = web_client.get(path_of(token))
    done = web_client.submit(page, "Confirm", password=PASSWORD)
    assert (done.status, done.heading) == (200, "Two-factor authentication is off")
    assert "Sign in with your password. You can set it up again in your profile." in done.text
    assert not helpdesk.ada_now().has_second_factor
    again = web_client.get(path_of(token))
    assert (again.status, again.heading) == (410, "This link has been used")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"policy": "required", "required_from": NOON}, "You will be asked to set it up again."),
        ({"policy": "off"}, "your administrator has switched it off."),
        ({"edition": "standard"}, "your organisation's edition does not include it."),
    ],
)
def test_it_says_what_comes_next_as_it_is_for_this_user(
    helpdesk: Helpdesk, web_client: WebClient, change: dict[str, object], said: str
) -> None:
    helpdesk.people.set_account(helpdesk.people.acme, **change)
    done = web_client.submit(web_client.get(path_of(helpdesk.sent())), "Confirm", password=PASSWORD)
    assert said in done.text


def test_it_is_refused_without_a_password(helpdesk: Helpdesk, web_client: WebClient) -> None:
    token = helpdesk.sent()
    page = web_client.submit(web_client.get(path_of(token)), "Refuse")
    assert (page.status, page.heading) == (200, "The reset is refused")
    assert "Your account stays as it is, and your administrators have been told." in page.text
    assert helpdesk.case_of(token).state is State.REFUSED
    assert helpdesk.ada_now().has_second_factor
    after = web_client.get(path_of(token))
    assert (after.status, after.heading) == (410, "This link has been used")
    assert "The reset was refused" in after.text


def test_a_wrong_password_is_said_at_its_field_and_the_last_tries_count_down(
    helpdesk: Helpdesk, web_client: WebClient
) -> None:
    page = web_client.get(path_of(helpdesk.sent()))
    said = []
    for _ in range(4):
        page = web_client.submit(page, "Confirm", password="not it at all")
        assert page.status == 401
        assert page.title.startswith("Error:")
        said.append(page.errors["password"])
    assert said == [
        "That password is not right.",
        "That password is not right.",
        "That password is not right. You have two attempts left before this request is closed.",
        "That password is not right. You have one attempt left before this request is closed.",
    ]
    page = web_client.submit(page, "Confirm", password="not it at all")
    assert (page.status, page.heading) == (410, "This link no longer works")
    assert "Five wrong passwords were entered, so this request was closed. Your account stays as it is." in page.text
    assert "Ask Grace Hopper to start again." in page.text


def test_a_missing_password_costs_nothing(helpdesk: Helpdesk, web_client: WebClient) -> None:
    token = helpdesk.sent()
    page = web_client.submit(web_client.get(path_of(token)), "Confirm")
    assert (page.status, page.errors) == (400, {"password": "Enter your password."})
    assert helpdesk.case_of(token).password_tries == 0


def test_after_a_lock_the_page_asks_for_a_new_password_and_says_why(helpdesk: Helpdesk, web_client: WebClient) -> None:
    helpdesk.lock_ada(NOON)
    page = web_client.get(path_of(helpdesk.sent()))
    assert "somebody else may know it" in page.text
    page = web_client.submit(page, "Confirm", password=PASSWORD)
    assert (page.status, list(page.errors)) == (409, ["new_password"])
    page = web_client.submit(page, "Confirm", password=PASSWORD, new_password="short")
    assert (page.status, page.errors) == (
        422, {"new_password": "That password is too short. Use at least 8 characters."},
    )  # fmt: skip
    page = web_client.submit(page, "Confirm", password=PASSWORD, new_password=PASSWORD)
    assert (page.status, list(page.errors)) == (422, ["new_password"])
    assert "value" not in page.form("Confirm").inputs["password"]
    page = web_client.submit(page, "Confirm", password=PASSWORD, new_password=NEW_PASSWORD)
    assert "Sign in with your new password." in page.text
    assert isinstance(helpdesk.people.begin(helpdesk.ada_now(), password=NEW_PASSWORD), SignedIn)


def test_where_somebody_must_approve_the_page_names_whom_to_ask(helpdesk: Helpdesk, web_client: WebClient) -> None:
    linus = helpdesk.people.user("linus@acme.example", role="admin", name="Linus Pauling")
    helpdesk.set_password_by_mail(NOON)
    case_id = helpdesk.ask()
    page = web_client.get(path_of(helpdesk.link()))
    assert "Linus Pauling" in page.text
    assert "grace@acme.example" not in page.text  # she asked
    page = web_client.submit(page, "Confirm", password=NEW_PASSWORD)
    assert page.status == 409
    assert "Somebody must approve this reset before you can confirm it." in page.text
    act_flow.approve(helpdesk.context, linus, case_id, origin=Origin(NOON))
    page = web_client.get(page.path)
    assert "Linus Pauling" not in page.text
    assert web_client.submit(page, "Confirm", password=NEW_PASSWORD).status == 200


def test_an_expired_link_says_until_when_it_was_valid_and_whom_to_ask(
    helpdesk: Helpdesk, web_client: WebClient, frozen_clock: FrozenClock
) -> None:
    token = helpdesk.sent()
    page = web_client.get(path_of(token))
    frozen_clock.forward(minutes=14, seconds=59)
    assert web_client.get(path_of(token)).status == 200
    frozen_clock.forward(seconds=1)
    late = web_client.submit(page, "Confirm", password=PASSWORD)
    assert (late.status, late.heading) == (410, "This link has expired")
    assert "This link was valid until" in late.text
    assert "Ask Grace Hopper to send it again." in late.text
    assert late.times == ["2026-03-03T12:15:00Z"]
    assert helpdesk.ada_now().has_second_factor


def test_a_replaced_link_says_when_the_newer_one_was_sent(
    helpdesk: Helpdesk, web_client: WebClient, frozen_clock: FrozenClock
) -> None:
    token = helpdesk.sent()
    helpdesk.ask(at=later(minutes=1))
    frozen_clock.forward(minutes=2)
    page = web_client.get(path_of(token))
    assert (page.status, page.heading) == (410, "This link has been replaced")
    assert "A newer link is on its way." in page.text
    helpdesk.link(later(minutes=3))
    page = web_client.get(path_of(token))
    assert "A newer link was sent at" in page.text
    assert page.times == ["2026-03-03T12:03:00Z"]


def test_a_link_that_was_taken_back_and_one_nobody_sent_say_so(helpdesk: Helpdesk, web_client: WebClient) -> None:
    case_id = helpdesk.ask()
    token = helpdesk.link()
    act_flow.cancel(helpdesk.context, helpdesk.grace, case_id, origin=Origin(NOON))
    page = web_client.get(path_of(token))
    assert (page.status, page.heading) == (410, "This link no longer works")
    assert "The request was taken back." in page.text
    assert web_client.get(path_of("tf_reset_" + "A" * 43)).status == 410
    assert web_client.get(path_of("anything")).status == 404
    assert web_client.post(path_of("anything"), password=PASSWORD).status == 404


def test_opening_a_link_in_whatever_way_changes_nothing(helpdesk: Helpdesk, http: httpx.Client) -> None:
    """As mail scanners, prefetching browsers and link previews do."""
    token = helpdesk.sent()
    before = helpdesk.dump()
    for method in ("GET", "HEAD", "OPTIONS"):
        for headers in ({}, {"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}, {"X-Moz": "prefetch"}):
            answer = http.request(method, path_of(token), headers=headers)
            assert answer.status_code < 500
    for method in ("PUT", "PATCH", "DELETE"):
        answer = http.request(method, path_of(token), headers={"Origin": str(http.base_url).rstrip("/")})
        assert answer.status_code == 405
    for query in ("?answer=confirm&password=" + PASSWORD, "?answer=refuse"):
        assert http.get(path_of(token) + query).status_code == 303
        assert http.get("/resets/link" + query, headers={"Cookie": f"twofold_reset_link={token}"}).status_code == 200
    assert helpdesk.dump() == before


def test_a_form_of_another_site_confirms_and_refuses_nothing(helpdesk: Helpdesk, http: httpx.Client) -> None:
    token = helpdesk.sent()
    before = helpdesk.dump()
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for form in ({"answer": "confirm", "password": PASSWORD}, {"answer": "refuse"}):
            assert http.post(path_of(token), data=form, headers=headers).status_code == 403
    assert helpdesk.dump() == before


def test_nobody_needs_to_be_signed_in_and_nobody_is_afterwards(helpdesk: Helpdesk, web_client: WebClient) -> None:
    web_client.submit(web_client.get(path_of(helpdesk.sent())), "Confirm", password=PASSWORD)
    assert web_client.get("/profile").heading == "Sign in"


# --- the cases


def test_the_list_shows_the_cases_of_the_account(helpdesk: Helpdesk, grace: WebClient) -> None:
    assert "Nobody has asked for a reset." in grace.get("/resets").text
    helpdesk.ask()
    page = grace.get("/resets")
    assert page.heading == "Resets"
    for said in ("Ada Lovelace", "Not sent yet", "Grace Hopper"):
        assert said in page.text
    case = grace.click(page, "Show")
    assert case.heading == "Resets"
    assert "Lost her phone on the train." in case.text


def test_the_case_page_tells_the_history_and_offers_what_can_be_done(
    helpdesk: Helpdesk, grace: WebClient, frozen_clock: FrozenClock
) -> None:
    case_id = helpdesk.ask()
    helpdesk.link()
    page = grace.get(f"/resets/case/{case_id}")
    assert "Awaiting confirmation" in page.text
    assert "Grace Hopper asked for it." in page.text
    assert "An email with a link was sent." in page.text
    assert {"Send again", "Cancel"} <= set(page.buttons)
    assert "Approve" not in page.buttons
    frozen_clock.forward(minutes=20)
    assert "Link expired" in grace.get(page.path).text
    page = grace.submit(page, "Send again")
    assert "Another email is on its way." in page.text
    assert "Grace Hopper had it sent again." in page.text
    page = grace.submit(page, "Cancel")
    assert "Cancelled." in page.text
    assert not {"Send again", "Cancel"} & set(page.buttons)
    assert helpdesk.standing(case_id, frozen_clock.at) is State.CANCELLED


def test_approve_is_offered_to_whoever_may_where_it_is_needed(
    helpdesk: Helpdesk, http: httpx.Client, grace: WebClient
) -> None:
    helpdesk.people.user("linus@acme.example", role="admin", name="Linus Pauling")
    helpdesk.set_password_by_mail(NOON)
    case_id = helpdesk.ask()
    page = grace.get(f"/resets/case/{case_id}")
    assert "Approve" not in page.buttons
    assert "Another administrator or a support agent must approve this" in page.text
    refused = grace.post(f"{page.path}/approval")
    assert refused.status == 409
    linus = WebClient(http)
    linus.sign_in("linus@acme.example", PASSWORD)
    page = linus.submit(linus.get(f"/resets/case/{case_id}"), "Approve")
    assert "Linus Pauling approved it." in page.text
    assert "Approve" not in page.buttons


def test_a_rejected_letter_shows_on_the_case(helpdesk: Helpdesk, grace: WebClient) -> None:
    case_id = helpdesk.ask()
    [letter] = helpdesk.people.letters("reset_confirm")
    with helpdesk.context.db.write() as connection:
        outbox.settle(connection, letter.id, "rejected", NOON, "550 No such person here")
    page = grace.get(f"/resets/case/{case_id}")
    assert "The mail server does not take the email: 550 No such person here" in page.text
    assert "Email rejected" in grace.get("/resets").text


def test_a_case_of_another_account_is_none(helpdesk: Helpdesk, grace: WebClient) -> None:
    other = helpdesk.people.account("Other")
    eve = helpdesk.people.user("eve@other.example", role="admin", account=other)
    bob, _ = helpdesk.people.protected("bob@other.example", account=other)
    case_id = helpdesk.try_to_ask(eve, bob).id

    def seen(page: Page) -> tuple[int, str]:
        return page.status, page.text

    nothing = seen(grace.get("/resets/case/00000000-0000-0000-0000-000000000000"))
    assert nothing[0] == 404
    assert seen(grace.get(f"/resets/case/{case_id}")) == nothing
    assert seen(grace.get("/resets/case/nonsense")) == nothing
    for act in ("cancellation", "delivery", "approval"):
        assert seen(grace.post(f"/resets/case/{case_id}/{act}")) == nothing
        assert seen(grace.post(f"/resets/case/nonsense/{act}")) == nothing
    assert helpdesk.standing(case_id) is State.REQUESTED
    assert "Bob" not in grace.get("/resets").text
    assert "Bob" not in grace.get(f"/resets?account={other}").text


def test_members_and_whoever_is_not_signed_in_see_no_cases(helpdesk: Helpdesk, web_client: WebClient) -> None:
    case_id = helpdesk.ask()
    assert web_client.get("/resets").heading == "Sign in"
    helpdesk.people.user("mary@acme.example")
    web_client.sign_in("mary@acme.example", PASSWORD)
    for path in ("/resets", f"/resets/case/{case_id}"):
        assert web_client.get(path).status == 403
    for act in ("cancellation", "delivery", "approval"):
        assert web_client.post(f"/resets/case/{case_id}/{act}").status == 403
    assert helpdesk.standing(case_id) is State.REQUESTED


def test_an_agent_sees_the_cases_of_every_account_or_of_one(helpdesk: Helpdesk, web_client: WebClient) -> None:
    sam, factor = helpdesk.people.agent()
    other = helpdesk.people.account("Umbrella")
    bob, _ = helpdesk.people.protected("bob@umbrella.example", account=other)
    helpdesk.ask()
    helpdesk.try_to_ask(sam, bob, at=later(minutes=1))
    web_client.sign_in(sam.email, PASSWORD, factor.phone.code(NOON))
    page = web_client.get("/resets")
    assert "Acme" in page.text
    assert "Umbrella" in page.text
    assert "Sam Vimes" in page.text
    page = web_client.get(f"/resets?account={other}")
    assert "Umbrella" in page.text
    assert "Acme" not in page.text


def test_a_long_list_has_pages(helpdesk: Helpdesk, grace: WebClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "PAGE", 2)
    for minute in range(3):
        helpdesk.ask(at=later(minutes=minute), reason=f"For the {minute}. time")
    page = grace.get("/resets")
    assert page.text.count("Replaced by a newer one") == 1
    page = grace.click(page, "Next")
    assert page.text.count("Replaced by a newer one") == 1
    assert not page.has_link("Next")
    assert grace.click(page, "Previous").path == "/resets"
