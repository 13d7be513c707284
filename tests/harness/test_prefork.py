import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.harness import processes
from tests.harness.prefork import COMMAND, loaded


def test_a_command_has_its_arguments_environment_streams_and_exit_code(tmp_path: Path) -> None:
    environment = {"TWOFOLD_DATA_DIR": str(tmp_path / "own"), "PATH": os.environ["PATH"]}
    said = subprocess.run(
        [*COMMAND, "settings"], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert str(tmp_path / "own") in said.stdout
    wrong = subprocess.run([*COMMAND, "no-such-command"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "no-such-command" in wrong.stderr


def test_it_is_a_child_that_can_be_seen_told_and_collected(tmp_path: Path) -> None:
    environment = {"TWOFOLD_DATA_DIR": str(tmp_path)}
    with subprocess.Popen([*COMMAND, "worker"], env=environment, stderr=subprocess.DEVNULL) as worker:
        assert worker.pid in processes.children(os.getpid())
        processes.wait_until(
            lambda: processes.command_line(worker.pid) == " ".join([*COMMAND, "worker"]), what="its arguments"
        )
        worker.kill()
    assert worker.returncode == -signal.SIGKILL
    assert not processes.is_alive(worker.pid)


def test_what_names_its_own_python_path_is_loaded_from_there(tmp_path: Path) -> None:
    package = tmp_path / "twofold"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text("print('another version')")
    said = subprocess.run([*COMMAND], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert said.stdout == "another version\n"


def test_nobody_else_becomes_our_child_meanwhile() -> None:
    subprocess.run([*COMMAND, "--version"], capture_output=True, check=True)
    assert loaded.runs
    script = "import os; os.fork() or (os.fork() or os.execlp('sleep', 'sleep', '0.2'))"
    before = set(processes.children(os.getpid()))
    subprocess.run([sys.executable, "-c", script], check=True)
    assert set(processes.children(os.getpid())) <= before
