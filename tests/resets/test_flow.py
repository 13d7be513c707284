from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.houses import house_on
from tests.harness.people import People
from tests.resets.desk import REASON, Desk, exactly, token_in
from twofold.kit import outbox
from twofold.kit.house import House
from twofold.resets import act_flow, flow
from twofold.resets.case import Act, Death, State, acts_of
from twofold.resets.link import Replaced
from twofold.resets.outcomes import (
    Acted,
    CaseOpened,
    Frozen,
    MissingReason,
    NoMail,
    NoSuchCase,
    NoSuchUser,
    NotEnabled,
    NotYourself,
    WrongState,
)
from twofold.resets.tables import reset_cases

# --- asking


def test_a_case_is_requested_until_its_letter_goes_out(desk: Desk) -> None:
    case_id = desk.ask()
    assert desk.standing(case_id) is State.REQUESTED
    assert [letter.recipient for letter in desk.people.letters("reset_confirm")] == [desk.ada.email]
    desk.link(later(minutes=2))
    case = desk.case(case_id)
    assert (case.state, case.sent_at, case.valid_until) == (State.SENT, later(minutes=2), later(minutes=17))
    [event] = desk.people.events("reset_asked")
    assert (event.actor_id, event.subject_id, event.reason) == (desk.grace.id, desk.ada.id, REASON)


def test_nobody_asks_for_somebody_they_do_not_oversee(desk: Desk) -> None:
    member = desk.people.person("mary@acme.example")
    foreign = desk.people.person("eve@other.example", role="admin", account=desk.people.account("Other"))
    for actor in (member, foreign):
        assert exactly(desk.try_to_ask(actor), NoSuchUser())
    assert desk.people.count(reset_cases) == 0


def test_nobody_asks_for_themselves(desk: Desk) -> None:
    desk.people.protect(desk.grace)
    grace = desk.people.look_up(desk.grace)
    assert exactly(desk.try_to_ask(grace, grace), NotYourself())
    agent = desk.people.person("sam@operator.example", role="support")
    desk.people.set_person(agent, second_factor_since=NOON, factors_changed_at=NOON)
    agent = desk.people.look_up(agent)
    assert exactly(desk.try_to_ask(agent, agent), NotYourself())
    assert desk.people.count(reset_cases) == 0


def test_an_agent_asks_in_any_account_and_for_another_agent(desk: Desk) -> None:
    agent = desk.people.person("sam@operator.example", role="support")
    other = desk.people.person("kim@operator.example", role="support")
    desk.people.set_person(other, second_factor_since=NOON, factors_changed_at=NOON)
    assert isinstance(desk.try_to_ask(agent), CaseOpened)
    assert isinstance(desk.try_to_ask(agent, desk.people.look_up(other)), CaseOpened)


@pytest.mark.parametrize("reason", ["", "  ", "no", " no ", "x" * 501, "hidden\0text", "hidden\u200btext"])
def test_a_reason_of_3_to_500_characters_is_needed(desk: Desk, reason: str) -> None:
    assert exactly(desk.try_to_ask(desk.grace, reason=reason), MissingReason())
    assert desk.people.count(reset_cases) == 0


@pytest.mark.parametrize("reason", ["abc", "x" * 500, "Two\nlines, and a tab\tin it"])
def test_a_reason_may_have_lines(desk: Desk, reason: str) -> None:
    assert desk.case(desk.ask(reason=f"  {reason} ")).reason == reason


def test_there_must_be_a_second_factor_and_a_sign_in_to_switch_off(desk: Desk) -> None:
    bob = desk.people.person("bob@acme.example")
    assert exactly(desk.try_to_ask(desk.grace, bob), NotEnabled())
    desk.people.set_person(desk.ada, active=False)
    assert exactly(desk.try_to_ask(desk.grace), NotEnabled())
    desk.people.set_person(desk.ada, active=True, frozen_at=NOON)
    assert exactly(desk.try_to_ask(desk.grace), Frozen())
    desk.people.set_person(desk.ada, frozen_at=None)
    desk.people.set_account(desk.people.acme, sso=True, sso_url="https://sso.acme.example")
    assert exactly(desk.try_to_ask(desk.grace, desk.ada_now()), NotEnabled())
    assert desk.people.count(reset_cases) == 0


