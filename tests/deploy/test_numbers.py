"""The metrics count what matters to whoever watches: each number moves when what it counts happens."""

import re
import threading

from litestar import get

from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.contexts import FrozenClock, client_of
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.processes import LONGEST
from tests.resets.helpdesk import Helpdesk
from twofold.kit import clock, metrics
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.sql.database import Database
from twofold.operations.metrics_endpoint import DatabaseGauges
from twofold.resets import act_flow

Numbers = dict[str, float]


def numbers(context: AppContext) -> Numbers:
    """Read what Prometheus reads, once the database was asked: `name{label="value"}` to number."""
    gauges = DatabaseGauges()
    gauges.refresh(context.db, clock.now())
    text = metrics.exposition(gauges).decode()
    return {name: float(value) for name, value in re.findall(r"^(twofold_\S+) (\S+)$", text, re.MULTILINE)}


def gained(context: AppContext, before: Numbers) -> Numbers:
    """Return what has grown since."""
    return {
        name: value - before.get(name, 0) for name, value in numbers(context).items() if value > before.get(name, 0)
    }


def event(kind: str, result: str = "done") -> str:
    return f'twofold_events_total{{kind="{kind}",result="{result}"}}'


def second_factor(method: str, outcome: str) -> str:
    return f'twofold_second_factors_total{{method="{method}",operation="sign_in",outcome="{outcome}"}}'


def test_sign_ins_and_second_factors_are_counted_by_how_they_came_out(
    context: AppContext, people: People, api: Api
) -> None:
    _, factor = people.protected()
    before = numbers(context)
    assert api.post("/sign-ins", email=ADA, password="wrong").status == 401
    begun = api.post("/sign-ins", email=ADA, password=PASSWORD)
    assert gained(context, before)["twofold_sign_ins_in_progress"] == 1
    api.post("/sign-ins/code", sign_in=begun["sign_in"], code=factor.phone.wrong_code(NOON))
    code = factor.phone.code(NOON)
    assert api.post("/sign-ins/code", sign_in=begun["sign_in"], code=code).status == 200
    begun = api.post("/sign-ins", email=ADA, password=PASSWORD)
    api.post("/sign-ins/code", sign_in=begun["sign_in"], code=code)
    done = api.post("/sign-ins/backup-code", sign_in=begun["sign_in"], backup_code=factor.backup_code)
    assert done.status == 200
    grown = gained(context, before)
    assert grown[event("signed_in")] == 2
    assert grown[event("sign_in_refused", "refused")] == 1
    assert grown[second_factor("otp", "WrongCode")] == 1
    assert grown[second_factor("otp", "UsedCode")] == 1
    assert grown[second_factor("otp", "Passed")] == 1
    assert grown[second_factor("backup_code", "Passed")] == 1
    assert grown["twofold_password_hash_seconds_count"] == 3
    assert grown["twofold_password_hash_seconds_sum"] > 0
    assert "twofold_sign_ins_in_progress" not in grown


def test_resets_are_counted_by_the_state_that_they_come_to(helpdesk: Helpdesk, context: AppContext) -> None:
    before = numbers(context)
    helpdesk.sent()
    helpdesk.refuse(helpdesk.sent())  # it takes the place of the one before
    act_flow.cancel(helpdesk.context, helpdesk.grace, helpdesk.ask(), origin=Origin(NOON))
    token = helpdesk.sent()
    for _ in range(5):
        helpdesk.confirm(token, "wrong password")
    helpdesk.confirm(helpdesk.sent())
    grown = gained(context, before)
    states = {"asked": 5, "sent": 4, "superseded": 1, "refused": 1, "cancelled": 1, "closed": 1, "confirmed": 1}
    assert {state: grown[event(f"reset_{state}")] for state in states} == states


def test_locks_are_counted_and_mail_that_waits_has_an_age(
    helpdesk: Helpdesk, context: AppContext, frozen_clock: FrozenClock
) -> None:
    before = numbers(context)
    helpdesk.lock_ada(NOON)
    frozen_clock.forward(minutes=10)
    after = numbers(context)
    assert after[event("locked")] - before.get(event("locked"), 0) == 1
    assert after["twofold_mail_waiting"] > before["twofold_mail_waiting"]
    assert after["twofold_mail_oldest_seconds"] >= 600


def test_an_error_that_nobody_expected_is_counted(context: AppContext) -> None:
    @get("/broken", sync_to_thread=False)
    def broken() -> None:
        raise RuntimeError

    before = numbers(context)
    with client_of(context, broken) as http:
        assert http.get("/broken").status_code == 500
        assert http.get("/nowhere").status_code == 404
    grown = gained(context, before)
    assert grown["twofold_unexpected_errors_total"] == 1
    assert grown['twofold_requests_total{method="GET",route="/broken",status="500"}'] == 1


def test_waiting_for_the_database_is_counted_where_somebody_waits(database_url: str) -> None:
    def waits() -> float:
        (family,) = metrics.database_wait_seconds.collect()
        samples = family.samples
        return float(sum(sample.value for sample in samples if sample.name.endswith("_count")))

    db, before = Database(database_url, pool_size=1), waits()
    with db.write() as connection:
        connection.exec_driver_sql("SELECT 1")
    assert waits() == before
    begun, written = threading.Event(), threading.Event()

    def write() -> None:
        begun.set()
        with db.write():
            written.set()

    with db.write():
        second = threading.Thread(target=write)
        second.start()
        assert begun.wait(LONGEST)
        assert not written.wait(0.5)
    second.join(timeout=LONGEST)
    assert written.is_set()
    assert waits() == before + 1
    db.close()
