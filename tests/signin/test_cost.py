"""What signing in asks of the database: few statements, few commits, and every table read along an index."""

from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.plans import Plan, plans_of
from tests.harness.statements import counted
from twofold.audit import seal_flow
from twofold.operations import jobs

MOST_STATEMENTS, MOST_COMMITS = 14, 4


def read_through(plans: list[Plan]) -> list[tuple[str, str]]:
    return [(table, plan.statement) for plan in plans for table in plan.read_through]


def test_a_full_sign_in_is_few_statements_and_few_commits(people: People, api: Api) -> None:
    _, factor = people.protected()
    with counted(people.context.db) as heard:
        api.sign_in(ADA, PASSWORD, factor.phone.code(NOON))
    assert 1 < len(heard) - heard.count("COMMIT") <= MOST_STATEMENTS
    assert 1 <= heard.count("COMMIT") <= MOST_COMMITS


def test_every_table_is_read_along_an_index(people: People, api: Api, frozen_clock: FrozenClock) -> None:
    _, factor = people.protected()
    with plans_of(people.context.db, where_possible=True) as plans:
        api.post("/sign-ins", email=ADA, password="wrong")
        api.sign_in(ADA, PASSWORD, factor.phone.code(NOON))
        sign_in = api.post("/sign-ins", email=ADA, password=PASSWORD)["sign_in"]
        api.post("/sign-ins/code", sign_in=sign_in, code=factor.phone.code(later(minutes=5)))
        assert api.post("/sign-ins/backup-code", sign_in=sign_in, backup_code=factor.backup_code).status == 200
        frozen_clock.forward(minutes=2)
        assert api.get("/session").status == 200
        assert api.get("/sessions").status == 200
    assert len(plans) > 20
    assert read_through(plans) == []


def test_sealing_and_cleaning_up_read_along_an_index_too(people: People) -> None:
    people.protected()
    with plans_of(people.context.db, where_possible=True) as plans:
        assert seal_flow.seal_everything(people.context.db, NOON) > 0
        with people.context.db.write() as connection:
            for forget in jobs.FORGET:
                forget(connection, NOON)
    assert len(plans) > 8
    assert read_through(plans) == []
