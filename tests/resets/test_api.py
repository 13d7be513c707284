from uuid import uuid4

import httpx
import pytest

from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock, client_of, context_on
from tests.harness.people import NEW_PASSWORD, PASSWORD
from tests.resets.helpdesk import REASON, Helpdesk
from twofold.kit.acting import Origin
from twofold.resets import act_flow, flow
from twofold.resets.case import State

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def grace(helpdesk: Helpdesk, api: Api) -> Api:
    """Be a program of Grace's."""
    api.sign_in(helpdesk.grace.email, PASSWORD)
    return api


# --- the link


def test_a_reset_is_confirmed_by_token_and_password(helpdesk: Helpdesk, api: Api) -> None:
    token = helpdesk.sent()
    answer = api.post("/resets/confirmation", token=token, password=PASSWORD)
    assert answer.status == 200
    assert answer.body == {
        "status": "confirmed", "eligibility": "offered", "reason": "available", "required_from": None,
    }  # fmt: skip
    assert not helpdesk.ada_now().has_second_factor
    again = api.post("/resets/confirmation", token=token, password=PASSWORD)
    assert again.refusal == (410, "link_expired")
    assert again["why"] == "used"


def test_a_reset_is_refused_by_token_alone(helpdesk: Helpdesk, api: Api) -> None:
    token = helpdesk.sent()
    answer = api.post("/resets/refusal", token=token)
    assert (answer.status, answer.body) == (200, {"status": "refused"})
    assert api.post("/resets/refusal", token=token).refusal == (410, "link_expired")
    assert helpdesk.ada_now().has_second_factor


def test_each_refusal_has_its_code(helpdesk: Helpdesk, api: Api, frozen_clock: FrozenClock) -> None:
    def confirm(token: str, password: str = PASSWORD, **more: str) -> tuple[int, str]:
        return api.post("/resets/confirmation", token=token, password=password, **more).refusal

    helpdesk.lock_ada(NOON)
    case_id = helpdesk.ask()
    token = helpdesk.link()
    assert confirm(token) == (409, "new_password_required")
    assert confirm(token, new_password="password1") == (422, "weak_password")
    assert confirm(token, new_password=PASSWORD) == (422, "weak_password")
    assert confirm(token, "wrong password", new_password=NEW_PASSWORD) == (401, "invalid_password")
    helpdesk.set_password_by_mail(NOON)
    assert confirm(token, new_password="copper violin harbour") == (409, "approval_required")
    act_flow.cancel(helpdesk.context, helpdesk.grace, case_id, origin=Origin(NOON))
    assert confirm(token) == (410, "link_expired")
    assert confirm("tf_reset_" + "A" * 43) == (410, "link_expired")
    assert confirm("x") == (410, "link_expired")
    token = helpdesk.sent()
    frozen_clock.forward(minutes=15)
    assert confirm(token) == (410, "link_expired")
    assert helpdesk.ada_now().has_second_factor


def test_wrong_passwords_say_how_many_are_left(helpdesk: Helpdesk, api: Api) -> None:
    token = helpdesk.sent()
    left = [api.post("/resets/confirmation", token=token, password="not it at all")["attempts_left"] for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]
    answer = api.post("/resets/confirmation", token=token, password=PASSWORD)
    assert (answer.refusal, answer["why"]) == ((410, "link_expired"), "wrong_passwords")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"token": "x"},
        {"password": PASSWORD},
        {"token": None, "password": PASSWORD},
        {"token": ["x"], "password": PASSWORD},
        {"token": "", "password": PASSWORD},
        {"token": "x", "password": ""},
        {"token": "x" * 201, "password": PASSWORD},
        {"token": "x", "password": PASSWORD, "new_password": ""},
        {"token": "x", "password": PASSWORD, "confirmed": True},
    ],
)
def test_malformed_bodies_are_refused(helpdesk: Helpdesk, api: Api, body: dict[str, object]) -> None:
    assert api.post("/resets/confirmation", **body).refusal == (400, "invalid_request")
    if "password" not in body or "token" not in body:
        return
    assert api.post("/resets/refusal", **body).refusal == (400, "invalid_request")


# --- the cases


def test_a_case_is_shown_with_its_history(helpdesk: Helpdesk, grace: Api) -> None:
    case_id = helpdesk.ask()
    shown = grace.get(f"/two-factor-resets/{case_id}")
    assert shown.status == 200
    assert shown["status"] == "requested"
    assert shown["user"] == {"id": str(helpdesk.ada.id), "name": "Ada Lovelace", "email": "ada@acme.example"}
    assert shown["requested_by"] == {"kind": "admin", "id": str(helpdesk.grace.id), "name": "Grace Hopper"}
    assert (shown["reason"], shown["account"]) == (REASON, str(helpdesk.people.acme))
    assert shown["delivery"] == {"status": "waiting", "error": None}
    assert [line["kind"] for line in shown["history"]] == ["asked"]
    helpdesk.link(later(minutes=1))
    shown = grace.get(f"/two-factor-resets/{case_id}")
    assert (shown["status"], shown["delivery"]["status"]) == ("sent", "sent")
    assert shown["valid_until"] == "2026-03-03T12:16:00Z"
    assert [(line["kind"], line["by"]) for line in shown["history"]] == [("asked", "Grace Hopper"), ("sent", "system")]


