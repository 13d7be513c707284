"""An account's single sign-on domain never takes another account's people to its own sign-in address."""

from threading import Event, Thread
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.contexts import context_on
from tests.harness.people import CLIENT_INFO, People
from tests.harness.plans import plans_of
from tests.harness.processes import LONGEST
from tests.provisioning.accounts import GLOBEX, URL, change, create
from twofold.admin import act_flow
from twofold.directory import accounts_flow, add_user_flow
from twofold.directory.accounts_flow import AccountChange
from twofold.directory.add_user_flow import NewUser
from twofold.directory.refusals import Refused
from twofold.directory.tables import users
from twofold.directory.user import User
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import new_id
from twofold.provisioning import flow as provisioning
from twofold.provisioning import new_user_flow
from twofold.provisioning.flow import UserChange
from twofold.provisioning.new_user_flow import MadeUser
from twofold.resets import flow as resets
from twofold.resets.outcomes import CaseOpened
from twofold.resets.tables import reset_cases

LONG = LONGEST  # only a test that fails waits that long


def change_user(context: AppContext, user: User, **said: Any) -> Any:
    return provisioning.change_user(
        context, origin=Origin(NOON, CLIENT_INFO, acting.CONSOLE), subject_id=user.id, change=UserChange(**said),
        within=None,
    )  # fmt: skip


def make_user(context: AppContext, account: UUID, email: str) -> Any:
    return new_user_flow.create_user(
        context,
        account,
        NewUser(email, "Eve", password=None, active=True),
        origin=Origin(NOON, CLIENT_INFO, acting.CONSOLE),
    )


def told(outcome: Any) -> str:
    assert isinstance(outcome, Refused), outcome
    assert (outcome.code, outcome.field) == ("domain_in_use", "sso_domains")
    return outcome.why


def test_a_domain_that_others_have_addresses_of_is_refused_to_a_new_account(
    people: People, context: AppContext
) -> None:
    people.user("ada@globex.example")
    people.user("bob@Globex.Example")
    people.user("eve@evilglobex.example")
    people.user("sub@mail.globex.example")
    assert "2 active people of Acme" in told(create(context, **GLOBEX))
    people.sign_in(people.user("zoe@globex.example"))


def test_the_refusal_names_every_account_and_how_many_of_it(people: People, context: AppContext) -> None:
    people.user("ada@globex.example")
    other = people.account("Umbrella")
    for name in ("bob", "cyd"):
        people.user(f"{name}@globex.example", account=other)
    people.user("sue@globex.example", role="support")
    why = told(create(context, **GLOBEX))
    assert "1 active person of Acme" in why
    assert "2 active people of Umbrella" in why
    assert "1 active person of" in why.replace("1 active person of Acme", "")  # the operator's own support agent


@pytest.mark.parametrize("switched", ["at once", "domains first"])
def test_an_account_cannot_be_switched_to_a_domain_that_others_use(
    people: People, context: AppContext, switched: str
) -> None:
    globex = create(context)
    if switched == "domains first":
        change(context, globex, sso_domains=["globex.example"], sso_url=URL)
    ada = people.user("ada@globex.example")
    told(change(context, globex, **(GLOBEX if switched == "at once" else {"sso": True})))
    people.sign_in(ada)


def test_a_further_domain_is_looked_at_and_those_from_before_are_not(people: People, context: AppContext) -> None:
    globex = create(context, **GLOBEX)
    people.user("ada@globex.org.example")
    ada = people.user("ada@globex.net.example")
    people.set_user(ada, email="ada@globex.example", email_key="ada@globex.example")  # from a version before this
    told(change(context, globex, sso_domains=["globex.example", "globex.org.example"]))
    assert change(context, globex, edition="standard").edition == "standard"
    assert change(context, globex, sso=False).sso is False
    told(change(context, globex, sso=True))


def test_an_account_switches_its_own_people_and_passes_over_the_inactive(people: People, context: AppContext) -> None:
    globex = create(context)
    people.user("ada@globex.example", account=globex)
    people.user("old@globex.example", active=False)
    assert change(context, globex, **GLOBEX).sso is True


