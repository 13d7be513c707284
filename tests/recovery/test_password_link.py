from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.clock import NOON, later
from twofold.directory.user import User
from twofold.kit.mail import outbox
from twofold.recovery.password_link import (
    DECOY,
    LIFE,
    UNSENT_FOR,
    Over,
    PasswordLink,
    Purpose,
    TooSoon,
    is_bound_to,
    quiet_until,
    refused,
)

ID = UUID("11111111-2222-4333-8444-555555555555")


ADA = User(
    id=ID, account_id=ID, email="ada@acme.example", email_key="ada@acme.example", name="Ada", role="member",
    licensed=True, active=True, frozen_at=None, security_version=3, password_hash="x", password_set_at=later(days=-9),
    password_unproven=False, second_factor_since=None, factors_changed_at=None, reset_confirmed_at=None,
    exception_until=None, account_name="Acme", edition="enterprise", is_operator=False, sso=False, sso_url=None,
    policy="optional", required_from=None,
)  # fmt: skip
LINK = PasswordLink(ID, ID, Purpose.FORGOT, "ada@acme.example", later(days=-9), NOON, later(hours=1))


def test_each_link_lives_as_long_as_its_letter_says() -> None:
    assert LIFE[Purpose.FORGOT] == timedelta(hours=1)
    assert LIFE[Purpose.INVITATION] == timedelta(days=7)
    assert LIFE[Purpose.UNFROZEN] == LIFE[Purpose.RESET] == timedelta(days=1)


def test_a_decoy_lies_as_long_as_a_link_that_was_asked_for() -> None:
    assert timedelta(hours=1) == DECOY == LIFE[Purpose.FORGOT]


def test_a_request_outlives_its_letter_which_is_given_up_before() -> None:
    assert timedelta(days=5) == UNSENT_FOR > outbox.GIVE_UP_AFTER + max(outbox.WAITS)


@given(st.integers(min_value=-10, max_value=10))
def test_a_link_works_strictly_before_its_end(offset: int) -> None:
    at = later(hours=1, microseconds=offset)
    assert isinstance(refused(LINK, ADA, at), Over) == (offset >= 0)


def test_a_link_that_nobody_knows_sets_nothing() -> None:
    assert isinstance(refused(None, ADA, NOON), Over)
    assert isinstance(refused(LINK, None, NOON), Over)


@pytest.mark.parametrize(
    "changed",
    [
        {"active": False},
        {"frozen_at": NOON},
        {"sso": True},
        {"email_key": "countess@acme.example"},
        {"password_set_at": NOON},
        {"password_set_at": None},
        {"reset_confirmed_at": NOON},
    ],
)
def test_a_link_dies_of_whatever_makes_its_user_another(changed: dict[str, Any]) -> None:
    assert is_bound_to(LINK, ADA)
    assert not is_bound_to(LINK, ADA._replace(**changed))


@pytest.mark.parametrize(
    "changed", [{"role": "admin"}, {"security_version": 9}, {"licensed": False}, {"email": "Ada@Acme.example"}]
)
def test_a_link_survives_what_does_not_concern_it(changed: dict[str, Any]) -> None:
    assert refused(LINK, ADA._replace(**changed), NOON) is None


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3)))
def test_for_24_hours_after_a_reset_no_password_is_set_by_mail(since: timedelta) -> None:
    after_reset = ADA._replace(reset_confirmed_at=NOON)
    expected = later(hours=24) if since < timedelta(hours=24) else None
    assert quiet_until(after_reset, NOON + since) == expected
    if expected is not None:
        assert refused(LINK, after_reset, NOON + since) == TooSoon(expected)


def test_a_link_from_before_a_reset_stays_dead_when_the_24_hours_are_over() -> None:
    invitation = LINK._replace(purpose=Purpose.INVITATION, expires_at=later(days=3))
    assert isinstance(refused(invitation, ADA._replace(reset_confirmed_at=NOON), later(days=2)), Over)
    assert refused(invitation, ADA._replace(reset_confirmed_at=later(seconds=-1)), later(days=2)) is None


def test_a_reset_keeps_the_link_alive_that_it_has_promised_itself_and_no_other() -> None:
    promised = LINK._replace(purpose=Purpose.RESET)
    assert is_bound_to(promised, ADA._replace(reset_confirmed_at=NOON))
    assert not is_bound_to(promised, ADA._replace(reset_confirmed_at=later(microseconds=1)))
    assert not is_bound_to(LINK, ADA._replace(reset_confirmed_at=NOON))
