"""Add and Replace take the password alone while the session proved a second factor less than ten minutes ago."""

from datetime import datetime

import pytest

from tests.harness.api import Api
from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.pages import WebClient
from tests.harness.people import ADA, PASSWORD, WRONG, Ada, People

CONFIGURE, ENROLMENTS = "/profile/two-factor/configure", "/two-factor/enrolments"
AT_THE_END = later(minutes=9, seconds=59)


@pytest.fixture
def signed_in(ada: Ada, api: Api, frozen_clock: FrozenClock) -> Api:
    """A program that signed in with a code at noon; then the clock moves on."""
    api.sign_in(ADA, PASSWORD, ada[1].phone.code(NOON))
    frozen_clock.at = AT_THE_END
    return api


@pytest.mark.parametrize("replaces", [False, True], ids=["add", "replace"])
def test_within_ten_minutes_the_password_is_enough(
    signed_in: Api, frozen_clock: FrozenClock, *, replaces: bool
) -> None:
    old = signed_in.get("/two-factor")["authenticators"][0]["id"]
    opened = signed_in.post(ENROLMENTS, password=PASSWORD, **({"replaces": old} if replaces else {}))
    assert opened.status == 201
    code = Authenticator.open(opened["otpauth_uri"]).code(frozen_clock.at)
    done = signed_in.post(f"{ENROLMENTS}/{opened['enrolment']}/confirmation", code=code)
    assert (done.status, done["backup_code"] is not None) == (200, replaces), "a new backup code only with a new phone"


@pytest.mark.parametrize("at", [later(minutes=10), later(minutes=40)])
def test_after_ten_minutes_a_code_is_asked_for(signed_in: Api, frozen_clock: FrozenClock, at: datetime) -> None:
    frozen_clock.at = at
    assert signed_in.post(ENROLMENTS, password=PASSWORD).refusal == (400, "invalid_request")


def test_the_password_is_asked_for_all_the_same(signed_in: Api) -> None:
    assert signed_in.post(ENROLMENTS, password=WRONG).refusal == (401, "invalid_password")


def test_a_code_that_is_sent_has_to_be_right(ada: Ada, signed_in: Api) -> None:
    wrong = ada[1].phone.wrong_code(AT_THE_END)
    answer = signed_in.post(ENROLMENTS, password=PASSWORD, code=wrong)
    assert (answer.refusal, answer["attempts_left"]) == ((401, "invalid_code"), 4)


def test_while_locked_nothing_changes_however_late_the_proof(people: People, ada: Ada, signed_in: Api) -> None:
    people.set_counts(ada[0], wrong=5)
    assert signed_in.post(ENROLMENTS, password=PASSWORD).refusal == (423, "locked")


def test_remove_and_regenerate_always_take_both(signed_in: Api) -> None:
    for answer in (
        signed_in.post("/two-factor/backup-code", password=PASSWORD),
        signed_in.post("/two-factor/removal", password=PASSWORD),
    ):
        assert answer.refusal == (400, "invalid_request")


def test_who_came_by_backup_code_replaces_the_phone_at_once(ada: Ada, web_client: WebClient) -> None:
    """The phone is gone, and the one code that was left is spent: nobody is sent away for another."""
    page = web_client.sign_in(ADA, PASSWORD)
    page = web_client.submit(web_client.click(page, "Use a backup code"), "Continue", backup_code=ada[1].backup_code)
    page = web_client.submit(page, "Continue", saved="yes")
    page = web_client.click(web_client.get("/profile"), "Replace my phone")
    assert "code" not in page.form("Continue").fields
    page = web_client.submit(page, "Continue", password=PASSWORD)
    page = web_client.submit(page, "Verify", code=Authenticator.type_in(page.key).code(NOON))
    assert page.backup_code


def test_a_code_given_under_the_same_token_is_no_proof_for_others_who_hold_it(
    ada: Ada, web_client: WebClient, frozen_clock: FrozenClock
) -> None:
    """Stops: a thief with a copy of the session and the password, who waits until its owner gives a code."""
    web_client.sign_in(ADA, PASSWORD, ada[1].phone.code(NOON))
    frozen_clock.at = later(minutes=20)
    page = web_client.get(CONFIGURE)
    web_client.submit(page, "Continue", password=PASSWORD, code=ada[1].phone.code(frozen_clock.at))
    frozen_clock.forward(minutes=1)
    assert "code" in web_client.get(CONFIGURE).form("Continue").fields


def test_a_removal_that_was_proved_before_another_change_is_not_carried_out(ada: Ada, web_client: WebClient) -> None:
    """Stops: a removal that was proved, and confirmed after the phone or the password had changed in between."""
    web_client.sign_in(ADA, PASSWORD, ada[1].phone.code(later(seconds=-30)))
    asked = web_client.submit(
        web_client.get("/profile/two-factor/remove"), "Continue", password=PASSWORD, code=ada[1].phone.code(NOON)
    )
    changed = web_client.submit(web_client.get(CONFIGURE), "Continue", password=PASSWORD, name="Tablet")
    web_client.submit(changed, "Verify", code=Authenticator.type_in(changed.key).code(NOON))
    refused = web_client.submit(asked, "Remove")
    assert (refused.status, refused.heading) == (410, "Not removed")
    assert web_client.get("/profile/two-factor/remove").path == "/profile/two-factor/remove", "it is still on"
