from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.houses import Hands
from tests.harness.pages import Visitor
from tests.harness.people import ADA, PASSWORD, People


def test_somebody_with_a_phone_signs_in_on_pages(people: People, visitor: Visitor, hands: Hands) -> None:
    _, factor = people.protected()
    page = visitor.get("/profile")
    assert (page.path, page.heading, page.buttons) == ("/sign-in", "Sign in", ["Sign in"])
    page = visitor.submit(page, "Sign in", email=ADA, password=PASSWORD)
    assert (page.path, page.heading) == ("/sign-in/code", "Enter your code")
    page = visitor.submit(page, "Verify", code=factor.phone.wrong_code(NOON))
    assert (page.status, page.title) == (401, "Error: Enter your code - Twofold")
    assert page.errors["code"].startswith("That code is not right.")
    assert page.alert.endswith(page.errors["code"])
    page = visitor.submit(page, "Verify", code=factor.phone.code(hands.at))
    assert (page.path, page.heading) == ("/profile", "Profile")
    assert page.link("Your authenticators") == "/profile/two-factor/authenticators"
    assert visitor.submit(page, "Sign out").notice == "You are signed out."
    assert visitor.cookie("twofold_session") is None


def test_a_program_signs_in_and_time_passes_when_the_hands_move(people: People, api: Api, hands: Hands) -> None:
    _, factor = people.protected()
    api.sign_in(ADA, PASSWORD, factor.phone.code(NOON))
    assert api.get("/session")["user"]["email"] == ADA
    hands.forward(hours=1)
    assert api.get("/session").refusal == (401, "not_signed_in")


def test_people_read_what_is_written_down(people: People) -> None:
    person, _ = people.protected()
    assert [event.subject_id for event in people.events("two_factor_set_up")] == [person.id]
    assert [letter.recipient for letter in people.letters("two_factor_set_up")] == [ADA]
