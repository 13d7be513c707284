"""Inviting: so many a day, one letter a day to an address, and never a way to learn who exists in another account."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.admin.administrators import Administrator
from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock, context_on
from tests.harness.parallel import at_once
from tests.harness.people import CLIENT_INFO, People
from tests.harness.statements import counted
from tests.recovery.conftest import Mailer
from twofold.admin import act_flow
from twofold.admin.act_flow import Made
from twofold.directory import accounts_flow, notice_flow
from twofold.directory.add_user_flow import NewUser
from twofold.directory.refusals import Refused
from twofold.directory.tables import users
from twofold.directory.user import User
from twofold.events.notices import Notice
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts.budget import invitations_a_day
from twofold.lockouts.invitation_flow import InvitedToday, TooManyInvitations
from twofold.provisioning import flow as provisioning
from twofold.provisioning import new_user_flow
from twofold.provisioning.flow import UserChange
from twofold.provisioning.new_user_flow import MadeUser
from twofold.recovery.outcomes import Invited

TAKEN = "taken@globex.example"
FREE = "free@globex.example"


@pytest.fixture
def second_node(database_url: str, context: AppContext) -> Iterator[AppContext]:
    with context_on(database_url) as node:
        yield node


@pytest.fixture
def taken(people: People) -> User:
    """Be somebody of another account."""
    return people.user(TAKEN, name="Tara Taken", account=people.account("Globex"))


@pytest.fixture
def ada(people: People) -> User:
    return people.user("ada@acme.example", role="admin")


def invite(context: AppContext, actor: User, email: str, name: str = "Nora New", at: datetime = NOON) -> Any:
    return act_flow.invite(context, actor, NewUser(email, name), origin=Origin(at, CLIENT_INFO))


def again(context: AppContext, actor: User, user: User, at: datetime = NOON) -> Any:
    return act_flow.invite_again(context, actor, user.id, origin=Origin(at, CLIENT_INFO))


def made(outcome: Any) -> User:
    assert isinstance(outcome, Made), outcome
    return outcome.user


# --- how many


@pytest.mark.parametrize(
    ("seats", "most"), [(0, 20), (5, 20), (20, 20), (21, 21), (1000, 1000), (10_000_000, 1000), (None, 200)]
)
def test_how_many_follows_from_the_seats(seats: int | None, most: int) -> None:
    assert invitations_a_day(seats) == most


def test_the_number_of_a_day_is_the_most_and_tomorrow_there_are_more(
    people: People, context: AppContext, ada: User
) -> None:
    people.set_account(people.acme, seats=3)
    for number in range(20):
        made(
            act_flow.invite(
                context,
                ada,
                NewUser(f"new{number}@acme.example", "New", licensed=False),
                origin=Origin(later(minutes=number), CLIENT_INFO),
            )
        )
    refused = invite(context, ada, "one.more@acme.example", at=later(minutes=20))
    assert refused == TooManyInvitations(20, later(days=1), 24 * 3600 - 20 * 60)
    assert people.count(users, users.c.email_key == "one.more@acme.example") == 0
    assert len(people.letters("invitation")) == 20
    other = people.user("bob@umbrella.example", role="admin", account=people.account("Umbrella"))
    made(invite(context, other, "one@umbrella.example", at=later(minutes=20)))
    made(act_flow.invite(
        context, ada, NewUser("one.more@acme.example", "New", licensed=False), origin=Origin(later(days=1), CLIENT_INFO)
    ))  # fmt: skip


def test_inviting_again_counts_as_well(people: People, context: AppContext, ada: User) -> None:
    people.set_account(people.acme, seats=3)
    waiting = [people.user(f"new{number}@acme.example", licensed=False, password=None) for number in range(21)]
    outcomes = [again(context, ada, user) for user in waiting]
    assert outcomes[:20] == [Invited()] * 20
    assert isinstance(outcomes[20], TooManyInvitations)


def test_of_many_at_once_on_two_nodes_no_more_go_out(people: People, second_node: AppContext, ada: User) -> None:
    people.set_account(people.acme, seats=0)
    waiting = [people.user(f"new{number}@acme.example", licensed=False, password=None) for number in range(24)]
    contexts = (people.context, second_node)
    outcomes = at_once(
        *(
            lambda user=user, context=contexts[number % 2]: again(context, ada, user)
            for number, user in enumerate(waiting)
        )
    )
    assert outcomes.count(Invited()) == 20
    assert len(people.letters("invitation")) == 20


def test_what_is_refused_for_another_reason_costs_nothing(people: People, context: AppContext, ada: User) -> None:
    people.set_account(people.acme, seats=3)
    for _ in range(25):
        assert isinstance(invite(context, ada, "ada@acme.example"), Refused)
    new = made(invite(context, ada, FREE))
    assert isinstance(again(context, ada, new), InvitedToday)


def test_operators_are_not_bound_and_what_they_send_counts_for_the_address(
    people: People, context: AppContext, ada: User
) -> None:
    people.set_account(people.acme, seats=30)
    outcomes = [
        new_user_flow.create_user(
            context,
            people.acme,
            NewUser(f"new{number}@acme.example", "New"),
            origin=Origin(NOON, CLIENT_INFO, acting.CONSOLE),
        )
        for number in range(25)
    ]
    users = [outcome.user for outcome in outcomes if isinstance(outcome, MadeUser)]
    assert len(users) == len(people.letters("invitation")) == 25
    assert isinstance(again(context, ada, users[-1]), InvitedToday)
    assert made(invite(context, ada, FREE)).email == FREE


# --- one letter a day to an address


def test_an_address_is_invited_once_a_day_and_again_tomorrow(people: People, context: AppContext, ada: User) -> None:
    new = made(invite(context, ada, FREE))
    assert again(context, ada, new, at=later(hours=23)) == InvitedToday(later(days=1), 3600)
    assert again(context, ada, new, at=later(days=1)) == Invited()
    assert len(people.letters("invitation")) == 2


# --- somebody who is in another account


def looks(people: People, boss: Administrator, user_id: str) -> Any:
    """Return all that an administrator sees of somebody they invited, but for ids, names and addresses."""
    seen = boss.api.get(f"/users/{user_id}").body
    summary = next(user for user in boss.api.get("/users")["users"] if user["id"] == user_id)
    assert summary == seen
    found = boss.api.get("/users", search=seen["email"])["users"]
    assert [user["id"] for user in found] == [user_id]
    page = boss.open(f"/people/{user_id}")
    log = [
        (event.kind, event.result, event.details.replace(TAKEN, FREE))
        for event in people.events()
        if str(event.subject_id) == user_id
    ]
    same = {key: value for key, value in seen.items() if key not in {"id", "email", "name", "created_at"}}
    return same, page.buttons, page.status, log


def test_over_the_api_a_taken_address_is_answered_and_listed_as_a_free_one(
    people: People, boss: Administrator, taken: User
) -> None:
    answers = [boss.api.post("/invitations", email=email, name="Nora New") for email in (FREE, TAKEN)]
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].body.keys() == answers[1].body.keys() == {"id"}
    free, other = (looks(people, boss, answer["id"]) for answer in answers)
    assert free == other
    for answer in answers:
        assert boss.api.patch(f"/users/{answer['id']}", role="admin").status == 200
        assert boss.api.patch(f"/users/{answer['id']}", active=False).status == 200
    assert people.look_up(taken) == taken


def test_on_pages_a_taken_address_is_answered_as_a_free_one(people: People, boss: Administrator, taken: User) -> None:
    pages = [
        boss.browser.submit(boss.open("/people/invite"), "Send invitation", email=email, name="Nora New", role="member")
        for email in (FREE, TAKEN)
    ]
    assert [page.status for page in pages] == [200, 200]
    assert pages[0].text.replace(FREE, TAKEN) == pages[1].text
    assert "The invitation is on its way." in pages[1].text
    assert pages[0].html.count("Invited") == pages[1].html.count("Invited") > 0
    assert people.look_up(taken) == taken


def test_a_taken_address_costs_the_same_statements(people: People, context: AppContext, ada: User, taken: User) -> None:
    people.user("zoe@zzz.example")  # somebody comes after every address: the nearest is looked for
    heard = []
    for email in (FREE, TAKEN):
        with counted(context.db) as statements:
            new = made(invite(context, ada, email))
        with counted(context.db) as further:
            assert again(context, ada, new, at=later(days=1)) == Invited()
        heard.append((statements, further))
    assert heard[0] == heard[1]
    assert taken.email == TAKEN


def test_inviting_a_taken_address_twice_says_that_it_is_there_already(
    context: AppContext, ada: User, taken: User
) -> None:
    for email in (FREE, TAKEN):
        made(invite(context, ada, email))
        refused = invite(context, ada, email.upper())
        assert isinstance(refused, Refused)
        assert refused.code == "email_taken"
    assert taken.active


def test_one_address_invited_by_two_accounts_at_once_is_made_in_one(
    people: People, second_node: AppContext, ada: User
) -> None:
    bob = people.user("bob@umbrella.example", role="admin", account=people.account("Umbrella"))
    outcomes = at_once(lambda: invite(people.context, ada, FREE), lambda: invite(second_node, bob, FREE))
    users = [made(outcome) for outcome in outcomes]
    assert sorted(user.is_placeholder for user in users) == [False, True]


def test_the_owner_is_asked_by_mail_once_a_day_and_nothing_of_theirs_changes(
    people: People, context: AppContext, ada: User, taken: User, mailer: Mailer
) -> None:
    lure = "Pay now today, dear friend"
    bob = people.user("bob@umbrella.example", role="admin", account=people.account("Umbrella"))
    placeholder = made(invite(context, ada, TAKEN.upper(), lure))
    mailer.deliver()
    made(invite(context, bob, TAKEN, lure))
    mailer.deliver()
    (letter,) = mailer.smtp.sent_to(TAKEN)
    assert letter.subject == "An administrator of Acme wanted to invite you - Twofold"
    assert "An administrator of Acme wanted to make an account" in " ".join(letter.text.split())
    assert TAKEN in letter.text
    for untold in (lure, "Globex", "Tara", "Ada", "set-password", "not-me"):
        assert untold not in letter.text + letter.subject
    assert people.look_up(taken) == taken
    people.sign_in(taken)
    again(context, ada, placeholder, at=later(days=1, minutes=5))
    mailer.deliver(later(days=1, minutes=5))
    assert len(mailer.smtp.sent_to(TAKEN)) == 2


def test_other_letters_never_reach_somebody_who_belongs_elsewhere(
    people: People, context: AppContext, ada: User, taken: User, mailer: Mailer
) -> None:
    placeholder = made(act_flow.invite(context, ada, NewUser(TAKEN, "Nora", "admin"), origin=Origin(NOON, CLIENT_INFO)))
    with context.db.write() as connection:
        notice_flow.notify_admins(
            context,
            connection,
            people.acme,
            Notice.MEMBER_LOCKED,
            NOON,
            name="Ada",
            email="a@b.example",
            user_id=str(ada.id),
        )
        notice_flow.notify(context, connection, placeholder, Notice.PASSWORD_CHANGED, NOON, address="", browser="")
    mailer.deliver()
    assert [letter.subject for letter in mailer.smtp.sent_to(TAKEN)] == [
        "An administrator of Acme wanted to invite you - Twofold"
    ]
    assert taken.active


def test_nobody_comes_in_by_a_placeholder(people: People, context: AppContext, ada: User, taken: User) -> None:
    placeholder = made(invite(context, ada, TAKEN))
    assert people.sign_in(taken).user.account_id == taken.account_id
    for change in (UserChange(password="orchard kettle lantern two"), UserChange(email=TAKEN)):
        refused = provisioning.change_user(
            context,
            origin=Origin(NOON, CLIENT_INFO, acting.CONSOLE),
            subject_id=placeholder.id,
            change=change,
            within=None,
        )
        assert isinstance(refused, Refused)
        assert refused.code == "email_taken"


def test_an_address_that_became_free_is_invited_in_earnest_the_next_time(
    people: People, context: AppContext, ada: User, taken: User
) -> None:
    placeholder = made(invite(context, ada, TAKEN))
    people.set_user(taken, email="moved@globex.example", email_key="moved@globex.example")
    assert again(context, ada, placeholder, at=later(days=1)) == Invited()
    now = people.look_up(placeholder)
    assert (now.is_placeholder, now.email_key) == (False, TAKEN)


def test_operators_go_on_learning_that_an_address_is_taken(
    people: People, context: AppContext, http: httpx.Client, ada: User, taken: User
) -> None:
    api = Api(http, people.operator_key())
    assert api.post(f"/accounts/{people.acme}/users", email=TAKEN, name="Nora").refusal == (409, "email_taken")
    made(invite(context, ada, TAKEN))
    assert api.post(f"/accounts/{people.acme}/users", email=TAKEN, name="Nora").refusal == (409, "email_taken")
    assert taken.active


# --- how it is said


def test_over_the_api_too_many_say_when_it_is_possible_again(people: People, boss: Administrator) -> None:
    people.set_account(people.acme, seats=2)
    for number in range(20):
        assert boss.api.post("/invitations", email=f"n{number}@acme.example", name="N", licensed=False).status == 201
    refused = boss.api.post("/invitations", email="more@acme.example", name="N", licensed=False)
    assert refused.refusal == (429, "too_many_invitations")
    assert int(refused.headers["Retry-After"]) == 24 * 3600
    assert "20" in refused["detail"]


def test_on_pages_it_is_said_how_many_and_when(people: People, boss: Administrator, frozen_clock: FrozenClock) -> None:
    people.set_account(people.acme, seats=2)
    new = [people.user(f"n{number}@acme.example", licensed=False, password=None) for number in range(20)]
    for user in new:
        assert boss.browser.post(f"/people/{user.id}/invitation").status == 200
    page = boss.browser.submit(boss.open("/people/invite"), "Send invitation", email=FREE, name="N", role="member")
    assert page.status == 429
    assert "20 invitations" in page.alert
    assert "4 March 2026, 12:00 Coordinated Universal Time" in page.alert
    assert page.form("Send invitation").fields["email"] == FREE
    frozen_clock.forward(minutes=30)
    page = boss.browser.post(f"/people/{new[0].id}/invitation")
    assert page.status == 429
    assert "4 March 2026, 12:00 Coordinated Universal Time" in page.alert


# --- what names may be


@pytest.mark.parametrize(
    "name", ["Pay now: http://evil.example/x", "evil.example", "Eve\u2028Pay now", "a@evil.example"]
)
def test_no_name_with_a_link_comes_in_by_any_way(
    people: People, boss: Administrator, http: httpx.Client, context: AppContext, name: str
) -> None:
    api = Api(http, people.operator_key())
    ada = people.user("ada@acme.example")
    refusals = [
        boss.api.post("/invitations", email=FREE, name=name),
        boss.api.patch(f"/users/{ada.id}", name=name),
        api.patch(f"/users/{ada.id}", name=name),
        api.post(f"/accounts/{people.acme}/users", email=FREE, name=name),
    ]
    assert [refusal.refusal for refusal in refusals] == [(400, "invalid_request")] * 4
    assert {tuple(refusal["fields"]) for refusal in refusals} == {("name",)}
    page = boss.browser.submit(boss.open("/people/invite"), "Send invitation", email=FREE, name=name, role="member")
    assert page.status == 400
    assert "name" in page.errors
    assert not people.letters("invitation")


def test_a_name_from_before_lets_its_owner_in_and_everything_else_of_them_change(
    people: People, context: AppContext
) -> None:
    ada = people.user()
    people.set_user(ada, name="http://evil.example")
    people.set_account(people.acme, name="http://acme.example")
    people.sign_in(ada)
    change = UserChange(licensed=False)
    changed = provisioning.change_user(
        context, origin=Origin(NOON, CLIENT_INFO, acting.CONSOLE), subject_id=ada.id, change=change, within=None
    )
    assert isinstance(changed, User)
    edition = accounts_flow.AccountChange(edition="standard")
    assert (
        accounts_flow.change_account(context.db, people.acme, edition, origin=Origin(NOON, actor=acting.CONSOLE))
        == people.acme
    )
