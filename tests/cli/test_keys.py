import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.program import Program
from tests.conftest import Serve
from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.contexts import KEYS, context_on
from tests.harness.people import PASSWORD, People
from tests.harness.wire import client_to
from twofold.audit import export_flow
from twofold.factors import enrolment_flow, opening_flow
from twofold.factors.totp.tables import authenticators
from twofold.kit import clock
from twofold.kit.context import AppContext
from twofold.kit.crypto.keyring import encryption_keys
from twofold.kit.crypto.vault import Sealed
from twofold.oidc import key_flow
from twofold.operations import rotation
from twofold.operations.assembly import build_context
from twofold.schema import metadata
from twofold.setting_values import parse_keys
from twofold.settings import load
from twofold.signin import attempt_flow, set_up_flow
from twofold.signin.tables import sign_in_attempts

NEW = "new:" + base64.b64encode(b"another key of thirty-two bytes!").decode()


@pytest.fixture
def rotating(twofold: Program) -> Program:
    """Run commands with a new active key, and the old one behind it."""
    return twofold.with_settings(keys=f"{NEW},{KEYS}")


@contextmanager
def context_with(twofold: Program, keys: str) -> Iterator[AppContext]:
    context = build_context(load(twofold.with_settings(keys=keys).settings))
    try:
        yield context
    finally:
        context.db.close()


def key_ids(context: AppContext) -> list[set[str]]:
    """Return the ids of the keys in use, place by place."""
    with context.db.read() as connection:
        return [
            set(connection.execute(sa.select(place.key_id).where(place.ciphertext.is_not(None))).scalars())
            for place in rotation.PLACES
        ]


def mail_a_code(people: People) -> str:
    """Let Rita sign in where she must set up first; return the code that was mailed to her."""
    rita = people.user("rita@bank.example", account=people.account("Bank", policy="required"))
    people.attempt(rita)
    (entry,) = people.letters("sign_in_code")
    with people.context.db.write() as connection:
        minted = set_up_flow.mint_mailed_code(people.context, connection, entry, NOON)
    assert minted is not None
    return minted.code


def mailed_code(context: AppContext) -> str:
    """Open the mailed code that rests in a sign-in."""
    with context.db.read() as connection:
        row = connection.execute(sa.select(sign_in_attempts).where(sign_in_attempts.c.mail_box.is_not(None))).one()
    return context.vault.open(Sealed(row.mail_key_id, row.mail_box), f"sign_in_attempts.mail:{row.id}").decode()


def shown_backup_code(context: AppContext, sign_in: str) -> str | None:
    """Show the backup code that rests in a sign-in."""
    attempt = attempt_flow.find(context, sign_in, NOON)
    assert attempt is not None
    return set_up_flow.show_backup_code(context, attempt)


def test_a_new_key_is_one_that_the_settings_take(twofold: Program) -> None:
    made = twofold.done("keys", "new").out.strip()
    assert len(parse_keys(made)) == 1
    again = twofold.done("keys", "new", "--json").json
    assert again["key"].startswith(f"{again['id']}:")
    assert again["key"] != made


def test_a_ring_in_a_file_is_rotated_line_by_line(people: People, twofold: Program, tmp_path: Path) -> None:
    """The runbook, docs/operations.md: `twofold keys new >> keys`, then the new line first, then the old one away."""
    people.protected()
    ring = tmp_path / "ring"
    ring.write_text(f"{KEYS}\n")
    from_file = twofold.with_settings(keys_file=str(ring))
    del from_file.settings["TWOFOLD_KEYS"]
    with ring.open("a") as more:
        more.write(from_file.done("keys", "new").out)
    old, new = ring.read_text().splitlines()
    assert from_file.done("keys", "rotate", "--json").json["active"] == "test"
    ring.write_text(f"{new}\n{old}\n")
    rotated = from_file.done("keys", "rotate")
    assert "The key test seals nothing any more: take it out of the ring." in rotated.out
    ring.write_text(f"{new}\n")
    from_file.done("accounts", "list")


def test_every_column_of_sealed_secrets_is_known() -> None:
    columns = {column for table in metadata.sorted_tables for column in table.c}
    ciphertexts = {column for column in columns if column.name.endswith("box")}
    assert ciphertexts - {encryption_keys.c.check_box} <= {place.ciphertext for place in rotation.PLACES}
    assert {column for column in columns if column.name.endswith("key_id")} == {
        place.key_id for place in rotation.PLACES
    }


