"""Minutes of one fault after another, under load: `make soak` runs these, `make test` leaves them out."""

import random
import time

import pytest

from tests.faults.conftest import Pair
from tests.faults.crowd import Load, check_every_session_was_told, check_nothing_accepted_twice, crowd
from tests.harness import processes
from tests.harness.server import Server

pytestmark = pytest.mark.soak

ROUNDS = 25


def test_two_nodes_and_their_database_break_again_and_again(pair: Pair) -> None:
    """Stops: what one fault alone does not show: a fault while the one before is being mended."""
    draw = random.Random(1)
    everybody, tries = [], []
    for number in range(ROUNDS):
        members = crowd(pair.database_url, 12, f"round{number}-")
        everybody += members
        with Load(pair.urls, members) as load:
            load.wait_for(3)
            for _ in range(3):
                time.sleep(draw.uniform(0, 0.5))
                _break(pair, draw.choice(("worker", "kill", "freeze", "restart")), draw)
            load.finish()
        tries += load.tries
        for node in pair.nodes:
            node.wait_until_ready()
        check_nothing_accepted_twice(pair.database_url, everybody, tries)
        check_every_session_was_told(pair.database_url)


def _break(pair: Pair, fault: str, draw: random.Random) -> None:
    match fault:
        case "worker":
            processes.kill([draw.choice(draw.choice(pair.nodes).workers)])
        case "kill":
            pair.postgres.kill()
            time.sleep(draw.uniform(0, 2))
            pair.postgres.start()
        case "freeze":
            pair.postgres.pause()
            time.sleep(draw.uniform(0, 3))
            pair.postgres.resume()
        case _:
            pair.postgres.restart("immediate")


def test_workers_die_again_and_again(four: Server) -> None:
    """Stops: a lock on the database's file, or a half-written transaction, that outlives the process that held it."""
    draw = random.Random(2)
    url = four.settings["TWOFOLD_DATABASE_URL"]
    everybody, tries = [], []
    for number in range(ROUNDS):
        members = crowd(url, 12, f"round{number}-")
        everybody += members
        with Load([four.url], members) as load:
            for _ in range(4):
                time.sleep(draw.uniform(0, 1))
                processes.kill([draw.choice(four.workers)])
            load.finish()
        tries += load.tries
        four.wait_until_ready()
        check_nothing_accepted_twice(url, everybody, tries)
        check_every_session_was_told(url)
