"""What a process holds in memory is its own: it leaves no core, and others of the same user cannot look into it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import DEFAULTS

NOBODY = 65534
PRINT_IT = """
import ctypes, resource
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), *resource.getrlimit(resource.RLIMIT_CORE))
"""
COMMAND = f"""
import atexit, sys
from twofold import cli
def told():
    {PRINT_IT.strip().replace(chr(10), chr(10) + "    ")}
atexit.register(told)
sys.argv = ["twofold", "settings"]
cli.main()
"""
SERVER_S_PROCESS = f"""
from twofold.app import from_environment
from_environment()
{PRINT_IT}
"""
# Without rights, because root may look into everything; who changes the user cannot be looked into at first.
UNPRIVILEGED = f"""
import ctypes, os, sys
from twofold.kit.crypto import private_memory
if os.geteuid() == 0:
    os.setgid({NOBODY})
    os.setuid({NOBODY})
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
"""
LOOK = f"{UNPRIVILEGED}print(len(open(f'/proc/{{sys.argv[1]}}/environ', 'rb').read()))"
HELD = {
    "otherwise": f"{UNPRIVILEGED}print('ready', flush=True); sys.stdin.read()",
    "kept": f"{UNPRIVILEGED}private_memory.keep(); print('ready', flush=True); sys.stdin.read()",
}


def run(script: str, database_url: str, folder: Path) -> str:
    environment = {**DEFAULTS, "TWOFOLD_DATABASE_URL": database_url, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=folder, capture_output=True, text=True, check=True,
        timeout=60,
    )  # fmt: skip
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("script", [COMMAND, SERVER_S_PROCESS], ids=["a command", "a process of the server"])
def test_it_can_neither_be_dumped_nor_traced(script: str, sqlite_url: str, tmp_path: Path) -> None:
    assert run(script, sqlite_url, tmp_path) == "0 0 0"
    assert run(PRINT_IT, sqlite_url, tmp_path).startswith("1 "), "as it is otherwise"


@pytest.mark.parametrize("held", HELD)
def test_another_process_of_the_same_user_cannot_look_into_it(held: str) -> None:
    """Stops: whatever else runs as that user, such as a shell that somebody got by another hole."""
    with subprocess.Popen(
        [sys.executable, "-c", HELD[held]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        looked = subprocess.run(
            [sys.executable, "-c", LOOK, str(process.pid)], capture_output=True, text=True, check=False
        )
        process.communicate("")
    assert (looked.returncode == 0) is (held == "otherwise")
    assert held == "otherwise" or "PermissionError" in looked.stderr
