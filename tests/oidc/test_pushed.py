"""Requests that are pushed first, by the sections of RFC 9126."""

from urllib.parse import urlencode

import httpx
import pytest

from tests.harness.clock import NOON
from tests.harness.contexts import FrozenClock
from tests.harness.pages import WebClient
from tests.harness.parallel import at_once
from tests.harness.people import CLIENT_INFO, People
from tests.oidc.applications import CALLBACK
from tests.oidc.relying_party import RelyingParty, answer_of, browser_of, refused
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.oidc import authorize_flow, pushed_flow
from twofold.oidc.grant_tables import authorizations
from twofold.oidc.pushed_flow import NAMES, Pushed
from twofold.oidc.request import Parameters


def named(crm: RelyingParty, **said: str | None) -> str:
    """Push a request; return its name."""
    answer = crm.push(**said)
    assert answer.status_code == 201, answer.text
    name: str = answer.json()["request_uri"]
    return name


def brought(crm: RelyingParty, name: str, session: str | None, **more: str) -> httpx.Response:
    """Send a browser with nothing but a name."""
    return crm.send("GET", f"/oidc/authorize?{urlencode({'client_id': crm.client_id, 'request_uri': name, **more})}",
                    session)  # fmt: skip


def test_a_pushed_request_is_answered_under_its_name(crm: RelyingParty, session: str) -> None:
    """Sections 2.2 and 4."""
    pushed = crm.push()
    assert (pushed.status_code, pushed.headers["cache-control"]) == (201, "no-store")
    assert pushed.json().keys() == {"request_uri", "expires_in"}
    assert pushed.json()["expires_in"] == 60
    answer = answer_of(brought(crm, pushed.json()["request_uri"], session))
    assert answer["state"] == "st&te=1"
    body = crm.exchange(answer["code"]).json()
    assert crm.claims(body["id_token"])["nonce"] == "n-1"


def test_a_public_application_pushes_by_its_name_alone(context: AppContext, http: httpx.Client, session: str) -> None:
    app = RelyingParty.of(context, http, public=True)
    assert "code" in answer_of(brought(app, named(app), session))


def test_a_pushed_request_waits_while_somebody_signs_in(crm: RelyingParty, http: httpx.Client, session: str) -> None:
    """Section 4: its minute is for the browser to bring it, and not for the person."""
    browser = WebClient(http)
    browser.get(f"/oidc/authorize?{urlencode({'client_id': crm.client_id, 'request_uri': named(crm)})}")
    [path] = [path for _status, path in browser.trail if path.startswith("/oidc/authorize/")]
    browser.cookies.set("twofold_session", session)
    assert CALLBACK in browser.get(path).html


def test_a_name_is_used_once(people: People, crm: RelyingParty, session: str) -> None:
    """Section 7.3. Stops: a request that is replayed from a log or a history."""
    name = named(crm)
    assert brought(crm, name, session).status_code == 303
    again = brought(crm, name, session)
    assert (again.status_code, "request_uri" in again.text) == (400, True)
    assert people.count(authorizations) == 0


def test_a_name_is_used_once_also_by_many_at_once(crm: RelyingParty, context: AppContext) -> None:
    application = crm.registered.application
    pushed = pushed_flow.push(context, application, crm.asking(), origin=Origin(NOON, CLIENT_INFO))
    assert isinstance(pushed, Pushed)
    brings = Parameters({"client_id": crm.client_id, "request_uri": pushed.request_uri}, frozenset())
    taken = at_once(*[lambda: pushed_flow.take(context, brings, NOON)] * 20)
    assert sum(asked is not None for asked in taken) == 1


def test_a_name_is_good_for_a_minute(crm: RelyingParty, session: str, frozen_clock: FrozenClock) -> None:
    """Section 4."""
    name = named(crm)
    frozen_clock.forward(seconds=60)
    assert brought(crm, name, session).status_code == 400


def test_a_name_is_its_application_s_alone(
    crm: RelyingParty, context: AppContext, http: httpx.Client, session: str
) -> None:
    """Section 2.2. Stops: a request of one application that is answered as another's."""
    other = RelyingParty.of(context, http, name="Other")
    answer = brought(other, named(crm), session)
    assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize("name", [NAMES, f"{NAMES}x.y", f"{NAMES}01a2204f-6ca7-71ef-afea-91646aec0aef.tf_request_x"])
def test_an_unknown_name_leads_nowhere(crm: RelyingParty, session: str, name: str) -> None:
    assert brought(crm, name, session).status_code == 400


def test_what_comes_beside_a_name_counts_for_nothing(crm: RelyingParty, session: str) -> None:
    """RFC 9101 section 6.3. Stops: whoever changes in the browser what an application asked for."""
    elsewhere = brought(crm, named(crm), session, state="other", redirect_uri="https://evil.example/", scope="openid")
    assert answer_of(elsewhere)["state"] == "st&te=1"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"request_uri": f"{NAMES}x"}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/callback"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"client_id": "other"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"nonce": "n" * 2049}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"id_token_hint": "a.b.c"}, "invalid_request"),
    ],
    ids=str,
)
def test_what_is_not_in_order_is_refused_when_pushed(
    crm: RelyingParty, said: dict[str, str | None], error: str
) -> None:
    """Sections 2.1 and 2.3."""
    assert refused(crm.push(**said)) == (400, error)


def test_a_parameter_that_is_pushed_twice_is_refused(crm: RelyingParty) -> None:
    answer = crm.call("/oidc/par", {**crm.asking(), "scope": ["openid", "openid email"]})
    assert refused(answer) == (400, "invalid_request")


def test_nobody_pushes_for_an_application_without_its_secret(crm: RelyingParty) -> None:
    """Section 2: authenticated as at the token endpoint."""
    assert refused(crm.push(auth=(crm.client_id, "wrong"))) == (401, "invalid_client")
    assert refused(crm.push(auth=None)) == (401, "invalid_client")


def test_an_application_pushes_no_more_than_its_share(
    crm: RelyingParty, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Section 2.3: 429. What is over makes room."""
    monkeypatch.setattr(pushed_flow, "MOST_OF_A_NETWORK", 1)
    named(crm)
    assert refused(crm.push()) == (429, "temporarily_unavailable")
    frozen_clock.forward(seconds=60)
    named(crm)


def test_a_pushed_request_is_no_request_that_waits(crm: RelyingParty, http: httpx.Client, session: str) -> None:
    """Stops: whoever pushes, and takes the name for that of a browser which signed in."""
    pushed, _, token = named(crm).removeprefix(NAMES).partition(".")
    browser = browser_of(http, session)
    browser.cookies.set("twofold_destinations", token)
    assert browser.get(f"/oidc/authorize/{pushed}").status == 410


def test_what_was_pushed_rests_sealed(people: People, crm: RelyingParty) -> None:
    crm.push(nonce="a-nonce-to-find")
    with people.context.db.read() as connection:
        [row] = connection.execute(authorizations.select())
    assert b"a-nonce" not in row.sealed
    assert authorize_flow.LIFE > pushed_flow.LIFE
