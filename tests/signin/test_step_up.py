"""Step-up: a session goes on, under a new token and the same sid, with what was proved again and when."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from litestar import Response, get

from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock, client_of
from tests.harness.pages import WebClient
from tests.harness.people import ADA, CLIENT_INFO, PASSWORD, WRONG, Ada, People, proved
from twofold.directory import flow as directory
from twofold.factors.outcomes import Locked, MalformedCode, NotEnabled, SessionOver, UsedCode, WrongCode
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick
from twofold.kit.http.requests import AnyRequest, AnyResponse
from twofold.lockouts.flow import Wait, WrongPassword
from twofold.sessions import flow as sessions
from twofold.sessions import guard
from twofold.sessions.methods import Method
from twofold.sessions.session import Session
from twofold.signin.step_up_flow import PasswordRequired, Proofs, SteppedUp, step_up
from twofold.signin.tables import sign_in_attempts

SESSION, ATTEMPT = "twofold_session", "twofold_sign_in"
LATER = later(minutes=30)


@pytest.fixture
def session(people: People, ada: Ada) -> Session:
    """A session in which password and code were proved at noon."""
    return people.sign_in(ada[0], ada[1].phone)


def prove(
    people: People, session: Session, password: str | None = None, code: str | None = None, channel: str = "api"
) -> Any:
    return step_up(
        people.context, session, Proofs(password, code, None), channel=channel, origin=Origin(LATER, CLIENT_INFO),
        return_to="/people",
    )  # fmt: skip


def raise_version(people: People, session: Session) -> None:
    with people.context.db.write() as connection:
        directory.end_sessions(connection, session.user.id)


# --- what comes of it


@pytest.mark.parametrize(
    ("password", "code", "methods"),
    [
        (True, False, (*proved("pwd", at=LATER), *proved("otp"))),
        (False, True, (*proved("pwd"), *proved("otp", at=LATER))),
        (True, True, proved("pwd", "otp", at=LATER)),
    ],
    ids=["password", "code", "both"],
)
def test_what_was_proved_again_has_the_new_time(
    people: People, ada: Ada, session: Session, *, password: bool, code: bool, methods: tuple[Method, ...]
) -> None:
    typed = ada[1].phone.code(LATER) if code else None
    outcome = prove(people, session, PASSWORD if password else None, typed)
    assert isinstance(outcome, SteppedUp)
    assert prove(people, session, PASSWORD) == SessionOver(), "the token before it is none any more"
    renewed = people.session(outcome.session.token, at=LATER)
    assert (renewed.id, renewed.expires_at, renewed.began_at) == (session.id, session.expires_at, NOON)
    assert renewed.methods == outcome.methods == methods
    assert renewed.user.security_version == session.user.security_version, "other sessions go on"
    (event,) = people.events("stepped_up")
    assert (event.subject_id, event.address) == (session.user.id, CLIENT_INFO.address)


def test_a_program_gets_the_new_backup_code_at_once(people: People, ada: Ada, session: Session) -> None:
    outcome = prove(people, session, code=ada[1].backup_code)
    assert isinstance(outcome, SteppedUp)
    assert outcome.new_backup_code not in (None, ada[1].backup_code)
    renewed = people.session(outcome.session.token, at=LATER)
    assert renewed.methods == (*proved("pwd", "otp"), *proved("backup_code", at=LATER))


# --- refusals


def test_each_refusal_is_that_of_every_operation(people: People, ada: Ada, session: Session) -> None:
    code = ada[1].phone.code(LATER)
    assert prove(people, session, WRONG, code) == WrongPassword()
    assert prove(people, session, PASSWORD, "12") == MalformedCode()
    assert prove(people, session, PASSWORD, ada[1].phone.wrong_code(LATER)) == WrongCode(4)
    assert isinstance(prove(people, session, PASSWORD, code), SteppedUp), "a wrong password left the code untouched"


def test_a_code_counts_once_here_as_well(people: People, ada: Ada, session: Session) -> None:
    code = ada[1].phone.code(LATER)
    outcome = prove(people, session, code=code)
    assert isinstance(outcome, SteppedUp)
    renewed = people.session(outcome.session.token, at=LATER)
    assert isinstance(prove(people, renewed, code=code), UsedCode)


def test_wrong_codes_lock_as_everywhere_and_end_nothing(people: People, ada: Ada, session: Session) -> None:
    wrong = ada[1].phone.wrong_code(LATER)
    assert [prove(people, session, PASSWORD, wrong) for _ in range(5)] == [WrongCode(left) for left in (4, 3, 2, 1, 0)]
    assert prove(people, session, PASSWORD, ada[1].phone.code(LATER)) == Locked(final=False)
    assert isinstance(prove(people, session, PASSWORD), SteppedUp), "the password alone is still worth what it is"


def test_after_a_wrong_code_none_counts_without_the_password(people: People, ada: Ada, session: Session) -> None:
    """Stops: whoever has a session and nothing else, and tries codes until its owner is locked out."""
    wrong, right = ada[1].phone.wrong_code(LATER), ada[1].phone.code(LATER)
    assert prove(people, session, code=wrong) == WrongCode(4)
    assert [prove(people, session, code=typed) for typed in (wrong, right, ada[1].backup_code)] == [
        PasswordRequired()
    ] * 3
    outcome = prove(people, session, PASSWORD, right)
    assert isinstance(outcome, SteppedUp)
    again = people.session(outcome.session.token, at=LATER)
    assert isinstance(prove(people, again, code=ada[1].backup_code), SteppedUp), "a right one clears the count"


def test_wrong_passwords_wait_as_everywhere(people: People, session: Session) -> None:
    assert [prove(people, session, WRONG) for _ in range(5)] == [WrongPassword()] * 5
    assert isinstance(prove(people, session, PASSWORD), Wait)


def test_who_has_no_second_factor_proves_none(people: People) -> None:
    session = people.sign_in(people.user("plain@acme.example"))
    assert prove(people, session, PASSWORD, "123456") == NotEnabled()
    assert isinstance(prove(people, session, PASSWORD), SteppedUp)


@pytest.mark.parametrize(
    "end",
    [
        lambda people, session: sessions.sign_out(people.context.db, session, origin=Origin(NOON, CLIENT_INFO)),
        raise_version,
    ],
    ids=["signed out", "changed"],
)
def test_a_session_that_has_ended_meanwhile_does_not_come_back(
    people: People, ada: Ada, session: Session, end: Callable[[People, Session], None]
) -> None:
    end(people, session)
    assert prove(people, session, PASSWORD, ada[1].phone.code(LATER)) == SessionOver()
    assert people.events("stepped_up") == []


# --- the page: it leads back to where it was asked for, through a new backup code as well


@get("/payments")
@quick
def payments(request: AnyRequest) -> AnyResponse:
    """Show a page of a test that asks for a proof of the last five minutes."""
    at, needs = clock.now(), request.query_params.get("needs", "")
    session = guard.signed_in(request, at)
    for second in (False, True):
        if needs in ("", "code" if second else "password"):
            guard.proved_within(request, session, timedelta(minutes=5), at, second=second)
    return Response("<title>Payments</title><h1>Payments</h1>", media_type="text/html")


@pytest.fixture
def browser(people: People, ada: Ada, frozen_clock: FrozenClock) -> Iterator[WebClient]:
    """A browser that signed in half an hour ago, at a Twofold with one more page."""
    with client_of(people.context, payments) as http:
        web_client = WebClient(http)
        web_client.sign_in(ADA, PASSWORD, ada[1].phone.code(NOON))
        assert web_client.get("/payments").heading == "Payments", "just after the sign-in nothing is asked for"
        frozen_clock.at = LATER
        yield web_client


def handle(browser: WebClient) -> str:
    """Return the handle under which a page that needs a code is kept."""
    return browser.get("/payments?needs=code").form("Continue").fields["return_to"]


@pytest.mark.parametrize("needs", ["password", "code"])
def test_a_page_leads_through_the_proof_that_it_needs_and_back(
    people: People, ada: Ada, browser: WebClient, needs: str
) -> None:
    before, asked = browser.cookie(SESSION), f"/payments?needs={needs}&to=a%20b"
    page = browser.get(asked)
    assert (page.path, page.heading) == ("/sign-in/step-up", "Confirm it's you")
    assert page.form("Continue").fields.keys() & {"password", "code"} == {needs}
    typed = {"password": PASSWORD, "code": ada[1].phone.code(LATER)}
    page = browser.submit(page, "Continue", **{needs: typed[needs]})
    assert (page.url.removeprefix("http://127.0.0.1:8000"), page.heading) == (asked, "Payments")
    assert browser.cookie(SESSION) not in (None, before)
    assert people.find_session(before or "", at=LATER) is None


@pytest.mark.parametrize("query", ["", "?needs=", "?needs=%3Cscript%3E"])
def test_the_page_asks_for_both_where_nobody_says_which(browser: WebClient, query: str) -> None:
    page = browser.get(f"/sign-in/step-up{query}")
    assert page.form("Continue").fields.keys() & {"password", "code"} == {"password", "code"}
    assert "<script>" not in page.html


def test_a_page_that_needs_a_second_factor_tells_who_has_none(people: People, frozen_clock: FrozenClock) -> None:
    """Stops: a page and the step-up leading to each other for ever; and a password in the place of a second factor."""
    people.user("bob@acme.example")
    with client_of(people.context, payments) as http:
        browser = WebClient(http)
        browser.sign_in("bob@acme.example", PASSWORD)
        page = browser.get("/payments?needs=code")
    assert (page.status, page.path, page.heading) == (403, "/payments", "Not available")
    assert "Set up two-factor authentication in your profile first" in page.text


def test_a_new_backup_code_is_shown_before_it_leads_back(people: People, ada: Ada, browser: WebClient) -> None:
    page = browser.get("/payments?needs=code")
    page = browser.submit(page, "Continue", code=ada[1].backup_code)
    assert (page.path, page.heading) == ("/sign-in/new-backup-code", "Your new backup code")
    assert "You used your backup code to confirm that it is you." in page.text
    shown = page.backup_code
    assert browser.get("/sign-in/new-backup-code").backup_code == shown, "reload shows it again"
    before = people.session(browser.cookie(SESSION) or "", at=LATER)
    assert before.methods == proved("pwd", "otp"), "nothing is proved until it is saved"
    with people.context.db.read() as connection:
        channels = connection.execute(sa.select(sign_in_attempts.c.channel)).scalars().all()
    assert not {"page", "api"} & set(channels), "a node of the version before would make a session of it"
    page = browser.submit(page, "Continue", saved="yes")
    assert page.url.endswith("/payments?needs=code")
    renewed = people.session(browser.cookie(SESSION) or "", at=LATER)
    assert (renewed.id, renewed.methods[-1]) == (before.id, *proved("backup_code", at=LATER))
    assert browser.cookie(ATTEMPT) is None


def test_a_session_that_ends_while_the_code_is_shown_stays_ended(people: People, ada: Ada, browser: WebClient) -> None:
    """Stops: a step-up that makes a session of what was never the proof of one."""
    page = browser.submit(browser.get("/payments?needs=code"), "Continue", code=ada[1].backup_code)
    session = people.session(browser.cookie(SESSION) or "", at=LATER)
    sessions.sign_out(people.context.db, session, origin=Origin(LATER, CLIENT_INFO))
    page = browser.submit(page, "Continue", saved="yes")
    assert page.path == "/sign-in"
    assert people.find_session(browser.cookie(SESSION) or "", at=LATER) is None


@pytest.mark.parametrize(
    ("fields", "status", "errors"),
    [
        ({}, 400, {"password", "code"}),
        ({"password": WRONG, "code": "123456"}, 401, {"password"}),
        ({"password": PASSWORD, "code": "12"}, 400, {"code"}),
    ],
)
def test_a_refusal_stands_at_its_field_and_the_way_back_is_kept(
    people: People, ada: Ada, browser: WebClient, fields: dict[str, str], status: int, errors: set[str]
) -> None:
    page = browser.submit(browser.get(f"/sign-in/step-up?return_to={handle(browser)}"), "Continue", **fields)
    assert (page.status, set(page.errors)) == (status, errors)
    page = browser.submit(page, "Continue", password=PASSWORD, code=ada[1].phone.code(LATER))
    assert page.url.endswith("/payments?needs=code")


def test_after_a_wrong_code_the_page_asks_for_the_password_as_well(ada: Ada, browser: WebClient) -> None:
    page = browser.get("/payments?needs=code")
    page = browser.submit(page, "Continue", code=ada[1].phone.wrong_code(LATER))
    assert page.errors.keys() == {"code"}
    page = browser.submit(page, "Continue", code=ada[1].phone.code(LATER))
    assert (page.status, page.errors) == (401, {"password": "A code was wrong. Enter your password as well."})
    page = browser.submit(page, "Continue", password=PASSWORD, code=ada[1].phone.code(LATER))
    assert page.url.endswith("/payments?needs=code")


@pytest.mark.parametrize("sent", [False, True], ids=["opened", "sent"])
def test_who_signs_in_on_the_way_is_not_asked_twice(
    people: People, ada: Ada, browser: WebClient, *, sent: bool
) -> None:
    """The session ended meanwhile: signing in proves all there is, and leads to where the proof was for."""
    page = browser.get("/payments?needs=code")
    address = page.url.removeprefix("http://127.0.0.1:8000")
    session = people.session(browser.cookie(SESSION) or "", at=LATER)
    sessions.sign_out(people.context.db, session, origin=Origin(LATER, CLIENT_INFO))
    page = browser.submit(page, "Continue", code=ada[1].phone.code(LATER)) if sent else browser.get(address)
    assert page.path == "/sign-in"
    page = browser.submit(page, "Sign in", email=ADA, password=PASSWORD)
    page = browser.submit(page, "Verify", code=ada[1].phone.code(LATER))
    assert page.url.endswith("/payments?needs=code")


def test_who_has_no_second_factor_is_asked_for_the_password(people: People, web_client: WebClient) -> None:
    people.user()
    web_client.sign_in(ADA, PASSWORD)
    page = web_client.get("/sign-in/step-up?needs=code")
    page = web_client.submit(page, "Continue", password=PASSWORD)
    assert page.path == "/profile", "nobody was led here from anywhere"


# --- the API


def test_the_answer_says_what_holds_now(ada: Ada, api: Api, frozen_clock: FrozenClock) -> None:
    api.sign_in(ADA, PASSWORD, ada[1].phone.code(NOON))
    before = api.get("/session")
    frozen_clock.at = LATER
    answer = api.post("/session/step-up", code=ada[1].phone.code(LATER))
    assert answer.status == 200
    assert answer.body.keys() == {"session_token", "authenticated_at", "second_factor_at", "acr"}
    assert api.get("/session").refusal == (401, "not_signed_in")
    api.keep(answer)
    now = api.get("/session")
    assert (now["sid"], now["methods"]) == (before["sid"], ["pwd", "otp"])
    assert (now["authenticated_at"], now["second_factor_at"], now["acr"]) == (
        "2026-03-03T12:00:00Z", "2026-03-03T12:30:00Z", "urn:twofold:2fa",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "refusal", "said"),
    [
        ({}, (400, "invalid_request"), {"fields": ["password"]}),
        ({"code": "123456", "backup_code": "123456"}, (400, "invalid_request"), {"fields": ["code"]}),
        ({"code": "12"}, (400, "invalid_request"), {"fields": ["code"]}),
        ({"password": WRONG}, (401, "invalid_password"), {}),
        ({"code": "WRONG"}, (401, "invalid_code"), {"attempts_left": 4}),
    ],
)
def test_each_refusal_has_its_code(
    ada: Ada, api: Api, body: dict[str, str], refusal: tuple[int, str], said: dict[str, Any]
) -> None:
    api.sign_in(ADA, PASSWORD, ada[1].phone.code(NOON))
    wrong = ada[1].phone.wrong_code(NOON)
    answer = api.post("/session/step-up", **{name: wrong if text == "WRONG" else text for name, text in body.items()})
    assert answer.refusal == refusal
    assert {name: answer[name] for name in said} == said


def test_who_has_none_is_told_so_and_who_must_have_one_as_well(people: People, api: Api) -> None:
    user = people.user()
    api.sign_in(ADA, PASSWORD)
    assert api.post("/session/step-up", code="123456").refusal == (409, "not_enabled")
    people.set_account(user.account_id, policy="required")
    assert api.post("/session/step-up", password=PASSWORD).refusal == (403, "two_factor_required")


def test_an_end_in_the_midst_is_answered_as_no_session(
    people: People, ada: Ada, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.sign_in(ADA, PASSWORD, ada[1].phone.code(NOON))
    monkeypatch.setattr(sessions, "hold_user", lambda *_: None)
    assert api.post("/session/step-up", password=PASSWORD).refusal == (401, "not_signed_in")
    assert api.get("/session").status == 200
    assert people.events("stepped_up") == []
