"""When a session holds, to the microsecond: no database here."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from tests.harness.clock import NOON, later
from tests.harness.people import proved
from twofold.sessions.session import Session, due_to_be_seen, holds

IDLE = timedelta(hours=1)
BLINK = timedelta(microseconds=1)


def session(
    *, seen: datetime = NOON, expires: datetime = NOON + timedelta(hours=24), role: str = "member", methods: str = "pwd"
) -> Session:
    somebody = cast("Any", SimpleNamespace(role=role))  # what else they are does not matter here
    return Session(UUID(int=1), b"hash", proved(*methods.split()), "page", NOON, seen, expires, somebody)


@pytest.mark.parametrize(
    ("at", "held"),
    [
        (NOON, True),
        (NOON + IDLE - BLINK, True),
        (NOON + IDLE, False),
        (NOON + IDLE + BLINK, False),
    ],
)
def test_a_session_left_alone_holds_until_just_before_its_hour(at: datetime, *, held: bool) -> None:
    assert holds(session(), IDLE, at) is held


@pytest.mark.parametrize(
    ("at", "held"),
    [
        (NOON + timedelta(hours=24) - BLINK, True),
        (NOON + timedelta(hours=24), False),
        (NOON + timedelta(hours=24) + BLINK, False),
    ],
)
def test_a_session_in_use_holds_until_just_before_its_end(at: datetime, *, held: bool) -> None:
    assert holds(session(seen=at - timedelta(seconds=1)), IDLE, at) is held


@pytest.mark.parametrize(
    ("seconds", "due"),
    [(0, False), (59.999999, False), (60, True), (60.000001, True)],
)
def test_the_last_use_is_due_to_be_written_down_a_minute_later(seconds: float, *, due: bool) -> None:
    assert due_to_be_seen(session(), later(seconds=seconds)) is due


def test_a_clock_that_was_put_back_ends_no_session() -> None:
    back = NOON - timedelta(minutes=10)
    assert holds(session(), IDLE, back)
    assert not due_to_be_seen(session(), back)


@pytest.mark.parametrize(
    ("role", "methods", "agent", "overseer"),
    [
        ("member", "pwd", False, False),
        ("member", "pwd otp", False, False),
        ("admin", "pwd", False, True),
        ("admin", "pwd otp", False, True),
        ("support", "pwd", False, False),
        ("support", "pwd otp", True, True),
        ("support", "pwd backup_code", True, True),
    ],
)
def test_an_agent_opens_no_account_without_a_second_factor(
    role: str, methods: str, *, agent: bool, overseer: bool
) -> None:
    held = session(role=role, methods=methods)
    assert (held.of_agent, held.of_overseer) == (agent, overseer)
