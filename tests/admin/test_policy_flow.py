"""Whom a policy stops, as the preview tells it and as eligibility decides it; and when it cannot be saved."""

from datetime import datetime, timedelta

import pytest

from tests.admin.administrators import BOSS, Administrator, browser_of
from tests.harness.clock import NOON
from tests.harness.contexts import context_on
from tests.harness.parallel import at_once
from tests.harness.people import CLIENT_INFO, People
from twofold.admin import policy_flow
from twofold.admin.policy import Policy, stops_from
from twofold.admin.policy_flow import NoLongerAdmin, NotOffered, PolicySaved, Preview, WouldLockOutLastAdmin
from twofold.directory import records as directory
from twofold.directory.eligibility import Reason
from twofold.directory.refusals import NoMail
from twofold.directory.user import User
from twofold.kit.acting import Origin
from twofold.sessions.session import Session

DAY = timedelta(days=1)
REQUIRED = Policy("required")
ALL = 1000


@pytest.fixture
def admin(people: People) -> Session:
    """Let an administrator with two-factor authentication in."""
    user, factor = people.protected(BOSS, role="admin")
    return people.sign_in(user, factor.phone)


def crowd(people: People) -> list[User]:
    """Make somebody of every kind that decides whether a policy stops them."""
    people.protected("on@acme.example")
    made = [
        people.user("off@acme.example", name="Bob Off"),
        people.user("admin@acme.example", name="Ada Admin", role="admin"),
        people.user("free@acme.example", licensed=False),
        people.user("gone@acme.example", active=False),
        people.user("cold@acme.example", name="Carl Cold", frozen_at=NOON),
        people.user("new@acme.example", name="Dora New", password=None),
    ]
    made += [
        people.user(f"{days}@acme.example", name=f"Eve {days:03}", exception_until=NOON + days * DAY)
        for days in (-1, 1, 5, 50)
    ]
    people.user("else@other.example", account=people.account("Other"))
    return made


@pytest.mark.parametrize("days", [None, 0, 5, 7])
def test_a_preview_names_exactly_those_whom_the_policy_will_stop(
    people: People, admin: Session, days: int | None
) -> None:
    crowd(people)
    policy = Policy("required", None if days is None else NOON + days * DAY)
    told = policy_flow.preview(people.context, admin, policy, NOON, ALL)
    assert isinstance(told, Preview)
    people.set_account(people.acme, policy="required", required_from=policy.required_from)
    then = stops_from(policy, NOON)
    with people.context.db.read() as connection:
        everybody = directory.people_of(connection, people.acme)
    must = [
        user
        for user in everybody
        if user.active and not user.has_second_factor and user.eligibility({"enterprise"}, then).required
    ]
    assert [row.id for row in told.stopped.people] == [user.id for user in must]
    assert told.stopped.number == len(must)
    assert told.stopped.admins == 1
    assert told.stopped.of == sum(user.active for user in everybody)
    later_on = [p for p in everybody if p.exception_until is not None and p.exception_until > then]
    assert told.stopped.excepted == len(later_on)
    assert told.from_at == then


def test_a_preview_saves_nothing(people: People, admin: Session) -> None:
    policy_flow.preview(people.context, admin, REQUIRED, NOON, ALL)
    assert people.look_up(admin.user).policy == "optional"
    assert people.events("policy_changed") == []
    assert people.letters("policy_changed") == []


def test_a_long_preview_shows_the_first_by_name_and_counts_all(people: People, admin: Session) -> None:
    for number in range(5):
        people.user(f"p{number}@acme.example", name=f"Person {number}")
    told = policy_flow.preview(people.context, admin, REQUIRED, NOON, 3)
    assert isinstance(told, Preview)
    assert [row.name for row in told.stopped.people] == ["Person 0", "Person 1", "Person 2"]
    assert told.stopped.number == 5


def change(people: People, session: Session, policy: Policy, at: datetime = NOON) -> object:
    return policy_flow.change_policy(people.context, session, policy, origin=Origin(at, CLIENT_INFO), most=ALL)


