import textwrap
from pathlib import Path

import pytest

from tools import rows


class Package:
    """A package of one file, to be checked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "twofold"

    def breaches(self, file: str, text: str) -> list[str]:
        path = self.folder / f"{file}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return [str(breach) for breach in rows.check(path, self.folder)]


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("signin/records", "_by_id = Statement(sa.select(attempts))"),
        ("signin/mail_records", "def find(connection: Connection) -> Attempt | None:\n    connection.execute(query)"),
        ("factors/totp/records", "def all(connection: Connection, values: dict[str, Any]) -> list[UUID]: ..."),
        ("signin/records", "def _read(row: AnyRow) -> Any: ..."),
        ("signin/flow", "def begin(values: dict[str, Any]) -> Any: ..."),
        ("kit/mail/outbox", "connection.execute(query)"),
        ("kit/sql/database", "AnyRow: TypeAlias = sa.Row[Any]"),
        ("operations/restore", "connection.execute(query)"),
        ("migrations/env", "op.execute(text)"),
    ],
)
def test_statements_in_records_that_give_values_away_are_fine(package: Package, file: str, text: str) -> None:
    assert package.breaches(file, text) == []


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        # what leaves records
        ("signin/records", "def find() -> AnyRow | None: ...", "find returns AnyRow"),
        ("signin/records", "def find() -> Sequence[sa.Row[Any]]: ...", "find returns Any, Row"),
        ("signin/records", "def find() -> Any: ...", "find returns Any"),
        ("signin/records", "def find() -> list[tuple[Any, ...]]: ...", "find returns Any"),
        ("signin/records", "def find() -> list[sa.RowMapping]: ...", "find returns RowMapping"),
        ("signin/records", "def find() -> sa.CursorResult[Any]: ...", "find returns Any, CursorResult"),
        ("factors/totp/records", "def after(last: AnyRow | None) -> UUID: ...", "after takes AnyRow"),
        ("factors/totp/records", "def after(*, last: AnyRow) -> UUID: ...", "after takes AnyRow"),
        # rows elsewhere
        ("signin/flow", "def _told(row: AnyRow) -> str: ...", "AnyRow is for records"),
        ("signin/flow", "from twofold.kit.sql.database import AnyRow", "AnyRow is for records"),
        ("signin/views", "def shown(row: sa.RowMapping) -> str: ...", "RowMapping is for records"),
        ("operations/rotation", "rows: list[AnyRow] = []", "AnyRow is for records"),
        ("kit/mail/outbox", "def _entry(row: AnyRow) -> Entry: ...", "AnyRow is for records"),
        # statements elsewhere
        ("signin/flow", "def f():\n    connection.execute(query)", "statements stand in records"),
        ("signin/flow", "_begin = Statement(query)", "statements stand in records"),
        ("commands/users", "rows = list(connection.execute(query))", "statements stand in records"),
    ],
)
def test_a_row_or_a_statement_elsewhere_is_named(package: Package, file: str, text: str, reason: str) -> None:
    """Stops: a misspelt column that mypy cannot see, because nobody said what the row holds."""
    breaches = package.breaches(file, text)
    assert any(reason in breach for breach in breaches), breaches


def test_a_breach_is_named_by_file_and_line(package: Package) -> None:
    (breach,) = package.breaches("signin/records", "import json\n\n\ndef find() -> AnyRow: ...\n")
    assert breach == f"{package.folder}/signin/records.py:4: find returns AnyRow: return a value"


def test_the_command_fails_with_every_breach_and_passes_without(
    package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    package.breaches("signin/flow", "x = 1")
    assert rows.main([str(package.folder)]) == 0
    package.breaches("signin/flow", "connection.execute(query)\nconnection.execute(query)")
    assert rows.main([str(package.folder)]) == 1
    assert capsys.readouterr().out.count("statements stand in records") == 2


def test_a_folder_without_files_is_no_success(tmp_path: Path) -> None:
    assert rows.main([str(tmp_path)]) == 2
