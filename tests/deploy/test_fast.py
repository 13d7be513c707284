"""twofold[fast] is installed as the README says, replaced as a whole, and missed by nobody where it is not there."""

import os
import re
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.harness.environments import ROOT, bare_environment, packages, run, tree

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python")
NAME = "argon2-interleaved"
SAYS = """
from twofold.kit.crypto import argon2id
print(argon2id.quickest(7168, 1).name, argon2id.why_libsodium(), sep=": ")
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree(tmp_path_factory.mktemp("checkout"))


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    return bare_environment(tmp_path / "environment", "pip")


def pip(environment: Path, *arguments: object, cwd: Path | None = None) -> None:
    run(*PIP, environment / "bin" / "python", *arguments, cwd=cwd)


def as_the_readme_says(environment: Path, checkout: Path) -> None:
    (line,) = re.findall(r"^ +pip (install --no-index .*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    pip(environment, *shlex.split(line), "--quiet", cwd=checkout)


def without_it(environment: Path, checkout: Path) -> None:
    pip(environment, "install", "--quiet", "--no-index", "--no-build-isolation", checkout)


def says(environment: Path) -> str:
    return run(environment / "bin" / "python", "-c", SAYS).strip()


def unrecorded(environment: Path) -> set[str]:
    """Return what lies where the package does and is not in its RECORD."""
    folder = packages(environment)
    (found,) = metadata.distributions(name=NAME, path=[str(folder)])
    recorded = {str(file) for file in found.files or ()}
    return {
        str(path.relative_to(folder))
        for path in [*(folder / "argon2_interleaved").rglob("*"), *folder.glob("*argon2*.so")]
        if path.is_file() and path.suffix != ".pyc"
    } - recorded


def test_it_hashes_once_it_is_installed_as_the_readme_says(environment: Path, checkout: Path) -> None:
    as_the_readme_says(environment, checkout)
    assert "argon2-interleaved is slower here" in says(environment), "it is loaded, and right"
    assert unrecorded(environment) == set()
    assert len(list(packages(environment).rglob("*argon2_interleaved*/*.so"))) == 1


def test_upgrading_and_removing_it_leave_nothing_behind(environment: Path, tmp_path: Path) -> None:
    """The version before had an extension of another name; the checkout is the same folder, as after `git pull`."""
    checkout = tree(tmp_path / "checkout")
    setup = checkout / "packages" / NAME / "setup.py"
    ours = setup.read_text()
    setup.write_text(ours.replace("argon2_interleaved._native", "argon2_interleaved._older"))
    as_the_readme_says(environment, checkout)
    folder = packages(environment) / "argon2_interleaved"
    assert [path.name for path in folder.glob("*.so")] == ["_older.abi3.so"]
    assert "libsodium: argon2-interleaved cannot be loaded" in says(environment)
    setup.write_text(ours)
    as_the_readme_says(environment, checkout)
    assert [path.name for path in folder.glob("*.so")] == ["_native.abi3.so"]
    assert "slower here" in says(environment)
    pip(environment, "uninstall", "--quiet", "--yes", NAME)
    assert not folder.exists()
    assert says(environment) == "libsodium: twofold[fast] is not installed"


def test_what_an_older_twofold_was_compiled_to_is_not_loaded(environment: Path, checkout: Path) -> None:
    """Stops: a stale binary that hashes on, which no upgrade replaces. This one ends whoever loads it."""
    without_it(environment, checkout)
    source = "#include <unistd.h>\n__attribute__((constructor)) static void loaded(void) { _exit(77); }\n"
    stale = [packages(environment) / f"twofold_argon2id_{unit}.so" for unit in ("avx512f", "avx2")]
    for built in stale:
        command = ["cc", "-x", "c", "-shared", "-fPIC", "-o", str(built), "-"]
        subprocess.run(command, input=source, text=True, check=True)
    loads = f"import ctypes; ctypes.CDLL({str(stale[0])!r})"
    assert subprocess.run([sys.executable, "-c", loads], check=False).returncode == 77
    assert says(environment) == "libsodium: twofold[fast] is not installed"


def test_make_installs_it_and_takes_an_older_one_away_where_it_cannot_be_built(environment: Path) -> None:
    python, stamp = environment / "bin" / "python", environment / ".fast"
    old = packages(environment) / "twofold_argon2id_avx2.so"
    old.touch()
    installed = packages(environment) / "argon2_interleaved"

    def install(compiler: str) -> str:
        done = subprocess.run(
            [ROOT / "tools" / "install-argon2", python, stamp],
            env={"PATH": os.environ["PATH"], "CC": compiler}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert install("cc") == ""
    assert stamp.exists()
    assert unrecorded(environment) == set()
    assert not old.exists()
    assert "could not be built (a C compiler and Python's headers are needed): libsodium hashes." in install(
        "no-such-cc"
    )
    assert not stamp.exists(), "the next make tries again"
    assert not installed.exists()
    assert not list((ROOT / "packages" / NAME).glob("build")), "a build would get into the next one"