def test_a_case_goes_through_its_states(helpdesk: Helpdesk, grace: Api, frozen_clock: FrozenClock) -> None:
    case_id = helpdesk.ask()
    helpdesk.link()
    frozen_clock.forward(minutes=15)
    assert grace.get(f"/two-factor-resets/{case_id}")["status"] == "expired"
    again = grace.post(f"/two-factor-resets/{case_id}/delivery")
    assert (again.status, again["status"]) == (200, "expired")
    helpdesk.link(frozen_clock.at)
    assert grace.get(f"/two-factor-resets/{case_id}")["status"] == "sent"
    cancelled = grace.post(f"/two-factor-resets/{case_id}/cancellation")
    assert (cancelled.status, cancelled["status"]) == (200, "cancelled")
    for act in ("cancellation", "delivery", "approval"):
        refused = grace.post(f"/two-factor-resets/{case_id}/{act}")
        assert refused.refusal == (409, "wrong_state")
        assert refused["why"] == "cancelled"


def test_approval_is_for_somebody_else(helpdesk: Helpdesk, grace: Api, http: httpx.Client) -> None:
    helpdesk.set_password_by_mail(NOON)
    case_id = helpdesk.ask()
    assert grace.get(f"/two-factor-resets/{case_id}")["needs_approval"] is True
    assert grace.post(f"/two-factor-resets/{case_id}/approval").refusal == (409, "not_yourself")
    helpdesk.people.user("linus@acme.example", role="admin", name="Linus Pauling")
    linus = Api(http)
    linus.sign_in("linus@acme.example", PASSWORD)
    approved = linus.post(f"/two-factor-resets/{case_id}/approval")
    assert (approved.status, approved["approved_by"], approved["needs_approval"]) == (200, "Linus Pauling", False)


def test_without_a_mail_server_nothing_is_sent_again(
    helpdesk: Helpdesk, database_url: str, frozen_clock: FrozenClock
) -> None:
    case_id = helpdesk.ask()
    with context_on(database_url, mail=False) as mute, client_of(mute) as http:
        api = Api(http)
        api.sign_in(helpdesk.grace.email, PASSWORD)
        assert api.post(f"/two-factor-resets/{case_id}/delivery").refusal == (503, "no_mail")


def test_another_accounts_case_answers_like_one_that_does_not_exist(helpdesk: Helpdesk, grace: Api) -> None:
    other = helpdesk.people.account("Other")
    eve = helpdesk.people.user("eve@other.example", role="admin", account=other)
    bob, _ = helpdesk.people.protected("bob@other.example", account=other)
    foreign = helpdesk.try_to_ask(eve, bob).id
    nothing = grace.get(f"/two-factor-resets/{NOBODY}")
    assert nothing.refusal == (404, "not_found")
    for case_id in (foreign, "nonsense", NOBODY + "0"):
        assert grace.get(f"/two-factor-resets/{case_id}").body == nothing.body
        for act in ("cancellation", "delivery", "approval"):
            assert grace.post(f"/two-factor-resets/{case_id}/{act}").body == nothing.body
    assert grace.get("/two-factor-resets", account=str(other)).refusal == (404, "not_found")
    assert grace.get("/two-factor-resets", user=str(bob.id))["resets"] == []
    assert grace.get("/two-factor-resets", user="nonsense")["resets"] == []
    assert helpdesk.standing(foreign) is State.REQUESTED


def test_the_list_is_paged_by_its_cursor(helpdesk: Helpdesk, grace: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "PAGE", 2)
    asked = [str(helpdesk.ask(at=later(minutes=minute))) for minute in range(3)]
    first = grace.get("/two-factor-resets")
    assert [case["id"] for case in first["resets"]] == [asked[2], asked[1]]
    second = grace.get("/two-factor-resets", cursor=first["next"])
    assert [case["id"] for case in second["resets"]] == [asked[0]]
    assert second["next"] is None
    assert [case["status"] for case in second["resets"]] == ["superseded"]


def test_an_agent_lists_all_accounts_or_one(helpdesk: Helpdesk, api: Api) -> None:
    sam, factor = helpdesk.people.agent()
    other = helpdesk.people.account("Other")
    bob, _ = helpdesk.people.protected("bob@other.example", account=other)
    helpdesk.ask()
    of_bob = helpdesk.try_to_ask(sam, bob).id
    api.sign_in(sam.email, PASSWORD, factor.phone.code(NOON))
    assert len(api.get("/two-factor-resets")["resets"]) == 2
    assert [case["id"] for case in api.get("/two-factor-resets", account=str(other))["resets"]] == [str(of_bob)]
    assert api.get("/two-factor-resets", account=str(uuid4()))["resets"] == []


def test_members_and_whoever_is_not_signed_in_are_turned_away(helpdesk: Helpdesk, api: Api) -> None:
    case_id = helpdesk.ask()
    calls = [
        ("GET", "/two-factor-resets"),
        ("GET", f"/two-factor-resets/{case_id}"),
        *(("POST", f"/two-factor-resets/{case_id}/{act}") for act in ("cancellation", "delivery", "approval")),
    ]
    for method, path in calls:
        assert api.call(method, path).refusal == (401, "not_signed_in")
    helpdesk.people.user("mary@acme.example")
    api.sign_in("mary@acme.example", PASSWORD)
    for method, path in calls:
        assert api.call(method, path).refusal == (403, "not_allowed")
    assert helpdesk.standing(case_id) is State.REQUESTED
