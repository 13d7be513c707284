from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.contexts import context_on
from tests.harness.people import People
from tests.resets.helpdesk import REASON, Helpdesk, exactly, token_in
from twofold.directory.refusals import NoMail, NoSuchUser, NotYourself
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.mail import outbox
from twofold.resets import act_flow, flow
from twofold.resets.case import Act, CloseReason, State, acts_of
from twofold.resets.link import Replaced
from twofold.resets.outcomes import Acted, CaseOpened, Frozen, MissingReason, NoSuchCase, NotEnabled, WrongState
from twofold.resets.tables import reset_cases

# --- asking


def test_a_case_is_requested_until_its_letter_goes_out(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    assert helpdesk.standing(case_id) is State.REQUESTED
    assert [letter.recipient for letter in helpdesk.people.letters("reset_confirm")] == [helpdesk.ada.email]
    helpdesk.link(later(minutes=2))
    case = helpdesk.case(case_id)
    assert (case.state, case.sent_at, case.valid_until) == (State.SENT, later(minutes=2), later(minutes=17))
    [event] = helpdesk.people.events("reset_asked")
    assert (event.actor_id, event.subject_id, event.reason) == (helpdesk.grace.id, helpdesk.ada.id, REASON)


def test_nobody_asks_for_somebody_they_do_not_oversee(helpdesk: Helpdesk) -> None:
    member = helpdesk.people.user("mary@acme.example")
    foreign = helpdesk.people.user("eve@other.example", role="admin", account=helpdesk.people.account("Other"))
    for actor in (member, foreign):
        assert exactly(helpdesk.try_to_ask(actor), NoSuchUser())
    assert helpdesk.people.count(reset_cases) == 0


def test_nobody_asks_for_themselves(helpdesk: Helpdesk) -> None:
    helpdesk.people.protect(helpdesk.grace)
    grace = helpdesk.people.look_up(helpdesk.grace)
    assert exactly(helpdesk.try_to_ask(grace, grace), NotYourself())
    agent = helpdesk.people.user("sam@operator.example", role="support")
    helpdesk.people.set_user(agent, second_factor_since=NOON, factors_changed_at=NOON)
    agent = helpdesk.people.look_up(agent)
    assert exactly(helpdesk.try_to_ask(agent, agent), NotYourself())
    assert helpdesk.people.count(reset_cases) == 0


def test_an_agent_asks_in_any_account_and_for_another_agent(helpdesk: Helpdesk) -> None:
    agent = helpdesk.people.user("sam@operator.example", role="support")
    other = helpdesk.people.user("kim@operator.example", role="support")
    helpdesk.people.set_user(other, second_factor_since=NOON, factors_changed_at=NOON)
    assert isinstance(helpdesk.try_to_ask(agent), CaseOpened)
    assert isinstance(helpdesk.try_to_ask(agent, helpdesk.people.look_up(other)), CaseOpened)


@pytest.mark.parametrize("reason", ["", "  ", "no", " no ", "x" * 501, "hidden\0text", "hidden\u200btext"])
def test_a_reason_of_3_to_500_characters_is_needed(helpdesk: Helpdesk, reason: str) -> None:
    assert exactly(helpdesk.try_to_ask(helpdesk.grace, reason=reason), MissingReason())
    assert helpdesk.people.count(reset_cases) == 0


@pytest.mark.parametrize("reason", ["abc", "x" * 500, "Two\nlines, and a tab\tin it"])
def test_a_reason_may_have_lines(helpdesk: Helpdesk, reason: str) -> None:
    assert helpdesk.case(helpdesk.ask(reason=f"  {reason} ")).reason == reason


def test_there_must_be_a_second_factor_and_a_sign_in_to_switch_off(helpdesk: Helpdesk) -> None:
    bob = helpdesk.people.user("bob@acme.example")
    assert exactly(helpdesk.try_to_ask(helpdesk.grace, bob), NotEnabled())
    helpdesk.people.set_user(helpdesk.ada, active=False)
    assert exactly(helpdesk.try_to_ask(helpdesk.grace), NotEnabled())
    helpdesk.people.set_user(helpdesk.ada, active=True, frozen_at=NOON)
    assert exactly(helpdesk.try_to_ask(helpdesk.grace), Frozen())
    helpdesk.people.set_user(helpdesk.ada, frozen_at=None)
    helpdesk.people.set_account(helpdesk.people.acme, sso=True, sso_url="https://sso.acme.example")
    assert exactly(helpdesk.try_to_ask(helpdesk.grace, helpdesk.ada_now()), NotEnabled())
    assert helpdesk.people.count(reset_cases) == 0


def test_what_changed_since_the_page_was_opened_counts(helpdesk: Helpdesk) -> None:
    """The flow is handed people as they were when the request began."""
    before = helpdesk.ada
    helpdesk.people.set_user(helpdesk.ada, second_factor_since=None)
    assert exactly(helpdesk.try_to_ask(helpdesk.grace, before), NotEnabled())
    helpdesk.people.set_user(helpdesk.ada, second_factor_since=NOON)
    demoted = helpdesk.grace
    helpdesk.people.set_user(helpdesk.grace, role="member", security_version=helpdesk.grace.security_version + 1)
    assert exactly(helpdesk.try_to_ask(demoted, before), NoSuchUser())
    assert helpdesk.people.count(reset_cases) == 0


def test_without_a_mail_server_it_says_so(helpdesk: Helpdesk, database_url: str) -> None:
    case_id = helpdesk.ask()
    with context_on(database_url, mail=False) as mute:
        asked = flow.open_case(mute, helpdesk.grace, helpdesk.ada, REASON, origin=Origin(NOON))
        assert exactly(asked, NoMail())
        assert exactly(act_flow.send_again(mute, helpdesk.grace, case_id, origin=Origin(NOON)), NoMail())
    assert helpdesk.people.count(reset_cases) == 1


def test_a_newer_case_supersedes_an_older_one_whose_link_dies_at_once(helpdesk: Helpdesk) -> None:
    first = helpdesk.ask()
    older = helpdesk.link()
    second = helpdesk.ask(at=later(minutes=1))
    assert helpdesk.standing(first) is State.SUPERSEDED
    assert exactly(helpdesk.view(older, later(minutes=1)), Replaced(helpdesk.case(first), None))
    helpdesk.link(later(minutes=2))
    assert exactly(helpdesk.view(older, later(minutes=3)), Replaced(helpdesk.case(first), later(minutes=2)))
    assert helpdesk.standing(second) is State.SENT
    open_ones = reset_cases.c.state.in_(("requested", "sent"))
    assert helpdesk.people.count(reset_cases, open_ones) == 1


def test_the_database_itself_refuses_a_second_open_case(helpdesk: Helpdesk) -> None:
    first = helpdesk.ask()
    with helpdesk.context.db.write() as connection:
        row = connection.execute(sa.select(reset_cases).where(reset_cases.c.id == first)).one()._asdict()
    with pytest.raises(sa.exc.IntegrityError), helpdesk.context.db.write() as connection:
        connection.execute(reset_cases.insert(), {**row, "id": uuid4()})
    act_flow.cancel(helpdesk.context, helpdesk.grace, first, origin=Origin(NOON))
    with helpdesk.context.db.write() as connection:
        connection.execute(reset_cases.insert(), {**row, "id": uuid4()})


# --- sending again, cancelling


def test_sending_again_replaces_the_link_when_the_new_one_goes_out(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    older = helpdesk.link()
    sent = act_flow.send_again(helpdesk.context, helpdesk.grace, case_id, origin=Origin(later(minutes=10)))
    assert isinstance(sent, Acted)
    assert helpdesk.view(older, later(minutes=10)).verdict.valid_until == later(minutes=15)
    newer = helpdesk.link(later(minutes=11))
    assert exactly(helpdesk.view(older, later(minutes=11)), Replaced(helpdesk.case(case_id), later(minutes=11)))
    assert helpdesk.view(newer, later(minutes=25)).verdict.valid_until == later(minutes=26)


def test_an_expired_case_can_be_sent_again(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    helpdesk.link()
    assert helpdesk.standing(case_id, later(hours=2)) is State.EXPIRED
    assert isinstance(
        act_flow.send_again(helpdesk.context, helpdesk.grace, case_id, origin=Origin(later(hours=2))), Acted
    )
    token = helpdesk.link(later(hours=2))
    assert helpdesk.standing(case_id, later(hours=2)) is State.SENT
    assert type(helpdesk.confirm(token, at=later(hours=2, minutes=14))).__name__ == "ResetDone"


def test_ten_presses_before_the_post_leaves_make_one_letter(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    for _ in range(9):
        act_flow.send_again(helpdesk.context, helpdesk.grace, case_id, origin=Origin(NOON))
    assert len(helpdesk.people.letters("reset_confirm")) == 10
    assert token_in(helpdesk.post())


def test_a_cancelled_case_is_over_for_everybody(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    token = helpdesk.link()
    cancelled = act_flow.cancel(helpdesk.context, helpdesk.grace, case_id, origin=Origin(later(minutes=1)))
    assert isinstance(cancelled, Acted)
    assert cancelled.case.state is State.CANCELLED
    for again in (act_flow.cancel, act_flow.send_again, act_flow.approve):
        assert exactly(
            again(helpdesk.context, helpdesk.grace, case_id, origin=Origin(later(minutes=2))),
            WrongState(State.CANCELLED),
        )
    assert type(helpdesk.confirm(token, at=later(minutes=2))).__name__ == "LinkOver"
    assert helpdesk.ada_now().has_second_factor


def test_a_cancelled_case_sends_no_letter(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    act_flow.cancel(helpdesk.context, helpdesk.grace, case_id, origin=Origin(NOON))
    assert helpdesk.post() == []


def test_only_who_oversees_the_user_acts_on_a_case_and_never_the_user(helpdesk: Helpdesk) -> None:
    helpdesk.people.set_user(helpdesk.ada, role="admin")
    case_id = helpdesk.ask()
    foreign = helpdesk.people.user("eve@other.example", role="admin", account=helpdesk.people.account("Other"))
    member = helpdesk.people.user("mary@acme.example")
    for act in (act_flow.cancel, act_flow.send_again, act_flow.approve):
        assert exactly(act(helpdesk.context, foreign, case_id, origin=Origin(NOON)), NoSuchCase())
        assert exactly(act(helpdesk.context, member, case_id, origin=Origin(NOON)), NoSuchCase())
        assert exactly(act(helpdesk.context, helpdesk.ada_now(), case_id, origin=Origin(NOON)), NotYourself())
        assert exactly(act(helpdesk.context, helpdesk.grace, uuid4(), origin=Origin(NOON)), NoSuchCase())
    assert helpdesk.standing(case_id) is State.REQUESTED


def test_who_was_demoted_while_their_page_was_open_acts_no_more(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    page_is_open = helpdesk.grace
    helpdesk.people.set_user(helpdesk.grace, role="member", security_version=helpdesk.grace.security_version + 1)
    assert exactly(act_flow.cancel(helpdesk.context, page_is_open, case_id, origin=Origin(NOON)), NoSuchCase())


def test_another_administrator_and_an_agent_can_cancel(helpdesk: Helpdesk) -> None:
    linus = helpdesk.people.user("linus@acme.example", role="admin")
    agent = helpdesk.people.user("sam@operator.example", role="support")
    for actor in (linus, agent):
        case_id = helpdesk.ask()
        assert isinstance(act_flow.cancel(helpdesk.context, actor, case_id, origin=Origin(NOON)), Acted)


def test_a_case_that_has_died_is_closed_by_whoever_stumbles_over_it(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    helpdesk.link()
    helpdesk.people.set_user(helpdesk.ada, factors_changed_at=later(minutes=1))
    assert helpdesk.case(case_id).state is State.SENT
    assert exactly(
        act_flow.send_again(helpdesk.context, helpdesk.grace, case_id, origin=Origin(later(minutes=2))),
        WrongState(State.CLOSED),
    )
    case = helpdesk.case(case_id)
    assert (case.state, case.ended_why) == (State.CLOSED, CloseReason.FACTORS_CHANGED)


# --- approval (what it is for stands in test_confirm.py)


def test_requester_and_subject_cannot_approve_and_another_overseer_can(helpdesk: Helpdesk) -> None:
    helpdesk.people.set_user(helpdesk.ada, role="admin")
    case_id = helpdesk.ask()
    linus = helpdesk.people.user("linus@acme.example", role="admin")
    assert exactly(act_flow.approve(helpdesk.context, helpdesk.grace, case_id, origin=Origin(NOON)), NotYourself())
    assert exactly(act_flow.approve(helpdesk.context, helpdesk.ada_now(), case_id, origin=Origin(NOON)), NotYourself())
    assert helpdesk.case(case_id).approved_at is None
    approved = act_flow.approve(helpdesk.context, linus, case_id, origin=Origin(NOON))
    assert isinstance(approved, Acted)
    assert (approved.case.approver_name, approved.case.approved_at) == (linus.name, NOON)


def test_the_page_offers_what_can_be_done_and_approval_only_where_it_is_needed(helpdesk: Helpdesk) -> None:
    linus = helpdesk.people.user("linus@acme.example", role="admin")
    case = helpdesk.case(helpdesk.ask())
    assert acts_of(case, linus, NOON) == {Act.SEND, Act.CANCEL}
    helpdesk.set_password_by_mail(NOON)
    case = helpdesk.case(case.id)
    assert acts_of(case, linus, NOON) == {Act.SEND, Act.CANCEL, Act.APPROVE}
    assert acts_of(case, helpdesk.grace, NOON) == {Act.SEND, Act.CANCEL}
    assert acts_of(case, helpdesk.ada_now(), NOON) == frozenset()


# --- closing


@pytest.mark.parametrize("why", [CloseReason.FROZEN, CloseReason.INACTIVE, CloseReason.EMAIL_CHANGED])
def test_a_room_above_closes_the_open_case_of_a_user(helpdesk: Helpdesk, why: CloseReason) -> None:
    case_id = helpdesk.ask()
    with helpdesk.context.db.write() as connection:
        assert flow.close_cases_of(connection, helpdesk.ada.id, later(minutes=1), why=why) == 1
        assert flow.close_cases_of(connection, helpdesk.ada.id, later(minutes=1), why=why) == 0
    case = helpdesk.case(case_id)
    assert (case.state, case.ended_why, case.ended_at) == (State.CLOSED, why, later(minutes=1))
    assert [event.reason for event in helpdesk.people.events("reset_closed")] == [why]
    assert helpdesk.post() == []


# --- looking


def test_an_administrator_sees_the_cases_of_their_account_and_an_agent_all(people: People, context: AppContext) -> None:
    helpdesk = Helpdesk(people)
    other = people.account("Other")
    eve = people.user("eve@other.example", role="admin", account=other)
    bob, _ = people.protected("bob@other.example", account=other)
    agent = people.user("sam@operator.example", role="support")
    of_ada = helpdesk.ask()
    of_bob = helpdesk.try_to_ask(eve, bob, at=later(minutes=1)).id

    def seen(viewer: Any, **filters: Any) -> list[Any]:
        return [case.id for case in flow.cases_for(context, viewer, **filters).cases]

    assert seen(helpdesk.grace) == [of_ada]
    assert seen(eve) == [of_bob]
    assert seen(agent) == [of_bob, of_ada]
    assert seen(agent, account_id=other) == [of_bob]
    assert seen(agent, user_id=helpdesk.ada.id) == [of_ada]
    assert seen(helpdesk.grace, account_id=other) == [of_ada]  # asking for another account's changes nothing
    assert seen(helpdesk.grace, user_id=bob.id) == []
    assert exactly(flow.case_for(context, helpdesk.grace, of_bob), NoSuchCase())
    assert exactly(flow.case_for(context, agent, uuid4()), NoSuchCase())


def test_the_list_goes_on_after_its_cursor_and_skips_and_repeats_nothing(
    helpdesk: Helpdesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "PAGE", 3)
    moments = [later(minutes=minute // 2) for minute in range(8)]  # two of each moment
    asked = [helpdesk.ask(at=at) for at in moments]
    found: list[Any] = []
    after = ""
    for pages in (3, 3, 2):
        listing = flow.cases_for(helpdesk.context, helpdesk.grace, after=after)
        assert len(listing.cases) == pages
        found += [case.id for case in listing.cases]
        after = listing.next_cursor or ""
    assert after == ""
    assert len(set(found)) == 8
    assert set(found) == set(asked)
    assert [helpdesk.case(case_id).requested_at for case_id in found] == sorted(moments, reverse=True)


@pytest.mark.parametrize(
    "cursor", ["x", "1.2", "9" * 40, "." * 10, "99999999999999999999." + "0" * 32, "-1." + "0" * 32]
)
def test_a_cursor_that_was_made_up_begins_at_the_beginning(helpdesk: Helpdesk, cursor: str) -> None:
    case_id = helpdesk.ask()
    assert [case.id for case in flow.cases_for(helpdesk.context, helpdesk.grace, after=cursor).cases] == [case_id]


def test_the_history_of_a_case_names_who_did_what(helpdesk: Helpdesk) -> None:
    linus = helpdesk.people.user("linus@acme.example", role="admin", name="Linus Pauling")
    case_id = helpdesk.ask()
    helpdesk.link()
    act_flow.send_again(helpdesk.context, linus, case_id, origin=Origin(later(minutes=1)))
    token = helpdesk.link(later(minutes=2))
    helpdesk.confirm(token, "wrong password", at=later(minutes=3))
    helpdesk.confirm(token, at=later(minutes=4))
    found = flow.case_for(helpdesk.context, helpdesk.grace, case_id)
    assert not isinstance(found, NoSuchCase)
    assert [(line.kind, line.actor_name, line.at) for line in found[1]] == [
        ("asked", "Grace Hopper", NOON),
        ("sent", None, NOON),
        ("sent_again", "Linus Pauling", later(minutes=1)),
        ("sent", None, later(minutes=2)),
        ("password_wrong", None, later(minutes=3)),
        ("confirmed", "Ada Lovelace", later(minutes=4)),
    ]
    kinds = [event.kind for event in helpdesk.people.events() if event.kind.startswith("reset_")]
    assert kinds == [f"reset_{line.kind}" for line in found[1]]


def test_what_the_mail_server_says_shows_on_the_case(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    [entry] = helpdesk.people.letters("reset_confirm")
    assert helpdesk.case(case_id).letter == (None, None)
    with helpdesk.context.db.write() as connection:
        outbox.settle(connection, entry.id, "rejected", NOON, "550 5.1.1 No such person here")
    assert helpdesk.case(case_id).letter == ("rejected", "550 5.1.1 No such person here")


def test_links_are_forgotten_after_ninety_days(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    with helpdesk.context.db.write() as connection:
        assert flow.forget_over(connection, later(days=90)) == 0
        assert flow.forget_over(connection, later(days=90, seconds=1)) == 1
    assert type(helpdesk.view(token)).__name__ == "Unknown"
