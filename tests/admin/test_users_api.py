from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.admin.administrators import NOWHERE, REASON, Administrator, administrator, api_of, lock
from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.contexts import client_of, context_on, standing_clock
from tests.harness.passkeys import SoftKey, text
from tests.harness.people import PASSWORD, People
from twofold.directory.tables import users
from twofold.directory.user import User

# --- looking


def test_users_are_listed_with_what_an_administrator_may_know(people: People, boss: Administrator) -> None:
    ada, _ = people.protected("ada@acme.example", name="Ada Lovelace")
    answer = boss.api.get("/users")
    assert [user["name"] for user in answer["users"]] == ["Ada Lovelace", "Berta Administrator"]
    assert answer["next"] is None
    summary = answer["users"][0]
    assert summary == boss.api.get(f"/users/{ada.id}").body
    assert {name: summary[name] for name in ("id", "account", "email", "role", "licensed", "active", "status")} == {
        "id": str(ada.id), "account": str(people.acme), "email": "ada@acme.example", "role": "member",
        "licensed": True, "active": True, "status": "active",
    }  # fmt: skip
    two_factor = summary["two_factor"]
    assert (two_factor["state"], two_factor["enabled"], two_factor["locked"]) == ("on", True, False)
    assert (two_factor["eligibility"], two_factor["reason"]) == ("offered", "available")
    (app,) = two_factor["authenticators"]
    assert set(app) == {"id", "name", "created_at", "last_used_at"}
    assert two_factor["last_used_at"] == app["last_used_at"] == "2026-03-02T12:00:00Z"


def test_states_and_reasons_are_told(people: People, boss: Administrator) -> None:
    free = people.user("free@acme.example", licensed=False)
    must = people.user("must@acme.example")
    locked, _ = people.protected("locked@acme.example")
    people.set_account(people.acme, policy="required")
    people.set_counts(locked, wrong=5, wrong_in_row=100)
    told = {user.id: boss.api.get(f"/users/{user.id}")["two_factor"] for user in (free, must, locked)}
    assert (told[free.id]["state"], told[free.id]["reason"]) == ("not_offered", "unlicensed")
    assert (told[must.id]["state"], told[must.id]["eligibility"]) == ("must_set_up", "required")
    assert (told[locked.id]["state"], told[locked.id]["lock_is_final"]) == ("locked", True)


def test_passkeys_are_told_by_name_and_time_and_never_by_key(
    people: People, boss: Administrator, http: httpx.Client
) -> None:
    user, key, api = people.user("mia@acme.example"), SoftKey(origin=people.context.settings.base_url), Api(http)
    api.sign_in(user.email, PASSWORD)
    opened = api.post("/two-factor/passkeys/options", password=PASSWORD)
    made = {"registration": opened["registration"], "credential": key.make(opened["options"]), "name": "Laptop"}
    added = api.post("/two-factor/passkeys", **made)["passkey"]
    shown = boss.api.get(f"/users/{user.id}")
    [passkey] = shown["two_factor"]["passkeys"]
    assert passkey == {name: value for name, value in added.items() if name != "kind"}
    assert (shown["two_factor"]["authenticators"], shown["two_factor"]["state"]) == ([], "on")
    listed = boss.api.get("/users", search="mia")["users"]
    assert [one["two_factor"]["passkeys"] for one in listed] == [[passkey]]
    assert text(key.credential_id) not in str(listed)
    assert "Laptop" in boss.browser.get(f"/people/{user.id}").text
    assert "Laptop" in boss.browser.get("/people").text