def test_a_policy_is_saved_written_down_and_told(people: People, admin: Session) -> None:
    second, _ = people.protected("second@acme.example", role="admin")
    people.user("cold@acme.example", role="admin", frozen_at=NOON)
    policy = Policy("required", NOON + 5 * DAY)
    assert isinstance(change(people, admin, policy), PolicySaved)
    after = people.look_up(admin.user)
    assert (after.policy, after.required_from) == policy
    (event,) = people.events("policy_changed")
    assert (event.account_id, event.actor_id) == (people.acme, admin.user.id)
    assert '"before":{"policy":"optional","required_from":null}' in event.details
    assert '"after":{"policy":"required","required_from":"2026-03-08T12:00:00Z"}' in event.details
    assert {letter.recipient for letter in people.letters("policy_changed")} == {BOSS, second.email}


def test_saving_what_is_so_already_tells_nobody(people: People, admin: Session) -> None:
    for policy in (Policy("optional"), REQUIRED, REQUIRED, Policy("required", NOON - DAY)):
        assert isinstance(change(people, admin, policy), PolicySaved)
    assert len(people.events("policy_changed")) == 1


def test_a_date_that_does_not_lie_ahead_means_at_once(people: People, admin: Session) -> None:
    for date in (NOON - DAY, NOON):
        change(people, admin, Policy("optional"))
        change(people, admin, Policy("required", date))
        assert people.look_up(admin.user).required_from is None


def test_sessions_without_a_factor_are_stepped_down_at_once(people: People, boss: Administrator) -> None:
    bob = people.user("bob@acme.example")
    web_client = browser_of(people, boss.browser.http, bob)
    assert web_client.get("/profile").path == "/profile"
    boss.browser.post("/account/policy", policy="required", confirm="yes")
    assert web_client.get("/profile").path != "/profile"
    assert boss.open("/people").status == 200  # has a factor


def test_nothing_is_required_before_an_administrator_has_tried_it(people: People) -> None:
    admin = people.user(BOSS, role="admin")
    session = people.sign_in(admin)
    people.protected("member@acme.example")
    people.protected("admin@other.example", account=people.account("Other"), role="admin")
    gone, _ = people.protected("gone@acme.example", role="admin")
    people.set_user(gone, active=False)
    cold, _ = people.protected("cold@acme.example", role="admin")
    people.set_user(cold, frozen_at=NOON)
    assert change(people, session, REQUIRED) == WouldLockOutLastAdmin()
    assert policy_flow.preview(people.context, session, REQUIRED, NOON, ALL) == WouldLockOutLastAdmin()
    assert people.look_up(admin).policy == "optional"
    assert isinstance(change(people, session, Policy("off")), PolicySaved)
    people.set_user(cold, frozen_at=None)
    assert isinstance(change(people, session, REQUIRED), PolicySaved)


def test_nothing_is_required_while_no_mail_can_be_sent(database_url: str) -> None:
    with context_on(database_url, mail=False) as context:
        people = People(context)
        user, factor = people.protected(BOSS, role="admin")
        session = people.sign_in(user, factor.phone)
        assert change(people, session, REQUIRED) == NoMail()
        assert policy_flow.preview(context, session, REQUIRED, NOON, ALL) == NoMail()
        assert isinstance(change(people, session, Policy("off")), PolicySaved)


@pytest.mark.parametrize("policy", ["off", "optional", "required"])
def test_an_edition_without_it_has_no_policy(people: People, admin: Session, policy: str) -> None:
    people.set_account(people.acme, edition="standard")
    assert change(people, admin, Policy(policy)) == NotOffered(Reason.EDITION)
    people.set_account(people.acme, edition="enterprise", sso=True)
    assert change(people, admin, Policy(policy)) == NotOffered(Reason.SSO)
    assert people.events("policy_changed") == []


def test_whoever_was_demoted_meanwhile_changes_nothing(people: People, admin: Session) -> None:
    version = people.look_up(admin.user).security_version
    people.set_user(admin.user, role="member", security_version=version + 1)
    assert change(people, admin, Policy("off")) == NoLongerAdmin()
    assert people.look_up(admin.user).policy == "optional"


def test_two_changes_at_once_leave_a_history_that_fits(people: People, admin: Session) -> None:
    outcomes = at_once(
        lambda: change(people, admin, Policy("off")),
        lambda: change(people, admin, REQUIRED),
    )
    assert all(isinstance(outcome, PolicySaved) for outcome in outcomes)
    first, second = people.events("policy_changed")
    assert first.details.partition('"after":')[2].rstrip("}") in second.details.partition('"after":')[0]
