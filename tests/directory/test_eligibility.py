"""Every combination of what decides eligibility, against the order of the design's section 2 written out again."""

import itertools
from datetime import datetime, timedelta

import pytest

from tests.harness.clock import NOON
from twofold.directory.eligibility import Eligibility, Offer, Reason, Standing, eligibility

EDITIONS = frozenset({"enterprise", "plus"})
DAY = timedelta(days=1)
PAST, FUTURE, LATER = NOON - DAY, NOON + DAY, NOON + 2 * DAY
DATES = (None, PAST, NOON, FUTURE, LATER)

EVERYBODY = [
    Standing(*values)
    for values in itertools.product(
        ("member", "admin", "support"),
        (True, False),  # licensed
        DATES,  # exception_until
        ("enterprise", "plus", "standard"),
        (True, False),  # sso
        ("off", "optional", "required"),
        DATES,  # required_from
    )
]


def expected(who: Standing) -> Eligibility:
    """Say it again, as a table: the first line that fits decides."""
    ahead = [date for date in (who.required_from, who.exception_until) if date is not None and date > NOON]
    table = [
        (who.role == "support", Eligibility(Offer.REQUIRED, Reason.SUPPORT)),
        (who.sso, Eligibility(Offer.NOT_OFFERED, Reason.SSO)),
        (who.edition == "standard", Eligibility(Offer.NOT_OFFERED, Reason.EDITION)),
        (who.policy == "off", Eligibility(Offer.NOT_OFFERED, Reason.SWITCHED_OFF)),
        (not who.licensed, Eligibility(Offer.NOT_OFFERED, Reason.UNLICENSED)),
        (who.policy == "required" and not ahead, Eligibility(Offer.REQUIRED, Reason.POLICY)),
        (who.policy == "required", Eligibility(Offer.OFFERED, Reason.AVAILABLE, max(ahead, default=None))),
        (who.policy == "optional", Eligibility(Offer.OFFERED, Reason.AVAILABLE)),
    ]
    return next(decision for fits, decision in table if fits)


@pytest.mark.parametrize("role", ["member", "admin", "support"])
@pytest.mark.parametrize("policy", ["off", "optional", "required"])
def test_the_whole_table_is_decided_as_the_design_says(role: str, policy: str) -> None:
    chosen = [who for who in EVERYBODY if (who.role, who.policy) == (role, policy)]
    assert len(chosen) == 2 * 5 * 3 * 2 * 5
    for who in chosen:
        assert eligibility(who, EDITIONS, NOON) == expected(who), who


ORDINARY = Standing("member", True, None, "enterprise", False, "optional", None)
MUST = ORDINARY._replace(policy="required", required_from=PAST)


def test_an_account_on_an_edition_that_has_it_is_offered_it_from_its_first_day() -> None:
    assert eligibility(ORDINARY, EDITIONS, NOON) == (Offer.OFFERED, Reason.AVAILABLE, None)


@pytest.mark.parametrize(
    ("moment", "required"),
    [
        (NOON - timedelta(microseconds=1), False),
        (NOON, True),
        (NOON + timedelta(microseconds=1), True),
    ],
)
def test_a_policy_holds_from_its_very_moment_on(moment: datetime, required: bool) -> None:  # noqa: FBT001
    assert eligibility(MUST._replace(required_from=NOON), EDITIONS, moment).required is required


def test_a_policy_without_a_date_holds_at_once() -> None:
    assert eligibility(MUST._replace(required_from=None), EDITIONS, NOON).required


def test_an_exception_lets_somebody_go_on_until_it_ends() -> None:
    excepted = MUST._replace(exception_until=FUTURE)
    assert eligibility(excepted, EDITIONS, NOON) == (Offer.OFFERED, Reason.AVAILABLE, FUTURE)
    assert eligibility(excepted, EDITIONS, FUTURE).required


def test_an_exception_changes_nothing_where_nothing_is_required() -> None:
    assert eligibility(ORDINARY._replace(exception_until=FUTURE), EDITIONS, NOON) == (
        Offer.OFFERED, Reason.AVAILABLE, None,
    )  # fmt: skip


def test_the_operator_says_which_editions_have_it() -> None:
    standard = ORDINARY._replace(edition="standard")
    assert not eligibility(standard, EDITIONS, NOON).offered
    assert eligibility(standard, {"standard"}, NOON).offered
    assert not eligibility(ORDINARY, frozenset(), NOON).offered


def test_a_support_agent_must_whatever_the_operators_account_looks_like() -> None:
    worst = Standing("support", False, LATER, "standard", True, "off", LATER)
    assert eligibility(worst, frozenset(), NOON) == (Offer.REQUIRED, Reason.SUPPORT, None)
