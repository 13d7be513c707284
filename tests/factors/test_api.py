"""The calls of a user's own second factors."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.harness.api import Answer, Api
from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.people import ADA, NEW_PASSWORD, PASSWORD, WRONG, Ada, People
from twofold.directory.user import User
from twofold.factors import flow as factors
from twofold.sessions import records as session_records


@pytest.fixture
def ada(people: People, api: Api, frozen_clock: FrozenClock) -> Ada:
    """Somebody with a phone, signed in ten minutes ago."""
    user, factor = people.protected()
    frozen_clock.at = later(minutes=-10)
    api.sign_in(ADA, PASSWORD, factor.phone.code(frozen_clock.at))
    frozen_clock.at = NOON
    return user, factor


@pytest.fixture
def plain(people: People, api: Api) -> User:
    """Somebody without a second factor, signed in."""
    user = people.user()
    api.sign_in(ADA, PASSWORD)
    return user


def confirm(api: Api, opened: Answer, frozen_clock: FrozenClock) -> Answer:
    code = Authenticator.open(opened["otpauth_uri"]).code(frozen_clock.at)
    return api.post(f"/two-factor/enrolments/{opened['enrolment']}/confirmation", code=code)


# --- what is shown


def test_the_state_is_shown_and_never_a_secret(ada: Ada, api: Api) -> None:
    answer = api.get("/two-factor")
    assert answer.status == 200
    assert answer.body.keys() >= {
        "enabled", "eligibility", "reason", "required_from", "authenticators", "backup_code_created_at",
    }  # fmt: skip
    assert (answer["enabled"], answer["eligibility"], answer["reason"]) == (True, "offered", "available")
    (authenticator,) = answer["authenticators"]
    assert authenticator.keys() == {"id", "name", "created_at", "last_used_at"}
    assert ada[1].phone.secret not in json.dumps(answer.body)


@pytest.mark.parametrize(
    ("account", "user", "eligibility", "reason"),
    [
        ({}, {}, "offered", "available"),
        ({"edition": "standard"}, {}, "not_offered", "edition"),
        ({"policy": "off"}, {}, "not_offered", "switched_off"),
        ({}, {"licensed": False}, "not_offered", "unlicensed"),
    ],
)
def test_eligibility_is_shown_with_its_reason(
    people: People,
    plain: User,
    api: Api,
    account: dict[str, Any],
    user: dict[str, Any],
    eligibility: str,
    reason: str,
) -> None:
    if account:
        people.set_account(plain.account_id, **account)
    if user:
        people.set_user(plain, **user)
    answer = api.get("/two-factor")
    assert (answer["enabled"], answer["eligibility"], answer["reason"]) == (False, eligibility, reason)
    opened = api.post("/two-factor/enrolments", password=PASSWORD)
    if eligibility == "offered":
        assert opened.status == 201
    else:
        assert (opened.refusal, opened["reason"]) == ((403, "not_offered"), reason)


def test_a_date_that_lies_ahead_is_shown(people: People, plain: User, api: Api) -> None:
    people.set_account(plain.account_id, policy="required", required_from=later(days=3))
    assert api.get("/two-factor")["required_from"] == "2026-03-06T12:00:00Z"


def test_who_must_set_it_up_is_told_so_by_every_call_but_two(people: People, plain: User, api: Api) -> None:
    people.set_account(plain.account_id, policy="required")
    for call in (api.get("/two-factor"), api.get("/sessions"), api.post("/two-factor/enrolments", password=PASSWORD)):
        assert call.refusal == (403, "two_factor_required")
    assert api.get("/session").status == 200
    assert api.delete("/session").status == 204


def test_a_nul_in_an_address_is_refused_as_what_it_is(plain: User, api: Api) -> None:
    answer = api.get("/two-factor?x=%00")
    assert (answer.refusal, answer["fields"]) == ((400, "invalid_request"), ["query"])


def test_a_session_that_was_signed_out_in_the_midst_is_answered_as_none(
    ada: Ada, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = iter([True])  # when its user is held it is there
    monkeypatch.setattr(session_records, "renew", lambda *_: False)
    monkeypatch.setattr(session_records, "exists", lambda *_: next(held, False))
    answer = api.post("/two-factor/backup-code", password=PASSWORD, code=ada[1].phone.code(NOON))
    assert answer.refusal == (401, "not_signed_in")


# --- set up


def test_set_up_from_opening_to_the_next_sign_in(plain: User, api: Api, frozen_clock: FrozenClock) -> None:
    opened = api.post("/two-factor/enrolments", password=PASSWORD)
    assert opened.status == 201
    assert opened.body.keys() == {"enrolment", "secret", "otpauth_uri", "qr_svg", "expires_at"}
    assert opened["expires_at"] == "2026-03-03T12:15:00Z"
    assert opened["otpauth_uri"] == (
        f"otpauth://totp/Twofold:{ADA}?secret={opened['secret']}&issuer=Twofold&algorithm=SHA1&digits=6&period=30"
    )
    assert api.get("/two-factor")["enabled"] is False
    old = api.token
    done = confirm(api, opened, frozen_clock)
    assert (done.status, done.body.keys() == {"session_token", "backup_code"}) == (200, True)
    assert api.get("/two-factor").refusal == (401, "not_signed_in")
    api.keep(done)
    assert api.token != old
    assert api.get("/two-factor")["enabled"] is True
    assert api.get("/session")["methods"] == ["pwd", "otp"]
    frozen_clock.forward(minutes=1)
    code = Authenticator(opened["secret"]).code(frozen_clock.at)
    assert Api(api.http).sign_in(ADA, PASSWORD, code)["session_token"]


def test_refusals_of_a_set_up(plain: User, api: Api, frozen_clock: FrozenClock) -> None:
    assert api.post("/two-factor/enrolments", password=WRONG).refusal == (401, "invalid_password")
    opened = api.post("/two-factor/enrolments", password=PASSWORD)
    phone, path = Authenticator(opened["secret"]), f"/two-factor/enrolments/{opened['enrolment']}/confirmation"
    for left in range(9, -1, -1):
        refused = api.post(path, code=phone.wrong_code(NOON))
        assert (refused.refusal, refused["attempts_left"]) == ((401, "invalid_code"), left)
    assert api.post(path, code=phone.code(NOON)).refusal == (410, "enrolment_expired")
    assert api.post(path, code="12345").refusal == (400, "invalid_request")
    for other in (uuid4(), "nonsense"):
        answer = api.post(f"/two-factor/enrolments/{other}/confirmation", code=phone.code(NOON))
        assert answer.refusal == (410, "enrolment_expired")
    again = api.post("/two-factor/enrolments", password=PASSWORD)
    frozen_clock.forward(minutes=15)
    assert confirm(api, again, frozen_clock).refusal == (410, "enrolment_expired")


def test_nobody_else_confirms_a_set_up(people: People, plain: User, api: Api, frozen_clock: FrozenClock) -> None:
    opened = api.post("/two-factor/enrolments", password=PASSWORD)
    people.user("grace@acme.example")
    grace, same = Api(api.http), Api(api.http)
    grace.sign_in("grace@acme.example", PASSWORD)
    same.sign_in(ADA, PASSWORD)
    for other in (grace, same):
        assert confirm(other, opened, frozen_clock).refusal == (410, "enrolment_expired")
    assert confirm(api, opened, frozen_clock).status == 200


def test_a_second_phone_needs_the_code_of_the_first(ada: Ada, api: Api, frozen_clock: FrozenClock) -> None:
    assert api.post("/two-factor/enrolments", password=PASSWORD).refusal == (400, "invalid_request")
    wrong = api.post("/two-factor/enrolments", password=PASSWORD, code=ada[1].phone.wrong_code(NOON))
    assert (wrong.refusal, wrong["attempts_left"]) == ((401, "invalid_code"), 4)
    opened = api.post("/two-factor/enrolments", password=PASSWORD, code=ada[1].phone.code(NOON), name="Work phone")
    done = confirm(api, opened, frozen_clock)
    assert (done.status, done["backup_code"]) == (200, None)
    api.keep(done)
    names = [authenticator["name"] for authenticator in api.get("/two-factor")["authenticators"]]
    assert names == ["Authenticator app", "Work phone"]


def test_replacing_brings_a_new_backup_code(ada: Ada, api: Api, frozen_clock: FrozenClock) -> None:
    (old,) = api.get("/two-factor")["authenticators"]
    for unknown in (str(uuid4()), "nonsense"):
        refused = api.post("/two-factor/enrolments", password=PASSWORD, code=ada[1].phone.code(NOON), replaces=unknown)
        assert refused.refusal == (404, "not_found")
    opened = api.post("/two-factor/enrolments", password=PASSWORD, code=ada[1].phone.code(NOON), replaces=old["id"])
    done = api.keep(confirm(api, opened, frozen_clock))
    assert done["backup_code"] not in (None, ada[1].backup_code)
    (new,) = api.get("/two-factor")["authenticators"]
    assert new["id"] != old["id"]


def test_the_backup_code_in_place_of_the_code_brings_its_successor(ada: Ada, api: Api) -> None:
    (old,) = api.get("/two-factor")["authenticators"]
    opened = api.post("/two-factor/enrolments", password=PASSWORD, backup_code=ada[1].backup_code, replaces=old["id"])
    assert opened.status == 201
    assert opened["new_backup_code"] != ada[1].backup_code
    again = api.post("/two-factor/enrolments", password=PASSWORD, backup_code=ada[1].backup_code)
    assert (again.refusal, again["hint"]) == ((401, "invalid_code"), "used_backup_code")


# --- regenerate, remove, rename


def test_regenerate(ada: Ada, api: Api) -> None:
    done = api.post("/two-factor/backup-code", password=PASSWORD, code=ada[1].phone.code(NOON))
    assert (done.status, done.body.keys() == {"session_token", "backup_code"}) == (200, True)
    assert done["backup_code"] != ada[1].backup_code
    api.keep(done)
    sign_in = api.post("/sign-ins", email=ADA, password=PASSWORD)["sign_in"]
    old = api.post("/sign-ins/backup-code", sign_in=sign_in, backup_code=ada[1].backup_code)
    assert old.refusal == (401, "invalid_code")
    assert api.post("/sign-ins/backup-code", sign_in=sign_in, backup_code=done["backup_code"]).status == 200


def test_remove(ada: Ada, api: Api) -> None:
    done = api.post("/two-factor/removal", password=PASSWORD, code=ada[1].phone.code(NOON))
    assert (done.status, "session_token" in done.body) == (200, True)
    assert api.get("/session").refusal == (401, "not_signed_in")
    api.keep(done)
    assert api.get("/two-factor")["enabled"] is False
    assert api.post("/two-factor/removal", password=PASSWORD, code="123456").refusal == (409, "not_enabled")
    assert api.post("/two-factor/backup-code", password=PASSWORD, code="123456").refusal == (409, "not_enabled")


def test_what_is_required_is_not_removed(people: People, ada: Ada, api: Api) -> None:
    people.set_account(ada[0].account_id, policy="required")
    answer = api.post("/two-factor/removal", password=PASSWORD, code=ada[1].phone.code(NOON))
    assert answer.refusal == (409, "required_by_policy")


def test_rename_and_remove_one(ada: Ada, api: Api, frozen_clock: FrozenClock) -> None:
    (only,) = api.get("/two-factor")["authenticators"]
    renamed = api.patch(f"/two-factor/authenticators/{only['id']}", name="Old phone")
    assert (renamed.status, renamed["name"], renamed["id"]) == (200, "Old phone", only["id"])
    last = api.delete(f"/two-factor/authenticators/{only['id']}", password=PASSWORD, code=ada[1].phone.code(NOON))
    assert last.status == 409
    opened = api.post("/two-factor/enrolments", password=PASSWORD, code=ada[1].phone.code(NOON))
    api.keep(confirm(api, opened, frozen_clock))
    frozen_clock.forward(minutes=1)
    removed = api.delete(
        f"/two-factor/authenticators/{only['id']}", password=PASSWORD, code=ada[1].phone.code(frozen_clock.at),
    )  # fmt: skip
    assert (removed.status, removed.body.keys() == {"session_token"}) == (200, True)
    api.keep(removed)
    assert len(api.get("/two-factor")["authenticators"]) == 1


@pytest.mark.parametrize("name", ["", "n" * 41, "   ", "two\nlines", 7, None])
def test_a_name_that_is_none_is_refused(ada: Ada, api: Api, name: Any) -> None:
    (only,) = api.get("/two-factor")["authenticators"]
    answer = api.patch(f"/two-factor/authenticators/{only['id']}", name=name)
    assert answer.refusal == (400, "invalid_request")
    assert answer["fields"] == ["name"]


def test_somebody_elses_authenticator_and_a_malformed_id_are_missing_ones(people: People, ada: Ada, api: Api) -> None:
    _, theirs = people.protected("grace@acme.example")
    grace = Api(api.http)
    grace.sign_in("grace@acme.example", PASSWORD, theirs.phone.code(NOON))
    (foreign,) = grace.get("/two-factor")["authenticators"]
    code = ada[1].phone.code(NOON)
    for wanted in (foreign["id"], str(uuid4()), "nonsense", "1"):
        path = f"/two-factor/authenticators/{wanted}"
        assert api.patch(path, name="Mine").refusal == (404, "not_found")
        assert api.delete(path, password=PASSWORD, code=code).refusal == (404, "not_found")
    assert grace.get("/two-factor")["authenticators"] == [foreign]


CHANGES: dict[str, Callable[[Api, dict[str, Any]], Answer]] = {
    "regenerate": lambda api, body: api.post("/two-factor/backup-code", **body),
    "remove": lambda api, body: api.post("/two-factor/removal", **body),
    "add": lambda api, body: api.post("/two-factor/enrolments", **body),
    "password": lambda api, body: api.put("/password", new_password="marble ferry cinnamon", **body),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_refuses_alike(ada: Ada, api: Api, change: str) -> None:
    do, phone = CHANGES[change], ada[1].phone
    assert do(api, {"password": WRONG, "code": phone.code(NOON)}).refusal == (401, "invalid_password")
    assert do(api, {"password": PASSWORD}).refusal == (400, "invalid_request")
    assert do(api, {"password": PASSWORD, "code": "12345"}).refusal == (400, "invalid_request")
    assert do(api, {"code": phone.code(NOON)}).refusal == (400, "invalid_request")
    assert do(api, {"password": PASSWORD, "code": [phone.code(NOON)]}).refusal == (400, "invalid_request")
    for left in (4, 3, 2, 1, 0):
        answer = do(api, {"password": PASSWORD, "code": phone.wrong_code(NOON)})
        assert (answer.refusal, answer["attempts_left"]) == ((401, "invalid_code"), left)
    assert do(api, {"password": PASSWORD, "code": phone.code(NOON)}).refusal == (423, "locked")
    assert do(api, {"password": PASSWORD, "backup_code": ada[1].backup_code}).refusal == (423, "locked")
    assert api.get("/two-factor")["enabled"] is True


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_waits_after_too_many_wrong_passwords(ada: Ada, api: Api, change: str) -> None:
    do, code = CHANGES[change], ada[1].phone.code(NOON)
    for _ in range(5):
        do(api, {"password": WRONG, "code": code})
    waiting = do(api, {"password": PASSWORD, "code": code})
    assert waiting.refusal == (429, "too_many_attempts")
    assert int(waiting.headers["retry-after"]) > 0


def test_a_program_that_gets_a_new_backup_code_has_it(
    people: People, ada: Ada, api: Api, frozen_clock: FrozenClock
) -> None:
    """The answer hands it over, so the profile does not warn that it may be lost."""
    user, factor = ada
    opened = api.post("/two-factor/enrolments", password=PASSWORD, backup_code=factor.backup_code)
    assert not unseen(people, user)
    api.keep(confirm(api, opened, frozen_clock))
    assert not unseen(people, user)
    regenerated = api.keep(api.post("/two-factor/backup-code", password=PASSWORD, code=factor.phone.code(NOON)))
    assert not unseen(people, user)
    phones = api.get("/two-factor")["authenticators"]
    removed = api.delete(
        f"/two-factor/authenticators/{phones[1]['id']}", password=PASSWORD, backup_code=regenerated["backup_code"],
    )  # fmt: skip
    assert not unseen(people, user)
    api.keep(removed)
    changed = api.put("/password", password=PASSWORD, new_password=NEW_PASSWORD, backup_code=removed["new_backup_code"])
    assert changed.status == 200
    assert not unseen(people, user)


def unseen(people: People, user: User) -> bool:
    with people.context.db.read() as connection:
        return factors.show(connection, user.id).backup_code_unseen
