"""Applications are told of the end of a session: OpenID Connect Back-Channel Logout 1.0."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.harness.clock import NOON, later
from tests.harness.contexts import client_of, context_on, standing_clock
from tests.harness.parallel import at_once
from tests.harness.people import CLIENT_INFO, People
from tests.oidc.receiver import Receiver
from tests.oidc.relying_party import ISSUER, RelyingParty
from twofold.kit import outbound
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.outbound import NotSent, may_be_sent_to
from twofold.oidc import key_flow, logout_flow
from twofold.oidc.logout_tables import logout_deliveries
from twofold.operations import jobs
from twofold.sessions import ending_flow
from twofold.sessions import flow as sessions

HERE = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def context(database_url: str) -> Iterator[AppContext]:
    """Open an application that may tell those on this machine."""
    with context_on(database_url, logout_networks=HERE) as context:
        yield context


@pytest.fixture
def http(context: AppContext) -> Iterator[httpx.Client]:
    with standing_clock(), client_of(context) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def told_by(people: People, http: httpx.Client, *receivers: Receiver, end: bool = True) -> str:
    """Sign Grace in to an application for each receiver, and out again; return the `sid`."""
    grace = people.user("grace@acme.example")
    token = people.token(grace)
    for receiver in receivers:
        RelyingParty.of(people.context, http, backchannel_logout_uri=receiver.url).tokens(token)
    session = people.session(token)
    if end:
        sessions.sign_out(people.context.db, session, origin=Origin(NOON, CLIENT_INFO))
        ending_flow.announce(people.context, jobs.SUBSCRIBERS, NOON)
    return str(session.id)


def deliver_all(context: AppContext, at: datetime = NOON) -> int:
    """Send what is due; return how often something was sent."""
    times = 0
    while logout_flow.deliver(context, at):
        times += 1
    return times


def rows(people: People) -> list[Any]:
    with people.context.db.read() as connection:
        return list(connection.execute(sa.select(logout_deliveries)))


def test_an_application_is_told_which_session_has_ended(
    people: People, http: httpx.Client, receiver: Receiver, context: AppContext
) -> None:
    """Section 2.4: the claims of a logout token."""
    sid = told_by(people, http, receiver)
    assert deliver_all(context) == 1
    [form] = receiver.got
    keys = KeySet.import_key_set({"keys": key_flow.published(context, NOON)})
    token = jwt.decode(form["logout_token"][0], keys, algorithms=["RS256"])
    [row] = rows(people)
    assert token.header["typ"] == "logout+jwt"
    assert token.claims == {
        "iss": ISSUER, "sub": str(row.user_id), "aud": str(row.application_id), "sid": sid, "jti": str(row.id),
        "iat": int(NOON.timestamp()), "exp": int(later(minutes=2).timestamp()),
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    }  # fmt: skip
    assert (row.due_at, row.settled_at, row.last_error) == (None, NOON, None)
    assert key_flow.verify(context, form["logout_token"][0], NOON) is None, "nor is it an ID token"


def test_only_whoever_signed_this_session_in_is_told(people: People, http: httpx.Client) -> None:
    with Receiver() as one, Receiver() as other:
        told_by(people, http, one)
        RelyingParty.of(people.context, http, backchannel_logout_uri=other.url)
        deliver_all(people.context)
        assert (len(one.got), len(other.got)) == (1, 0)


def test_each_application_is_told_once_of_a_session(people: People, http: httpx.Client, receiver: Receiver) -> None:
    token = people.token(people.user("ada@acme.example"))
    crm = RelyingParty.of(people.context, http, backchannel_logout_uri=receiver.url)
    crm.tokens(token), crm.tokens(token)
    RelyingParty.of(people.context, http).tokens(token)
    sessions.sign_out(people.context.db, people.session(token), origin=Origin(NOON, CLIENT_INFO))
    for _ in range(2):
        ending_flow.announce(people.context, jobs.SUBSCRIBERS, NOON)
    assert deliver_all(people.context) == 1
    assert len(receiver.got) == 1


def test_what_did_not_arrive_is_sent_again_after_growing_waits(people: People, http: httpx.Client) -> None:
    with Receiver(500) as receiver:
        told_by(people, http, receiver)
        at = NOON
        for wait in (1, 5, 30, 300, 3600, 3600):
            assert deliver_all(people.context, at) == 1
            assert deliver_all(people.context, later(at=at, seconds=wait - 1)) == 0 or wait == 1
            [row] = rows(people)
            assert (row.due_at, row.last_error) == (later(at=at, seconds=wait), "answered 500")
            at = row.due_at
        receiver.status = 204
        assert deliver_all(people.context, at) == 1
        assert len({form["logout_token"][0] for form in receiver.got}) == 7, "each is signed anew"
    assert rows(people)[0].settled_at == at


def test_after_a_day_it_is_given_up(people: People, http: httpx.Client) -> None:
    with Receiver(400) as receiver:
        told_by(people, http, receiver)
        at = NOON
        while (due := rows(people)[0].due_at) is not None:
            at = due
            deliver_all(people.context, at)
    assert timedelta(hours=22) < at - NOON < timedelta(hours=25)
    assert rows(people)[0].last_error == "answered 400"
    with people.context.db.write() as connection:
        assert logout_flow.forget_settled(connection, later(at=at, days=6)) == 0
        assert logout_flow.forget_settled(connection, later(at=at, days=7)) == 1


def test_one_that_does_not_answer_delays_nobody(
    people: People, http: httpx.Client, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops: one hanging receiver, for which all threads wait."""
    monkeypatch.setattr(logout_flow, "SECONDS", 0.5)
    with Receiver(hang=True) as hanging:
        told_by(people, http, hanging, receiver)
        outcomes = at_once(*[lambda: logout_flow.deliver(people.context, NOON)] * 2)
        deliver_all(people.context)
        assert any(outcomes)
        assert (len(hanging.got), len(receiver.got)) == (1, 1)
    due = {row.last_error: row.due_at for row in rows(people)}
    assert due[None] is None
    assert later(seconds=1) in due.values()


