"""Unlock, unfreeze and reset from the server itself, and the lists of who waits for it."""

from datetime import timedelta

import pytest

from tests.cli.program import Program
from tests.harness.clock import NOON
from tests.harness.people import CLIENT_INFO, NEW_PASSWORD, PASSWORD, People
from tests.harness.smtp import SmtpServer
from twofold.directory.user import User
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.lockouts import mail_limits_flow as mail_limits
from twofold.recovery import password_flow
from twofold.recovery.outcomes import PasswordSaved
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
    assert (event.address, event.browser) == ("", "twofold command line")


def test_a_final_lock_only_yields_to_a_reset(people: People, twofold: Program) -> None:
    ada, _factor = people.protected()
    people.set_counts(ada, wrong=5, wrong_in_row=100)
    assert twofold.done("locked", "list", "--json").json[0]["helps"] == "reset"
    assert "only twofold reset helps" in twofold.refused("unlock", ADA, *REASON)
    twofold.done("reset", ADA, *REASON)
    people.sign_in(people.look_up(ada))


def test_mailed_codes_are_allowed_again(people: People, context: AppContext, twofold: Program) -> None:
    rita = people.user("rita@bank.example", account=people.account("Bank", policy="required"))
    now = clock.now()
    with context.db.write() as connection:
        mail_limits.charge_mail(connection, rita, now)
        for _ in range(5):
            mail_limits.charge_mailed_code(connection, rita, now)
    (row,) = twofold.done("locked", "list", "--json").json
    assert (row["email"], row["helps"]) == (rita.email, "unlock, or time")
    twofold.done("unlock", rita.email, *REASON)
    with context.db.read() as connection:
        assert mail_limits.mailbox_closed(connection, rita, now) is None


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


# --- a reset where an attacker knows the password


def locked_by_an_attacker(people: People) -> User:
    """Let somebody who knows Ada's password type five wrong codes an hour ago."""
    ada, factor = people.protected()
    at = clock.now() - timedelta(hours=1)
    sign_in = people.attempt(ada, at=at)
    for _ in range(5):
        people.give_code(sign_in, factor.phone.wrong_code(at), at=at)
    return ada


def test_a_password_that_an_attacker_knows_is_void_after_a_reset(
    people: People, twofold_mailing: Program, context: AppContext
) -> None:
    ada = locked_by_an_attacker(people)
    said = twofold_mailing.done("reset", ADA, *REASON).out
    assert "whoever typed those knows the password. So it is void." in said
    assert "A link to choose a new one is mailed at" in said
    assert isinstance(people.begin(ada, at=clock.now()), lockouts.WrongPassword)
    [letter] = people.letters("password_void", ADA)
    assert timedelta(hours=23, minutes=59) < letter.created_at - clock.now() <= timedelta(hours=24)
    password_flow.ask(context, ADA, origin=Origin(clock.now(), CLIENT_INFO))  # anybody can, and the promise stands
    at = letter.created_at
    with context.db.write() as connection:
        minted = password_flow.mint(connection, letter, people.look_up(ada), at)
    assert minted is not None
    assert isinstance(
        password_flow.choose(context, minted[0], NEW_PASSWORD, origin=Origin(at + timedelta(hours=23), CLIENT_INFO)),
        PasswordSaved,
    )


def test_it_is_void_as_well_where_the_lock_was_lifted_before(people: People, twofold: Program) -> None:
    ada = locked_by_an_attacker(people)
    twofold.done("unlock", ADA, *REASON)
    twofold.done("reset", ADA, *REASON)
    assert people.look_up(ada).password_hash is None


def test_without_mail_it_says_that_nobody_gets_in_until_a_password_is_set(people: People, twofold: Program) -> None:
    ada = locked_by_an_attacker(people)
    ran = twofold.done("reset", ADA, *REASON)
    assert f"they cannot sign in until you set one with twofold users set {ADA} --password-stdin" in ran.out
    twofold.done("users", "set", ADA, "--password-stdin", stdin=NEW_PASSWORD)
    assert isinstance(people.begin(people.look_up(ada), at=clock.now(), password=NEW_PASSWORD), SignedIn)


