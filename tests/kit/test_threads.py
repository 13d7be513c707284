import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.harness import wire

ARENA = 64 * 2**20  # glibc reserves as much for each beside the first, at a multiple of it


def arenas(pid: int) -> int:
    """Count the arenas that a process has beside the first: what is used of one, and after it what is only reserved."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    found = re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw-p .*\n\2-([0-9a-f]+) ---p", maps, re.MULTILINE)
    return sum(int(begin, 16) % ARENA == 0 and int(end, 16) - int(begin, 16) == ARENA for begin, _, end in found)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_threads_of_a_server_share_one_arena(serve: Serve, sqlite_url: str, workers: int) -> None:
    server = serve(sqlite_url, workers=workers, worker="off")
    wrong = {"email": "nobody@acme.example", "password": "orchard kettle lantern"}
    for _ in range(4):
        answer = wire.post(f"{server.url}/api/v1/sign-ins", json=wrong)
        assert answer.status_code == 401
    assert [arenas(pid) for pid in server.workers] == [0] * workers


GIVE_WAY_TWICE = """
import os, threading
from twofold.kit.threads import give_way
def below():
    give_way()
    print(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
def above():
    give_way()
    thread = threading.Thread(target=below)
    thread.start()
    thread.join()
thread = threading.Thread(target=above)
thread.start()
thread.join()
print(os.getpriority(os.PRIO_PROCESS, 0))
"""


@pytest.mark.parametrize("nice", [0, 5, 19])
def test_a_thread_gives_way_also_where_its_process_does_already(nice: int) -> None:
    """Stops: a service started with `nice`, whose password hashes then hold up everything else."""
    command = ["nice", "-n", str(nice), sys.executable, "-c", GIVE_WAY_TWICE]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    own = min(nice + os.getpriority(os.PRIO_PROCESS, 0), 19)
    assert told.split() == [str(min(own + 10, 19)), str(own)]
