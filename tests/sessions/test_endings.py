"""What ends a session before its time is written down: for applications, and for whoever still has its token."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.pages import WebClient
from tests.harness.people import ADA, CLIENT_INFO, PASSWORD, Ada, People
from tests.races import flows
from tests.races.flows import Flow, World
from twofold.directory import records as directory_records
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.operations import jobs, restore
from twofold.provisioning import flow as provisioning
from twofold.provisioning.flow import UserChange
from twofold.sessions import ending_flow, words
from twofold.sessions import flow as sessions
from twofold.sessions.ending import Ending, EndReason

# What happens while Ada has a session in another browser, and why that one ends; None where it goes on.
ENDS: dict[Flow, EndReason | None] = {
    flows.code: None,
    flows.session_is_stepped_up: None,
    flows.removal_is_asked: None,
    flows.sign_out: None,
    flows.unlock: None,
    flows.policy_is_changed: None,
    flows.reset_is_refused: None,
    flows.other_sessions_are_ended: EndReason.SIGNED_OUT_ELSEWHERE,
    flows.phone_is_added: EndReason.FACTORS_CHANGED,
    flows.phone_is_replaced: EndReason.FACTORS_CHANGED,
    flows.phone_is_removed: EndReason.FACTORS_CHANGED,
    flows.backup_code_is_regenerated: EndReason.FACTORS_CHANGED,
    flows.removal: EndReason.FACTORS_CHANGED,
    flows.removal_is_answered: EndReason.FACTORS_CHANGED,
    flows.password_is_changed: EndReason.PASSWORD_CHANGED,
    flows.password_is_chosen: EndReason.PASSWORD_CHANGED,
    flows.address_and_password_are_set: EndReason.PASSWORD_CHANGED,
    flows.reset_is_confirmed: EndReason.RESET,
    flows.reset_is_confirmed_with_a_new_password: EndReason.RESET,
    flows.reset_on_the_server: EndReason.RESET,
    flows.account_is_frozen: EndReason.FROZEN,
    flows.deactivation: EndReason.DEACTIVATED,
    flows.account_turns_to_sso: EndReason.SINGLE_SIGN_ON,
}


def announced(people: People, most: int = 10) -> list[Ending]:
    """Return what a subscriber is told, until there is nothing more to tell."""
    told: list[Ending] = []

    def subscriber(_context: AppContext, _db: sa.Connection, endings: Sequence[Ending], _at: datetime) -> None:
        told.extend(endings)

    for _ in range(most):
        if not ending_flow.announce(people.context, [subscriber], NOON):
            break
    return told


def reason_of(people: People, token: str, *, at: datetime = NOON) -> EndReason | None:
    return ending_flow.reason_of(people.context.db, token, at)


def test_whatever_ends_sessions_says_of_each_why(people: People) -> None:
    for flow, reason in ENDS.items():
        world = World(people)
        if flow is flows.phone_is_removed:
            world.another_phone()  # before there is a session that this would end
        held = world.session()
        [act] = world.ready([flow])
        announced(people)
        act(people.context)
        told = {ending.session_id: ending for ending in announced(people)}
        here = told.get(held.id)
        assert (here and here.reason) == reason, flow.__name__
        assert {(ending.user_id, ending.account_id) for ending in told.values()} <= {(world.ada.id, world.account)}


def test_a_session_that_is_ended_from_another_one_says_so(people: People, ada: Ada) -> None:
    user, factor = ada
    session, other = people.sign_in(user, factor.phone), people.token(user, factor.phone, at=later(seconds=30))
    sessions.end_one(people.context.db, session, people.session(other).id, origin=Origin(NOON, CLIENT_INFO))
    assert reason_of(people, other) is EndReason.SIGNED_OUT_ELSEWHERE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (UserChange(role="admin"), EndReason.ROLE_CHANGED),
        (UserChange(email="lovelace@acme.example"), EndReason.EMAIL_CHANGED),
        (UserChange(email="lovelace@acme.example", active=False), EndReason.DEACTIVATED),
        (UserChange(licensed=False, name="Countess"), None),
    ],
    ids=["role", "address", "address and active", "licence and name"],
)
def test_a_change_by_an_operator_says_what_changed(
    people: People, change: UserChange, reason: EndReason | None
) -> None:
    user = people.user()
    token = people.token(user)
    provisioning.change_user(
        people.context, subject_id=user.id, change=change, within=None, origin=Origin(NOON, CLIENT_INFO)
    )
    assert reason_of(people, token) is reason
    assert (people.find_session(token) is None) is (reason is not None)


def test_a_first_set_up_ends_the_sessions_without_a_second_factor(people: People) -> None:
    world = World(people)
    [act] = world.ready([flows.first_set_up])
    other = people.token(world.newcomer(), at=later(minutes=1))
    act(people.context)
    assert reason_of(people, other) is EndReason.FACTORS_CHANGED


def test_a_forced_set_up_ends_the_sessions_without_a_second_factor(people: People) -> None:
    world = World(people)
    [act] = world.ready([flows.forced_set_up])
    with people.context.db.read() as connection:
        [user] = [
            one for one in directory_records.people_of(connection, world.account) if one.email.startswith("forced")
        ]
    token = people.token(user, at=world.at)
    act(people.context)
    assert reason_of(people, token, at=world.at) is EndReason.FACTORS_CHANGED


def test_a_restore_ends_every_session_and_says_so(people: People) -> None:
    tokens = [people.token(people.user()), people.token(people.user("grace@acme.example"))]
    restore.after_restore(people.context.db, reason="a drill", origin=Origin(NOON))
    assert {reason_of(people, token) for token in tokens} == {EndReason.RESTORED}
    assert [people.find_session(token) for token in tokens] == [None, None]


# --- told once


def _signed_out(people: People, count: int = 1) -> list[UUID]:
    user = people.user()
    held = [people.sign_in(user) for _ in range(count)]
    for session in held:
        sessions.sign_out(people.context.db, session, origin=Origin(NOON, CLIENT_INFO))
    return [session.id for session in held]


def test_subscribers_are_told_of_each_ending_once(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending_flow, "AT_ONCE", 2)
    ended = _signed_out(people, 5)
    told = announced(people)
    assert sorted(ending.session_id for ending in told) == sorted(ended)
    assert {ending.at for ending in told} == {NOON}
    assert announced(people) == []


def test_what_a_subscriber_could_not_write_is_told_again(people: People) -> None:
    """Stops: an application that is never told of a sign-out, because a node died while it noted it."""
    [ended] = _signed_out(people)

    def broken(*_args: object) -> None:
        msg = "a database that went away"
        raise RuntimeError(msg)

    with pytest.raises(RuntimeError):
        ending_flow.announce(people.context, [broken], NOON)
    assert [ending.session_id for ending in announced(people)] == [ended]


def test_signing_out_twice_is_told_once(people: People) -> None:
    session = people.sign_in(people.user())
    for _ in range(2):
        sessions.sign_out(people.context.db, session, origin=Origin(NOON, CLIENT_INFO))
    assert len(announced(people)) == 1


def test_a_job_announces_endings(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[Ending]()
    monkeypatch.setattr(jobs, "SUBSCRIBERS", (lambda _context, _db, endings, _at: told.extend(endings),))
    [ended] = _signed_out(people)
    [job] = [job for job in jobs.jobs_of(people.context, None) if job.name == "announce-endings"]
    assert job.alone
    job.run(people.context, NOON)
    assert [ending.session_id for ending in told] == [ended]


def test_an_ending_is_kept_as_long_as_its_session_would_have_held(people: People) -> None:
    _signed_out(people)
    with people.context.db.write() as connection:
        assert ending_flow.forget_over(connection, later(hours=23, minutes=59)) == 0
        assert ending_flow.forget_over(connection, later(hours=24)) == 1


# --- said to whoever still has the token


def test_whoever_was_signed_out_by_a_change_is_told_why_once(web_client: WebClient, people: People) -> None:
    user = people.user()
    web_client.sign_in(user.email, PASSWORD)
    provisioning.change_user(
        people.context, subject_id=user.id, change=UserChange(role="admin"), within=None,
        origin=Origin(NOON, CLIENT_INFO),
    )  # fmt: skip
    assert "You were signed out, because your role was changed." in web_client.get("/profile").text
    assert "signed out" not in web_client.get("/sign-in").text


def test_nobody_is_told_of_an_ending_without_its_token(web_client: WebClient, people: People) -> None:
    _signed_out(people)
    for token in ("", "tf_session_" + "A" * 43):
        web_client.cookies.set("twofold_session", token)
        assert "signed out" not in web_client.get("/sign-in").text


def test_a_session_that_holds_is_not_forgotten_by_the_sign_in_page(web_client: WebClient, people: People) -> None:
    web_client.sign_in(people.user(ADA).email, PASSWORD)
    web_client.get("/sign-in")
    assert "Profile" in web_client.get("/profile").heading


def test_every_reason_has_its_words_but_what_was_done_here(people: People) -> None:
    silent = {reason for reason in EndReason if words.ended(reason) is None}
    assert silent == {EndReason.SIGNED_OUT, EndReason.STEPPED_DOWN}
