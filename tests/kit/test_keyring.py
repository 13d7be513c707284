import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from twofold.kit.crypto import keyring
from twofold.kit.crypto.vault import Vault
from twofold.kit.sql.database import Database
from twofold.setting_values import Key, SettingsError, parse_keys
from twofold.settings import load

ONE, TWO = Key("one", b"1" * 32), Key("two", b"2" * 32)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    db = Database(database_url)
    yield db
    db.close()


def test_the_first_start_on_sqlite_makes_a_key_and_the_second_finds_it(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    settings = load({"TWOFOLD_DATA_DIR": str(folder)})
    (made,) = keyring.keys_of(settings)
    assert keyring.keys_of(settings) == (made,)
    assert stat.S_IMODE((folder / "keys").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(folder.iterdir()) == [folder / "keys"]


def test_keys_of_the_settings_leave_the_data_folder_alone(tmp_path: Path) -> None:
    settings = load({"TWOFOLD_DATA_DIR": str(tmp_path / "var"), "TWOFOLD_KEYS": keyring.new_key()})
    assert keyring.keys_of(settings) == settings.keys
    assert not (tmp_path / "var").exists()


def test_of_two_first_starts_at_once_both_use_the_same_key(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    folder.mkdir()
    first = keyring.new_key()
    keyring._write_once(folder / "keys", first)
    keyring._write_once(folder / "keys", keyring.new_key())
    assert keyring.keys_of(load({"TWOFOLD_DATA_DIR": str(folder)})) == parse_keys(first)


def test_a_broken_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("broken")
    with pytest.raises(SettingsError, match=str(tmp_path / "keys")):
        keyring.keys_of(load({"TWOFOLD_DATA_DIR": str(tmp_path)}))


def test_new_keys_are_good_keys_and_each_is_another() -> None:
    made = {keyring.new_key() for _ in range(20)}
    assert len({key.secret for text in made for key in parse_keys(text)}) == 20


def test_the_ring_that_sealed_the_database_is_accepted_again(db: Database) -> None:
    keyring.check(db, Vault([ONE]))
    keyring.check(db, Vault([ONE]))
    keyring.check(db, Vault([TWO, ONE]))


def test_a_restore_with_another_key_by_the_same_id_stops_the_start(db: Database) -> None:
    keyring.check(db, Vault([ONE]))
    with pytest.raises(SettingsError, match="TWOFOLD_KEYS holds another key by the id 'one'"):
        keyring.check(db, Vault([Key("one", b"x" * 32)]))


def test_a_key_missing_from_the_ring_stops_the_start(db: Database) -> None:
    keyring.check(db, Vault([ONE]))
    with pytest.raises(SettingsError, match="TWOFOLD_KEYS lacks the key with id 'one'"):
        keyring.check(db, Vault([TWO]))


def test_a_key_that_seals_nothing_any_more_can_be_forgotten(db: Database) -> None:
    keyring.check(db, Vault([ONE]))
    keyring.check(db, Vault([TWO, ONE]))
    with db.write() as connection:
        keyring.forget(connection, "one")
    keyring.check(db, Vault([TWO]))
