"""The policy of an account, as it is asked for and as it is kept."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.clock import NOON
from twofold.admin.policy import Policy, alike, normalised, stops_from

DAY = timedelta(days=1)
AHEAD, NOW, PAST = NOON + DAY, NOON, NOON - DAY


def policies() -> st.SearchStrategy[Policy]:
    dates = st.none() | st.integers(-10, 10).map(lambda days: NOON + days * DAY)
    return st.builds(Policy, st.sampled_from(("off", "optional", "required")), dates)


@given(policies())
def test_what_is_kept_says_the_same_and_has_only_a_date_ahead(policy: Policy) -> None:
    kept = normalised(policy, NOON)
    assert kept.policy == policy.policy
    assert normalised(kept, NOON) == kept
    assert alike(policy, kept, NOON)
    assert kept.required_from is None or (kept.required_from > NOON and kept.is_required)
    if policy.is_required:
        assert stops_from(kept, NOON) == stops_from(policy, NOON)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (Policy("off"), Policy("off")),
        (Policy("off", AHEAD), Policy("off")),
        (Policy("optional", AHEAD), Policy("optional")),
        (Policy("required"), Policy("required")),
        (Policy("required", AHEAD), Policy("required", AHEAD)),
        (Policy("required", NOW), Policy("required")),
        (Policy("required", PAST), Policy("required")),
    ],
)
def test_only_a_date_that_lies_ahead_is_kept_and_only_where_it_means_something(asked: Policy, kept: Policy) -> None:
    assert normalised(asked, NOON) == kept


@pytest.mark.parametrize(("since", "stops"), [(None, NOW), (PAST, NOW), (NOW, NOW), (AHEAD, AHEAD)])
def test_a_required_policy_stops_people_from_its_date_but_never_in_the_past(since: object, stops: object) -> None:
    assert stops_from(Policy("required", since), NOON) == stops  # type: ignore[arg-type]


def test_policies_differ_by_what_they_say_from_now_on() -> None:
    assert alike(Policy("required"), Policy("required", PAST), NOON)
    assert not alike(Policy("required"), Policy("required", AHEAD), NOON)
    assert not alike(Policy("optional"), Policy("off"), NOON)
    assert [Policy(name).is_required for name in ("off", "optional", "required")] == [False, False, True]
