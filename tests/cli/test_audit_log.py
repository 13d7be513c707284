from pathlib import Path
from uuid import uuid4

import pytest

from tests.cli.program import Program
from tests.harness.people import People


@pytest.fixture
def export(people: People, twofold: Program, tmp_path: Path) -> Path:
    """Export the log of two accounts and the installation."""
    people.person("ada@acme.example")
    people.person("gil@globex.example", account=people.account("Globex"))
    twofold.done("operator-keys", "create", "--name", "Shop")
    file = tmp_path / "export.jsonl"
    twofold.done("audit", "export", "--output", str(file))
    return file


def test_an_export_verifies_with_the_key_that_it_named(twofold: Program, export: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl"
    told = twofold.done("audit", "export", "--output", str(again), "--json").json
    assert told["events"] == len(again.read_text().splitlines()) - 2
    verified = twofold.done("audit", "verify", str(again), "--key", told["public_key"], "--json").json
    assert verified == {
        "verified": True, "events": told["events"], "public_key": told["public_key"], "key_given": True,
    }  # fmt: skip


def test_verifying_needs_neither_settings_nor_database(export: Path) -> None:
    nowhere = Program({"TWOFOLD_DATABASE_URL": "nonsense://", "TWOFOLD_KEYS": "nonsense"})
    ran = nowhere.done("audit", "verify", str(export))
    assert "as they were sealed" in ran.out
    assert "give the one you know with --key" in ran.err


def test_names_stand_beside_ids(export: Path) -> None:
    assert "Ada <ada@acme.example>" in export.read_text()


def test_what_was_changed_is_found(twofold: Program, export: Path) -> None:
    export.write_text(export.read_text().replace('"member"', '"admin"', 1).replace("Acme", "Ecma", 1))
    assert "tampered with" in twofold.refused("audit", "verify", str(export))


def test_what_was_cut_off_is_found(twofold: Program, export: Path) -> None:
    export.write_text("".join(export.read_text().splitlines(keepends=True)[:-1]))
    ran = twofold("audit", "verify", str(export), "--json")
    assert ran.code == 1
    assert ran.json["verified"] is False
    assert "cut off" in ran.json["why"]


def test_another_key_does_not_vouch_for_it(twofold: Program, export: Path) -> None:
    assert "forged" in twofold.refused("audit", "verify", str(export), "--key", "A" * 43 + "=")
    assert "is none" in twofold.refused("audit", "verify", str(export), "--key", "nonsense")


def test_an_earlier_export_must_still_be_in_it(people: People, twofold: Program, export: Path, tmp_path: Path) -> None:
    people.person("bob@acme.example")
    later = tmp_path / "later.jsonl"
    twofold.done("audit", "export", "--output", str(later))
    twofold.done("audit", "verify", str(later), "--earlier", str(export))
    assert "earlier export" in twofold.refused("audit", "verify", str(export), "--earlier", str(later))


def test_one_log_can_be_exported_alone(people: People, twofold: Program, export: Path) -> None:
    ran = twofold.done("audit", "export", "--account", str(people.acme))
    assert "ada@acme.example" in ran.out
    assert "gil@globex.example" not in ran.out
    assert "Signed with the key" in ran.err
    installation = twofold.done("audit", "export", "--installation").out
    assert "operator_key_created" in installation
    assert "user_created" not in installation


def test_an_export_can_be_piped_into_its_verification(twofold: Program, export: Path) -> None:
    assert "as they were sealed" in twofold.done("audit", "verify", "-", stdin=export.read_text()).out


def test_what_is_not_there_is_named(twofold: Program, tmp_path: Path) -> None:
    account = str(uuid4())
    assert f"no account with the id {account}" in twofold.refused("audit", "export", "--account", account)
    assert "two different logs" in twofold.called_wrongly("audit", "export", "--account", account, "--installation")
    assert "--output" in twofold.called_wrongly("audit", "export", "--json")
    assert "does not exist" in twofold.called_wrongly("audit", "verify", str(tmp_path / "nothing"))


def test_a_file_that_is_no_export_is_said_to_be_none(twofold: Program, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"\xff\xfe not an export")
    assert "not say that this is an audit export" in twofold.refused("audit", "verify", str(tmp_path / "other"))
