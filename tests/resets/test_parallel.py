from collections import Counter
from typing import Any

import pytest

from tests.harness.clock import NOON
from tests.harness.parallel import at_once
from tests.resets.helpdesk import Helpdesk
from twofold.kit.acting import Origin
from twofold.resets import act_flow
from twofold.resets.case import State
from twofold.resets.outcomes import CaseOpened
from twofold.resets.tables import reset_cases


def names(outcomes: list[Any]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


def test_of_a_hundred_confirmations_at_once_one_succeeds(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    outcomes = names(at_once(*[lambda: helpdesk.confirm(token)] * 100))
    assert outcomes == {"ResetDone": 1, "LinkOver": 99}
    assert helpdesk.case_of(token).state is State.CONFIRMED
    assert not helpdesk.ada_now().has_second_factor
    assert len(helpdesk.people.events("reset_confirmed")) == 1
    assert len(helpdesk.people.letters("reset_done")) == 1


@pytest.mark.parametrize("round_", range(5))
def test_confirming_and_refusing_at_once_has_one_outcome(helpdesk: Helpdesk, round_: int) -> None:
    token = helpdesk.sent()
    outcomes = names(at_once(*[lambda: helpdesk.confirm(token), lambda: helpdesk.refuse(token)] * 2))
    state = helpdesk.case_of(token).state
    assert outcomes["ResetDone"] + outcomes["RefusalDone"] == 1
    assert outcomes["LinkOver"] == 3
    assert state is (State.CONFIRMED if outcomes["ResetDone"] else State.REFUSED)
    assert helpdesk.ada_now().has_second_factor is (state is State.REFUSED)


def test_confirming_and_cancelling_at_once_has_one_outcome(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    token = helpdesk.link()
    outcomes = names(
        at_once(
            lambda: helpdesk.confirm(token),
            lambda: act_flow.cancel(helpdesk.context, helpdesk.grace, case_id, origin=Origin(NOON)),
        )
    )
    assert outcomes in ({"ResetDone": 1, "WrongState": 1}, {"LinkOver": 1, "Acted": 1})
    assert helpdesk.ada_now().has_second_factor is (outcomes["Acted"] == 1)


def test_of_fifty_wrong_passwords_at_once_five_are_looked_at(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    outcomes = names(at_once(*[lambda: helpdesk.confirm(token, "not the password")] * 50))
    assert outcomes == {"WrongPassword": 5, "LinkOver": 45}
    case = helpdesk.case_of(token)
    assert (case.state, case.password_tries) == (State.CLOSED, 5)
    assert len(helpdesk.people.events("reset_closed")) == 1


def test_a_right_password_among_wrong_ones_at_once_leaves_one_state(helpdesk: Helpdesk) -> None:
    """The owner and a guesser meet at one link: whichever way it goes, it went that way for both."""
    token = helpdesk.sent()
    outcomes = names(
        at_once(lambda: helpdesk.confirm(token), *[lambda: helpdesk.confirm(token, "not the password")] * 6)
    )
    state = helpdesk.case_of(token).state
    assert state is (State.CONFIRMED if outcomes["ResetDone"] else State.CLOSED)
    assert helpdesk.ada_now().has_second_factor is (outcomes["ResetDone"] == 0)


def test_of_ten_cases_opened_at_once_one_stays_open(helpdesk: Helpdesk) -> None:
    linus = helpdesk.people.user("linus@acme.example", role="admin")
    outcomes = at_once(*[lambda: helpdesk.try_to_ask(helpdesk.grace), lambda: helpdesk.try_to_ask(linus)] * 5)
    assert all(isinstance(outcome, CaseOpened) for outcome in outcomes)
    assert helpdesk.people.count(reset_cases, reset_cases.c.state == "requested") == 1
    assert helpdesk.people.count(reset_cases, reset_cases.c.state == "superseded") == 9
