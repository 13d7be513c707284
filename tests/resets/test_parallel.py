from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from tests.harness.clock import NOON
from tests.resets.desk import Desk
from twofold.resets import act_flow
from twofold.resets.case import State
from twofold.resets.outcomes import CaseOpened
from twofold.resets.tables import reset_cases


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Make calls at the same moment, each in a thread of its own, and return what comes of them."""
    gate = Barrier(len(calls))

    def call(made: Callable[[], Any]) -> Any:
        gate.wait(timeout=30)
        return made()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(call, calls))


def names(outcomes: list[Any]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


def test_of_a_hundred_confirmations_at_once_one_succeeds(desk: Desk) -> None:
    token = desk.sent()
    outcomes = names(at_once(*[lambda: desk.confirm(token)] * 100))
    assert outcomes == {"ResetDone": 1, "LinkOver": 99}
    assert desk.case_of(token).state is State.CONFIRMED
    assert not desk.ada_now().has_second_factor
    assert len(desk.people.events("reset_confirmed")) == 1
    assert len(desk.people.letters("reset_done")) == 1


@pytest.mark.parametrize("round_", range(5))
def test_confirming_and_refusing_at_once_has_one_outcome(desk: Desk, round_: int) -> None:
    token = desk.sent()
    outcomes = names(at_once(*[lambda: desk.confirm(token), lambda: desk.refuse(token)] * 2))
    state = desk.case_of(token).state
    assert outcomes["ResetDone"] + outcomes["RefusalDone"] == 1
    assert outcomes["LinkOver"] == 3
    assert state is (State.CONFIRMED if outcomes["ResetDone"] else State.REFUSED)
    assert desk.ada_now().has_second_factor is (state is State.REFUSED)


def test_confirming_and_cancelling_at_once_has_one_outcome(desk: Desk) -> None:
    case_id = desk.ask()
    token = desk.link()
    outcomes = names(
        at_once(lambda: desk.confirm(token), lambda: act_flow.cancel(desk.house, desk.grace, case_id, at=NOON))
    )
    assert outcomes in ({"ResetDone": 1, "WrongState": 1}, {"LinkOver": 1, "Acted": 1})
    assert desk.ada_now().has_second_factor is (outcomes["Acted"] == 1)


def test_of_fifty_wrong_passwords_at_once_five_are_looked_at(desk: Desk) -> None:
    token = desk.sent()
    outcomes = names(at_once(*[lambda: desk.confirm(token, "not the password")] * 50))
    assert outcomes == {"WrongPassword": 5, "LinkOver": 45}
    case = desk.case_of(token)
    assert (case.state, case.password_tries) == (State.CLOSED, 5)
    assert len(desk.people.events("reset_closed")) == 1


def test_a_right_password_among_wrong_ones_at_once_leaves_one_state(desk: Desk) -> None:
    """The owner and a guesser meet at one link: whichever way it goes, it went that way for both."""
    token = desk.sent()
    outcomes = names(at_once(lambda: desk.confirm(token), *[lambda: desk.confirm(token, "not the password")] * 6))
    state = desk.case_of(token).state
    assert state is (State.CONFIRMED if outcomes["ResetDone"] else State.CLOSED)
    assert desk.ada_now().has_second_factor is (outcomes["ResetDone"] == 0)


def test_of_ten_cases_opened_at_once_one_stays_open(desk: Desk) -> None:
    linus = desk.people.person("linus@acme.example", role="admin")
    outcomes = at_once(*[lambda: desk.try_to_ask(desk.grace), lambda: desk.try_to_ask(linus)] * 5)
    assert all(isinstance(outcome, CaseOpened) for outcome in outcomes)
    assert desk.people.count(reset_cases, reset_cases.c.state == "requested") == 1
    assert desk.people.count(reset_cases, reset_cases.c.state == "superseded") == 9
