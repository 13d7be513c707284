from uuid import uuid4

import pytest

from tests.harness.clock import NOON, later
from tests.harness.events import recorded
from tests.harness.people import CLIENT_INFO
from tests.support.test_audit_pages import record
from tests.support.world import REASON, World
from twofold.audit import seal_flow
from twofold.events import directory_kinds, kinds
from twofold.kit import acting


def test_an_event_says_everything_about_it(world: World) -> None:
    record(world, recorded("unlocked", {"case": "x"}), reason=REASON)
    seal_flow.seal_everything(world.context.db, NOON)
    (event,) = world.api(world.grace).get("/audit-events", kind="unlocked")["events"]
    (row,) = world.people.events("unlocked")
    assert event == {
        "id": str(row.id),
        "at": "2026-03-03T12:00:00Z",
        "kind": "unlocked",
        "result": "done",
        "actor": {"kind": "user", "id": str(world.grace.id), "name": "Grace Hopper", "email": "grace@acme.example"},
        "subject": {"id": str(world.ada.id), "name": "Ada Lovelace", "email": "ada@acme.example"},
        "reason": REASON,
        "address": CLIENT_INFO.address,
        "browser": CLIENT_INFO.browser,
        "request_id": CLIENT_INFO.request_id,
        "details": {"case": "x"},
        "text": "Grace Hopper unlocked Ada Lovelace.",
        "position": row.position,
        "hash": row.hash.hex(),
    }


def test_an_event_that_is_not_sealed_yet_has_no_place(world: World) -> None:
    record(world, kinds.Unlocked(), actor=acting.CONSOLE, subject_id=None)
    (event,) = world.api(world.grace).get("/audit-events", kind="unlocked")["events"]
    assert (event["position"], event["hash"], event["subject"]) == (None, None, None)
    assert event["actor"] == {"kind": "console", "id": None, "name": None, "email": None}


def test_pages_lead_on_to_older_events(world: World) -> None:
    for number in range(5):
        record(world, directory_kinds.Invited(), later(seconds=number), reason=str(number))
    api = world.api(world.grace)
    reasons: list[list[str]] = []
    parameters: dict[str, str] = {}
    while True:
        answer = api.get("/audit-events", kind="invited", limit="2", **parameters)
        reasons.append([event["reason"] for event in answer["events"]])
        if answer["next"] is None:
            break
        parameters = {"cursor": answer["next"]}
    assert reasons == [["4", "3"], ["2", "1"], ["0"]]


def test_events_are_narrowed_by_user_kind_and_time(world: World) -> None:
    for number, event in enumerate((kinds.Unlocked(), directory_kinds.Invited(), kinds.Unlocked())):
        record(
            world, event, later(hours=number), reason=str(number), subject_id=world.ada.id if number else world.grace.id
        )
    api = world.api(world.grace)

    def found(**parameters: str) -> list[str]:
        events = api.get("/audit-events", **parameters)["events"]
        return [event["reason"] for event in events if event["reason"]]

    assert found() == ["2", "1", "0"]
    assert found(user=str(world.ada.id)) == ["2", "1"]
    assert found(user=str(world.grace.id)) == ["2", "1", "0"]
    assert found(user=str(uuid4())) == []
    assert found(user="nonsense") == [], "a malformed id is a missing one"
    assert found(kind="unlocked") == ["2", "0"]
    assert found(**{"from": "2026-03-03T13:00:00Z"}) == ["2", "1"], "from is included"
    assert found(to="2026-03-03T13:00:00Z") == ["0"], "to is not"
    assert found(to="2026-03-03") == []
    assert found(**{"from": "2026-03-03", "to": "2026-03-04"}) == ["2", "1", "0"]
    assert found(**{"from": "2026-03-03T14:00:00+01:00", "to": "2026-03-03T13:30:00Z"}) == ["1"]


@pytest.mark.parametrize("field", ["cursor", "from", "to"])
def test_what_cannot_be_read_is_named(world: World, field: str) -> None:
    answer = world.api(world.grace).get("/audit-events", **{field: "nonsense"})
    assert answer.refusal == (400, "invalid_request")
    assert answer["fields"] == [field]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x"])
def test_a_limit_has_its_limits(world: World, limit: str) -> None:
    answer = world.api(world.grace).get("/audit-events", limit=limit)
    assert answer.refusal == (400, "invalid_request")
    assert answer["fields"] == ["limit"]


def test_another_account_answers_like_one_that_does_not_exist(world: World) -> None:
    record(world, kinds.Unlocked(), account=world.other)
    api = world.api(world.grace)
    unknown = api.get("/audit-events", account=str(uuid4()))
    for account in (str(world.other), str(world.operator()), "nonsense"):
        answer = api.get("/audit-events", account=account)
        assert (answer.refusal, answer.body) == ((404, "not_found"), unknown.body)
    assert api.get("/audit-events", account=str(world.people.acme)).status == 200


def test_an_agent_says_whose_log(world: World) -> None:
    record(world, kinds.Unlocked(), account=world.other, reason="of Umbrella")
    record(world, kinds.Unlocked(), reason="of Acme")
    api = world.api(world.sam, world.sams)
    events = api.get("/audit-events", account=str(world.other), kind="unlocked")["events"]
    assert [event["reason"] for event in events] == ["of Umbrella"]
    answer = api.get("/audit-events")
    assert (answer.refusal, answer["fields"]) == ((400, "invalid_request"), ["account"])
    for account in (str(uuid4()), "nonsense"):
        assert api.get("/audit-events", account=account).refusal == (404, "not_found")


def test_a_member_may_not_and_nobody_must_sign_in(world: World) -> None:
    assert world.api(world.ada, world.factor).get("/audit-events").refusal == (403, "not_allowed")
    api = world.api(world.grace)
    api.token = None
    assert api.get("/audit-events").refusal == (401, "not_signed_in")


def test_the_log_is_read_only(world: World) -> None:
    record(world, kinds.Unlocked())
    api = world.api(world.grace)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert api.call(method, "/audit-events").status == 405