def test_a_list_is_paged_narrowed_and_searched(people: People, boss: Administrator) -> None:
    for number in range(5):
        people.user(f"p{number}@acme.example", name=f"Person {number}", password=None)
    seen, cursor = [], None
    while True:
        more: dict[str, str] = {} if cursor is None else {"cursor": cursor}
        answer = boss.api.get("/users", state="invited", limit="2", **more)
        seen += [user["name"] for user in answer["users"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert seen == [f"Person {number}" for number in range(5)]
    found = boss.api.get("/users", search="person 3")
    assert [user["name"] for user in found["users"]] == ["Person 3"]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [({"state": "nonsense"}, "state"), ({"cursor": "nonsense"}, "cursor"), ({"limit": "0"}, "limit"),
     ({"limit": "201"}, "limit"), ({"search": "x" * 101}, "search")],
)  # fmt: skip
def test_a_list_asked_for_wrongly_names_the_parameter(
    boss: Administrator, parameters: dict[str, str], field: str
) -> None:
    answer = boss.api.get("/users", **parameters)
    assert answer.refusal == (400, "invalid_request")
    assert answer["fields"] == [field]


def test_an_administrator_sees_their_own_account_only(people: People, boss: Administrator, stranger: User) -> None:
    assert boss.api.get("/users", account=str(people.acme)).status == 200
    there = boss.api.get("/users", account=str(stranger.account_id))
    assert there.refusal == boss.api.get("/users", account=str(NOWHERE)).refusal == (404, "not_found")
    assert boss.api.get(f"/users/{stranger.id}").body == boss.api.get(f"/users/{NOWHERE}").body
    assert boss.api.get("/users/nonsense").refusal == (404, "not_found")


def test_a_support_agent_sees_any_account_and_names_it(people: People, http: httpx.Client, stranger: User) -> None:
    api = api_of(people, http, *people.agent())
    answer = api.get("/users", account=str(stranger.account_id))
    assert [user["id"] for user in answer["users"]] == [str(stranger.id)]
    assert api.get(f"/users/{stranger.id}")["email"] == stranger.email
    assert api.get("/users").refusal == (400, "invalid_request")
    assert api.get("/users", account=str(NOWHERE)).refusal == (404, "not_found")
    assert api.get("/users", account="nonsense").refusal == (404, "not_found")


CALLS: list[tuple[str, str, Any]] = [
    ("GET", "/users", None),
    ("GET", "/users/{id}", None),
    ("POST", "/invitations", {"email": "new@acme.example", "name": "Nora"}),
    ("PATCH", "/users/{id}", {"role": "admin"}),
    ("POST", "/users/{id}/two-factor-resets", {"reason": REASON}),
    ("POST", "/users/{id}/unlock", {"reason": REASON}),
    ("POST", "/users/{id}/unfreeze", {"reason": REASON}),
    ("GET", "/account/policy", None),
    ("PUT", "/account/policy", {"policy": "off"}),
]


@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_a_member_and_somebody_without_a_session_are_refused(
    people: People, http: httpx.Client, method: str, path: str, body: Any
) -> None:
    bob, ada = people.user("bob@acme.example"), people.user("ada@acme.example")
    url = path.replace("{id}", str(ada.id))
    assert api_of(people, http, bob).call(method, url, body).refusal == (403, "not_allowed")
    assert Api(http).call(method, url, body).refusal == (401, "not_signed_in")
    assert Api(http, "tf_operator_" + "x" * 43).call(method, url, body).refusal == (401, "not_signed_in")
    assert people.look_up(ada) == ada


@pytest.mark.parametrize(("method", "path", "body"), [call for call in CALLS if "{id}" in call[1]])
def test_somebody_of_another_account_is_answered_like_nobody(
    people: People, boss: Administrator, stranger: User, method: str, path: str, body: Any
) -> None:
    before = people.look_up(stranger)
    answers = [
        boss.api.call(method, path.replace("{id}", user_filter), body)
        for user_filter in (str(stranger.id), str(NOWHERE), "nonsense")
    ]
    assert {answer.refusal for answer in answers} == {(404, "not_found")}
    assert answers[0].body == answers[1].body == answers[2].body
    assert people.look_up(stranger) == before


@pytest.mark.parametrize("path", ["two-factor-resets", "unlock", "unfreeze"])
@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "xy"}, {"reason": "x" * 501}, {"reason": ["x"]}])
def test_a_reason_is_demanded(people: People, boss: Administrator, path: str, body: Any) -> None:
    ada, _ = people.protected("ada@acme.example")
    answer = boss.api.call("POST", f"/users/{ada.id}/{path}", body)
    assert answer.refusal == (400, "invalid_request")
    assert answer["fields"] == ["reason"]


# --- changing


def test_an_administrator_changes_role_licence_active_and_exception(people: People, boss: Administrator) -> None:
    ada = people.user("ada@acme.example")
    answer = boss.api.patch(
        f"/users/{ada.id}", role="admin", licensed=False, exception_until="2026-03-20T09:00:00+01:00"
    )
    assert answer.status == 200
    assert (answer["role"], answer["licensed"], answer["exception_until"]) == ("admin", False, "2026-03-20T08:00:00Z")
    assert boss.api.patch(f"/users/{ada.id}", exception_until="2026-03-21")["exception_until"] == "2026-03-21T00:00:00Z"
    assert boss.api.patch(f"/users/{ada.id}", exception_until=None)["exception_until"] is None
    assert boss.api.patch(f"/users/{ada.id}", active=False)["status"] == "deactivated"
    assert people.look_up(ada).role == "admin"
    assert boss.api.patch(f"/users/{ada.id}").status == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "support"}, "role"),
        ({"role": None}, "role"),
        ({"licensed": "yes"}, "licensed"),
        ({"exception_until": "soon"}, "exception_until"),
        ({"exception_until": "2026-03-20T09:00:00"}, "exception_until"),  # whose nine o'clock?
        ({"exception_until": "2026-03-03"}, "exception_until"),  # began twelve hours ago
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_change_that_cannot_be_names_the_field(people: People, boss: Administrator, body: Any, field: str) -> None:
    ada = people.user("ada@acme.example")
    answer = boss.api.call("PATCH", f"/users/{ada.id}", body)
    assert answer.refusal == (400, "invalid_request")
    assert field in str(answer.body)
    assert people.look_up(ada) == ada