def test_keep_password_keeps_it_and_says_what_that_means(people: People, twofold: Program) -> None:
    ada = locked_by_an_attacker(people)
    said = twofold.done("reset", ADA, *REASON, "--keep-password").out
    assert "that person can sign in with it alone" in said
    assert isinstance(people.begin(people.look_up(ada), at=clock.now()), SignedIn)


@pytest.mark.parametrize(
    ("attacker", "options", "password"),
    [
        (True, (), "void"),
        (True, ("--keep-password",), "known"),
        (False, (), "good"),
        (False, ("--keep-password",), "good"),
    ],
)
def test_as_json_it_says_what_the_password_is_worth(
    people: People, twofold_mailing: Program, *, attacker: bool, options: tuple[str, ...], password: str
) -> None:
    ada = locked_by_an_attacker(people) if attacker else people.protected()[0]
    told = twofold_mailing.done("reset", ADA, *REASON, *options, "--json").json
    assert (told["id"], told["password"]) == (str(ada.id), password)
    assert (told["password_link_at"] is not None) == (password == "void")


def test_a_promise_from_before_a_reset_is_made_anew(people: People, twofold_mailing: Program) -> None:
    """Somebody unfrozen waits for a link; a reset voids what was asked for before it, and gives them another."""
    ada, _factor = people.protected()
    people.set_user(ada, frozen_at=NOON)
    twofold_mailing.done("unfreeze", ADA, *REASON)
    told = twofold_mailing.done("reset", ADA, *REASON, "--json").json
    assert told["password"] == "none"
    assert told["password_link_at"] is not None
    assert len(people.letters("password_void", ADA)) == 1


def test_who_is_frozen_gets_the_link_when_they_are_unfrozen(people: People, twofold_mailing: Program) -> None:
    ada = locked_by_an_attacker(people)
    people.set_user(ada, frozen_at=NOON)
    assert twofold_mailing.done("reset", ADA, *REASON, "--json").json["password_link_at"] is None
    assert "is mailed at" in twofold_mailing.done("unfreeze", ADA, *REASON).out


def test_a_support_agent_can_be_helped_too(people: People, twofold: Program) -> None:
    people.user("sue@operator.example", role="support")
    assert "no second factor" in twofold.refused("reset", "sue@operator.example", *REASON)


def test_who_was_frozen_comes_back_with_a_new_password(
    people: People, twofold_mailing: Program, smtp: SmtpServer
) -> None:
    ada = people.user()
    people.set_user(ada, frozen_at=NOON)
    assert isinstance(people.begin(ada), Frozen)
    assert "on its way" in twofold_mailing.done("unfreeze", ADA, *REASON).out
    after = people.look_up(ada)
    assert (after.frozen_at, after.password_hash) == (None, None)
    assert [letter.recipient for letter in people.letters("unfrozen")] == [ADA]
    assert "not frozen" in twofold_mailing.refused("unfreeze", ADA, *REASON)


def test_without_mail_the_server_itself_sets_the_password(people: People, twofold: Program) -> None:
    ada = people.user()
    people.set_user(ada, frozen_at=NOON)
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


def test_cases_that_wait_are_listed(people: People, context: AppContext, twofold: Program) -> None:
    ada, _factor = people.protected()
    grace = people.user("grace@acme.example", role="admin")
    assert "No reset case waits" in twofold.done("resets", "list").out
    resets.open_case(context, grace, ada, "Lost her phone.", origin=Origin(NOON, CLIENT_INFO))
    (case,) = twofold.done("resets", "list", "--json").json
    assert (case["state"], case["whose"], case["asked_by"], case["reason"]) == (
        "requested", ADA, "grace@acme.example", "Lost her phone.",
    )  # fmt: skip
    twofold.done("reset", ADA, *REASON)
    assert twofold.done("resets", "list", "--json").json == []
    assert {case["state"] for case in twofold.done("resets", "list", "--all", "--json").json} == {"closed", "confirmed"}