def test_what_changed_since_the_page_was_opened_counts(desk: Desk) -> None:
    """The flow is handed people as they were when the request began."""
    before = desk.ada
    desk.people.set_person(desk.ada, second_factor_since=None)
    assert exactly(desk.try_to_ask(desk.grace, before), NotEnabled())
    desk.people.set_person(desk.ada, second_factor_since=NOON)
    demoted = desk.grace
    desk.people.set_person(desk.grace, role="member", security_version=desk.grace.security_version + 1)
    assert exactly(desk.try_to_ask(demoted, before), NoSuchUser())
    assert desk.people.count(reset_cases) == 0


def test_without_a_mail_server_it_says_so(desk: Desk, database_url: str) -> None:
    case_id = desk.ask()
    with house_on(database_url, mail=False) as mute:
        asked = flow.open_case(mute, desk.grace, desk.ada, REASON, at=NOON)
        assert exactly(asked, NoMail())
        assert exactly(act_flow.send_again(mute, desk.grace, case_id, at=NOON), NoMail())
    assert desk.people.count(reset_cases) == 1


def test_a_newer_case_supersedes_an_older_one_whose_link_dies_at_once(desk: Desk) -> None:
    first = desk.ask()
    older = desk.link()
    second = desk.ask(at=later(minutes=1))
    assert desk.standing(first) is State.SUPERSEDED
    assert exactly(desk.view(older, later(minutes=1)), Replaced(desk.case(first), None))
    desk.link(later(minutes=2))
    assert exactly(desk.view(older, later(minutes=3)), Replaced(desk.case(first), later(minutes=2)))
    assert desk.standing(second) is State.SENT
    open_ones = reset_cases.c.state.in_(("requested", "sent"))
    assert desk.people.count(reset_cases, open_ones) == 1


def test_the_database_itself_refuses_a_second_open_case(desk: Desk) -> None:
    first = desk.ask()
    with desk.house.db.write() as connection:
        row = connection.execute(sa.select(reset_cases).where(reset_cases.c.id == first)).one()._asdict()
    with pytest.raises(sa.exc.IntegrityError), desk.house.db.write() as connection:
        connection.execute(reset_cases.insert(), {**row, "id": uuid4()})
    act_flow.cancel(desk.house, desk.grace, first, at=NOON)
    with desk.house.db.write() as connection:
        connection.execute(reset_cases.insert(), {**row, "id": uuid4()})


# --- sending again, cancelling


def test_sending_again_replaces_the_link_when_the_new_one_goes_out(desk: Desk) -> None:
    case_id = desk.ask()
    older = desk.link()
    sent = act_flow.send_again(desk.house, desk.grace, case_id, at=later(minutes=10))
    assert isinstance(sent, Acted)
    assert desk.view(older, later(minutes=10)).verdict.valid_until == later(minutes=15)
    newer = desk.link(later(minutes=11))
    assert exactly(desk.view(older, later(minutes=11)), Replaced(desk.case(case_id), later(minutes=11)))
    assert desk.view(newer, later(minutes=25)).verdict.valid_until == later(minutes=26)


def test_an_expired_case_can_be_sent_again(desk: Desk) -> None:
    case_id = desk.ask()
    desk.link()
    assert desk.standing(case_id, later(hours=2)) is State.EXPIRED
    assert isinstance(act_flow.send_again(desk.house, desk.grace, case_id, at=later(hours=2)), Acted)
    token = desk.link(later(hours=2))
    assert desk.standing(case_id, later(hours=2)) is State.SENT
    assert type(desk.confirm(token, at=later(hours=2, minutes=14))).__name__ == "ResetDone"


def test_ten_presses_before_the_post_leaves_make_one_letter(desk: Desk) -> None:
    case_id = desk.ask()
    for _ in range(9):
        act_flow.send_again(desk.house, desk.grace, case_id, at=NOON)
    assert len(desk.people.letters("reset_confirm")) == 10
    assert token_in(desk.post())


def test_a_cancelled_case_is_over_for_everybody(desk: Desk) -> None:
    case_id = desk.ask()
    token = desk.link()
    cancelled = act_flow.cancel(desk.house, desk.grace, case_id, at=later(minutes=1))
    assert isinstance(cancelled, Acted)
    assert cancelled.case.state is State.CANCELLED
    for again in (act_flow.cancel, act_flow.send_again, act_flow.approve):
        assert exactly(again(desk.house, desk.grace, case_id, at=later(minutes=2)), WrongState(State.CANCELLED))
    assert type(desk.confirm(token, at=later(minutes=2))).__name__ == "LinkOver"
    assert desk.ada_now().has_second_factor


