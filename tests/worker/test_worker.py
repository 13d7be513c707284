import threading
import time
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from tests.harness.contexts import context_on
from tests.harness.processes import LONGEST, wait_until
from tests.harness.statements import noted
from twofold.kit import leases
from twofold.kit.context import AppContext
from twofold.operations.worker import Job, Worker

SOON = timedelta(milliseconds=20)
NEVER_AGAIN = timedelta(hours=1)


class Counter:
    """A job's work: it counts its runs, and does as it is told."""

    def __init__(self, *, more: int = 0, fail: Exception | None = None) -> None:
        self.runs = 0
        self._more = more
        self._fail = fail

    def __call__(self, _context: AppContext, _at: datetime) -> bool:
        self.runs += 1
        if self._fail is not None:
            raise self._fail
        return self.runs <= self._more


def test_a_job_runs_at_once_and_again_and_again(context: AppContext) -> None:
    counter = Counter()
    worker = Worker(context, [Job("count", SOON, counter)])
    worker.start()
    wait_until(lambda: counter.runs >= 3, what="three runs")
    worker.stop()
    stopped_at = counter.runs
    time.sleep(0.1)
    assert counter.runs == stopped_at


def test_a_job_that_has_more_to_do_comes_again_at_once(context: AppContext) -> None:
    counter = Counter(more=5)
    worker = Worker(context, [Job("count", NEVER_AGAIN, counter)])
    worker.start()
    wait_until(lambda: counter.runs == 6, what="six runs")
    worker.stop()


@pytest.mark.parametrize("error", [ZeroDivisionError("nothing"), sa.exc.OperationalError("SELECT 1", {}, Exception())])
def test_a_job_that_fails_is_logged_and_holds_up_no_other(
    context: AppContext, error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("twofold.operations.worker.AFTER_FAILURE", SOON)
    failing, working = Counter(fail=error), Counter()
    worker = Worker(context, [Job("fail", SOON, failing), Job("count", SOON, working)])
    worker.start()
    wait_until(lambda: failing.runs >= 2 and working.runs >= 2, what="both go on")
    worker.stop()
    said = "".join(capsys.readouterr())
    assert "job failed" in said
    assert "SELECT" not in said


def test_a_job_that_hangs_holds_up_no_other_and_not_the_end(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twofold.operations.worker.STOPS_WITHIN", 0.2)
    released, ended, working = threading.Event(), threading.Event(), Counter()

    def hang(_context: AppContext, _at: datetime) -> None:
        released.wait(LONGEST)
        ended.set()

    worker = Worker(context, [Job("hang", SOON, hang), Job("count", SOON, working)])
    worker.start()
    wait_until(lambda: working.runs >= 2, what="the other job")
    worker.stop()
    assert not ended.is_set()
    released.set()


def test_stopping_waits_for_what_runs(context: AppContext) -> None:
    begun, done = threading.Event(), threading.Event()

    def work(_context: AppContext, _at: datetime) -> None:
        begun.set()
        time.sleep(0.3)
        done.set()

    worker = Worker(context, [Job("slow", NEVER_AGAIN, work)])
    worker.start()
    assert begun.wait(LONGEST)
    worker.stop()
    assert done.is_set()


def test_a_worker_alone_works_until_told_to_stop(context: AppContext) -> None:
    counter, told = Counter(), threading.Event()
    worker = Worker(context, [Job("count", SOON, counter)])
    thread = threading.Thread(target=worker.run_until, args=(told,))
    thread.start()
    wait_until(lambda: counter.runs >= 1, what="a run")
    told.set()
    thread.join(LONGEST)
    assert not thread.is_alive()


def test_of_two_nodes_only_one_runs_a_job_that_is_to_run_alone(database_url: str) -> None:
    first, second, shared = Counter(), Counter(), Counter()
    with context_on(database_url) as one, context_on(database_url) as two:
        here = Worker(one, [Job("clean-up", SOON, first, alone=True)])
        there = Worker(two, [Job("clean-up", SOON, second, alone=True), Job("letters", SOON, shared)])
        here.start()
        wait_until(lambda: first.runs >= 1, what="the first node")
        there.start()
        wait_until(lambda: shared.runs >= 5, what="the second node")
        assert second.runs == 0
        here.stop()  # gives its lease up
        wait_until(lambda: second.runs >= 1, what="the second node takes over")
        there.stop()
        with one.db.read() as connection:
            assert leases.holder_of(connection, "clean-up") is None


def test_a_node_that_died_is_followed_once_its_lease_is_over(context: AppContext) -> None:
    counter = Counter()
    with context.db.write() as connection:
        leases.take(connection, "clean-up", "the dead", datetime(2020, 1, 1).astimezone(), timedelta(minutes=2))
    worker = Worker(context, [Job("clean-up", SOON, counter, alone=True)])
    worker.start()
    wait_until(lambda: counter.runs >= 1, what="a run")
    worker.stop()


def test_a_lease_that_still_runs_for_long_is_not_written_again(context: AppContext) -> None:
    counter = Counter()
    worker = Worker(context, [Job("clean-up", SOON, counter, alone=True)])
    with noted(context.db) as written:
        worker.start()
        wait_until(lambda: counter.runs >= 5, what="five runs")
        worker.stop()
    assert sum("INSERT INTO leases" in statement for statement in written) == 1
