"""The wheel, built offline, and Twofold out of it: beside what the run lock names, and nothing else."""

import re
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from tests.harness.contexts import KEYS
from tests.harness.environments import ROOT, bare_environment, run, tree
from tests.harness.server import Server

TRANSLATION = "locale/xx/LC_MESSAGES/twofold.mo"  # as there may be one day


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it from a copy of the tree, without fetching anything."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = tree(folder / "tree")
    translation = copy / "src" / "twofold" / TRANSLATION
    translation.parent.mkdir(parents=True)
    translation.touch()
    run(
        sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps", "--no-index",
        "--no-build-isolation", "--wheel-dir", folder, copy,
    )  # fmt: skip
    (made,) = folder.glob("twofold-*.whl")
    return made


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install it in an environment of its own that has what run.txt locks."""
    folder = bare_environment(tmp_path_factory.mktemp("environment"))
    run(
        sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", folder / "bin" / "python", "install",
        "--quiet", "--no-deps", "--no-index", wheel,
    )  # fmt: skip
    return folder


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
    assert {"Provides-Extra: otel", "Provides-Extra: fast"} <= set(told.splitlines())
    assert re.search(r"^Requires-Dist: opentelemetry-sdk\S* ?; extra == .otel.$", told, re.MULTILINE), told
    assert re.search(r"^Requires-Dist: argon2-interleaved==\S+ ?; extra == .fast.$", told, re.MULTILINE), told
    assert not [name for name in names if name.endswith((".c", ".h", ".so"))], "C is argon2-interleaved's"


def test_it_runs_where_there_is_nothing_but_what_the_lock_names(environment: Path, tmp_path: Path) -> None:
    twofold = environment / "bin" / "twofold"
    settings = {"TWOFOLD_DATA_DIR": str(tmp_path / "data"), "TWOFOLD_KEYS": KEYS}
    assert run(twofold, "--version", environment=settings) == f"twofold, version {metadata.version('twofold')}\n"
    where = run(environment / "bin" / "python", "-c", "import twofold; print(twofold.__file__)", environment=settings)
    assert Path(where.strip()).is_relative_to(environment)
    assert "0002" in run(twofold, "migrate", environment=settings)
    with Server(tmp_path / "server", settings=settings, command=(str(twofold), "serve")) as server:
        for path in ("/sign-in", "/static/twofold.css", "/help/authenticator-apps", "/api/openapi.json"):
            assert server.status(path) == 200
        assert server.stop() == 0
