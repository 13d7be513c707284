"""Whoever a filter lists is in that state, and everybody who is in it is listed: SQL and the pure rule say the same."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON
from tests.harness.houses import house_on
from tests.harness.people import People
from twofold.admin import people_flow
from twofold.admin.cursor import Cursor
from twofold.admin.listed import Listed
from twofold.admin.wanted import STATES, Rules, Wanted
from twofold.directory import flow as directory
from twofold.directory.tables import users
from twofold.factors.tables import authenticators, enrolments
from twofold.kit.house import House
from twofold.lockouts.tables import mailbox_budgets, second_factor_budgets

DAY = timedelta(days=1)

# The rules of an account, each deciding another way.
ACCOUNTS: dict[str, dict[str, Any]] = {
    "optional": {},
    "off": {"policy": "off"},
    "required": {"policy": "required"},
    "required since yesterday": {"policy": "required", "required_from": NOON - DAY},
    "required from tomorrow": {"policy": "required", "required_from": NOON + DAY},
    "another edition": {"edition": "standard"},
    "single sign-on": {"sso": True, "sso_url": "https://sso.example/", "sso_domains": ["sso.example"]},
}


def crowd(people: People, account: UUID) -> None:
    """Fill an account with somebody of every kind: each fact that decides, in every combination."""
    kinds = itertools.product(
        (True, False),  # has a factor
        (True, False),  # licensed
        (True, False),  # active
        (True, False),  # frozen
        (True, False),  # has a password
        (None, NOON - DAY, NOON + DAY),  # exception
        ("", "locked", "unlocked again", "shut out", "enrolling", "enrolled too late"),
    )
    rows: dict[sa.Table, list[dict[str, Any]]] = {}
    for number, (has_factor, licensed, active, frozen, password, exception, more) in enumerate(kinds):
        user_id = UUID(int=(account.int + number) % (1 << 128))
        rows.setdefault(users, []).append(
            {
                "id": user_id,
                "account_id": account,
                "email": f"{number}.{account}@acme.example",
                "email_key": f"{number}.{account}@acme.example",
                "name": f"Person {number:04}",
                "name_key": f"person {number // 3:04}",  # some share a name
                "role": "member",
                "licensed": licensed,
                "active": active,
                "frozen_at": NOON if frozen else None,
                "security_version": 1,
                "password_hash": "hash" if password else None,
                "password_unproven": False,
                "second_factor_since": NOON - DAY if has_factor else None,
                "exception_until": exception,
                "created_at": NOON,
            }
        )
        for table, row in _more(more, user_id, account, has_factor=has_factor):
            rows.setdefault(table, []).append(row)
    with people.house.db.write() as connection:
        for table, listed in rows.items():
            connection.execute(table.insert(), listed)


def _more(kind: str, user_id: UUID, account: UUID, *, has_factor: bool) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
    own = {"user_id": user_id, "account_id": account}
    if has_factor:
        wrong = 5 if kind == "locked" else 0
        locked_at = NOON if kind in ("locked", "unlocked again") else None
        yield second_factor_budgets, {**own, "wrong": wrong, "wrong_in_row": 5, "last_locked_at": locked_at}
        for number in (1, 2):
            app_id = UUID(int=(user_id.int + number * 10**9) % (1 << 128))
            yield (
                authenticators,
                {
                    **own, "id": app_id, "name": f"App {number}", "key_id": "k", "box": b"b", "last_step": 0,
                    "given_away": "", "created_at": NOON - DAY, "last_used_at": NOON - number * DAY,
                },
            )  # fmt: skip
    if kind == "shut out":
        closed = {"wrong": 5, "closed_until": NOON + DAY, "mails": 1, "mails_since": NOON}
        yield mailbox_budgets, {**own, **closed}
    if kind in ("enrolling", "enrolled too late"):
        until = NOON + timedelta(minutes=5) if kind == "enrolling" else NOON
        yield (
            enrolments,
            {
                **own, "id": user_id, "opener": "session", "security_version": 1, "name": "", "replaces": None,
                "new_backup_code": True, "key_id": "k", "box": b"b", "wrong": 0, "expires_at": until,
            },
        )  # fmt: skip


def everybody(house: House, account: UUID, wanted: Wanted, most: int = 50) -> list[Listed]:
    """Read a list to its end, a page after the other."""
    found: list[Listed] = []
    cursor: Cursor | None = None
    while True:
        page = people_flow.find_page(house, account, wanted, cursor, NOON, most)
        found += page.people
        if page.next is None:
            return found
        cursor = page.next


def rules_of(people: People, account: UUID) -> Rules:
    with people.house.db.read() as connection:
        row = directory.find_account(connection, account)
    assert row is not None
    return people_flow.rules_of(people.house, row, NOON)


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_each_filter_lists_exactly_those_who_are_in_that_state(people: People, kind: str) -> None:
    account, other = people.account(**ACCOUNTS[kind]), people.account("Other")
    crowd(people, account)
    crowd(people, other)
    rules = rules_of(people, account)
    all_of_them = everybody(people.house, account, Wanted(rules))
    assert len(all_of_them) == 576
    for state in STATES[1:]:
        found = {listed.person.id for listed in everybody(people.house, account, Wanted(rules, state), 200)}
        assert found == {listed.person.id for listed in all_of_them if _is(listed, state)}, state


def _is(listed: Listed, state: str) -> bool:
    person = listed.person
    if state == "without":
        return person.active and not person.has_second_factor
    if state == "excepted":
        return person.active and person.exception_until is not None and person.exception_until > NOON
    return listed.presence == state or (person.active and listed.two_factor == state)


def test_everybody_comes_once_in_the_order_of_names_whatever_the_page(people: People) -> None:
    account = people.account()
    crowd(people, account)
    wanted = Wanted(rules_of(people, account))
    ways = [[listed.person.id for listed in everybody(people.house, account, wanted, most)] for most in (7, 50, 600)]
    assert len(set(ways[0])) == 576
    assert ways[0] == ways[1] == ways[2]


def test_going_back_shows_the_same_pages(people: People) -> None:
    account = people.account()
    crowd(people, account)
    wanted = Wanted(rules_of(people, account), "on")
    there, cursor = [], None
    while True:
        page = people_flow.find_page(people.house, account, wanted, cursor, NOON, 20)
        there.append(page)
        if page.next is None:
            break
        cursor = page.next
    assert there[0].previous is None
    back = [there[-1]]
    while back[-1].previous is not None:
        back.append(people_flow.find_page(people.house, account, wanted, back[-1].previous, NOON, 20))
    assert [page.people for page in back[::-1]][-len(there) :] == [page.people for page in there]


def test_a_page_carries_every_authenticator_of_each_person(people: People) -> None:
    account = people.account()
    crowd(people, account)
    found = everybody(people.house, account, Wanted(rules_of(people, account), "on"))
    assert {tuple(app.name for app in listed.apps) for listed in found} == {("App 1", "App 2")}
    assert {listed.last_used_at for listed in found} == {NOON - DAY}


def test_a_page_stays_right_when_people_come_and_go(people: People) -> None:
    account = people.account()
    for name in ("Ada", "Bob", "Dan", "Eve"):
        people.person(f"{name}@acme.example", name=name, account=account)
    wanted = Wanted(rules_of(people, account))
    first = people_flow.find_page(people.house, account, wanted, None, NOON, 2)
    people.person("aaron@acme.example", name="Aaron", account=account)
    people.person("carl@acme.example", name="Carl", account=account)
    people.set_person(first.people[-1].person, name_key="zoe")  # Bob, on whom the next page hangs
    second = people_flow.find_page(people.house, account, wanted, first.next, NOON, 3)
    assert [listed.person.name for listed in second.people] == ["Carl", "Dan", "Eve"]


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("ada", ["Ada Lovelace"]),
        ("ADA L", ["Ada Lovelace"]),
        ("love", ["Ada Lovelace"]),
        ("godel", ["Kurt Gödel"]),
        ("GÖDEL", ["Kurt Gödel"]),
        ("k.g@", ["Kurt Gödel"]),
        ("countess@", ["Ada Lovelace"]),
        ("k", ["Kurt Gödel", "Zoë K"]),
        ("lace", []),
        ("%", []),
        ("_", []),
        ("\U0010ffff", []),
        ("'; DROP TABLE users; --", []),
    ],
)
def test_people_are_found_by_the_beginning_of_name_surname_or_address(
    people: People, search: str, names: list[str]
) -> None:
    account = people.account()
    people.person("countess@acme.example", name="Ada Lovelace", account=account)
    people.person("K.G@acme.example", name="Kurt Gödel", account=account)
    people.person("zk@acme.example", name="Zoë K", account=account)
    people.person("ada@other.example", name="Ada Lovelace", account=people.account("Other"))
    found = everybody(people.house, account, Wanted(rules_of(people, account), search=search))
    assert [listed.person.name for listed in found] == names


def test_a_search_is_paged_in_order_too(people: People) -> None:
    account = people.account()
    crowd(people, account)
    wanted = Wanted(rules_of(people, account), search="person 01")
    one, many = everybody(people.house, account, wanted, 3), everybody(people.house, account, wanted, 600)
    assert [listed.person.id for listed in one] == [listed.person.id for listed in many]
    assert len(one) == 276  # those whose key begins with "person 01": from 100 on, three each


def test_no_list_goes_through_a_table_or_a_whole_account(sqlite_url: str) -> None:
    """Each is read along an index that is in its order, or starts from the few rows it is about."""
    with house_on(sqlite_url) as house:
        people = People(house)
        for kind in ("optional", "required", "off"):
            account = people.account(kind, **ACCOUNTS[kind])
            crowd(people, account)
            rules = rules_of(people, account)
            after = people_flow.find_page(house, account, Wanted(rules), None, NOON, 3).next
            for state, search, cursor in itertools.product(STATES, ("", "person 01"), (None, after)):
                wanted = Wanted(rules, state, search)
                plan = plan_of(house, lambda: people_flow.find_page(house, account, wanted, cursor, NOON))  # noqa: B023
                scans = [step for step in plan if step.startswith("SCAN") and not step.endswith(MADE_ON_THE_WAY)]
                assert not scans, (kind, state, search, plan)
                whole_account = [step for step in plan if "ix_users_account_id_name_key_id (account_id=?)" in step]
                nobody = (state == "must_set_up" and kind != "required") or (state == "off" and kind == "off")
                assert not whole_account or nobody or not state, (kind, state, search, plan)


# What is read from end to end without being a table: a page or a branch of it that was just put together.
MADE_ON_THE_WAY = ("chosen", "either", "few", "anon_1", "anon_2", "anon_3", "CONSTANT ROW")


def plan_of(house: House, read: Any) -> list[str]:
    """Return how SQLite goes about the one statement of a read."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        statements.append((statement, parameters))

    sa.event.listen(house.db.engine, "before_cursor_execute", note)
    read()
    sa.event.remove(house.db.engine, "before_cursor_execute", note)
    ((statement, parameters),) = statements
    with house.db.read() as connection:
        return [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
