"""Encryption keys that are missing, wrong or being changed, and secrets that somebody moved."""

import base64
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa

from tests.faults.conftest import ServeCheaply
from tests.faults.crowd import Load, Program, check_nothing_accepted_twice, crowd, now
from tests.harness import processes
from tests.harness.authenticator import Authenticator
from tests.harness.contexts import KEYS, context_on
from tests.harness.people import PASSWORD, People
from tests.harness.server import Server
from tests.harness.wire import client_to
from twofold.audit.tables import audit_events
from twofold.factors.totp import flow as totp_flow
from twofold.factors.totp.tables import authenticators
from twofold.kit.crypto.vault import Vault
from twofold.lockouts.budget import LOCK_AFTER
from twofold.setting_values import parse_keys

NEW_KEY = f"newer:{base64.b64encode(b'n' * 32).decode()}"
SAME_NAME = f"test:{base64.b64encode(b's' * 32).decode()}"
MANY = 1500


def rows_of(database_url: str, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
    engine = sa.create_engine(database_url)
    try:
        with engine.begin() as connection:
            done = connection.execute(statement)
            return done.all() if done.returns_rows else []
    finally:
        engine.dispose()


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(
    ("ring", "named"),
    [(NEW_KEY, "lacks the key with id 'test'"), (f"{NEW_KEY},{SAME_NAME}", "another key by the id 'test'")],
    ids=["missing", "wrong"],
)
def test_a_missing_or_wrong_key_stops_the_start_and_names_its_id(
    tmp_path: Path, sqlite_url: str, workers: int, ring: str, named: str
) -> None:
    """Stops: a server that starts under the wrong keys, after a restore, and fails at everybody's sign-in."""
    crowd(sqlite_url, 1)
    settings = {"TWOFOLD_DATABASE_URL": sqlite_url, "TWOFOLD_KEYS": ring}
    server = Server(tmp_path / "server", settings=settings, workers=workers)
    try:
        with pytest.raises(RuntimeError, match="ended by itself"):
            server.start()
        assert server.exit_code not in {0, None}
        assert named in server.logged
        assert "Traceback" not in server.logged
    finally:
        server.stop()


def test_a_secret_put_into_another_row_opens_nothing_its_owner_is_told_what_to_do(
    cheap: ServeCheaply, database_url: str
) -> None:
    """Stops: somebody who can write to the database makes another user's authenticator open the victim's account."""
    server = cheap(database_url)
    attacker, victim = crowd(database_url, 2)
    own = sa.select(authenticators.c.box).where(authenticators.c.user_id == attacker.id).scalar_subquery()
    rows_of(database_url, authenticators.update().where(authenticators.c.user_id == victim.id).values(box=own))
    with Program([server.url]) as program:
        for phone in (attacker.factor.phone, victim.factor.phone):
            for _ in range(LOCK_AFTER):
                refused = program.sign_in(victim.email, phone.code(now()))
                assert refused.status == 401
                assert (refused.body["code"], refused.body["hint"]) == ("invalid_code", "unreadable")
                assert refused.body["attempts_left"] == LOCK_AFTER  # nothing was compared, nothing is charged
        assert program.sign_in(attacker.email, attacker.factor.phone.code(now())).status == 200
        assert "Use your backup code, or ask your administrator" in page_after(server.url, victim.email)
        assert program.sign_in(victim.email, victim.factor.backup_code).status == 200
    kinds = sa.select(audit_events.c.subject_id).where(audit_events.c.kind == "secret_unreadable")
    assert {row.subject_id for row in rows_of(database_url, kinds)} == {victim.id}
    assert "does not open" in server.logged
    assert "unexpected error" not in server.logged


def page_after(url: str, email: str) -> str:
    """What the page says to somebody in a browser who enters a code there."""
    with client_to(url, headers={"Sec-Fetch-Site": "same-origin"}) as http:
        assert http.post("/sign-in", data={"email": email, "password": PASSWORD}).status_code == 303
        return http.post("/sign-in/code", data={"code": "123456"}).text


def test_one_damaged_authenticator_does_not_stop_another_one_of_the_same_user(
    cheap: ServeCheaply, database_url: str
) -> None:
    """Stops: shutting somebody out by damaging one row."""
    server = cheap(database_url)
    ada = crowd(database_url, 1)[0]
    row = rows_of(database_url, sa.select(authenticators).where(authenticators.c.user_id == ada.id))[0]
    earlier = row.created_at - timedelta(hours=1)
    damaged = row._asdict() | {"id": uuid4(), "created_at": earlier}
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(authenticators.insert(), damaged)
    engine.dispose()
    with Program([server.url]) as program:
        wrong = program.sign_in(ada.email, ada.factor.phone.wrong_code(now()))
        assert (wrong.status, wrong.body["attempts_left"]) == (401, LOCK_AFTER - 1)
        assert program.sign_in(ada.email, ada.factor.phone.code(now())).status == 200


def test_keys_are_rotated_while_people_sign_in_and_a_rotation_that_is_killed_goes_on(
    cheap: ServeCheaply, database_url: str
) -> None:
    """Stops: a secret that is lost, or sealed under a key that goes, because somebody used it meanwhile."""
    *members, spare = crowd(database_url, 7)
    fill(database_url)
    ring = f"{NEW_KEY},{KEYS}"
    server = cheap(database_url, workers=2, keys=ring)
    with Load([server.url], members) as load:
        load.wait_for(3)
        first = subprocess.Popen(
            [sys.executable, "-m", "twofold", "keys", "rotate"], env=server.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        processes.wait_until(lambda: sealed_newly(database_url) > 0, what="the rotation", every=0.01)
        first.kill()
        first.wait()
        half_way = sealed_newly(database_url)
        second = server.twofold("keys", "rotate", "--json")
        load.finish()
    assert 0 < half_way < MANY
    assert second.returncode == 0, second.stderr
    said = msgspec.json.decode(second.stdout)
    assert (said["retired"], said["unreadable"]) == (["test"], [])
    assert said["sealed"] >= MANY + len(members) - half_way
    check_nothing_accepted_twice(database_url, members, load.tries)
    assert load.accepted >= 3 * len(members), "nobody was refused for the rotation"
    server.stop()
    alone = cheap(database_url, keys=NEW_KEY)
    with Program([alone.url]) as program:
        later = [program.sign_in(member.email, member.factor.phone.wrong_code(now())) for member in members]
        assert {one.body["attempts_left"] for one in later} == {LOCK_AFTER - 1}
        assert program.sign_in(spare.email, spare.factor.phone.code(now())).status == 200


@pytest.mark.soak
def test_a_new_key_goes_round_the_nodes_by_the_runbook(cheap: ServeCheaply, postgresql_url: str) -> None:
    """Stops: a rotation in which nodes that have the new key seal what those that lack it cannot read."""
    settled, newcomers = iter(crowd(postgresql_url, 16)), iter(newcomers_of(postgresql_url, 16))
    nodes = [cheap(postgresql_url, keys=KEYS) for _ in range(2)]

    def all_is_well() -> None:
        for here, there in (nodes, nodes[::-1]):
            member = next(settled)
            with Program([here.url]) as program:
                assert program.sign_in(member.email, member.factor.phone.code(now())).status == 200
            set_up_across(here.url, there.url, next(newcomers))

    all_is_well()
    for ring in (f"{KEYS},{NEW_KEY}", f"{NEW_KEY},{KEYS}"):
        for number, node in enumerate(nodes):
            node.stop()
            nodes[number] = cheap(postgresql_url, keys=ring)
            all_is_well()
    rotated = nodes[0].twofold("keys", "rotate", "--json")
    assert msgspec.json.decode(rotated.stdout)["retired"] == ["test"]
    for number, node in enumerate(nodes):
        node.stop()
        nodes[number] = cheap(postgresql_url, keys=NEW_KEY)
        all_is_well()


def newcomers_of(database_url: str, count: int) -> list[str]:
    """Make people without a second factor; return their addresses."""
    with context_on(database_url) as context:
        people = People(context)
        account = people.account("Newcomers")
        return [people.user(f"newcomer{n}@acme.example", account=account).email for n in range(count)]


def set_up_across(here: str, there: str, email: str) -> None:
    """Open a set-up at one node and confirm it at the other."""
    with client_to() as http:
        signed_in = http.post(f"{here}/api/v1/sign-ins", json={"email": email, "password": PASSWORD}).json()
        http.headers["Authorization"] = f"Bearer {signed_in['session_token']}"
        opened = http.post(f"{here}/api/v1/two-factor/enrolments", json={"password": PASSWORD}).json()
        code = Authenticator.type_in(opened["secret"]).code(now())
        path = f"/api/v1/two-factor/enrolments/{opened['enrolment']}/confirmation"
        confirmed = http.post(f"{there}{path}", json={"code": code})
        assert confirmed.status_code == 200, confirmed.text


def fill(database_url: str) -> None:
    """Add authenticators of nobody, so that a rotation takes a moment."""
    vault, at = Vault(parse_keys(KEYS)), now()
    rows = []
    for _ in range(MANY):
        id_ = uuid4()
        sealed = vault.seal(b"s" * 20, totp_flow.identity("authenticators", id_))
        rows.append(
            {"id": id_, "user_id": uuid4(), "account_id": id_, "name": "app", "key_id": sealed.key_id,
             "box": sealed.ciphertext, "last_step": -1, "given_away": "", "created_at": at, "last_used_at": None}
        )  # fmt: skip
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(authenticators.insert(), rows)
    engine.dispose()


def sealed_newly(database_url: str) -> int:
    query = sa.select(sa.func.count()).select_from(authenticators).where(authenticators.c.key_id == "newer")
    return int(rows_of(database_url, query)[0][0])
