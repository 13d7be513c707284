"""The calls of a sign-in, as a program makes them."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.harness.api import Api
from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock, client_of, context_on
from tests.harness.people import ADA, PASSWORD, WRONG, Ada, People
from twofold.lockouts.tables import known_clients

NOBODY = "nobody@acme.example"


@pytest.fixture
def sign_in(ada: Ada, api: Api) -> str:
    """The token of a sign-in whose password was right."""
    return str(api.post("/sign-ins", email=ADA, password=PASSWORD)["sign_in"])


def utc(text: str) -> Any:

    return datetime.fromisoformat(text)


# --- address and password


def test_without_a_factor_the_session_is_there(people: People, api: Api) -> None:
    people.user()
    answer = api.post("/sign-ins", email=ADA, password=PASSWORD)
    assert (answer.status, answer["next"]) == (201, "none")
    assert answer.body.keys() == {"next", "session_token", "client", "expires_at"}
    assert answer["session_token"].startswith("tf_session_")
    assert answer["client"].startswith("tf_client_")
    assert utc(answer["expires_at"]) == later(hours=24)
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    api.keep(answer)
    shown = api.get("/session")
    assert shown["methods"] == ["pwd"]


def test_with_a_factor_the_code_is_next(ada: Ada, api: Api) -> None:
    answer = api.post("/sign-ins", email=ADA, password=PASSWORD)
    assert (answer.status, answer["next"]) == (201, "code")
    assert answer.body.keys() == {"next", "sign_in", "expires_at"}
    assert answer["sign_in"].startswith("tf_signin_")
    assert utc(answer["expires_at"]) == later(minutes=10)


@pytest.mark.parametrize("email", [ADA, NOBODY, "no address", "a" * 254])
def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(people: People, api: Api, email: str) -> None:
    people.user()
    answer = api.post("/sign-ins", email=email, password=WRONG)
    assert answer.refusal == (401, "invalid_credentials")
    assert answer.body == {
        "type": "/api/docs#invalid_credentials",
        "title": "That email address and password do not match.",
        "status": 401,
        "code": "invalid_credentials",
    }


def test_too_many_wrong_passwords_say_when_to_come_back(people: People, api: Api) -> None:
    people.user()
    for email in (ADA, NOBODY):
        for _ in range(5):
            assert api.post("/sign-ins", email=email, password=WRONG).status == 401
        answer = api.post("/sign-ins", email=email, password=PASSWORD)
        assert answer.refusal == (429, "too_many_attempts")
        assert answer.headers["retry-after"] == "1"


def test_a_client_that_has_signed_in_before_has_a_count_of_its_own(people: People, api: Api) -> None:
    people.user()
    api.sign_in(ADA, PASSWORD)
    stranger = Api(api.http)
    for _ in range(6):
        stranger.post("/sign-ins", email=ADA, password=WRONG)
    assert stranger.post("/sign-ins", email=ADA, password=PASSWORD).status == 429
    assert api.post("/sign-ins", email=ADA, password=PASSWORD).status == 201


def test_single_sign_on_names_its_address(people: People, api: Api) -> None:
    people.account("Signet", sso=True, sso_domains=["signet.example"], sso_url="https://sso.signet.example/in")
    for path in ("/sign-ins", "/legacy/sign-ins"):
        answer = api.post(path, email="anybody@signet.example", password=WRONG)
        assert answer.refusal == (403, "sso_required")
        assert answer["url"] == "https://sso.signet.example/in"


def test_frozen_and_locked_are_told_with_the_right_password_alone(people: People, ada: Ada, api: Api) -> None:
    people.user("frozen@acme.example", frozen_at=NOON)
    people.set_counts(ada[0], wrong=5)
    for email, refusal in (("frozen@acme.example", (403, "frozen")), (ADA, (423, "locked"))):
        assert api.post("/sign-ins", email=email, password=WRONG).refusal == (401, "invalid_credentials")
        assert api.post("/sign-ins", email=email, password=PASSWORD).refusal == refusal


# --- the second factor


def test_a_code_makes_the_session(ada: Ada, api: Api, sign_in: str) -> None:
    answer = api.post("/sign-ins/code", sign_in=sign_in, code=ada[1].phone.code(NOON))
    assert answer.status == 200
    assert answer.body.keys() == {"session_token", "client", "expires_at"}
    api.keep(answer)
    shown = api.get("/session")
    assert (shown["methods"], shown["user"]["email"]) == (["pwd", "otp"], ADA)


def test_a_wrong_code_says_how_many_are_left(ada: Ada, api: Api, sign_in: str) -> None:
    wrong = ada[1].phone.wrong_code(NOON)
    for left in (4, 3, 2, 1, 0):
        answer = api.post("/sign-ins/code", sign_in=sign_in, code=wrong)
        assert answer.refusal == (401, "invalid_code")
        assert answer["attempts_left"] == left
        assert wrong not in str(answer.body)
    answer = api.post("/sign-ins/code", sign_in=sign_in, code=ada[1].phone.code(NOON))
    assert answer.refusal == (423, "locked")
    assert answer["final"] is False


@pytest.mark.parametrize(
    ("minutes", "hint"),
    [(-3, {"hint": "clock_behind", "minutes": 3}), (4, {"hint": "clock_ahead", "minutes": 4})],
)
def test_a_clock_that_is_off_is_hinted_at(ada: Ada, api: Api, sign_in: str, minutes: int, hint: dict[str, Any]) -> None:
    answer = api.post("/sign-ins/code", sign_in=sign_in, code=ada[1].phone.code(later(minutes=minutes)))
    assert answer.refusal == (401, "invalid_code")
    assert hint.items() <= answer.body.items()


def test_a_used_code_is_hinted_at_and_costs_nothing(ada: Ada, api: Api, sign_in: str) -> None:
    code = ada[1].phone.code(NOON)
    api.post("/sign-ins/code", sign_in=sign_in, code=code)
    again = api.post("/sign-ins", email=ADA, password=PASSWORD)["sign_in"]
    answer = api.post("/sign-ins/code", sign_in=again, code=code)
    assert (answer.refusal, answer["hint"], answer["attempts_left"]) == ((401, "invalid_code"), "used", 5)


def test_a_sign_in_is_over_after_ten_minutes_and_after_its_end(
    ada: Ada, api: Api, sign_in: str, frozen_clock: FrozenClock
) -> None:
    code = ada[1].phone.code(NOON)
    assert api.post("/sign-ins/code", sign_in=sign_in, code=code).status == 200
    assert api.post("/sign-ins/code", sign_in=sign_in, code=code).refusal == (401, "sign_in_expired")
    again = api.post("/sign-ins", email=ADA, password=PASSWORD)["sign_in"]
    code = ada[1].phone.code(frozen_clock.forward(minutes=10))
    assert api.post("/sign-ins/code", sign_in=again, code=code).refusal == (401, "sign_in_expired")


@pytest.mark.parametrize(
    "token", ["x", "tf_signin_unknown", "tf_session_0123456789abcdefghij", "' OR '1'='1", "\u0001"]
)
def test_a_token_that_is_no_sign_in_is_over(ada: Ada, api: Api, token: str) -> None:
    assert api.post("/sign-ins/code", sign_in=token, code="123456").refusal == (401, "sign_in_expired")


def test_a_session_token_is_no_sign_in_and_a_sign_in_no_session(ada: Ada, api: Api, sign_in: str) -> None:
    api.token = sign_in
    assert api.get("/session").refusal == (401, "not_signed_in")
    api.token = None
    token = api.post("/sign-ins/code", sign_in=sign_in, code=ada[1].phone.code(NOON))["session_token"]
    assert api.post("/sign-ins/code", sign_in=token, code="123456").refusal == (401, "sign_in_expired")


def test_the_backup_code_makes_the_session_and_brings_its_successor(ada: Ada, api: Api, sign_in: str) -> None:
    answer = api.post("/sign-ins/backup-code", sign_in=sign_in, backup_code=ada[1].backup_code)
    assert answer.status == 200
    assert answer.body.keys() == {"session_token", "client", "expires_at", "new_backup_code"}
    api.keep(answer)
    assert api.get("/session")["methods"] == ["pwd", "backup_code"]
    again = api.post("/sign-ins", email=ADA, password=PASSWORD)["sign_in"]
    spent = api.post("/sign-ins/backup-code", sign_in=again, backup_code=ada[1].backup_code)
    assert (spent.refusal, spent["hint"]) == ((401, "invalid_code"), "used_backup_code")
    instead = api.post("/sign-ins/code", sign_in=again, backup_code=answer["new_backup_code"])
    assert "new_backup_code" in instead.body


@pytest.mark.parametrize(
    "body", [{}, {"code": None, "backup_code": None}, {"code": "123456", "backup_code": "0" * 24}], ids=str
)
def test_one_code_is_sent_and_not_none_or_two(ada: Ada, api: Api, sign_in: str, body: dict[str, Any]) -> None:
    answer = api.post("/sign-ins/code", sign_in=sign_in, **body)
    assert answer.refusal == (400, "invalid_request")
    assert answer["fields"]


def test_a_malformed_code_is_refused_and_not_charged(ada: Ada, api: Api, sign_in: str) -> None:
    for typed in ("12345", "1234567", "１２３４５６", "abcdef", " "):  # noqa: RUF001
        answer = api.post("/sign-ins/code", sign_in=sign_in, code=typed)
        assert answer.refusal == (400, "invalid_request")
        assert answer["fields"] == ["code"]
    answer = api.post("/sign-ins/code", sign_in=sign_in, code=ada[1].phone.wrong_code(NOON))
    assert answer["attempts_left"] == 4


def test_an_attempt_of_the_pages_goes_on_in_no_program(people: People, ada: Ada, api: Api) -> None:
    page = people.attempt(ada[0])
    answer = api.post("/sign-ins/code", sign_in=page, code=ada[1].phone.code(NOON))
    assert answer.refusal == (401, "sign_in_expired")


# --- the forced set-up


def test_the_forced_set_up_of_a_program(people: People, api: Api) -> None:
    user = people.user()
    people.set_account(user.account_id, policy="required")
    begun = api.post("/sign-ins", email=ADA, password=PASSWORD)
    assert (begun.status, begun["next"]) == (201, "verify_email")
    sign_in = begun["sign_in"]
    early = api.post("/sign-ins/enrolments", sign_in=sign_in)
    assert (early.refusal, early["due"]) == ((409, "out_of_order"), "verify_email")
    code = people.mailed_code()
    wrong = api.post("/sign-ins/email-code", sign_in=sign_in, code=f"{(int(code) + 1) % 1_000_000:06}")
    assert (wrong.refusal, wrong["attempts_left"]) == ((401, "invalid_code"), 4)
    assert api.post("/sign-ins/email-code", sign_in=sign_in, code="12345").refusal == (400, "invalid_request")
    assert api.post("/sign-ins/email-code/delivery", sign_in=sign_in)["next"] == "verify_email"
    assert api.post("/sign-ins/email-code", sign_in=sign_in, code=people.mailed_code())["next"] == "set_up"
    opened = api.post("/sign-ins/enrolments", sign_in=sign_in)
    assert opened.status == 201
    phone = Authenticator.open(opened["otpauth_uri"])
    assert (phone.secret, phone.label) == (opened["secret"], f"Twofold:{ADA}")
    assert opened["qr_svg"].startswith("<svg")
    path = f"/sign-ins/enrolments/{opened['enrolment']}/confirmation"
    refused = api.post(path, sign_in=sign_in, code=phone.wrong_code(NOON))
    assert (refused.refusal, refused["attempts_left"]) == ((401, "invalid_code"), 9)
    assert api.post("/sign-ins/enrolments/nonsense/confirmation", sign_in=sign_in, code="123456").refusal == (
        410, "enrolment_expired",
    )  # fmt: skip
    done = api.post(path, sign_in=sign_in, code=phone.code(NOON))
    assert done.status == 200
    assert len(done["backup_code"].split("-")) == 6
    assert "new_backup_code" not in done.body
    api.keep(done)
    assert api.get("/session")["methods"] == ["pwd", "otp"]
    assert api.get("/two-factor")["enabled"] is True


def test_five_wrong_mailed_codes_block_more(people: People, api: Api) -> None:
    user = people.user()
    people.set_account(user.account_id, policy="required")
    sign_in = api.post("/sign-ins", email=ADA, password=PASSWORD)["sign_in"]
    code = people.mailed_code()
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for left in (4, 3, 2, 1, 0):
        assert api.post("/sign-ins/email-code", sign_in=sign_in, code=wrong)["attempts_left"] == left
    for answer in (
        api.post("/sign-ins/email-code", sign_in=sign_in, code=code),
        api.post("/sign-ins/email-code/delivery", sign_in=sign_in),
        api.post("/sign-ins", email=ADA, password=PASSWORD),
    ):
        assert answer.refusal == (429, "too_many_attempts")
        assert answer.headers["retry-after"] == str(24 * 3600)


def test_without_mail_it_is_refused_with_that_reason(database_url: str, frozen_clock: FrozenClock) -> None:
    with context_on(database_url, mail=False) as context, client_of(context) as http:
        people, api = People(context), Api(http)
        people.set_account(people.user().account_id, policy="required")
        assert api.post("/sign-ins", email=ADA, password=PASSWORD).refusal == (503, "no_mail")


# --- programs that know only email and password


def test_a_legacy_program(people: People, api: Api) -> None:
    people.user()
    answer = api.post("/legacy/sign-ins", email=ADA, password=PASSWORD)
    assert (answer.status, list(answer.body)) == (201, ["session_token", "client"])
    api.keep(answer)
    assert api.get("/session")["methods"] == ["pwd"]
    assert api.post("/legacy/sign-ins", email=ADA, password=WRONG).refusal == (401, "invalid_credentials")


def test_a_legacy_program_becomes_known_and_waits_for_no_anonymous_request(people: People, api: Api) -> None:
    people.user()
    api.keep(api.post("/legacy/sign-ins", email=ADA, password=PASSWORD))
    stranger = Api(api.http)
    answers = [stranger.post("/legacy/sign-ins", email=ADA, password=WRONG) for _ in range(6)]
    assert answers[-1].refusal == (429, "too_many_attempts")
    again = api.post("/legacy/sign-ins", email=ADA, password=PASSWORD)
    assert (again.status, again["client"]) == (201, api.client)


@pytest.mark.parametrize("operation", ["legacy", "api", "api, with a code"])
def test_a_program_that_signs_in_daily_stays_known(
    people: People, api: Api, frozen_clock: FrozenClock, operation: str
) -> None:
    """Stops: who uses one browser every day, and is a stranger there on the ninety-first."""
    user = people.user()
    phone = people.protect(user).phone if "code" in operation else None
    path = "/legacy/sign-ins" if operation == "legacy" else "/sign-ins"
    written = set()
    for _ in range(6):
        for _ in range(2):  # twice a day, and written down once
            answer = api.post(path, email=ADA, password=PASSWORD)
            if phone is not None:
                answer = api.post("/sign-ins/code", sign_in=answer["sign_in"], code=phone.code(frozen_clock.at))
            api.keep(answer)
            with people.context.db.read() as connection:
                written.add(connection.execute(sa.select(sa.func.max(known_clients.c.expires_at))).scalar_one())
            frozen_clock.forward(minutes=1)
        frozen_clock.forward(days=40)
    assert len(written) == 6
    frozen_clock.at -= timedelta(days=1)
    answers = [Api(api.http).post("/sign-ins", email=ADA, password=WRONG) for _ in range(6)]
    assert answers[-1].status == 429
    assert api.post(path, email=ADA, password=PASSWORD).status == 201


def test_a_legacy_program_is_told_that_it_cannot_show_the_second_step(ada: Ada, api: Api) -> None:
    answer = api.post("/legacy/sign-ins", email=ADA, password=PASSWORD)
    assert answer.refusal == (403, "two_factor_not_supported_by_client")
    assert api.post("/legacy/sign-ins", email=ADA, password=WRONG).refusal == (401, "invalid_credentials")


# --- bodies that are none


BODIES: list[tuple[str, str]] = [
    ("/sign-ins", ""),
    ("/sign-ins", "null"),
    ("/sign-ins", "[]"),
    ("/sign-ins", '"text"'),
    ("/sign-ins", "{"),
    ("/sign-ins", "email=ada"),
    ("/sign-ins", "{}"),
    ("/sign-ins", '{"email": "ada@acme.example"}'),
    ("/sign-ins", '{"email": "ada@acme.example", "password": ""}'),
    ("/sign-ins", '{"email": "", "password": "x"}'),
    ("/sign-ins", '{"email": null, "password": "x"}'),
    ("/sign-ins", '{"email": ["ada@acme.example"], "password": "x"}'),
    ("/sign-ins", '{"email": {"a": 1}, "password": "x"}'),
    ("/sign-ins", '{"email": 1, "password": true}'),
    ("/sign-ins", '{"email": "ada@acme.example", "password": "x", "admin": true}'),
    ("/sign-ins", '{"email": "ada@acme.example", "password": "' + "x" * 2000 + '"}'),
    ("/sign-ins", '{"email": "' + "a" * 300 + '", "password": "x"}'),
    ("/sign-ins", '{"email": "ada\\u0000@acme.example", "password": "x"}'),
    ("/sign-ins", '{"email": "ada\\ud800@acme.example", "password": "x"}'),
    ("/sign-ins/code", '{"sign_in": "SIGN_IN"}'),
    ("/sign-ins/code", '{"sign_in": "SIGN_IN", "code": ""}'),
    ("/sign-ins/code", '{"sign_in": "SIGN_IN", "code": null}'),
    ("/sign-ins/code", '{"sign_in": "SIGN_IN", "code": 123456}'),
    ("/sign-ins/code", '{"sign_in": "SIGN_IN", "code": ["123456"]}'),
    ("/sign-ins/code", '{"sign_in": "SIGN_IN", "code": {"$ne": ""}}'),
    ("/sign-ins/code", '{"sign_in": "SIGN_IN", "code": true}'),
    ("/sign-ins/code", '{"sign_in": "SIGN_IN", "code": "' + "1" * 200 + '"}'),
    ("/sign-ins/code", '{"sign_in": ["SIGN_IN"], "code": "123456"}'),
    ("/sign-ins/code", '{"code": "123456"}'),
    ("/sign-ins/backup-code", '{"sign_in": "SIGN_IN", "code": "123456"}'),
    ("/sign-ins/backup-code", '{"sign_in": "SIGN_IN", "backup_code": []}'),
    ("/legacy/sign-ins", '{"email": "ada@acme.example"}'),
]


def test_a_body_that_is_not_as_it_should_be_names_the_field_and_does_nothing(
    people: People, ada: Ada, api: Api, sign_in: str, http: httpx.Client
) -> None:
    before = [event.kind for event in people.events()]
    for path, text in BODIES:
        body = text.replace("SIGN_IN", sign_in)
        answer = http.post(f"/api/v1{path}", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, (path, text, answer.text)
        assert answer.json()["code"] == "invalid_request", (path, text, answer.text)
        assert answer.json()["fields"], (path, text)
    assert [event.kind for event in people.events()] == before
    charged = api.post("/sign-ins/code", sign_in=sign_in, code=ada[1].phone.wrong_code(NOON))
    assert charged["attempts_left"] == 4


def test_of_a_field_sent_twice_the_code_that_counts_is_charged_once(ada: Ada, api: Api, sign_in: str) -> None:
    """JSON lets a name come twice: whichever counts, it is one try."""
    wrong = ada[1].phone.wrong_code(NOON)
    body = f'{{"sign_in": "{sign_in}", "code": "{wrong}", "code": "{wrong}"}}'
    answer = api.http.post("/api/v1/sign-ins/code", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 401)
    left = api.post("/sign-ins/code", sign_in=sign_in, code=wrong)["attempts_left"]
    assert left == (3 if answer.status_code == 401 else 4)