def test_every_secret_opens_with_the_new_key_alone(people: People, context: AppContext, rotating: Program) -> None:
    ada, factor = people.protected()
    session = people.sign_in(ada, factor.phone)
    opener = opening_flow.opener_of(session)
    with context.db.write() as connection:
        opened = enrolment_flow.open_for(context, connection, ada, opener, at=NOON)
    bob, backup = people.protected("bob@acme.example")
    saving = people.attempt(bob)
    people.give_code(saving, backup.backup_code)
    token = key_flow.sign(context, {"sub": "ada"}, "ES256", NOON)
    before = (
        mail_a_code(people),
        shown_backup_code(context, saving),
        export_flow.public_key(context.db, context.vault, NOON),
    )
    assert key_ids(context) == [{"test"}] * len(rotation.PLACES)  # each place has something to seal anew

    done = rotating.done("keys", "rotate", "--json").json
    assert done == {"active": "new", "sealed": 8, "retired": ["test"], "unreadable": []}
    with context_with(rotating, NEW) as renewed:
        assert key_ids(renewed) == [{"new"}] * len(rotation.PLACES)
        People(renewed).sign_in(ada, factor.phone, at=later(minutes=2))
        with renewed.db.read() as connection:
            found = enrolment_flow.find(renewed, connection, ada, opener, NOON)
        assert found is not None
        assert found.secret == opened.secret
        assert key_flow.verify(renewed, token, NOON) == key_flow.verify(context, token, NOON) == {"sub": "ada"}
        assert key_flow.verify(renewed, key_flow.sign(renewed, {"sub": "bob"}, "RS256", NOON), NOON) == {"sub": "bob"}
        after = (
            mailed_code(renewed),
            shown_backup_code(renewed, saving),
            export_flow.public_key(renewed.db, renewed.vault, NOON),
        )
    assert after == before


def test_as_long_as_a_secret_needs_it_no_key_is_forgotten(people: People, twofold: Program) -> None:
    people.protected()
    before = twofold.done("keys", "rotate", "--json").json
    assert (before["sealed"], before["retired"]) == (0, [])
    assert "lacks the key with id 'test'" in twofold.with_settings(keys=NEW).called_wrongly("keys", "rotate")


def test_it_goes_on_where_it_was_stopped(
    people: People, context: AppContext, rotating: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcde":
        people.protected(f"{name}@acme.example")
    monkeypatch.setattr(rotation, "BATCH", 2)

    def stop_after_the_first(_count: int) -> None:
        raise KeyboardInterrupt

    with context_with(rotating, rotating.settings["TWOFOLD_KEYS"]) as started:
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate(started, NOON, stop_after_the_first)
        assert rotation.due(started) == 3
    assert rotating.done("keys", "rotate", "--json").json["sealed"] == 3
    assert rotating.done("keys", "rotate", "--json").json == {
        "active": "new", "sealed": 0, "retired": [], "unreadable": [],
    }  # fmt: skip


def test_a_secret_that_a_server_changed_meanwhile_is_left_alone(
    people: People, context: AppContext, rotating: Program
) -> None:
    people.protected()
    place = rotation.PLACES[0]
    with context_with(rotating, rotating.settings["TWOFOLD_KEYS"]) as started:
        (stale,) = rotation._batch(started, place, None)
        fresh = context.vault.seal(b"x" * 20, place.identity_of(stale[0]))
        with started.db.write() as connection:
            connection.execute(authenticators.update().values(box=fresh.ciphertext))
            assert not rotation._seal_row(started, connection, place, stale, set())
            assert connection.execute(sa.select(authenticators.c.box)).scalar_one() == fresh.ciphertext


def test_a_secret_that_was_tampered_with_is_named_and_left(
    people: People, context: AppContext, rotating: Program
) -> None:
    ada, _factor = people.protected()
    people.protected("bob@acme.example")
    with context.db.write() as connection:
        mine = authenticators.c.user_id == ada.id
        connection.execute(authenticators.update().where(mine).values(box=b"\0" * 48))
    ran = rotating("keys", "rotate", "--json")
    assert ran.code == 1
    assert "1 secrets do not open" in ran.err
    assert ran.json["sealed"] == 1
    assert ran.json["retired"] == []  # the key is needed as long as something says so
    assert ran.json["unreadable"][0].startswith("authenticators.box of ")


def test_it_is_written_down(people: People, rotating: Program) -> None:
    people.protected()
    rotating.done("keys", "rotate")
    (event,) = people.events("keys_rotated")
    assert (event.actor_kind, event.account_id) == ("console", None)


def test_people_sign_in_while_keys_are_rotated(database_url: str, serve: Serve) -> None:
    with context_on(database_url) as context:
        people = People(context)
        phones = {}
        for number in range(3):
            user, factor = people.protected(f"p{number}@acme.example")
            phones[user.email] = factor.phone
    server = serve(database_url, keys=f"{NEW},{KEYS}")
    with client_to(server.url) as http:
        for number, (email, phone) in enumerate(phones.items()):
            if number == 1:
                ran = server.twofold("keys", "rotate", "--json")
                assert (ran.returncode, ran.stderr) == (0, ""), ran
            Api(http).sign_in(email, PASSWORD, phone.code(clock.now()))
