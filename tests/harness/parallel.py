"""Things that happen at the same moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from tests.harness.processes import LONGEST

Result = TypeVar("Result")


def at_once(*works: Callable[[], Result]) -> list[Result]:
    """Do several things in threads that start together; return what came of each, in order."""
    start = Barrier(len(works))

    def run(work: Callable[[], Result]) -> Result:
        start.wait(LONGEST)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