def test_nobody_elsewhere_gets_an_address_of_a_domain_or_comes_back_with_one(
    people: People, context: AppContext
) -> None:
    old, ada = people.user("old@globex.example", active=False), people.user()
    create(context, **GLOBEX)
    for outcome in (
        make_user(context, people.acme, "eve@globex.example"),
        change_user(context, ada, email="ada@globex.example"),
        change_user(context, old, active=True),
    ):
        assert isinstance(outcome, Refused)
        assert outcome.code == "domain_taken"
    back = change_user(context, old, active=True, email="old@acme.example")
    assert isinstance(back, User)
    people.sign_in(back)


def test_a_domain_is_compared_in_the_form_in_which_addresses_are(people: People, context: AppContext) -> None:
    people.user("ada@café.example")
    told(create(context, sso=True, sso_url=URL, sso_domains=["CAFE\u0301.example"]))


def test_a_domain_is_looked_up_by_an_index(people: People, context: AppContext) -> None:
    ada = people.user("ada@globex.example")
    with context.db.write() as connection:
        row = dict(connection.execute(sa.select(users).where(users.c.id == ada.id)).mappings().one())
        addresses = [f"user{number}@mail{number}.example" for number in range(2000)]
        crowd = [row | {"id": new_id(), "email": address, "email_key": address} for address in addresses]
        connection.execute(users.insert(), crowd)
        connection.execute(sa.text("ANALYZE users"))
    with plans_of(context.db) as plans:
        told(create(context, **GLOBEX))
    assert "users" not in {table for plan in plans for table in plan.read_through}
    assert any("ix_users_domain" in step for plan in plans for step in plan.steps)


# --- at the same moment, on two nodes


def begin_and_hold(context: AppContext, work: Any) -> tuple[Event, Thread, list[Any]]:
    """Let a transaction do its work in a thread and stay open until the event is set."""
    done, go, outcome = Event(), Event(), []

    def run() -> None:
        with context.db.write() as connection:
            outcome.append(work(connection))
            done.set()
            assert go.wait(LONG)

    thread = Thread(target=run)
    thread.start()
    assert done.wait(LONG)
    return go, thread, outcome


def finish(context: AppContext, go: Event, first: Thread, second: Thread) -> None:
    """Let the first go on once the second waits for it, or is through, which its outcome then shows."""
    waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with context.db.read() as connection:
        while second.is_alive() and not connection.execute(waits).scalar_one():
            second.join(0.01)
    go.set()
    first.join(LONG)
    second.join(LONG)


def test_a_domain_claimed_while_a_user_of_it_is_made_elsewhere_is_refused(postgresql_url: str) -> None:
    with context_on(postgresql_url) as here, context_on(postgresql_url) as there:
        acme, prepared = People(here).acme, add_user_flow.prepare_user(here, NewUser("eve@globex.example", "Eve"))
        assert not isinstance(prepared, Refused)
        go, first, made = begin_and_hold(
            here,
            lambda connection: add_user_flow.add_user(
                connection, acme, prepared, origin=Origin(NOON, actor=acting.CONSOLE)
            ),
        )
        claimed: list[Any] = []
        second = Thread(target=lambda: claimed.append(create(there, **GLOBEX)))
        second.start()
        finish(here, go, first, second)
        assert isinstance(made[0], UUID)
        assert "1 active person of Acme" in told(claimed[0])


@pytest.mark.parametrize("way", ["made", "moved", "reactivated"])
def test_a_user_made_while_their_domain_is_claimed_elsewhere_is_refused(postgresql_url: str, way: str) -> None:
    with context_on(postgresql_url) as here, context_on(postgresql_url) as there:
        people = People(here)
        globex, acme = create(here), people.acme
        ada, old = people.user(), people.user("old@globex.example", active=False)
        go, first, _ = begin_and_hold(
            here, lambda connection: accounts_flow.store_change(
                connection, globex, AccountChange(**GLOBEX), origin=Origin(NOON, actor=acting.CONSOLE),
            ),
        )  # fmt: skip
        ways = {
            "made": lambda: make_user(there, acme, "eve@globex.example"),
            "moved": lambda: change_user(there, ada, email="ada@globex.example"),
            "reactivated": lambda: change_user(there, old, active=True),
        }
        outcome: list[Any] = []
        second = Thread(target=lambda: outcome.append(ways[way]()))
        second.start()
        finish(here, go, first, second)
        assert isinstance(outcome[0], Refused), outcome
        assert outcome[0].code == "domain_taken"


