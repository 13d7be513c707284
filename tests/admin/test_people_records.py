"""Whoever a filter lists is in that state, and everybody who is in it is listed: SQL and the pure rule say the same."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON
from tests.harness.contexts import context_on
from tests.harness.people import People
from twofold.admin import people_count_flow, people_flow, people_records
from twofold.admin.cursor import PeopleCursor
from twofold.admin.user_filter import STATES, Rules, UserFilter
from twofold.admin.user_summary import UserSummary
from twofold.directory import accounts_flow
from twofold.directory.tables import user_search, users
from twofold.factors.totp.tables import authenticators, enrolments
from twofold.kit.context import AppContext
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
    with people.context.db.write() as connection:
        for table, summary in rows.items():
            connection.execute(table.insert(), summary)


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


def everybody(context: AppContext, account: UUID, user_filter: UserFilter, most: int = 50) -> list[UserSummary]:
    """Read a list to its end, a page after the other."""
    found: list[UserSummary] = []
    cursor: PeopleCursor | None = None
    while True:
        page = people_flow.find_page(context, account, user_filter, cursor, NOON, most)
        found += page.people
        if page.next is None:
            return found
        cursor = page.next


def rules_of(people: People, account: UUID) -> Rules:
    with people.context.db.read() as connection:
        row = accounts_flow.find_account(connection, account)
    assert row is not None
    return people_flow.rules_of(people.context, row, NOON)


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_each_filter_lists_exactly_those_who_are_in_that_state(people: People, kind: str) -> None:
    account, other = people.account(**ACCOUNTS[kind]), people.account("Other")
    crowd(people, account)
    crowd(people, other)
    rules = rules_of(people, account)
    all_of_them = everybody(people.context, account, UserFilter(rules))
    assert len(all_of_them) == 576
    for state in STATES[1:]:
        found = {summary.user.id for summary in everybody(people.context, account, UserFilter(rules, state), 200)}
        assert found == {summary.user.id for summary in all_of_them if _is(summary, state)}, state


def _is(summary: UserSummary, state: str) -> bool:
    user = summary.user
    if state == "without":
        return user.active and not user.has_second_factor
    if state == "excepted":
        return user.active and user.exception_until is not None and user.exception_until > NOON
    return summary.presence == state or (user.active and summary.two_factor == state)


def test_everybody_comes_once_in_the_order_of_names_whatever_the_page(people: People) -> None:
    account = people.account()
    crowd(people, account)
    user_filter = UserFilter(rules_of(people, account))
    ways = [
        [summary.user.id for summary in everybody(people.context, account, user_filter, most)] for most in (7, 50, 600)
    ]
    assert len(set(ways[0])) == 576
    assert ways[0] == ways[1] == ways[2]


def test_going_back_shows_the_same_pages(people: People) -> None:
    account = people.account()
    crowd(people, account)
    user_filter = UserFilter(rules_of(people, account), "on")
    there, cursor = [], None
    while True:
        page = people_flow.find_page(people.context, account, user_filter, cursor, NOON, 20)
        there.append(page)
        if page.next is None:
            break
        cursor = page.next
    assert there[0].previous is None
    back = [there[-1]]
    while back[-1].previous is not None:
        back.append(people_flow.find_page(people.context, account, user_filter, back[-1].previous, NOON, 20))
    assert [page.people for page in back[::-1]][-len(there) :] == [page.people for page in there]


def test_a_page_carries_every_authenticator_of_each_user(people: People) -> None:
    account = people.account()
    crowd(people, account)
    found = everybody(people.context, account, UserFilter(rules_of(people, account), "on"))
    assert {tuple(app.name for app in summary.apps) for summary in found} == {("App 1", "App 2")}
    assert {summary.last_used_at for summary in found} == {NOON - DAY}


def test_a_page_stays_right_when_people_come_and_go(people: People) -> None:
    account = people.account()
    for name in ("Ada", "Bob", "Dan", "Eve"):
        people.user(f"{name}@acme.example", name=name, account=account)
    user_filter = UserFilter(rules_of(people, account))
    first = people_flow.find_page(people.context, account, user_filter, None, NOON, 2)
    people.user("aaron@acme.example", name="Aaron", account=account)
    people.user("carl@acme.example", name="Carl", account=account)
    people.set_user(first.people[-1].user, name_key="zoe")  # Bob, on whom the next page hangs
    second = people_flow.find_page(people.context, account, user_filter, first.next, NOON, 3)
    assert [summary.user.name for summary in second.people] == ["Carl", "Dan", "Eve"]


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
        ("rt go", ["Kurt Gödel"]),
        ("lace", ["Ada Lovelace"]),
        ("a love", ["Ada Lovelace"]),
        ("tess@acme.ex", ["Ada Lovelace"]),
        ("cme.exa", ["Ada Lovelace", "Kurt Gödel", "Zoë K"]),
        ("the countess of lovelace@", []),
        ("countess@acme.example", ["Ada Lovelace"]),
        ("countess@acme.exhibit", []),  # its first 16 characters are hers
        ("o", ["Ada Lovelace", "Kurt Gödel", "Zoë K"]),
        ("%", []),
        ("_", []),
        ("\U0010ffff", []),
        ("'; DROP TABLE users; --", []),
    ],
)
def test_people_are_found_by_any_part_of_their_name_or_address(people: People, search: str, names: list[str]) -> None:
    account = people.account()
    people.user("countess@acme.example", name="Ada Lovelace", account=account)
    people.user("K.G@acme.example", name="Kurt Gödel", account=account)
    people.user("zk@acme.example", name="Zoë K", account=account)
    people.user("ada@other.example", name="Ada Lovelace", account=people.account("Other"))
    found = everybody(people.context, account, UserFilter(rules_of(people, account), search=search))
    assert [summary.user.name for summary in found] == names


def test_a_search_that_finds_many_lists_the_same_people(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    account = people.account()
    crowd(people, account)
    for state in STATES:
        user_filter = UserFilter(rules_of(people, account), state, "n 01")
        few = [summary.user.id for summary in everybody(people.context, account, user_filter)]
        with monkeypatch.context() as patched:
            patched.setattr(people_records, "MANY", 0)
            many = [summary.user.id for summary in everybody(people.context, account, user_filter)]
        assert many == few, state


def test_a_search_follows_whoever_is_renamed_or_leaves_an_address(people: People) -> None:
    account = people.account()
    ada = people.user("countess@acme.example", name="Ada Lovelace", account=account)
    people.user("bob@acme.example", name="Bob", account=account)

    def found(search: str) -> list[str]:
        user_filter = UserFilter(rules_of(people, account), search=search)
        return [summary.user.name for summary in everybody(people.context, account, user_filter)]

    people.set_user(ada, name_key="ada king", email_key="king@acme.example 7f3k")
    assert (found("love"), found("ounte")) == ([], [])
    assert (found("da k"), found("ing@ac"), found("f3k")) == (["Ada Lovelace"], ["Ada Lovelace"], [])
    with people.context.db.write() as connection:
        connection.execute(users.delete().where(users.c.id == ada.id))
        kept = sa.select(sa.func.count()).where(user_search.c.user_id == ada.id)
        assert connection.execute(kept).scalar_one() == 0
    assert found("bob") == ["Bob"]


def test_a_search_that_finds_many_is_read_along_the_names(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_records, "MANY", 0)
    with context_on(sqlite_url) as context:
        people = People(context)
        account = people.account()
        crowd(people, account)
        user_filter = UserFilter(rules_of(people, account), search="person")
        plan = plan_of(context, lambda: people_flow.find_page(context, account, user_filter, None, NOON))
    assert any("INDEX ix_users_account_id_name_key_id" in step for step in plan), plan
    assert not [step for step in plan if step.startswith("SCAN") and not step.endswith(MADE_ON_THE_WAY)], plan


def test_counts_of_people_are_read_from_indexes_alone(sqlite_url: str) -> None:
    with context_on(sqlite_url) as context:
        people = People(context)
        account = people.account()
        crowd(people, account)
        viewer, rules = people.user("boss@acme.example", account=account, role="admin"), rules_of(people, account)
        plan = plan_of(context, lambda: people_count_flow.count(context, viewer, rules, NOON))
    of_users = [step for step in plan if " users " in step]
    assert len(of_users) == 1
    assert "USING COVERING INDEX ix_users_counted" in of_users[0], plan


def test_a_search_is_paged_in_order_too(people: People) -> None:
    account = people.account()
    crowd(people, account)
    user_filter = UserFilter(rules_of(people, account), search="person 01")
    one, many = everybody(people.context, account, user_filter, 3), everybody(people.context, account, user_filter, 600)
    assert [summary.user.id for summary in one] == [summary.user.id for summary in many]
    assert len(one) == 276  # those whose key begins with "person 01": from 100 on, three each


def test_no_list_goes_through_a_table_or_a_whole_account(sqlite_url: str) -> None:
    """Each is read along an index that is in its order, or starts from the few rows it is about."""
    with context_on(sqlite_url) as context:
        people = People(context)
        for kind in ("optional", "required", "off"):
            account = people.account(kind, **ACCOUNTS[kind])
            crowd(people, account)
            rules = rules_of(people, account)
            after = people_flow.find_page(context, account, UserFilter(rules), None, NOON, 3).next
            for state, search, cursor in itertools.product(STATES, ("", "person 01"), (None, after)):
                user_filter = UserFilter(rules, state, search)
                plan = plan_of(context, lambda: people_flow.find_page(context, account, user_filter, cursor, NOON))  # noqa: B023
                scans = [step for step in plan if step.startswith("SCAN") and not step.endswith(MADE_ON_THE_WAY)]
                assert not scans, (kind, state, search, plan)
                whole_account = [step for step in plan if "ix_users_account_id_name_key_id (account_id=?)" in step]
                nobody = (state == "must_set_up" and kind != "required") or (state == "off" and kind == "off")
                assert not whole_account or nobody or not state, (kind, state, search, plan)


# What is read from end to end without being a table: a page or a branch of it that was just put together.
MADE_ON_THE_WAY = ("chosen", "either", "few", "pieces", "anon_1", "anon_2", "anon_3", "CONSTANT ROW")


def plan_of(context: AppContext, read: Any) -> list[str]:
    """Return how SQLite goes about the statements of a read."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        statements.append((statement, parameters))

    sa.event.listen(context.db.engine, "before_cursor_execute", note)
    read()
    sa.event.remove(context.db.engine, "before_cursor_execute", note)
    with context.db.read() as connection:
        return [
            row.detail
            for statement, parameters in statements
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
