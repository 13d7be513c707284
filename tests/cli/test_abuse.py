"""`twofold abuse`: what an operator looks at under attack, and does about it."""

from uuid import uuid4

from tests.cli.program import Program
from tests.harness.contexts import context_on
from tests.harness.people import ANONYMOUS, People
from twofold.abuse import flow as abuse
from twofold.audit import flow as audit
from twofold.events import kinds
from twofold.kit import acting, clock
from twofold.kit.acting import Origin


def attack(database_url: str) -> None:
    """Refuse three sign-ins of Ada and seven of nobody, just now."""
    at = clock.now()
    with context_on(database_url) as context:
        ada = People(context).user()
        with context.db.write() as connection:
            for _ in range(3):
                audit.record(
                    connection,
                    kinds.SignInRefused("frozen"),
                    origin=Origin(at, ANONYMOUS, acting.NOBODY),
                    account_id=ada.account_id,
                    subject_id=ada.id,
                    result="refused",
                )
            abuse.count_refusal(connection, "unknown_address_sign_in", "192.0.2.1", at, times=7)


def test_networks_and_users_are_shown_in_words(twofold: Program, database_url: str) -> None:
    attack(database_url)
    out = twofold.done("abuse").out
    assert "3 sign-ins refused, 7 sign-ins of unknown addresses" in out
    assert out.index("192.0.2.0/24") < out.index("198.51.100.0/24")
    assert "ada@acme.example" in out


def test_the_same_is_there_for_programs(twofold: Program, database_url: str) -> None:
    attack(database_url)
    told = twofold.done("abuse", "--hours", "2", "--json").json
    assert [(one["network"], one["refused"]) for one in told["networks"]] == [
        ("192.0.2.0/24", 7),
        ("198.51.100.0/24", 3),
    ]
    assert told["complete"] is True


def test_a_quiet_hour_is_said_to_be_one(twofold: Program) -> None:
    assert "nothing refused" in twofold.done("abuse").out


def test_a_network_is_blocked_listed_and_let_in_again(twofold: Program) -> None:
    made = twofold.done("abuse", "block", "198.51.100.7/24", "--hours", "2", "--reason", "It guesses.", "--json").json
    assert made["network"] == "198.51.100.0/24"
    assert "198.51.100.0/24" in twofold.done("abuse", "blocks").out
    assert "let in again" in twofold.done("abuse", "unblock", made["id"], "--reason", "A mistake.").out
    assert "No network is blocked" in twofold.done("abuse", "blocks").out


def test_what_would_shut_out_everybody_is_refused_with_a_reason(twofold: Program) -> None:
    behind = twofold.with_settings(trusted_proxies="10.0.0.5")
    assert "TWOFOLD_TRUSTED_PROXIES" in behind.refused("abuse", "block", "10.0.0.0/24", "--reason", "A slip.")
    assert "this machine" in twofold.refused("abuse", "block", "127.0.0.1", "--reason", "A slip.")
    assert "too wide" in twofold.refused("abuse", "block", "0.0.0.0/0", "--reason", "A slip.")
    assert "198.51.100.7" in twofold.refused("abuse", "block", "evil.example", "--reason", "A slip.")


def test_a_block_that_is_not_there_cannot_be_lifted(twofold: Program) -> None:
    assert "There is no block" in twofold.refused("abuse", "unblock", str(uuid4()), "--reason", "A mistake.")
    assert "There is no block" in twofold.refused("abuse", "unblock", "none", "--reason", "A mistake.")
