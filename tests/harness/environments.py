"""Environments that have what the run lock names and nothing else, and copies of the checkout to install from."""

import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHAT_IT_IS_MADE_OF = ("src", "packages", "requirements", "pyproject.toml", "README.md", "LICENSE")
NOT_OF_IT = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")


def run(*command: object, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=600, cwd=cwd,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tree(folder: Path) -> Path:
    """Copy what is built and installed."""
    for name in WHAT_IT_IS_MADE_OF:
        source, copy = ROOT / name, folder / name
        copy.parent.mkdir(exist_ok=True, parents=True)
        shutil.copytree(source, copy, ignore=NOT_OF_IT) if source.is_dir() else shutil.copyfile(source, copy)
    return folder


def bare_environment(folder: Path, *more: str) -> Path:
    """Make an environment that has what run.txt locks, and more by name; that lies here already, and is linked to."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    locked = (ROOT / "requirements" / "run.txt").read_text()
    for name in [*re.findall(r"^([a-z0-9-]+)==\S+", locked, re.MULTILINE), *more]:
        for part in parts_of(name):
            link = packages(folder) / part.name
            if not link.exists():
                link.symlink_to(part)
    return folder


def packages(environment: Path) -> Path:
    (folder,) = environment.glob("lib/python3*/site-packages")
    return folder


def parts_of(name: str) -> set[Path]:
    """Return the folders and files beside one another that a package consists of."""
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return set()  # for another system than this one
    tops = {file.parts[0] for file in package.files or () if not file.parts[0].startswith("..")} - {"__pycache__"}
    return {Path(str(package.locate_file(top))) for top in tops}
