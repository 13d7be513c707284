import textwrap
from pathlib import Path

import pytest

from tools import imports

FILES = (
    "kit/sql/database", "kit/clock", "kit/words", "kit/http/forms", "audit/flow", "profile/flow", "app",
    "factors/totp", "factors/flow", "factors/guard", "factors/records", "factors/tables", "factors/pages",
    "signin/attempt", "signin/flow", "signin/records", "signin/tables",
)  # fmt: skip


class Package:
    """A package of a few files, to be checked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "twofold"
        for file in FILES:
            self.write(file, "")

    def write(self, file: str, text: str) -> Path:
        path = self.folder / f"{file}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def breaches(self, file: str, text: str) -> list[str]:
        return [str(breach) for breach in imports.check(self.write(file, text), self.folder)]


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("signin/flow", "from twofold.factors import flow, totp"),
        ("signin/flow", "from twofold.kit.sql.database import Database"),
        ("signin/flow", "from twofold.signin import attempt, records"),
        ("signin/code_pages", "from twofold.signin.pages import frame"),
        ("signin/pages", "from litestar import get"),
        ("signin/pages", "from twofold.factors.guard import Signed"),
        ("signin/pages", "from twofold.kit.http.forms import text"),
        ("signin/records", "from twofold.factors.tables import authenticators"),
        (
            "signin/attempt",
            "import datetime, hmac\nfrom twofold.factors.totp.codes import STEP\nfrom cryptography.x import y",
        ),
        ("factors/words", "from twofold.kit.words import gettext as _"),
        ("factors/set_up_flow", "from twofold.factors.flow import check"),
        ("app", "from twofold.signin import pages, records\nfrom twofold.settings import Settings"),
        ("migrations/env", "from twofold.signin.tables import attempts"),
        ("cli", "from twofold import __version__, app"),
        ("kit/sql/database", "import sqlalchemy"),
    ],
)
def test_what_goes_down_is_allowed(package: Package, file: str, line: str) -> None:
    assert package.breaches(file, line) == []


@pytest.mark.parametrize(
    ("file", "line", "reason"),
    [
        # between features
        ("factors/flow", "from twofold.signin import flow", "factors stands below signin"),
        ("signin/flow", "from twofold.profile.flow import x", "signin stands beside profile"),
        ("kit/sql/database", "import twofold.audit.flow", "kit stands below audit"),
        ("signin/flow", "from twofold.app import make", "signin stands below app"),
        ("signin/flow", "from twofold.cellar import x", "cellar is no package of ours"),
        # inside a feature
        ("signin/records", "from twofold.signin.flow import x", "inside a package"),
        ("signin/tables", "from twofold.signin import records", "inside a package"),
        ("signin/flow", "from twofold.signin.code_pages import x", "inside a package"),
        ("signin/pages", "from twofold.signin.api import x", "inside a package"),
        ("signin/attempt", "from twofold.signin.tables import x", "inside a package"),
        # across features
        ("signin/flow", "from twofold.factors import records", "records is private to its package"),
        ("signin/pages", "from twofold.factors.pages import x", "pages is private to its package"),
        ("signin/pages", "from twofold.factors.set_up_api import x", "api is private to its package"),
        ("signin/flow", "from twofold.factors import CODES", "import from the file, not from the package"),
        ("signin/records", "from twofold.factors.flow import check", "also across packages"),
        # pure modules
        ("signin/attempt", "import sqlalchemy as sa", "is a pure module"),
        ("signin/attempt", "from twofold.kit.sql.database import Database", "is a pure module"),
        ("signin/attempt", "from twofold.kit import clock", "is a pure module"),
        ("signin/attempt", "import secrets", "is a pure module"),
        ("signin/attempt", "import urllib3", "is a pure module"),
        ("signin/attempt", "from twofold.factors.flow import check", "also across packages"),
        # HTTP ends in pages and api
        ("signin/flow", "from litestar import Request", "HTTP ends in"),
        ("signin/records", "from twofold.kit.http.forms import text", "HTTP ends in"),
        # wherever it stands
        ("signin/records", "def f():\n    from twofold.kit import db", "no imports inside functions"),
        ("signin/records", "class A:\n    def f(self):\n        import json", "no imports inside functions"),
        ("signin/records", "if TYPE_CHECKING:\n    from twofold.signin.flow import x", "inside a package"),
        ("signin/records", "from . import flow", "imports are absolute"),
        ("signin/__init__", "from twofold.signin.flow import x", "__init__.py is empty"),
        ("cellar/flow", "", "cellar is no package of ours"),
    ],
)
def test_what_does_not_is_named_with_its_rule(package: Package, file: str, line: str, reason: str) -> None:
    breaches = package.breaches(file, line)
    assert any(reason in breach for breach in breaches), breaches


def test_a_breach_is_named_by_file_and_line(package: Package) -> None:
    (breach,) = package.breaches("factors/flow", "import json\n\nfrom twofold.signin import flow\n")
    path = package.folder / "factors" / "flow.py"
    assert breach.startswith(f"{path}:3: factors.flow may not import twofold.signin.flow: factors stands below signin")


def test_an_empty_init_or_a_docstring_is_fine(package: Package) -> None:
    assert package.breaches("signin/__init__", "") == []
    assert package.breaches("signin/__init__", '"""The sign-in."""') == []


def test_the_command_fails_with_every_breach_and_passes_without(
    package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imports.main([str(package.folder)]) == 0
    package.write("factors/flow", "import twofold.signin.flow\nimport twofold.signin.records")
    assert imports.main([str(package.folder)]) == 1
    assert capsys.readouterr().out.count("factors stands below signin") == 2


def test_a_folder_without_files_is_no_success(tmp_path: Path) -> None:
    assert imports.main([str(tmp_path)]) == 2
