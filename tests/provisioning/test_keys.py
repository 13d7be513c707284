from uuid import uuid4

import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.people import People
from twofold.kit import acting
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest
from twofold.provisioning import key_flow
from twofold.provisioning.key_flow import MadeKey
from twofold.provisioning.tables import operator_keys


def create(context: AppContext, name: str = "Shop") -> MadeKey:
    made = key_flow.create_key(context.db, name, actor=acting.CONSOLE, at=NOON)
    assert isinstance(made, MadeKey)
    return made


def test_a_key_is_found_by_what_was_shown_and_by_nothing_else(context: AppContext) -> None:
    made = create(context)
    assert made.key.startswith("tf_operator_")
    assert key_flow.find_key(context.db, made.key, NOON) == made.id
    assert key_flow.find_key(context.db, made.key + "x", NOON) is None
    assert key_flow.find_key(context.db, made.key[:-1], NOON) is None


def test_only_the_hash_of_a_key_rests_in_the_database(context: AppContext) -> None:
    made = create(context)
    with context.db.read() as connection:
        row = connection.execute(sa.select(operator_keys)).one()
    assert row.key_hash == digest(made.key)
    assert made.key not in str(tuple(row))


def test_a_revoked_key_opens_nothing(people: People, context: AppContext) -> None:
    made = create(context)
    assert key_flow.revoke_key(context.db, made.id, actor=acting.CONSOLE, at=NOON)
    assert key_flow.find_key(context.db, made.key, NOON) is None
    assert not key_flow.revoke_key(context.db, made.id, actor=acting.CONSOLE, at=NOON)
    assert not key_flow.revoke_key(context.db, uuid4(), actor=acting.CONSOLE, at=NOON)
    assert [event.kind for event in people.events()] == ["operator_key_created", "operator_key_revoked"]


def test_the_last_use_is_written_down_at_most_once_a_minute(context: AppContext) -> None:
    made = create(context)
    seen = []
    for seconds in (0, 59, 60, 61):
        key_flow.find_key(context.db, made.key, later(seconds=seconds))
        seen.append(key_flow.list_keys(context.db)[0].last_used_at)
    assert seen == [NOON, NOON, later(seconds=60), later(seconds=60)]


def test_a_key_has_a_name(context: AppContext) -> None:
    refused = key_flow.create_key(context.db, " ", actor=acting.CONSOLE, at=NOON)
    assert not isinstance(refused, MadeKey)
    assert refused.field == "name"