def test_while_one_is_sent_no_other_goes_to_the_same_application(
    people: People, http: httpx.Client, receiver: Receiver
) -> None:
    told_by(people, http, receiver)
    with people.context.db.write() as connection:
        connection.execute(logout_deliveries.update().values(claimed_until=later(minutes=1)))
    assert deliver_all(people.context) == 0
    assert deliver_all(people.context, later(minutes=1)) == 1, "whoever had it was killed"


def test_no_redirect_is_followed(people: People, http: httpx.Client, receiver: Receiver) -> None:
    """Stops: an application that sends us on to what it cannot reach itself."""
    with Receiver(307, location=receiver.url) as first:
        told_by(people, http, first)
        deliver_all(people.context)
    assert receiver.got == []
    assert rows(people)[0].last_error == "answered 307"


def test_an_application_that_is_gone_is_not_told(people: People, http: httpx.Client, receiver: Receiver) -> None:
    told_by(people, http, receiver)
    with people.context.db.write() as connection:
        connection.execute(sa.text("DELETE FROM applications"))
    deliver_all(people.context)
    assert receiver.got == []
    assert rows(people)[0].settled_at == NOON


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("192.0.2.1", False), ("8.8.8.8", True), ("127.0.0.1", False), ("10.1.2.3", False), ("169.254.169.254", False),
        ("100.64.0.1", False), ("0.0.0.1", False), ("224.0.0.1", False), ("::1", False), ("fe80::1", False),
        ("fd00::1", False), ("2606:4700::1111", True), ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False),
        ("10.9.0.1", True),
    ],
)  # fmt: skip
def test_nothing_is_sent_into_networks_that_are_not_allowed(address: str, may: bool) -> None:  # noqa: FBT001
    """Stops: whoever registers an address to make us ask what only we can reach."""
    assert may_be_sent_to(ip_address(address), [ip_network("10.9.0.0/16")]) is may


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "nowhere.invalid"])
def test_a_name_that_leads_to_ourselves_is_not_asked(host: str) -> None:
    with Receiver() as receiver:
        url = receiver.url.replace("127.0.0.1", host)
        with pytest.raises(NotSent):
            outbound.post_form(url, {"a": "b"}, allowed=(), seconds=5)
        assert receiver.got == []


def test_a_form_goes_where_it_is_allowed() -> None:
    with Receiver(204) as receiver:
        url = f"{receiver.url}?a=b"
        assert outbound.post_form(url, {"x": "y z"}, allowed=HERE, seconds=5) == 204
        assert (receiver.got, receiver.paths) == ([{"x": ["y z"]}], ["/logout?a=b"])