@pytest.mark.parametrize("body", [{"email": "x@acme.example"}, {"password": "another long password"}])
def test_address_and_password_are_not_an_administrators_to_set(people: People, boss: Administrator, body: Any) -> None:
    ada = people.user("ada@acme.example")
    assert boss.api.call("PATCH", f"/users/{ada.id}", body).refusal == (403, "not_allowed")
    assert people.look_up(ada) == ada


def test_a_support_agent_changes_nobody(people: People, http: httpx.Client) -> None:
    ada, api = people.user("ada@acme.example"), api_of(people, http, *people.agent())
    assert api.patch(f"/users/{ada.id}", role="admin").refusal == (403, "not_allowed")
    assert api.post("/invitations", email="n@acme.example", name="N").refusal == (403, "not_allowed")


def test_an_operator_key_changes_anybody_but_support_agents(people: People, http: httpx.Client) -> None:
    ada, api = people.user("ada@acme.example"), Api(http, people.operator_key())
    answer = api.patch(f"/users/{ada.id}", email="ada.l@acme.example", name="Ada L", password="another long password")
    assert (answer.status, answer["email"], answer["name"]) == (200, "ada.l@acme.example", "Ada L")
    assert people.sign_in(people.look_up(ada), password="another long password")
    sam, _ = people.agent()
    assert api.patch(f"/users/{sam.id}", role="member").refusal == (404, "not_found")
    assert api.patch(f"/users/{NOWHERE}", role="member").refusal == (404, "not_found")
    assert api.patch(f"/users/{ada.id}", role="support").refusal == (400, "invalid_request")
    (event,) = people.events("user_changed")
    assert event.actor_kind == "operator"


def test_what_the_account_does_not_allow_is_refused_whoever_asks(
    people: People, boss: Administrator, http: httpx.Client
) -> None:
    ada = people.user("ada@acme.example", licensed=False)
    people.set_account(people.acme, seats=1)
    for api in (boss.api, Api(http, people.operator_key())):
        assert api.patch(f"/users/{boss.user.id}", role="member").refusal == (409, "last_admin")
        assert api.patch(f"/users/{boss.user.id}", active=False).refusal == (409, "last_admin")
        assert api.patch(f"/users/{ada.id}", licensed=True).refusal == (409, "no_seat_left")
    taken = Api(http, people.operator_key()).patch(f"/users/{ada.id}", email="BOSS@acme.example")
    assert taken.refusal == (409, "email_taken")


# --- inviting


def test_somebody_is_invited(people: People, boss: Administrator) -> None:
    answer = boss.api.post("/invitations", email="new@acme.example", name="Nora New", role="admin", licensed=False)
    assert answer.status == 201
    made = people.look_up(UUID(answer["id"]))
    assert (made.account_id, made.role, made.licensed, made.password_hash) == (people.acme, "admin", False, None)
    assert [letter.recipient for letter in people.letters("invitation")] == ["new@acme.example"]
    assert boss.api.get(f"/users/{made.id}")["status"] == "invited"


def test_an_invitation_that_cannot_be_is_refused(people: People, boss: Administrator) -> None:
    people.user("taken@acme.example")
    new = {"email": "new@acme.example", "name": "Nora"}
    refusals = [
        ({"email": "taken@ACME.example"}, (409, "email_taken")),
        ({"email": "nonsense"}, (400, "invalid_request")),
        ({"name": ""}, (400, "invalid_request")),
        ({"role": "support"}, (400, "invalid_request")),
        ({"password": PASSWORD}, (400, "invalid_request")),
    ]
    for change, refusal in refusals:
        assert boss.api.call("POST", "/invitations", new | change).refusal == refusal, change
    people.set_account(people.acme, seats=2)
    assert boss.api.call("POST", "/invitations", new).refusal == (409, "no_seat_left")
    assert people.letters("invitation") == []
    assert people.count(users, users.c.email_key == "new@acme.example") == 0


# --- helping


def test_a_reset_is_asked_for(people: People, boss: Administrator) -> None:
    ada, _ = people.protected("ada@acme.example")
    answer = boss.api.post(f"/users/{ada.id}/two-factor-resets", reason=REASON)
    assert (answer.status, answer["status"]) == (201, "requested")
    assert boss.api.get(f"/two-factor-resets/{answer['id']}").status == 200
    assert len(people.letters("reset_confirm")) == 1


