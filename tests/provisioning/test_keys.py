from datetime import timedelta
from uuid import uuid4

import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.people import People
from twofold.audit import flow as audit
from twofold.kit.house import House
from twofold.kit.tokens import digest
from twofold.provisioning import key_flow
from twofold.provisioning.key_flow import MadeKey
from twofold.provisioning.tables import operator_keys


def create(house: House, name: str = "Shop") -> MadeKey:
    made = key_flow.create_key(house.db, name, actor=audit.CONSOLE, at=NOON)
    assert isinstance(made, MadeKey)
    return made


def test_a_key_is_found_by_what_was_shown_and_by_nothing_else(house: House) -> None:
    made = create(house)
    assert made.key.startswith("tf_operator_")
    assert key_flow.find_key(house.db, made.key, NOON) == made.id
    assert key_flow.find_key(house.db, made.key + "x", NOON) is None
    assert key_flow.find_key(house.db, made.key[:-1], NOON) is None


def test_only_the_hash_of_a_key_rests_in_the_database(house: House) -> None:
    made = create(house)
    with house.db.read() as connection:
        row = connection.execute(sa.select(operator_keys)).one()
    assert row.key_hash == digest(made.key)
    assert made.key not in str(tuple(row))


def test_a_revoked_key_opens_nothing(people: People, house: House) -> None:
    made = create(house)
    assert key_flow.revoke_key(house.db, made.id, actor=audit.CONSOLE, at=NOON)
    assert key_flow.find_key(house.db, made.key, NOON) is None
    assert not key_flow.revoke_key(house.db, made.id, actor=audit.CONSOLE, at=NOON)
    assert not key_flow.revoke_key(house.db, uuid4(), actor=audit.CONSOLE, at=NOON)
    assert [event.kind for event in people.events()] == ["operator_key_created", "operator_key_revoked"]


def test_the_last_use_is_written_down_at_most_once_a_minute(house: House) -> None:
    made = create(house)
    seen = []
    for seconds in (0, 59, 60, 61):
        key_flow.find_key(house.db, made.key, later(seconds=seconds))
        seen.append((key_flow.list_keys(house.db)[0].last_used_at - NOON) / timedelta(seconds=1))
    assert seen == [0, 0, 60, 60]


def test_a_key_has_a_name(house: House) -> None:
    refused = key_flow.create_key(house.db, " ", actor=audit.CONSOLE, at=NOON)
    assert not isinstance(refused, MadeKey)
    assert refused.field == "name"
