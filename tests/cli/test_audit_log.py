import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from tests.cli.program import Program
from tests.harness.people import People
from twofold.audit.chain import Event, Head, append
from twofold.audit.tables import audit_chains, audit_events, audit_signing_keys
from twofold.commands import checks
from twofold.kit.sql.database import Database


@pytest.fixture
def export(people: People, twofold: Program, tmp_path: Path) -> Path:
    """Export the log of two accounts and the installation."""
    people.user("ada@acme.example")
    people.user("gil@globex.example", account=people.account("Globex"))
    twofold.done("operator-keys", "create", "--name", "Shop")
    file = tmp_path / "export.jsonl"
    twofold.done("audit", "export", "--output", str(file))
    return file


def test_an_export_verifies_with_the_key_that_it_named(twofold: Program, export: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.jsonl"
    told = twofold.done("audit", "export", "--output", str(again), "--json").json
    assert told["events"] == len(again.read_text().splitlines()) - 2
    verified = twofold.done("audit", "verify", str(again), "--key", told["public_key"], "--json").json
    assert verified == {"verified": True, "events": told["events"], "public_key": told["public_key"], "key_given": True}


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
    people.user("bob@acme.example")
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


# --- heads that are kept elsewhere


@pytest.fixture
def heads(people: People, twofold: Program, export: Path, tmp_path: Path) -> Path:
    """Keep two heads, as a timer does; something happens between them and afterwards."""
    file = tmp_path / "heads.jsonl"
    for address in ("bob@acme.example", "eve@acme.example"):
        with file.open("a") as kept:
            kept.write(twofold.done("audit", "head").out)
        people.user(address)
    return file


def without_triggers(connection: sa.Connection) -> None:
    """Take away what keeps an event as it is, as the owner of the database can."""
    on = " ON {0}" if connection.dialect.name == "postgresql" else ""
    for trigger in ("audit_events_refuses_update", "audit_events_refuses_delete", "audit_chains_refuses_update"):
        table = trigger.rpartition("_refuses_")[0]
        connection.execute(sa.text(f"DROP TRIGGER {trigger}{on.format(table)}"))


def write_anew(database_url: str) -> None:
    """Rewrite the operator's log as the owner of the database can: triggers away, an event and its chain anew."""
    db = Database(database_url)
    with db.write() as connection:
        without_triggers(connection)
        head = Head("installation", 0, bytes(32))
        fields = [audit_events.c[name] for name in Event._fields]
        own = sa.select(audit_events.c.number, *fields).where(
            audit_events.c.account_id.is_(None), audit_events.c.position.is_not(None)
        )
        for number, *values in connection.execute(own.order_by(audit_events.c.position)).all():
            event = Event(*values)._replace(reason="nothing to see")
            head = append(head, event)
            connection.execute(
                audit_events.update()
                .where(audit_events.c.number == number)
                .values(reason=event.reason, hash=head.hash),
            )
        assert head.position > 0
        chain = audit_chains.update().where(audit_chains.c.chain == head.chain)
        connection.execute(chain.values(hash=head.hash))
    db.close()


def test_export_and_database_run_through_what_was_kept(twofold: Program, heads: Path, tmp_path: Path) -> None:
    key = json.loads(heads.read_text().splitlines()[0])["public_key"]
    export = tmp_path / "later.jsonl"
    twofold.done("audit", "export", "--output", str(export))
    for of in ([str(export)], []):
        told = twofold.done("audit", "verify", *of, "--head", str(heads), "--key", key, "--json").json
        assert (told["verified"], told["heads"]) == (True, 6), "three chains, twice"
        assert "runs through 6 kept heads" in twofold.done("audit", "verify", *of, "--head", str(heads)).out
    assert "as they were sealed" in twofold.done("audit", "verify").out
    piped = twofold.done("audit", "verify", str(export), "--head", "-", stdin=heads.read_text())
    assert "6 kept heads" in piped.out


def test_a_chain_that_its_owner_wrote_anew_is_found(
    twofold: Program, database_url: str, heads: Path, tmp_path: Path
) -> None:
    """Stops: the owner of the database, who can drop triggers and have the next export signed."""
    write_anew(database_url)
    export = tmp_path / "anew.jsonl"
    twofold.done("audit", "export", "--output", str(export))
    assert "as they were sealed" in twofold.done("audit", "verify", str(export)).out, "all else says yes"
    for of in ([str(export)], []):
        ran = twofold("audit", "verify", *of, "--head", str(heads), "--json")
        assert (ran.code, ran.json["verified"]) == (1, False)
        assert "installation" in ran.json["why"]
        said = twofold.refused("audit", "verify", *of, "--head", str(heads))
        assert "The log was tampered with" in said
        assert "the chain was written anew since" in said


def test_an_event_that_somebody_else_gave_its_place_is_found(
    people: People, twofold: Program, database_url: str, export: Path
) -> None:
    """It needs no owner of the database, stops the sealer, and is said in a sentence."""
    people.user("eve@acme.example")
    places = sa.select(sa.func.max(audit_events.c.position) + 1).where(audit_events.c.account_id == people.acme)
    waiting = (audit_events.c.account_id == people.acme) & audit_events.c.hash.is_(None)
    db = Database(database_url)
    with db.write() as connection:
        place = connection.execute(places).scalar_one()
        number = connection.execute(sa.select(sa.func.min(audit_events.c.number)).where(waiting)).scalar_one()
        own = audit_events.update().where(audit_events.c.number == number)
        connection.execute(own.values(position=place, hash=bytes(32)))
    db.close()
    people.user("mallory@acme.example")
    for command in ("verify", "export", "head"):
        assert "somebody gave an event a place" in twofold("audit", command).err
        assert twofold("audit", command).code == 1


def test_a_head_of_one_account_is_of_that_one_alone(people: People, twofold: Program) -> None:
    said = twofold.done("audit", "head", "--account", str(people.acme), "--json").json
    assert [one["chain"] for one in said["head"]["chains"]] == [str(people.acme)]
    assert "no account with the id" in twofold.refused("audit", "head", "--account", str(uuid4()))
    wrong = twofold.called_wrongly("audit", "head", "--account", str(people.acme), "--installation")
    assert "two different logs" in wrong


def test_a_head_that_was_forged_is_said_to_be(twofold: Program, heads: Path) -> None:
    heads.write_text(heads.read_text().replace('"position":1', '"position":2', 1))
    assert "signature of the kept head in line 1" in twofold.refused("audit", "verify", "--head", str(heads))


def change(account: UUID) -> sa.Update:
    """Change the first event of an account."""
    first = (audit_events.c.account_id == account) & (audit_events.c.position == 1)
    return audit_events.update().where(first).values(reason="nothing to see")


def cut_off(account: UUID) -> sa.Delete:
    """Delete the last event of an account."""
    of_account = audit_events.c.account_id == account
    last = sa.select(sa.func.max(audit_events.c.position)).where(of_account).scalar_subquery()
    return audit_events.delete().where(of_account, audit_events.c.position == last)


@pytest.mark.parametrize(("tamper", "why"), [(change, "event 1 was changed"), (cut_off, "missing at its end")])
def test_a_log_that_was_tampered_with_is_no_export_that_went_well(
    people: People, twofold: Program, database_url: str, export: Path, tmp_path: Path,
    tamper: Callable[[UUID], sa.Executable], why: str,
) -> None:  # fmt: skip
    """Stops: a month of exports that nobody verified, and a doctor who finds nothing."""
    (log,) = [one for one in twofold("doctor", "--json").json["checks"] if one["check"] == "audit log"]
    assert log["health"] == "ok"
    db = Database(database_url)
    with db.write() as connection:
        without_triggers(connection)
        connection.execute(tamper(people.acme))
    db.close()
    again = tmp_path / "again.jsonl"
    assert why in twofold.refused("audit", "export", "--output", str(again))
    assert "Globex" in again.read_text(), "what is in order is exported all the same"
    assert '"signature"' in again.read_text()
    ran = twofold("audit", "export", "--output", str(again), "--json")
    assert (ran.code, ran.json["verified"], why in ran.json["why"]) == (1, False, True)
    (log,) = [one for one in twofold("doctor", "--json").json["checks"] if one["check"] == "audit log"]
    assert log["health"] == "finding"
    assert why in log["says"]


def test_of_a_long_log_the_doctor_says_what_looks_through_it(
    twofold: Program, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MOST_FOLLOWED", 1)
    (log,) = [one for one in twofold("doctor", "--json").json["checks"] if one["check"] == "audit log"]
    assert "`twofold audit verify` looks through them" in log["says"]


def test_a_signing_key_that_somebody_changed_is_a_sentence(twofold: Program, export: Path, database_url: str) -> None:
    db = Database(database_url)
    with db.write() as connection:
        connection.execute(audit_signing_keys.update().values(box=b"another"))
    db.close()
    for command in (["head"], ["verify"], ["export"]):
        assert "does not open" in twofold.refused("audit", *command)
