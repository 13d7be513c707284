"""The operator's API against abuse: who is refused, and which networks are shut out."""

from typing import Any

import pytest

from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.people import ANONYMOUS, People
from twofold.audit import flow as audit
from twofold.events import kinds
from twofold.kit import acting
from twofold.kit.acting import Origin

BLOCK: dict[str, Any] = {"network": "198.51.100.0/24", "reason": "It guesses passwords."}


@pytest.fixture
def operator(people: People, api: Api) -> Api:
    api.token = people.operator_key()
    return api


def test_who_is_refused_is_told_by_network_and_by_user(people: People, operator: Api) -> None:
    ada = people.user()
    with people.context.db.write() as connection:
        audit.record(
            connection,
            kinds.SignInRefused("frozen"),
            origin=Origin(NOON, ANONYMOUS, acting.NOBODY),
            account_id=ada.account_id,
            subject_id=ada.id,
            result="refused",
        )
    answer = operator.get("/abuse")
    assert answer["networks"] == [
        {"network": "198.51.100.0/24", "refused": 1, "kinds": {"sign_in_refused": 1}, "users": 1}
    ]
    assert [(one["email"], one["refused"], one["networks"]) for one in answer["users"]] == [(ada.email, 1, 1)]
    assert (answer["complete"], answer["kinds"]) == (True, {"sign_in_refused": 1})


@pytest.mark.parametrize("hours", ["0", "25", "x"])
def test_a_look_goes_back_a_day_at_most(operator: Api, hours: str) -> None:
    answer = operator.get("/abuse", hours=hours)
    assert (answer.refusal, answer["fields"]) == ((400, "invalid_request"), ["hours"])


def test_a_network_is_blocked_listed_and_lifted(operator: Api) -> None:
    made = operator.post("/abuse/blocks", **BLOCK, hours=2)
    assert made.status == 201
    assert (made["network"], made["blocked_at"], made["until"]) == (
        BLOCK["network"],
        "2026-03-03T12:00:00Z",
        "2026-03-03T14:00:00Z",
    )
    assert operator.get("/abuse/blocks")["blocks"] == [made.body]
    lifted = operator.post(f"/abuse/blocks/{made['id']}/lift", reason="A mistake.")
    assert (lifted.status, lifted.body) == (200, made.body)
    assert operator.get("/abuse/blocks")["blocks"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**BLOCK, "network": "127.0.0.1"}, "network"),
        ({**BLOCK, "network": "0.0.0.0/0"}, "network"),
        ({**BLOCK, "network": "evil.example"}, "network"),
        ({**BLOCK, "reason": ""}, "reason"),
        ({**BLOCK, "hours": 0}, "hours"),
        ({"network": "198.51.100.0/24"}, "reason"),
    ],
)
def test_a_block_that_cannot_be_is_refused_and_nothing_is_blocked(
    operator: Api, body: dict[str, Any], field: str
) -> None:
    answer = operator.post("/abuse/blocks", **body)
    assert (answer.refusal, answer["fields"]) == ((400, "invalid_request"), [field])
    assert operator.get("/abuse/blocks")["blocks"] == []


@pytest.mark.parametrize("block", ["01970000-0000-7000-8000-000000000000", "none"])
def test_a_block_that_is_not_there_cannot_be_lifted(operator: Api, block: str) -> None:
    assert operator.post(f"/abuse/blocks/{block}/lift", reason="A mistake.").refusal == (404, "not_found")