def test_inviting_again_and_claiming_the_domain_do_not_wait_for_each_other(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops: one who holds a user and wants the domain, and one who holds the domain and wants the account's users."""
    with context_on(postgresql_url) as here, context_on(postgresql_url) as there:
        people = People(here)
        boss = people.user("boss@globex.example", role="admin")
        new = people.user("new@globex.example", password=None)
        inside, begun, claim = Event(), Event(), add_user_flow.claim_address
        outcome: list[Any] = []

        def pause(connection: sa.Connection, user: User) -> User:
            inside.set()
            assert begun.wait(LONG)
            waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            while second.is_alive() and not connection.execute(waits).scalar_one():
                second.join(0.01)
            return claim(connection, user)

        monkeypatch.setattr(add_user_flow, "claim_address", pause)
        first = Thread(
            target=lambda: outcome.append(act_flow.invite_again(here, boss, new.id, origin=Origin(NOON, CLIENT_INFO)))
        )
        second = Thread(target=lambda: outcome.append(change(there, people.acme, **GLOBEX)))
        first.start()
        assert inside.wait(LONG)
        second.start()
        begun.set()
        first.join(LONG)
        second.join(LONG)
        assert [type(one).__name__ for one in outcome] == ["Invited", "CustomerAccount"]


def test_users_of_one_domain_do_not_wait_for_each_other(postgresql_url: str) -> None:
    with context_on(postgresql_url) as here, context_on(postgresql_url) as there:
        people = People(here)
        acme, umbrella = people.acme, people.account("Umbrella")
        prepared = add_user_flow.prepare_user(here, NewUser("eve@globex.example", "Eve"))
        assert not isinstance(prepared, Refused)
        go, first, _ = begin_and_hold(
            here,
            lambda connection: add_user_flow.add_user(
                connection, acme, prepared, origin=Origin(NOON, actor=acting.CONSOLE)
            ),
        )
        assert isinstance(make_user(there, umbrella, "bob@globex.example"), MadeUser)
        go.set()
        first.join(LONG)


# --- a switch to single sign-on ends what its people have open


def test_a_switch_to_single_sign_on_ends_what_its_people_have_open(people: People, context: AppContext) -> None:
    globex = people.account("Globex")
    ada, factor = people.protected("ada@globex.example", account=globex)
    bob, _ = people.protected("bob@globex.example", account=globex)
    eve, other = people.protected("eve@acme.example")
    page, api = people.token(ada, factor.phone), people.token(ada, factor.phone, at=later(minutes=1), channel="api")
    kept, attempt = people.token(eve, other.phone), people.attempt(bob)
    change(context, globex, **GLOBEX)
    assert people.find_session(page) is None
    assert people.find_session(api, at=later(minutes=1)) is None
    assert type(people.give_code(attempt, "000000")).__name__ == "Expired"
    assert people.find_session(kept) is not None
    assert people.count(users, users.c.account_id == globex, users.c.security_version > ada.security_version) == 2


def test_open_reset_cases_are_closed_with_the_reason(people: People, context: AppContext) -> None:
    globex = people.account("Globex")
    boss = people.user("boss@globex.example", account=globex, role="admin")
    ada, _ = people.protected("ada@globex.example", account=globex)
    bob, _ = people.protected("bob@acme.example")
    for actor, subject in ((boss, ada), (people.user("root@acme.example", role="admin"), bob)):
        assert isinstance(
            resets.open_case(context, actor, subject, "Lost phone", origin=Origin(NOON, CLIENT_INFO)), CaseOpened
        )
    change(context, globex, **GLOBEX)
    with context.db.read() as connection:
        ends = dict(connection.execute(sa.select(reset_cases.c.user_id, reset_cases.c.ended_why)).all())
    assert ends == {ada.id: "sso", bob.id: None}
    assert [event.subject_id for event in people.events("reset_closed")] == [ada.id]