def test_a_cancelled_case_sends_no_letter(desk: Desk) -> None:
    case_id = desk.ask()
    act_flow.cancel(desk.house, desk.grace, case_id, at=NOON)
    assert desk.post() == []


def test_only_who_oversees_the_person_acts_on_a_case_and_never_the_person(desk: Desk) -> None:
    desk.people.set_person(desk.ada, role="admin")
    case_id = desk.ask()
    foreign = desk.people.person("eve@other.example", role="admin", account=desk.people.account("Other"))
    member = desk.people.person("mary@acme.example")
    for act in (act_flow.cancel, act_flow.send_again, act_flow.approve):
        assert exactly(act(desk.house, foreign, case_id, at=NOON), NoSuchCase())
        assert exactly(act(desk.house, member, case_id, at=NOON), NoSuchCase())
        assert exactly(act(desk.house, desk.ada_now(), case_id, at=NOON), NotYourself())
        assert exactly(act(desk.house, desk.grace, uuid4(), at=NOON), NoSuchCase())
    assert desk.standing(case_id) is State.REQUESTED


def test_who_was_demoted_while_their_page_was_open_acts_no_more(desk: Desk) -> None:
    case_id = desk.ask()
    page_is_open = desk.grace
    desk.people.set_person(desk.grace, role="member", security_version=desk.grace.security_version + 1)
    assert exactly(act_flow.cancel(desk.house, page_is_open, case_id, at=NOON), NoSuchCase())


def test_another_administrator_and_an_agent_can_cancel(desk: Desk) -> None:
    linus = desk.people.person("linus@acme.example", role="admin")
    agent = desk.people.person("sam@operator.example", role="support")
    for actor in (linus, agent):
        case_id = desk.ask()
        assert isinstance(act_flow.cancel(desk.house, actor, case_id, at=NOON), Acted)


def test_a_case_that_has_died_is_closed_by_whoever_stumbles_over_it(desk: Desk) -> None:
    case_id = desk.ask()
    desk.link()
    desk.people.set_person(desk.ada, factors_changed_at=later(minutes=1))
    assert desk.case(case_id).state is State.SENT
    assert exactly(act_flow.send_again(desk.house, desk.grace, case_id, at=later(minutes=2)), WrongState(State.CLOSED))
    case = desk.case(case_id)
    assert (case.state, case.ended_why) == (State.CLOSED, Death.FACTORS_CHANGED)


# --- approval (what it is for stands in test_confirm.py)


def test_requester_and_subject_cannot_approve_and_another_overseer_can(desk: Desk) -> None:
    desk.people.set_person(desk.ada, role="admin")
    case_id = desk.ask()
    linus = desk.people.person("linus@acme.example", role="admin")
    assert exactly(act_flow.approve(desk.house, desk.grace, case_id, at=NOON), NotYourself())
    assert exactly(act_flow.approve(desk.house, desk.ada_now(), case_id, at=NOON), NotYourself())
    assert desk.case(case_id).approved_at is None
    approved = act_flow.approve(desk.house, linus, case_id, at=NOON)
    assert isinstance(approved, Acted)
    assert (approved.case.approver_name, approved.case.approved_at) == (linus.name, NOON)


def test_the_page_offers_what_can_be_done_and_approval_only_where_it_is_needed(desk: Desk) -> None:
    linus = desk.people.person("linus@acme.example", role="admin")
    case = desk.case(desk.ask())
    assert acts_of(case, linus, NOON) == {Act.SEND, Act.CANCEL}
    desk.set_password_by_mail(NOON)
    case = desk.case(case.id)
    assert acts_of(case, linus, NOON) == {Act.SEND, Act.CANCEL, Act.APPROVE}
    assert acts_of(case, desk.grace, NOON) == {Act.SEND, Act.CANCEL}
    assert acts_of(case, desk.ada_now(), NOON) == frozenset()


# --- closing


@pytest.mark.parametrize("why", [Death.FROZEN, Death.INACTIVE, Death.EMAIL_CHANGED])
def test_a_room_above_closes_the_open_case_of_a_user(desk: Desk, why: Death) -> None:
    case_id = desk.ask()
    with desk.house.db.write() as connection:
        assert flow.close_cases_of(connection, desk.ada.id, later(minutes=1), why=why) == 1
        assert flow.close_cases_of(connection, desk.ada.id, later(minutes=1), why=why) == 0
    case = desk.case(case_id)
    assert (case.state, case.ended_why, case.ended_at) == (State.CLOSED, why, later(minutes=1))
    assert [event.reason for event in desk.people.events("reset_closed")] == [why]
    assert desk.post() == []


