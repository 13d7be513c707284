from pathlib import Path

from tests.cli.program import Program
from tests.harness.people import PASSWORD, People
from twofold.kit.house import House
from twofold.lockouts import flow as lockouts


def test_a_house_moves_from_sqlite_to_postgresql(sqlite_url: str, postgresql_url: str, tmp_path: Path) -> None:
    old = Program({"TWOFOLD_DATABASE_URL": sqlite_url, "TWOFOLD_DATA_DIR": str(tmp_path)})
    new = old.with_settings(database_url=postgresql_url)
    old.user(old.account("Acme"), "ada@acme.example")
    told = new.done("copy-database", sqlite_url, postgresql_url, "--json").json
    assert (told["tables"]["users"], told["rows"]) == (1, sum(told["tables"].values()))
    assert new.done("users", "list", "--json").json == old.done("users", "list", "--json").json
    assert "holds users already" in new.refused("copy-database", sqlite_url, postgresql_url)


def test_what_cannot_be_copied_is_said(twofold: Program, sqlite_url: str, tmp_path: Path) -> None:
    assert "FROM must begin with sqlite" in twofold.called_wrongly("copy-database", "mysql://x", sqlite_url)
    assert "TO must begin with sqlite" in twofold.called_wrongly("copy-database", sqlite_url, "nonsense")
    assert "twofold migrate" in twofold.refused("copy-database", sqlite_url, f"sqlite:///{tmp_path / 'none.db'}")


def test_after_a_restore_nothing_used_works_again(people: People, house: House, twofold: Program) -> None:
    ada, factor = people.protected()
    token = people.token(ada, factor.phone)
    told = twofold.done("restored", "--reason", "The disk broke.", "--json").json
    assert (told["people"], told["authenticators"], told["backup_codes"]) == (1, 1, 1)
    assert people.find_session(token) is None
    assert not isinstance(people.begin(people.look_up(ada), password=PASSWORD), lockouts.WrongPassword)
    assert {event.reason for event in people.events("restored")} == {"The disk broke."}
    assert "operator-keys list" in twofold.done("restored", "--reason", "Again.").out
