"""Rows are locked in one order, whoever locks them: nobody waits in a circle."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import psycopg
import pytest
import sqlalchemy as sa

from tests.harness.contexts import context_on
from tests.harness.databases import PostgresqlDatabases
from tests.harness.parallel import at_once
from tests.harness.people import People
from tests.harness.statements import listening
from tests.races.flows import FLOWS, ON_THE_SERVER, Act, Flow, World
from tests.races.recorder import Transaction, locking, recorded, sites
from twofold.kit.context import AppContext
from twofold.schema import LOCK_ORDER, metadata

# What opens a transaction and is not among the flows, and why nobody waits for it in a circle.
ELSEWHERE = {
    "operations/rotation.py:_seal_place": "one table at a time, by id",
    "operations/rotation.py:_forget_retired": "one table",
    "demo/people.py:lock": "a demo is alone with its database",
    "demo/people.py:protect": "the same",
    "demo/people.py:require": "the same",
    "kit/mail/delivery.py:_write": "one letter that cannot be composed, by itself",
    "operations/migrate.py:_run": "one node at a time, and steps back from a table in use",
    "operations/migrate.py:_turn": "the same",
    "operations/restore.py:after_restore": "no server may run meanwhile",
}

AT_ONCE = 8
PAUSE = 0.004  # seconds after each lock, so that others get theirs meanwhile


class Done(NamedTuple):
    """What came of a flow that had the database to itself, and its transactions."""

    outcome: str
    transactions: list[Transaction]


@pytest.fixture(scope="module")
def nodes(postgresql_databases: PostgresqlDatabases) -> Iterator[tuple[AppContext, AppContext]]:
    """Open one PostgreSQL database from two nodes."""
    url = postgresql_databases.fresh()
    with context_on(url) as one, context_on(url) as other:
        yield one, other
    postgresql_databases.drop(url)


@pytest.fixture(scope="module")
def done(nodes: tuple[AppContext, AppContext]) -> dict[Flow, Done]:
    """Do every flow by itself, and record what it locks."""
    return {flow: _alone(People(nodes[0]), flow) for flow in FLOWS}


def _alone(people: People, flow: Flow) -> Done:
    [act] = World(people).ready([flow])
    with recorded() as transactions:
        outcome = act(people.context)
    return Done(outcome if isinstance(outcome, str) else type(outcome).__name__, transactions)


def out_of_order(transaction: Transaction) -> bool:
    """Tell whether a transaction locks a table after one that comes later in the order, or that has no place in it."""
    if not set(transaction.tables) <= set(LOCK_ORDER):
        return True
    return any(LOCK_ORDER.index(after) < LOCK_ORDER.index(before) for before, after in pairwise(transaction.tables))


def test_the_recorder_reads_what_a_statement_locks_inside_of_it() -> None:
    written = """
        WITH one AS (DELETE FROM users WHERE id IN (1) RETURNING id),
            two AS (INSERT INTO known_clients (a) SELECT 1 FROM one ON CONFLICT DO UPDATE SET a = (1) RETURNING a)
        UPDATE accounts SET a=(SELECT a FROM sessions WHERE b = (1) FOR NO KEY UPDATE), b=(SELECT a FROM enrolments)
    """
    transaction = Transaction("here")
    transaction.add(written, [])
    transaction.add("WITH one AS (SELECT id FROM users FOR UPDATE SKIP LOCKED) DELETE FROM users USING one", [])
    assert transaction.tables == ["users", "known_clients", "sessions", "accounts"]


def test_every_flow_locks_in_the_one_order(done: dict[Flow, Done]) -> None:
    failed = [
        f"{flow.__name__} in {one.site}: {' -> '.join(one.tables)}"
        for flow, (_outcome, transactions) in done.items()
        for one in transactions
        if out_of_order(one)
    ]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("table", ["accounts", "users"])
def test_no_flow_locks_two_accounts_or_two_users(done: dict[Flow, Done], table: str) -> None:
    """Their rows are named by their id; whoever came to need two would take the smaller id first."""
    for flow, (_outcome, transactions) in done.items():
        for one in transactions:
            locked = [lock.keys for lock in one.locks if lock.table == table and lock.keys]
            assert not locked or frozenset.intersection(*locked), (flow.__name__, locked)


def test_no_flow_locks_the_key_of_a_row_that_others_refer_to(done: dict[Flow, Done]) -> None:
    """Foreign keys are checked at the oddest moments, FOR KEY SHARE: those wait for FOR UPDATE and for nothing else."""
    referred = {key.column.table.name for table in metadata.sorted_tables for key in table.foreign_keys}
    for flow, (_outcome, transactions) in done.items():
        for one in transactions:
            full = [lock for lock in one.locks if lock.table in referred and " FOR UPDATE" in lock.statement]
            assert not full, (flow.__name__, full)


def test_who_locks_several_authenticators_takes_them_by_id(done: dict[Flow, Done]) -> None:
    for flow, (_outcome, transactions) in done.items():
        for one in transactions:
            first, *rest = [lock.statement for lock in one.locks if lock.table == "authenticators"] or [""]
            assert not rest or "ORDER BY authenticators.id FOR UPDATE" in " ".join(first.split()), flow.__name__


def test_every_flow_went_to_its_end(done: dict[Flow, Done]) -> None:
    assert {flow.__name__: outcome for flow, (outcome, _) in done.items()} == {
        flow.__name__: outcome for flow, outcome in FLOWS.items()
    }


def test_every_function_that_opens_a_transaction_is_in_a_flow(done: dict[Flow, Done]) -> None:
    seen = {one.site for _outcome, transactions in done.values() for one in transactions}
    assert sites() - seen == ELSEWHERE.keys(), "add a flow that goes through it to flows.py"


# --- and at once


def test_all_pairs_of_flows_at_once_end_without_a_deadlock(
    nodes: tuple[AppContext, AppContext], done: dict[Flow, Done]
) -> None:
    """Of flows that lock the same tables in the same order one stands for all, and one lock alone ends no circle."""
    kinds = {
        tuple(tuple(one.tables) for one in transactions if len(one.tables) > 1): flow
        for flow, (_outcome, transactions) in done.items()
        if flow not in ON_THE_SERVER  # a command has its process to itself
    }
    flows = [flow for locked, flow in kinds.items() if locked]
    before = deadlocks(nodes[0])
    for block in blocks(flows):
        acts = World(People(nodes[0])).ready(block)
        with pauses():
            at_once(*[partial(_do, act, nodes[number % 2]) for number, act in enumerate(acts)])
    assert deadlocks(nodes[0]) == before


def _do(act: Act, context: AppContext) -> object:
    """Do something; whatever else happens to it meanwhile, a deadlock is none of it."""
    try:
        return act(context)
    except RuntimeError as error:  # what was made ready is gone
        return error


def blocks(flows: list[Flow]) -> list[list[Flow]]:
    """Put flows together, a few at a time, until every pair was together once, and each with itself."""
    missing = {frozenset(pair) for pair in combinations(range(len(flows)), 2)}
    found = []
    while missing:
        block: list[int] = []
        while len(block) < AT_ONCE and (wanted := _most_wanted(block, missing)) is not None:
            block.append(wanted)
        missing -= {frozenset(pair) for pair in combinations(block, 2)}
        found.append([flows[number] for number in block])
    half = AT_ONCE // 2
    return found + [2 * flows[start : start + half] for start in range(0, len(flows), half)]


def _most_wanted(block: list[int], missing: set[frozenset[int]]) -> int | None:
    """Return who was not yet together with most of a block, or else with most of all."""
    rest = Counter(number for pair in missing for number in pair if number not in block)
    wanted = {number: (sum(frozenset((number, other)) in missing for other in block), rest[number]) for number in rest}
    return max(wanted, key=lambda number: wanted[number], default=None)


@contextmanager
def pauses() -> Iterator[None]:
    """Rest after each lock, so that whoever takes two in another order is met."""

    def rest(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if locking(statement):
            time.sleep(PAUSE)

    with listening(sa.Engine, after_cursor_execute=rest):
        yield


def deadlocks(context: AppContext) -> int:
    """Count the deadlocks of a database; connections tell theirs when they are closed."""
    context.db.engine.dispose()
    with psycopg.connect(context.settings.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        [[count]] = connection.execute(query).fetchall()
    return int(count)