def test_a_reset_that_makes_no_sense_is_refused(people: People, boss: Administrator) -> None:
    bare, (frozen, _) = people.user("bare@acme.example"), people.protected("frozen@acme.example")
    people.set_user(frozen, frozen_at=NOON)
    refusals = {boss.user.id: (409, "not_yourself"), bare.id: (409, "not_enabled"), frozen.id: (409, "frozen")}
    for user_id, refusal in refusals.items():
        assert boss.api.post(f"/users/{user_id}/two-factor-resets", reason=REASON).refusal == refusal


def test_a_lock_is_lifted_and_lifting_none_is_harmless(people: People, boss: Administrator) -> None:
    ada, factor = people.protected("ada@acme.example")
    lock(people, ada)
    assert boss.api.post(f"/users/{ada.id}/unlock", reason=REASON).status == 204
    assert boss.api.post(f"/users/{ada.id}/unlock", reason=REASON).status == 204
    assert len(people.events("unlocked")) == 1
    assert people.sign_in(ada, factor.phone)


def test_a_lock_that_is_final_or_ones_own_stays(people: People, boss: Administrator) -> None:
    ada, _ = people.protected("ada@acme.example")
    people.set_counts(ada, wrong=5, wrong_in_row=100)
    assert boss.api.post(f"/users/{ada.id}/unlock", reason=REASON).refusal == (409, "lock_is_final")
    for wrong in (0, 5):
        people.set_counts(boss.user, wrong=wrong)
        assert boss.api.post(f"/users/{boss.user.id}/unlock", reason=REASON).refusal == (409, "not_yourself")
    assert people.events("unlocked") == []


def test_whoever_is_frozen_comes_back(people: People, boss: Administrator) -> None:
    ada, _ = people.protected("ada@acme.example")
    people.set_user(ada, frozen_at=NOON)
    for _ in range(2):
        assert boss.api.post(f"/users/{ada.id}/unfreeze", reason=REASON).status == 204
    assert people.look_up(ada).frozen_at is None
    assert len(people.events("unfrozen")) == 1
    assert boss.api.post(f"/users/{boss.user.id}/unfreeze", reason=REASON).refusal == (409, "not_yourself")


def test_a_support_agent_helps_and_the_administrators_are_told_why(
    people: People, http: httpx.Client, boss: Administrator
) -> None:
    sam, factor = people.agent()
    api = api_of(people, http, sam, factor)
    ada, _ = people.protected("ada@acme.example", name="Ada Lovelace")
    lock(people, ada)
    assert api.post(f"/users/{ada.id}/unlock", reason=REASON).status == 204
    assert api.post(f"/users/{ada.id}/two-factor-resets", reason=REASON).status == 201
    people.set_user(ada, frozen_at=NOON)
    assert api.post(f"/users/{ada.id}/unfreeze", reason=REASON).status == 204
    for kind in ("member_unlocked", "reset_by_support", "member_unfrozen"):
        (letter,) = people.letters(kind, to=boss.user.email)
        assert REASON in letter.facts.values(), kind
    for event in people.events("unlocked", "reset_asked", "unfrozen"):
        assert (event.account_id, event.actor_id, event.reason) == (people.acme, sam.id, REASON)
    assert api.post(f"/users/{sam.id}/unlock", reason=REASON).refusal == (409, "not_yourself")


def test_without_a_mail_server_what_needs_one_is_refused(database_url: str) -> None:
    with context_on(database_url, mail=False) as context, standing_clock(), client_of(context) as http:
        people = People(context)
        boss = administrator(people, http, "boss@acme.example")
        (ada, _), cold = people.protected("ada@acme.example"), people.user("cold@acme.example", frozen_at=NOON)
        lock(people, ada)
        calls = [
            ("/invitations", {"email": "new@acme.example", "name": "Nora"}),
            (f"/users/{ada.id}/two-factor-resets", {"reason": REASON}),
            (f"/users/{cold.id}/unfreeze", {"reason": REASON}),
        ]
        for path, body in calls:
            assert boss.api.call("POST", path, body).refusal == (503, "no_mail"), path
        assert boss.api.post(f"/users/{ada.id}/unlock", reason=REASON).status == 204  # needs none


def test_an_administrator_who_must_set_up_first_can_do_nothing_yet(people: People, http: httpx.Client) -> None:
    bare = people.user("bare@acme.example", role="admin")
    api = api_of(people, http, bare)
    assert api.get("/users").status == 200
    people.set_account(people.acme, policy="required", required_from=NOON - timedelta(days=1))
    assert api.get("/users").refusal == (403, "two_factor_required")
