"""The calls of a user's own session and password."""

from uuid import uuid4

import pytest

from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.people import ADA, NEW_PASSWORD, PASSWORD, People


@pytest.fixture
def signed_in(people: People, api: Api) -> Api:
    people.user()
    api.headers["User-Agent"] = "Test Program 1.0"
    api.sign_in(ADA, PASSWORD)
    return api


def test_a_session_tells_whose_it_is(people: People, api: Api) -> None:
    user = people.user(name="Ada Lovelace")
    api.sign_in(ADA, PASSWORD)
    answer = api.get("/session")
    assert answer.status == 200
    sid = str(people.session(api.token or "").id)
    assert answer.body == {
        "sid": sid,
        "user": {"id": str(user.id), "email": ADA, "name": "Ada Lovelace", "role": "member"},
        "account": {"id": str(user.account_id), "name": "Acme"},
        "methods": ["pwd"],
        "authenticated_at": "2026-03-03T12:00:00Z",
        "second_factor_at": None,
        "acr": "urn:twofold:1fa",
        "expires_at": "2026-03-04T12:00:00Z",
    }


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer tf_session_unknown_0123456789012345678901234567890",
        "Basic YWRhQGFjbWUuZXhhbXBsZTpvcmNoYXJk",
        "tf_session_unknown_0123456789012345678901234567890",
        "Bearer " + "a" * 5000,
        "Bearer ' OR 1=1 --",
    ],
)
def test_without_a_good_token_nobody_is_signed_in(api: Api, header: str) -> None:
    api.headers["Authorization"] = header
    for answer in (api.get("/session"), api.get("/sessions"), api.get("/two-factor"), api.delete("/session")):
        assert answer.refusal == (401, "not_signed_in")
        assert answer.headers["www-authenticate"] == "Bearer"


def test_the_scheme_may_be_spelled_in_any_way_and_blanks_are_not_part_of_it(signed_in: Api) -> None:
    signed_in.headers["Authorization"], signed_in.token = f"bEARER {signed_in.token}", None
    assert signed_in.get("/session").status == 200


def test_signing_out_ends_the_session(signed_in: Api) -> None:
    assert signed_in.delete("/session").status == 204
    assert signed_in.get("/session").refusal == (401, "not_signed_in")
    assert signed_in.delete("/session").refusal == (401, "not_signed_in")


def test_an_idle_session_and_an_old_one_are_over(signed_in: Api, frozen_clock: FrozenClock) -> None:
    for _ in range(47):
        frozen_clock.forward(minutes=30)
        assert signed_in.get("/session").status == 200
    frozen_clock.forward(minutes=30)
    assert signed_in.get("/session").refusal == (401, "not_signed_in")


def test_own_sessions_are_listed_and_ended_and_others_are_missing(people: People, signed_in: Api) -> None:
    other, stranger = Api(signed_in.http), Api(signed_in.http)
    other.sign_in(ADA, PASSWORD)
    people.user("grace@acme.example")
    stranger.sign_in("grace@acme.example", PASSWORD)
    listed = signed_in.get("/sessions")["sessions"]
    assert len(listed) == 2
    assert [session["current"] for session in listed].count(True) == 1
    mine = next(session for session in listed if session["current"])
    theirs = next(session for session in listed if not session["current"])
    assert mine.keys() >= {"id", "browser", "address", "authenticated_at", "last_seen_at", "expires_at", "current"}
    assert "token" not in str(listed)
    foreign = stranger.get("/sessions")["sessions"][0]["id"]
    for wanted in (foreign, str(uuid4()), "nonsense"):
        assert signed_in.delete(f"/sessions/{wanted}").refusal == (404, "not_found")
    assert stranger.get("/session").status == 200
    assert signed_in.delete(f"/sessions/{theirs['id']}").status == 204
    assert other.get("/session").refusal == (401, "not_signed_in")
    assert signed_in.delete(f"/sessions/{theirs['id']}").refusal == (404, "not_found")


def test_the_password_is_changed(people: People, signed_in: Api) -> None:
    other = Api(signed_in.http)
    other.sign_in(ADA, PASSWORD)
    weak = signed_in.put("/password", password=PASSWORD, new_password="password")
    assert (weak.refusal, weak["why"]) == ((422, "weak_password"), "common")
    wrong = signed_in.put("/password", password="a wrong password", new_password=NEW_PASSWORD)
    assert wrong.refusal == (401, "invalid_password")
    done = signed_in.put("/password", password=PASSWORD, new_password=NEW_PASSWORD)
    assert (done.status, list(done.body)) == (200, ["session_token"])
    assert signed_in.get("/session").refusal == (401, "not_signed_in")
    assert other.get("/session").refusal == (401, "not_signed_in")
    signed_in.keep(done)
    assert signed_in.get("/session").status == 200
    assert Api(signed_in.http).sign_in(ADA, NEW_PASSWORD)["next"] == "none"


def test_an_organisation_with_single_sign_on_has_no_password_to_change(people: People, signed_in: Api) -> None:
    people.set_account(people.acme, sso=True, sso_url="https://sso.acme.example")
    answer = signed_in.put("/password", password=PASSWORD, new_password=NEW_PASSWORD)
    assert answer.refusal == (403, "sso_required")
    assert answer.body["url"] == "https://sso.acme.example"


def test_with_a_factor_the_password_needs_a_code(people: People, api: Api, frozen_clock: FrozenClock) -> None:
    _, factor = people.protected()
    frozen_clock.at = later(minutes=-10)
    api.sign_in(ADA, PASSWORD, factor.phone.code(frozen_clock.at))
    frozen_clock.at = NOON
    body = {"password": PASSWORD, "new_password": NEW_PASSWORD}
    assert api.put("/password", **body).refusal == (400, "invalid_request")
    assert api.put("/password", **body, code=factor.phone.wrong_code(NOON)).refusal == (401, "invalid_code")
    done = api.put("/password", **body, backup_code=factor.backup_code)
    assert (done.status, "new_backup_code" in done.body) == (200, True)
