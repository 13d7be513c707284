"""The wheel, built offline, and Twofold out of it: beside what the run lock names, and nothing else."""

import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from tests.harness.contexts import KEYS
from tests.harness.server import Server

ROOT = Path(__file__).parents[2]
WHAT_IT_IS_MADE_OF = ("src", "requirements", "pyproject.toml", "README.md", "LICENSE")
TRANSLATION = "locale/xx/LC_MESSAGES/twofold.mo"  # as there may be one day
NOT_OF_IT = shutil.ignore_patterns("__pycache__", "*.egg-info")


def run(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=120,
        env=environment or None,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it from a copy of the tree, without fetching anything."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in WHAT_IT_IS_MADE_OF:
        source, copy = ROOT / name, folder / "tree" / name
        copy.parent.mkdir(exist_ok=True)
        shutil.copytree(source, copy, ignore=NOT_OF_IT) if source.is_dir() else shutil.copyfile(source, copy)
    translation = folder / "tree" / "src" / "twofold" / TRANSLATION
    translation.parent.mkdir(parents=True)
    translation.touch()
    run(
        sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps", "--no-index",
        "--no-build-isolation", "--wheel-dir", folder, folder / "tree",
    )  # fmt: skip
    (made,) = folder.glob("twofold-*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install it in an environment of its own that has what run.txt locks; that lies here already, and is linked to."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for name in re.findall(r"^([a-z0-9-]+)==\S+", (ROOT / "requirements" / "run.txt").read_text(), re.MULTILINE):
        for part in parts_of(name):
            link = packages / part.name
            if not link.exists():
                link.symlink_to(part)
    run(
        sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python", "install",
        "--quiet", "--no-deps", "--no-index", wheel,
    )  # fmt: skip
    return folder


def parts_of(name: str) -> set[Path]:
    """Return the folders and files beside one another that a package consists of."""
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return set()  # for another system than this one
    tops = {file.parts[0] for file in package.files or () if not file.parts[0].startswith("..")} - {"__pycache__"}
    return {Path(str(package.locate_file(top))) for top in tops}


def test_it_has_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    package = ROOT / "src" / "twofold"
    wanted = {
        f"twofold/{path.relative_to(package)}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (told,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA"))
    assert names == wanted | {f"twofold/{TRANSLATION}"}
    assert {"twofold/py.typed", "twofold/migrations/env.py", "twofold/static/twofold.css"} <= names
    assert "Provides-Extra: otel" in told
    assert re.search(r"^Requires-Dist: opentelemetry-sdk\S* ?; extra == .otel.$", told, re.MULTILINE), told


def test_it_runs_where_there_is_nothing_but_what_the_lock_names(environment: Path, tmp_path: Path) -> None:
    twofold = environment / "bin" / "twofold"
    settings = {"TWOFOLD_DATA_DIR": str(tmp_path / "data"), "TWOFOLD_KEYS": KEYS}
    assert run(twofold, "--version", **settings) == f"twofold, version {metadata.version('twofold')}\n"
    where = run(environment / "bin" / "python", "-c", "import twofold; print(twofold.__file__)", **settings)
    assert Path(where.strip()).is_relative_to(environment)
    assert "0002" in run(twofold, "migrate", **settings)
    with Server(tmp_path / "server", settings=settings, command=(str(twofold), "serve")) as server:
        for path in ("/sign-in", "/static/twofold.css", "/help/authenticator-apps", "/api/openapi.json"):
            assert server.status(path) == 200
        assert server.stop() == 0
