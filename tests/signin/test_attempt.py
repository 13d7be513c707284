"""The one guard that every step of a sign-in passes, on every combination of what it looks at."""

import itertools
from datetime import timedelta
from uuid import uuid4

import pytest

from tests.harness.clock import NOON, later
from tests.harness.people import proved
from twofold.directory.eligibility import Eligibility, Offer, Reason
from twofold.directory.user import User
from twofold.signin.attempt import (
    LIFE,
    MAILED_CODE_LIFE,
    Attempt,
    Expired,
    OutOfOrder,
    Purpose,
    Step,
    after_second_factor,
    first_step,
    guard,
)

USER = User(
    id=uuid4(),
    account_id=uuid4(),
    email="ada@acme.example",
    email_key="ada@acme.example",
    name="Ada",
    role="member",
    licensed=True,
    active=True,
    frozen_at=None,
    security_version=3,
    password_hash="$argon2id$",
    password_set_at=NOON,
    password_unproven=False,
    second_factor_since=None,
    factors_changed_at=None,
    reset_confirmed_at=None,
    exception_until=None,
    account_name="Acme",
    edition="enterprise",
    is_operator=False,
    sso=False,
    sso_url=None,
    policy="optional",
    required_from=None,
)
ATTEMPT = Attempt(
    uuid4(), b"hash", "page", Step.CODE, Purpose.SESSION, None, proved("pwd"), 3, "", None, mailed=False,
    expires_at=later(minutes=10), user=USER,
)  # fmt: skip


@pytest.mark.parametrize(
    ("enabled", "offer", "step"),
    [
        (True, Offer.NOT_OFFERED, Step.CODE),
        (True, Offer.OFFERED, Step.CODE),
        (True, Offer.REQUIRED, Step.CODE),
        (False, Offer.NOT_OFFERED, Step.DONE),
        (False, Offer.OFFERED, Step.DONE),
        (False, Offer.REQUIRED, Step.VERIFY_EMAIL),
    ],
)
def test_a_factor_is_always_asked_for_and_its_set_up_only_where_it_is_required(
    offer: Offer, step: Step, *, enabled: bool
) -> None:
    user = USER._replace(second_factor_since=NOON if enabled else None)
    assert first_step(user, Eligibility(offer, Reason.AVAILABLE)) is step


@pytest.mark.parametrize(
    ("channel", "new_code", "step"),
    [
        ("page", True, Step.SAVE_BACKUP_CODE),
        ("page", False, Step.DONE),
        ("api", True, Step.DONE),
        ("api", False, Step.DONE),
    ],
)
def test_a_new_backup_code_is_shown_and_saved_on_pages(channel: str, step: Step, *, new_code: bool) -> None:
    assert after_second_factor(channel, new_backup_code=new_code) is step


@pytest.mark.parametrize("step", [step for step in Step if step is not Step.DONE])
def test_the_guard_lets_through_what_is_alive_and_due_and_nothing_else(step: Step) -> None:
    attempt = ATTEMPT._replace(step=step)
    combinations = itertools.product(
        Step, ("page", "api", "legacy"), (-1, 0, 1), (2, 3, 4), (True, False), (None, NOON), (False, True),
    )  # fmt: skip
    for wanted, channel, seconds, version, active, frozen_at, sso in combinations:
        user = USER._replace(security_version=version, active=active, frozen_at=frozen_at, sso=sso)
        outcome = guard(attempt._replace(user=user), channel, wanted, later(minutes=10, seconds=seconds))
        alive = channel == "page" and seconds < 0 and version == 3 and active and frozen_at is None and not sso
        if not alive:
            assert outcome == Expired()
        elif wanted is not step:
            assert outcome == OutOfOrder(step)
        else:
            assert outcome == attempt._replace(user=user)


def test_an_attempt_and_the_code_that_was_mailed_for_it_live_ten_minutes() -> None:
    assert timedelta(minutes=10) == LIFE == MAILED_CODE_LIFE


def test_what_was_never_begun_is_expired() -> None:
    assert guard(None, "page", Step.CODE, NOON) == Expired()
