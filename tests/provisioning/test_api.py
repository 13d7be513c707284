from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.harness.api import Answer, Api
from tests.harness.clock import NOON
from tests.harness.people import CLIENT_INFO, EARLIER, PASSWORD, People, phone_of
from twofold.factors import enrolment_flow
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.provisioning import key_flow


@pytest.fixture
def operator(people: People, http: httpx.Client) -> Api:
    """Be a program of the operator's."""
    return Api(http, people.operator_key())


def support_agent(people: People, http: httpx.Client) -> Api:
    """Be a support agent who has set up a second factor and is signed in."""
    sue = people.user("sue@operator.example", role="support")
    with people.context.db.write() as connection:
        opened = enrolment_flow.open_for(people.context, connection, sue, "test", at=EARLIER)
        phone = phone_of(opened)
        enrolment_flow.confirm(
            people.context,
            connection,
            sue,
            "test",
            opened.id,
            phone.code(EARLIER),
            origin=Origin(EARLIER, CLIENT_INFO),
        )
    return Api(http, token=people.token(people.look_up(sue), phone))


def test_an_account_is_made_looked_at_and_changed(operator: Api) -> None:
    made = operator.post("/accounts", name="Globex", edition="standard", seats=5)
    assert made.status == 201
    assert (made["name"], made["edition"], made["seats"], made["policy"]) == ("Globex", "standard", 5, "optional")
    assert operator.get(f"/accounts/{made['id']}").body == made.body
    changed = operator.patch(f"/accounts/{made['id']}", edition="enterprise", seats=None)
    assert changed.status == 200
    assert (changed["edition"], changed["seats"], changed["name"]) == ("enterprise", None, "Globex")


def test_single_sign_on_is_switched_on_with_its_domains(operator: Api, people: People) -> None:
    path, url = f"/accounts/{people.acme}", "https://login.acme.example/"
    on = operator.patch(path, sso=True, sso_domains=["Acme.example"], sso_url=url)
    assert (on["sso"], on["sso_domains"], on["sso_url"]) == (True, ["acme.example"], url)
    other = operator.post("/accounts", name="Thief", sso=True, sso_domains=["acme.example"], sso_url=url)
    assert other.refusal == (409, "domain_taken")
    assert other["fields"] == ["sso_domains"]


def test_a_domain_that_others_use_is_refused_with_whose_it_is(operator: Api, people: People) -> None:
    people.user("ada@globex.example")
    body = {"sso": True, "sso_domains": ["globex.example"], "sso_url": "https://login.globex.example/"}
    made = operator.post("/accounts", name="Globex", **body)
    assert made.refusal == (409, "domain_in_use")
    assert made["fields"] == ["sso_domains"]
    assert "1 active person of Acme (@globex.example)" in made["detail"]
    plain = operator.post("/accounts", name="Globex")
    assert operator.patch(f"/accounts/{plain['id']}", **body).refusal == (409, "domain_in_use")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "Globex", "colour": "red"}, "colour"),
        ({"name": "Globex", "sso": "yes"}, "sso"),
        ({"name": "Globex", "seats": -1}, "seats"),
        ({"name": "Globex", "sso": True}, "sso_url"),
    ],
)
def test_a_malformed_account_is_refused_by_field(operator: Api, body: dict[str, Any], field: str) -> None:
    refused = operator.post("/accounts", **body)
    assert refused.refusal == (400, "invalid_request")
    assert refused["fields"] == [field]


def test_accounts_are_listed_page_by_page(operator: Api, people: People) -> None:
    made = {str(people.account(f"Account {number}")) for number in range(5)}
    first = operator.get("/accounts", limit="3")
    second = operator.get("/accounts", limit="3", cursor=first["next"])
    assert [len(first["accounts"]), len(second["accounts"])] == [3, 2]
    assert second["next"] is None
    assert {account["id"] for account in [*first["accounts"], *second["accounts"]]} == made


@pytest.mark.parametrize(
    "parameters", [{"cursor": "abc"}, {"cursor": ""}, {"limit": "0"}, {"limit": "201"}, {"limit": "x"}]
)
def test_a_malformed_place_in_the_list_is_refused(operator: Api, parameters: dict[str, str]) -> None:
    refused = operator.get("/accounts", **parameters)
    assert refused.refusal == (400, "invalid_request")
    assert refused["fields"] == list(parameters)


def test_the_operators_own_account_is_not_there(operator: Api, people: People) -> None:
    sue = people.user("sue@operator.example", role="support")
    assert operator.get("/accounts")["accounts"] == []
    assert operator.get(f"/accounts/{sue.account_id}").refusal == (404, "not_found")
    assert operator.patch(f"/accounts/{sue.account_id}", name="Mine").refusal == (404, "not_found")
    user = {"email": "e@x.example", "name": "E", "password": PASSWORD}
    assert operator.post(f"/accounts/{sue.account_id}/users", **user).refusal == (404, "not_found")


