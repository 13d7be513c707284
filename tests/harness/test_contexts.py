from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.contexts import FrozenClock
from tests.harness.pages import WebClient
from tests.harness.people import ADA, PASSWORD, People


def test_somebody_with_a_phone_signs_in_on_pages(
    people: People, web_client: WebClient, frozen_clock: FrozenClock
) -> None:
    _, factor = people.protected()
    page = web_client.get("/profile")
    assert (page.path, page.heading, page.buttons) == ("/sign-in", "Sign in", ["Sign in"])
    page = web_client.submit(page, "Sign in", email=ADA, password=PASSWORD)
    assert (page.path, page.heading) == ("/sign-in/code", "Enter your code")
    page = web_client.submit(page, "Verify", code=factor.phone.wrong_code(NOON))
    assert (page.status, page.title) == (401, "Error: Enter your code - Twofold")
    assert page.errors["code"].startswith("That code is not right.")
    assert page.alert.endswith(page.errors["code"])
    page = web_client.submit(page, "Verify", code=factor.phone.code(frozen_clock.at))
    assert (page.path, page.heading) == ("/profile", "Profile")
    assert page.link("Regenerate") == "/profile/two-factor/backup-code"
    assert web_client.submit(page, "Sign out").notice == "You are signed out."
    assert web_client.cookie("twofold_session") is None


def test_a_program_signs_in_and_time_passes_when_the_hands_move(
    people: People, api: Api, frozen_clock: FrozenClock
) -> None:
    _, factor = people.protected()
    api.sign_in(ADA, PASSWORD, factor.phone.code(NOON))
    assert api.get("/session")["user"]["email"] == ADA
    frozen_clock.forward(hours=1)
    assert api.get("/session").refusal == (401, "not_signed_in")


def test_people_read_what_is_written_down(people: People) -> None:
    user, _ = people.protected()
    assert [event.subject_id for event in people.events("two_factor_set_up")] == [user.id]
    assert [letter.recipient for letter in people.letters("two_factor_set_up")] == [ADA]
