from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.brand.pictures import SVG
from tests.cli.program import Program
from twofold import settings
from twofold.commands.show_settings import SPANS, names_of_settings
from twofold.settings import PREFIX, Settings

MADE_ELSEWHERE = {"demo"}  # by `twofold demo` alone


@pytest.fixture
def twofold(tmp_path: Path) -> Program:
    """Settings need no database."""
    return Program({"TWOFOLD_DATA_DIR": str(tmp_path)})


def shown(twofold: Program) -> dict[str, dict[str, Any]]:
    return {row["setting"]: row for row in twofold.done("settings", "--json").json}


def test_every_setting_is_shown() -> None:
    short = [name.removeprefix(PREFIX) for name in names_of_settings({})]
    fields = {SPANS[name][0] if name in SPANS else name.lower() for name in short}
    assert fields == {field.name for field in msgspec.structs.fields(Settings)} - MADE_ELSEWHERE


def test_each_says_where_it_came_from(twofold: Program, tmp_path: Path) -> None:
    file = tmp_path / "name"
    file.write_text("Acme Login\n")
    settings = shown(twofold.with_settings(product_name_file=str(file), session_hours="8"))
    assert settings["TWOFOLD_PRODUCT_NAME"]["value"] == "Acme Login"
    assert settings["TWOFOLD_PRODUCT_NAME"]["from"] == f"file {file}"
    assert (settings["TWOFOLD_SESSION_HOURS"]["value"], settings["TWOFOLD_SESSION_HOURS"]["from"]) == (8, "environment")
    assert (settings["TWOFOLD_POOL_SIZE"]["value"], settings["TWOFOLD_POOL_SIZE"]["from"]) == (8, "default")
    assert settings["TWOFOLD_WORKER"]["value"] == "on"


def test_the_old_name_of_a_setting_works_and_is_said_to_be_old(twofold: Program, tmp_path: Path) -> None:
    old = twofold.with_settings(issuer="Acme Login")
    assert shown(old)["TWOFOLD_PRODUCT_NAME"] == {
        "setting": "TWOFOLD_PRODUCT_NAME", "value": "Acme Login", "from": "environment, as TWOFOLD_ISSUER",
    }  # fmt: skip
    file = tmp_path / "name"
    file.write_text("Acme Login\n")
    row = shown(twofold.with_settings(issuer_file=str(file)))["TWOFOLD_PRODUCT_NAME"]
    assert (row["value"], row["from"]) == ("Acme Login", f"file {file}, as TWOFOLD_ISSUER")
    assert "TWOFOLD_ISSUER" not in shown(old)
    assert "old name of the first" in old.with_settings(product_name="Acme").called_wrongly("settings")


def test_what_is_the_operators_own_is_shown_as_it_was_set(twofold: Program, tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text(SVG)
    links = '{"Privacy": "https://acme.example/privacy", "Contact": "mailto:help@acme.example"}'
    rows = shown(twofold.with_settings(logo=str(logo), accent="#7A1FA2", links=links))
    assert rows["TWOFOLD_LOGO"]["value"] == str(logo)
    assert rows["TWOFOLD_ACCENT"]["value"] == "#7a1fa2"
    assert rows["TWOFOLD_LINKS"]["value"] == [
        "Privacy: https://acme.example/privacy",
        "Contact: mailto:help@acme.example",
    ]


def test_secrets_stay_hidden(twofold: Program) -> None:
    told = twofold.with_settings(
        database_url="postgresql://twofold:hunter2@db.example/twofold",
        smtp_url="smtps://login:hunter2@mail.example:465",
    )
    out = told.done("settings", "--json").out
    assert "hunter2" not in out
    assert told.settings["TWOFOLD_KEYS"].partition(":")[2] not in out
    assert shown(told)["TWOFOLD_SMTP_URL"]["value"] == "smtps://login:***@mail.example:465"
    assert shown(told)["TWOFOLD_KEYS"]["value"] == ["test:***"]
    assert "hunter2" not in told.done("settings").out


def test_what_is_named_a_secret_is_shown_nowhere(twofold: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops: a setting of a later version that holds a secret, and that some list of them forgot."""
    monkeypatch.setattr(settings, "SECRETS", (*settings.SECRETS, "product_name"))
    told = twofold.with_settings(product_name="swordfish")
    assert shown(told)["TWOFOLD_PRODUCT_NAME"]["value"] == "***"
    assert "swordfish" not in repr(settings.load(told.settings))
    assert "swordfish" not in twofold.with_settings(product_name_file="swordfish").called_wrongly("settings")


def test_keys_of_a_data_folder_are_said_to_be_there(twofold: Program, tmp_path: Path) -> None:
    del twofold.settings["TWOFOLD_KEYS"]
    assert shown(twofold)["TWOFOLD_KEYS"]["from"] == f"file {tmp_path / 'keys'}, made at the first start"
    assert not (tmp_path / "keys").exists()