@pytest.mark.parametrize(
    "account", ["nonsense", "2f1e3c64-5b7a-4d19-9c3e-8a6b1d0f4e72", "00000000000000000000000000000000"]
)
def test_a_malformed_id_is_a_missing_one(operator: Api, account: str) -> None:
    user = {"email": "e@x.example", "name": "E", "password": PASSWORD}
    assert operator.get(f"/accounts/{account}").refusal == (404, "not_found")
    assert operator.patch(f"/accounts/{account}", name="X").refusal == (404, "not_found")
    assert operator.post(f"/accounts/{account}/users", **user).refusal == (404, "not_found")


def test_a_user_is_made_with_a_password_and_signs_in(operator: Api, people: People, http: httpx.Client) -> None:
    made = operator.post(f"/accounts/{people.acme}/users", email="ada@acme.example", name="Ada", password=PASSWORD)
    assert made.status == 201
    assert {name: made[name] for name in ("role", "licensed", "active", "invited")} == {
        "role": "member", "licensed": True, "active": True, "invited": False,
    }  # fmt: skip
    Api(http).sign_in("ada@acme.example", PASSWORD)
    assert people.look_up(UUID(made["id"])).email == "ada@acme.example"


def test_a_user_without_a_password_is_invited(operator: Api, people: People) -> None:
    made = operator.post(f"/accounts/{people.acme}/users", email="ada@acme.example", name="Ada", role="admin")
    assert (made.status, made["invited"]) == (201, True)
    assert [letter.recipient for letter in people.letters("invitation")] == ["ada@acme.example"]


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"email": "BOB@acme.example"}, (409, "email_taken")),
        ({"role": "support"}, (400, "invalid_request")),
        ({"email": "ada"}, (400, "invalid_request")),
        ({"password": "short"}, (422, "weak_password")),
        ({"password": None}, (409, "no_seat_left")),
    ],
)
def test_what_stands_in_the_way_of_a_user_is_said(
    operator: Api, people: People, said: dict[str, Any], refusal: tuple[int, str]
) -> None:
    people.user("bob@acme.example")
    people.set_account(people.acme, seats=1)
    body = {"email": "ada@acme.example", "name": "Ada", "password": PASSWORD} | said
    assert operator.post(f"/accounts/{people.acme}/users", **body).refusal == refusal


def test_a_weak_password_is_refused_with_the_reason(operator: Api, people: People) -> None:
    body = {"email": "ada@acme.example", "name": "Ada", "password": "password1"}
    assert operator.post(f"/accounts/{people.acme}/users", **body)["why"] == "common"


# --- who may


def every_call(api: Api, account: UUID) -> list[Answer]:
    user = {"email": "eve@acme.example", "name": "Eve", "password": PASSWORD}
    return [
        api.get("/accounts"),
        api.get(f"/accounts/{account}"),
        api.post("/accounts", name="Mine"),
        api.patch(f"/accounts/{account}", edition="free"),
        api.post(f"/accounts/{account}/users", **user),
    ]


@pytest.mark.parametrize(
    "token", [None, "tf_operator_" + "A" * 43, "tf_session_" + "A" * 43, "Basic", "tf_operator_", ""]
)
def test_without_a_key_that_is_ours_nothing_is_answered(people: People, http: httpx.Client, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    answers = every_call(Api(http, headers=headers), people.acme)
    assert [answer.refusal for answer in answers] == [(401, "not_signed_in")] * 5


def test_a_revoked_key_is_worth_nothing(operator: Api, people: People, context: AppContext) -> None:
    (key,) = key_flow.list_keys(context.db)
    assert operator.get("/accounts").status == 200
    key_flow.revoke_key(context.db, key.id, actor=acting.CONSOLE, at=NOON)
    assert [answer.refusal for answer in every_call(operator, people.acme)] == [(401, "not_signed_in")] * 5


@pytest.mark.parametrize("role", ["member", "admin"])
def test_the_session_of_a_customer_is_not_enough(people: People, http: httpx.Client, role: str) -> None:
    somebody = Api(http, token=people.token(people.user(role=role)))
    assert [answer.refusal for answer in every_call(somebody, people.acme)] == [(403, "not_allowed")] * 5


def test_a_support_agent_looks_and_changes_nothing(people: People, http: httpx.Client) -> None:
    sue = support_agent(people, http)
    looks = every_call(sue, people.acme)
    assert [answer.status for answer in looks] == [200, 200, 403, 403, 403]
    assert {answer.code for answer in looks[2:]} == {"not_allowed"}


def test_a_cookie_never_counts_as_a_key(operator: Api, http: httpx.Client) -> None:
    http.cookies.set("twofold_session", operator.token or "")
    assert Api(http).get("/accounts").refusal == (401, "not_signed_in")


def test_the_log_names_the_key_that_acted(operator: Api, people: People, context: AppContext) -> None:
    (key,) = key_flow.list_keys(context.db)
    made = operator.post("/accounts", name="Globex")
    (event,) = (event for event in people.events("account_created") if str(event.account_id) == made["id"])
    assert (event.actor_kind, event.actor_id) == ("operator", key.id)
    assert operator.token is not None
    assert operator.token not in str([tuple(event) for event in people.events()])