# --- looking


def test_an_administrator_sees_the_cases_of_their_account_and_an_agent_all(people: People, house: House) -> None:
    desk = Desk(people)
    other = people.account("Other")
    eve = people.person("eve@other.example", role="admin", account=other)
    bob, _ = people.protected("bob@other.example", account=other)
    agent = people.person("sam@operator.example", role="support")
    of_ada = desk.ask()
    of_bob = desk.try_to_ask(eve, bob, at=later(minutes=1)).id

    def seen(viewer: Any, **filters: Any) -> list[Any]:
        return [case.id for case in flow.cases_for(house, viewer, **filters).cases]

    assert seen(desk.grace) == [of_ada]
    assert seen(eve) == [of_bob]
    assert seen(agent) == [of_bob, of_ada]
    assert seen(agent, account_id=other) == [of_bob]
    assert seen(agent, user_id=desk.ada.id) == [of_ada]
    assert seen(desk.grace, account_id=other) == [of_ada]  # asking for another account's changes nothing
    assert seen(desk.grace, user_id=bob.id) == []
    assert exactly(flow.case_for(house, desk.grace, of_bob), NoSuchCase())
    assert exactly(flow.case_for(house, agent, uuid4()), NoSuchCase())


def test_the_list_goes_on_after_its_cursor_and_skips_and_repeats_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "PAGE", 3)
    moments = [later(minutes=minute // 2) for minute in range(8)]  # two of each moment
    asked = [desk.ask(at=at) for at in moments]
    found: list[Any] = []
    after = ""
    for pages in (3, 3, 2):
        listing = flow.cases_for(desk.house, desk.grace, after=after)
        assert len(listing.cases) == pages
        found += [case.id for case in listing.cases]
        after = listing.next_cursor or ""
    assert after == ""
    assert len(set(found)) == 8
    assert set(found) == set(asked)
    assert [desk.case(case_id).requested_at for case_id in found] == sorted(moments, reverse=True)


@pytest.mark.parametrize(
    "cursor", ["x", "1.2", "9" * 40, "." * 10, "99999999999999999999." + "0" * 32, "-1." + "0" * 32]
)
def test_a_cursor_that_was_made_up_begins_at_the_beginning(desk: Desk, cursor: str) -> None:
    case_id = desk.ask()
    assert [case.id for case in flow.cases_for(desk.house, desk.grace, after=cursor).cases] == [case_id]


def test_the_history_of_a_case_names_who_did_what(desk: Desk) -> None:
    linus = desk.people.person("linus@acme.example", role="admin", name="Linus Pauling")
    case_id = desk.ask()
    desk.link()
    act_flow.send_again(desk.house, linus, case_id, at=later(minutes=1))
    token = desk.link(later(minutes=2))
    desk.confirm(token, "wrong password", at=later(minutes=3))
    desk.confirm(token, at=later(minutes=4))
    found = flow.case_for(desk.house, desk.grace, case_id)
    assert not isinstance(found, NoSuchCase)
    assert [(line.kind, line.actor_name, line.at) for line in found[1]] == [
        ("asked", "Grace Hopper", NOON),
        ("sent", None, NOON),
        ("sent_again", "Linus Pauling", later(minutes=1)),
        ("sent", None, later(minutes=2)),
        ("password_wrong", None, later(minutes=3)),
        ("confirmed", "Ada Lovelace", later(minutes=4)),
    ]
    kinds = [event.kind for event in desk.people.events() if event.kind.startswith("reset_")]
    assert kinds == [f"reset_{line.kind}" for line in found[1]]


def test_what_the_mail_server_says_shows_on_the_case(desk: Desk) -> None:
    case_id = desk.ask()
    [entry] = desk.people.letters("reset_confirm")
    assert desk.case(case_id).letter == (None, None)
    with desk.house.db.write() as connection:
        outbox.settle(connection, entry.id, "rejected", NOON, "550 5.1.1 No such person here")
    assert desk.case(case_id).letter == ("rejected", "550 5.1.1 No such person here")


def test_links_are_forgotten_after_ninety_days(desk: Desk) -> None:
    token = desk.sent()
    with desk.house.db.write() as connection:
        assert flow.forget_over(connection, later(days=90)) == 0
        assert flow.forget_over(connection, later(days=90, seconds=1)) == 1
    assert type(desk.view(token)).__name__ == "Unknown"
