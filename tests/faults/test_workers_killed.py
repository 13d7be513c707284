"""`kill -9` of server processes in the middle of sign-ins and of guesses."""

import threading
import time

from tests.faults.conftest import WORKERS
from tests.faults.crowd import (
    Load,
    Program,
    Try,
    check_every_session_was_told,
    check_nothing_accepted_twice,
    crowd,
    now,
    truth,
)
from tests.harness import processes
from tests.harness.server import Server
from twofold.lockouts.budget import LOCK_AFTER


def test_nothing_is_accepted_twice_when_workers_are_killed_under_load(four: Server) -> None:
    """Stops: a code accepted and not written down, a session without its audit event, a service that shrinks."""
    url = four.settings["TWOFOLD_DATABASE_URL"]
    members = crowd(url, 12)
    before = set(four.workers)
    assert len(before) == WORKERS
    with Load([four.url], members) as load:
        for number, victim in enumerate(before):
            load.wait_for(3 * number + 1)
            processes.kill([victim])
        load.finish()
    check_nothing_accepted_twice(url, members, load.tries)
    check_every_session_was_told(url)
    with Program([four.url]) as program:
        accepted = {(one.email, one.typed) for one in load.tries if one.accepted}
        again = [program.sign_in(email, typed) for email, typed in sorted(accepted)]
    assert {one.status for one in again} <= {401, 423}
    processes.wait_until(lambda: len(set(four.workers) - before) == WORKERS, what="new workers")


class Guesser:
    """Somebody who knows the password and guesses codes, through a new sign-in each time."""

    def __init__(self, server: Server, email: str, wrong: str) -> None:
        self.tries: list[Try] = []
        self._thread = threading.Thread(target=self._run, args=(server.url, email, wrong))
        self._stopping = threading.Event()
        self._thread.start()

    def _run(self, url: str, email: str, wrong: str) -> None:
        with Program([url]) as program:
            while not self._stopping.is_set():
                self.tries.append(program.sign_in(email, wrong))

    @property
    def met_the_lock(self) -> bool:
        return any(one.status == 423 for one in list(self.tries))

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()


def test_no_guess_is_won_by_killing_the_worker_that_charges_it(four: Server) -> None:
    """Stops: a charge that is lost, so that more than five guesses are compared and answered."""
    url = four.settings["TWOFOLD_DATABASE_URL"]
    member = crowd(url, 1, "guessed")[0]
    wrong = member.factor.phone.wrong_code(now())
    with Program([four.url]) as program:
        assert program.sign_in(member.email, wrong).body["attempts_left"] == LOCK_AFTER - 1
    guessers = [Guesser(four, member.email, wrong) for _ in range(4)]
    for victim in four.workers[1:]:
        time.sleep(0.15)
        processes.kill([victim])
    try:
        processes.wait_until(lambda: any(guesser.met_the_lock for guesser in guessers), what="the lock")
    finally:
        for guesser in guessers:
            guesser.stop()
    tries = [one for guesser in guessers for one in guesser.tries]
    left = sorted(one.body["attempts_left"] for one in tries if one.status == 401 and "attempts_left" in one.body)
    assert len(left) == len(set(left)), "two guesses were told the same number of attempts left"
    assert len(left) <= LOCK_AFTER - 1
    assert truth(url).wrong[member.id] == LOCK_AFTER
    four.wait_until_ready()
    with Program([four.url]) as program:
        assert program.sign_in(member.email, member.factor.phone.code(now())).status == 423


def test_a_parent_that_is_killed_leaves_nobody_who_holds_the_port(four: Server) -> None:
    """Stops: workers that serve on, and a new server that cannot start and blames another program."""
    processes.wait_until(lambda: len(four.workers) == WORKERS, what="all workers")
    members = processes.family(four.pid)
    begun = [pid for pid in members if pid != four.pid]
    processes.kill([four.pid])
    processes.wait_until(lambda: not any(processes.is_alive(pid) for pid in begun), what="the end of all")
    four.start()
    processes.wait_until(lambda: len(four.workers) == WORKERS, what="all workers again")
