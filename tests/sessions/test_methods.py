"""What was proved and when, and what it adds up to: values, and their one way into the database and back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.clock import NOON, later
from twofold.sessions import methods
from twofold.sessions.methods import Method, Methods

PWD, OTP = Method("pwd", NOON), Method("otp", later(seconds=9), second=True)
BACKUP = Method("backup_code", later(minutes=3), second=True)
PRINTED = Method("printed_list", later(minutes=4), second=True)


@pytest.mark.parametrize(
    ("proved", "acr", "amr", "second_factor_at"),
    [
        ((PWD,), "urn:twofold:1fa", ["pwd"], None),
        ((Method("sso", NOON),), "urn:twofold:1fa", [], None),
        ((PWD, OTP), "urn:twofold:2fa", ["pwd", "otp", "mfa"], OTP.at),
        ((PWD, BACKUP), "urn:twofold:2fa", ["pwd", "mfa"], BACKUP.at),
        ((PWD, OTP, BACKUP), "urn:twofold:2fa", ["pwd", "otp", "mfa"], BACKUP.at),
        ((PWD, PRINTED), "urn:twofold:2fa", ["pwd", "mfa"], PRINTED.at),
    ],
)
def test_what_was_proved_adds_up(proved: Methods, acr: str, amr: list[str], second_factor_at: datetime | None) -> None:
    assert (methods.acr(proved), methods.amr(proved)) == (acr, amr)
    assert methods.second_factor_at(proved) == second_factor_at
    assert methods.has_second_factor(proved) is (acr == "urn:twofold:2fa")


def test_a_name_that_nobody_knows_is_no_second_factor() -> None:
    """Stops: a guard that takes whatever it does not know for two-factor authentication."""
    assert not methods.has_second_factor((PWD, Method("magic", NOON)))
    assert not methods.has_second_factor(methods.read("pwd magic", None, NOON))


def test_a_second_factor_alone_does_not_sign_anybody_in_again() -> None:
    again = methods.with_proved((PWD, OTP), [Method("otp", later(hours=1), second=True)])
    assert methods.authenticated_at(again) == NOON
    assert methods.second_factor_at(again) == later(hours=1)
    assert methods.authenticated_at(methods.with_proved(again, [Method("pwd", later(hours=2))])) == later(hours=2)


def test_nobody_is_authenticated_by_a_second_factor_alone() -> None:
    with pytest.raises(ValueError, match="empty"):
        methods.authenticated_at((OTP,))


def test_a_method_is_named_once_under_its_latest_time() -> None:
    later_first = methods.with_proved((PWD, Method("otp", later(hours=1), second=True)), [OTP, BACKUP])
    assert methods.names(later_first) == ["pwd", "otp", "backup_code"]
    assert later_first[1].at == later(hours=1)


def test_what_a_node_of_the_version_before_names_counts_as_proved_at_the_beginning() -> None:
    otp = Method("otp", NOON, second=True)
    assert methods.read("pwd otp", None, NOON) == (PWD, otp)
    kept = methods.stored((PWD, BACKUP))
    assert methods.read("pwd otp", kept, NOON) == (PWD, otp), "it went on with what a node of this version began"
    assert methods.read("pwd backup_code", kept, NOON) == (PWD, BACKUP)


def test_the_first_factors_are_those_that_are_no_second_ones() -> None:
    assert methods.first_factors((PWD, OTP, BACKUP)) == (PWD,)


MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
AMR_VALUES = st.lists(st.sampled_from(["hwk", "swk", "user"]), unique=True).map(tuple)
METHODS = st.builds(Method, st.from_regex(r"[a-z_]{1,20}", fullmatch=True), MOMENTS, st.booleans(), AMR_VALUES)


@given(st.lists(METHODS, unique_by=lambda method: method.name).map(tuple))
def test_what_is_stored_is_read_as_it_was(proved: Methods) -> None:
    kept = methods.columns(proved)
    assert methods.read(kept["methods"], kept["proved"], NOON) == proved


def test_what_is_proved_at_one_moment_is_the_password_a_second_factor_or_both() -> None:
    otp = Method("otp", NOON, second=True)
    assert methods.proved_now(NOON, second_factor="otp") == (PWD, otp)
    assert methods.proved_now(NOON, second_factor="") == (PWD,)
    assert methods.proved_now(NOON, second_factor="otp", password=False) == (otp,)
    assert methods.proved_now(NOON, second_factor="", password=False) == ()


def test_of_two_first_factors_the_later_one_counts() -> None:
    assert methods.authenticated_at((PWD, Method("sso", later(hours=2)))) == later(hours=2)
    assert methods.authenticated_at((PWD, Method("sso", later(hours=-2)))) == NOON


def test_it_is_stored_as_people_can_read_it() -> None:
    assert methods.stored((PWD, OTP)) == "pwd 2026-03-03T12:00:00+00:00 1\notp 2026-03-03T12:00:09+00:00 2"
