"""Unlock, unfreeze and reset from the server itself, and the lists of who waits for it."""

import pytest

from tests.cli.program import Program
from tests.harness.clock import NOON
from tests.harness.people import NEW_PASSWORD, PASSWORD, VISITOR, People
from tests.harness.smtp import SmtpServer
from twofold.kit import clock
from twofold.kit.house import House
from twofold.lockouts import flow as lockouts
from twofold.resets import flow as resets
from twofold.signin.outcomes import Frozen, LockedOut, SignedIn

REASON = ("--reason", "She called, and I know her voice.")
ADA = "ada@acme.example"


def test_a_lock_is_lifted_and_the_factor_stays(people: People, twofold: Program) -> None:
    ada, factor = people.protected()
    people.set_counts(ada, wrong=5)
    assert isinstance(people.begin(ada), LockedOut)
    (row,) = twofold.done("locked", "list", "--json").json
    assert (row["email"], row["helps"]) == (ADA, "unlock or reset")

    ran = twofold.done("unlock", ADA, *REASON, "--json")
    assert ran.json == {"id": str(ada.id)}
    people.sign_in(people.look_up(ada), factor.phone)
    assert "Nobody is locked" in twofold.done("locked", "list").out
    (event,) = people.events("unlocked")
    assert (event.actor_kind, event.actor_id, event.reason, event.account_id) == (
        "console", None, REASON[1], ada.account_id,
    )  # fmt: skip


def test_a_final_lock_only_yields_to_a_reset(people: People, twofold: Program) -> None:
    ada, _factor = people.protected()
    people.set_counts(ada, wrong=5, wrong_in_row=100)
    assert twofold.done("locked", "list", "--json").json[0]["helps"] == "reset"
    assert "only twofold reset helps" in twofold.refused("unlock", ADA, *REASON)
    twofold.done("reset", ADA, *REASON)
    people.sign_in(people.look_up(ada))


def test_the_door_of_the_mailed_code_is_opened_again(people: People, house: House, twofold: Program) -> None:
    rita = people.person("rita@bank.example", account=people.account("Bank", policy="required"))
    now = clock.now()
    with house.db.write() as connection:
        lockouts.charge_mail(connection, rita, now)
        for _ in range(5):
            lockouts.charge_mailed_code(connection, rita, now)
    (row,) = twofold.done("locked", "list", "--json").json
    assert (row["email"], row["helps"]) == (rita.email, "unlock, or time")
    twofold.done("unlock", rita.email, *REASON)
    with house.db.read() as connection:
        assert lockouts.mailbox_closed(connection, rita, now) is None


def test_who_is_not_locked_is_not_unlocked(people: People, twofold: Program) -> None:
    people.protected()
    assert "not locked" in twofold.refused("unlock", ADA, *REASON)
    assert not people.events("unlocked")


def test_two_factor_authentication_is_off_at_once_and_sessions_end(people: People, twofold: Program) -> None:
    ada, factor = people.protected()
    token = people.token(ada, factor.phone)
    twofold.done("reset", ADA, *REASON)
    after = people.look_up(ada)
    assert not after.has_second_factor
    assert people.find_session(token) is None
    assert isinstance(people.begin(after), SignedIn)
    assert {event.actor_kind for event in people.events("reset_done_on_the_server")} == {"console"}
    assert "no second factor" in twofold.refused("reset", ADA, *REASON)


def test_a_support_agent_can_be_helped_too(people: People, twofold: Program) -> None:
    people.person("sue@operator.example", role="support")
    assert "no second factor" in twofold.refused("reset", "sue@operator.example", *REASON)


def test_who_was_frozen_comes_back_with_a_new_password(
    people: People, twofold_mailing: Program, smtp: SmtpServer
) -> None:
    ada = people.person()
    people.set_person(ada, frozen_at=NOON)
    assert isinstance(people.begin(ada), Frozen)
    assert "on its way" in twofold_mailing.done("unfreeze", ADA, *REASON).out
    after = people.look_up(ada)
    assert (after.frozen_at, after.password_hash) == (None, None)
    assert [letter.recipient for letter in people.letters("unfrozen")] == [ADA]
    assert "not frozen" in twofold_mailing.refused("unfreeze", ADA, *REASON)


def test_without_mail_the_server_itself_sets_the_password(people: People, twofold: Program) -> None:
    ada = people.person()
    people.set_person(ada, frozen_at=NOON)
    assert "users set --password-stdin" in twofold.done("unfreeze", ADA, *REASON).out
    twofold.done("users", "set", ADA, "--password-stdin", stdin=NEW_PASSWORD)
    people.sign_in(people.look_up(ada), password=NEW_PASSWORD)
    assert isinstance(people.begin(ada, password=PASSWORD), lockouts.WrongPassword)


@pytest.mark.parametrize("command", ["unlock", "unfreeze", "reset"])
def test_each_needs_a_reason_and_somebody_who_is_there(people: People, twofold: Program, command: str) -> None:
    people.protected()
    assert "--reason" in twofold.called_wrongly(command, ADA)
    assert "3 to 500 characters" in twofold.refused(command, ADA, "--reason", " x ")
    assert "nobody with the address" in twofold.refused(command, "nobody@acme.example", *REASON)


def test_an_address_is_found_however_it_is_typed(people: People, twofold: Program) -> None:
    people.protected()
    twofold.done("reset", " ADA@Acme.example", *REASON)


def test_cases_that_wait_are_listed(people: People, house: House, twofold: Program) -> None:
    ada, _factor = people.protected()
    grace = people.person("grace@acme.example", role="admin")
    assert "No reset case waits" in twofold.done("resets", "list").out
    resets.open_case(house, grace, ada, "Lost her phone.", visitor=VISITOR, at=NOON)
    (case,) = twofold.done("resets", "list", "--json").json
    assert (case["state"], case["whose"], case["asked_by"], case["reason"]) == (
        "requested", ADA, "grace@acme.example", "Lost her phone.",
    )  # fmt: skip
    twofold.done("reset", ADA, *REASON)
    assert twofold.done("resets", "list", "--json").json == []
    assert {case["state"] for case in twofold.done("resets", "list", "--all", "--json").json} == {"closed", "confirmed"}
