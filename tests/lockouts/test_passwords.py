"""Passwords are proved in one place, and throttled there."""

import time
from datetime import datetime
from functools import partial

import pytest

from tests.harness.clock import NOON, later
from tests.harness.parallel import at_once
from tests.harness.people import ADA, CLIENT_INFO, PASSWORD, WRONG, People
from twofold.directory.user import User
from twofold.kit.context import AppContext
from twofold.kit.crypto.hashing import Hasher
from twofold.lockouts import flow as lockouts
from twofold.lockouts.flow import Proved, Wait, WrongPassword
from twofold.lockouts.tables import password_throttles

NOBODY = "nobody@acme.example"
CLIENT = "tf_client_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"


def prove(
    people: People,
    password: str,
    at: datetime = NOON,
    *,
    email: str = ADA,
    client: str | None = None,
    address: str = CLIENT_INFO.address,
) -> Proved | WrongPassword | Wait:
    return lockouts.prove_password(people.context, email, password, client=client, address=address, at=at)


def network(number: int) -> str:
    """Return an address of a network of its own."""
    return f"10.{number // 256}.{number % 256}.7"


def remember(people: People, user: User, client: str = CLIENT, at: datetime = NOON) -> None:
    with people.context.db.write() as connection:
        lockouts.remember_client(connection, user, client, at)


def settle(people: People, proved: object) -> None:
    assert isinstance(proved, Proved), proved
    with people.context.db.write() as connection:
        lockouts.settle(connection, proved)


def test_a_right_password_proves_its_owner(people: People) -> None:
    user = people.user()
    proved = prove(people, PASSWORD)
    assert isinstance(proved, Proved)
    assert (proved.user, proved.stronger_hash, proved.known_client) == (user, None, None)


def test_tries_that_cost_no_wait_need_not_come_in_the_order_of_their_clocks(people: People) -> None:
    """Two nodes whose clocks differ by less than a second, or two threads that read theirs and are charged later."""
    people.user()
    for early in range(4):
        assert prove(people, WRONG, later(milliseconds=-early)) == WrongPassword()
    assert isinstance(prove(people, PASSWORD, later(milliseconds=-900)), Proved)
    assert isinstance(prove(people, PASSWORD, later(milliseconds=-901)), Wait)  # the fifth costs one


@pytest.mark.parametrize("email", ["ADA@ACME.EXAMPLE", "  ada@acme.example\t", "Ada@Acme.Example"])
def test_an_address_is_compared_as_people_type_it(people: People, email: str) -> None:
    people.user()
    assert isinstance(prove(people, PASSWORD, email=email), Proved)


@pytest.mark.parametrize("password", [WRONG, "", PASSWORD + " ", PASSWORD.upper(), PASSWORD[:-1], PASSWORD * 100])
def test_any_other_password_does_not(people: People, password: str) -> None:
    people.user()
    assert prove(people, password) == WrongPassword()


def test_a_password_typed_in_another_normal_form_is_the_same(people: People) -> None:
    people.user(password="caf\u00e9 kettle lantern")
    assert isinstance(prove(people, "cafe\u0301 kettle lantern"), Proved)


def test_a_password_is_not_cut_off_anywhere(people: People) -> None:
    long = "orchard kettle " * 17 + "x"
    assert len(long) == 256
    people.user(password=long)
    assert isinstance(prove(people, long), Proved)
    assert prove(people, long + "y") == WrongPassword()
    assert prove(people, long[:-1]) == WrongPassword()


@pytest.mark.parametrize(
    "values", [{"active": False}, {"password": None}], ids=["deactivated", "invited and without a password"]
)
def test_who_may_not_sign_in_is_answered_like_somebody_unknown(people: People, values: dict[str, object]) -> None:
    people.user(**values)  # type: ignore[arg-type]
    assert prove(people, PASSWORD) == WrongPassword()
    assert prove(people, "") == WrongPassword()


# --- the throttle


def test_five_wrong_ones_cost_no_wait_and_further_ones_longer_and_longer(people: People) -> None:
    people.user()
    for _ in range(5):
        assert prove(people, WRONG) == WrongPassword()
    at = NOON
    for seconds in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900):
        assert prove(people, PASSWORD, at) == Wait(seconds)
        assert prove(people, PASSWORD, later(at=at, seconds=seconds, microseconds=-1)) == Wait(1)
        at = later(at=at, seconds=seconds)
        assert prove(people, WRONG, at) == WrongPassword()


def test_after_the_wait_the_right_password_is_let_in_and_clears_the_count(people: People) -> None:
    people.user()
    for _ in range(5):
        prove(people, WRONG)
    assert prove(people, PASSWORD) == Wait(1)
    settle(people, prove(people, PASSWORD, later(seconds=1)))
    for _ in range(5):
        assert prove(people, WRONG, later(seconds=1)) == WrongPassword()


def test_waiting_is_not_made_longer_by_asking(people: People) -> None:
    people.user()
    for _ in range(5):
        prove(people, WRONG)
    for _ in range(50):
        assert prove(people, PASSWORD) == Wait(1)
    assert isinstance(prove(people, PASSWORD, later(seconds=1)), Proved)


def test_a_day_without_a_try_is_forgotten(people: People) -> None:
    people.user()
    at = NOON
    for seconds in (0, 0, 0, 0, 0, 1, 2, 4, 8, 16):
        at = later(at=at, seconds=seconds)
        assert prove(people, WRONG, at) == WrongPassword()
    tomorrow = later(at=at, days=1)
    for _ in range(5):
        assert prove(people, WRONG, tomorrow) == WrongPassword()
    assert prove(people, WRONG, tomorrow) == Wait(1)


def test_an_unknown_address_waits_as_a_known_one_does(people: People) -> None:
    people.user()
    answers = {
        email: [prove(people, WRONG, later(seconds=second), email=email) for second in range(12)]
        for email in (ADA, NOBODY)
    }
    assert answers[ADA] == answers[NOBODY]
    assert Wait(1) in answers[ADA]


def test_one_address_is_throttled_however_it_is_typed(people: People) -> None:
    people.user()
    for email in (ADA, "ADA@acme.example", " ada@ACME.example", "Ada@acme.Example", "ada@acme.example "):
        assert prove(people, WRONG, email=email) == WrongPassword()
    assert prove(people, WRONG) == Wait(1)


def test_other_addresses_do_not_wait(people: People) -> None:
    people.user()
    people.user("grace@acme.example")
    for _ in range(6):
        prove(people, WRONG)
    assert isinstance(prove(people, PASSWORD, email="grace@acme.example"), Proved)


def test_wrong_passwords_never_lock_anybody_out(people: People) -> None:
    people.user()
    at = NOON
    for _ in range(100):
        wait = prove(people, WRONG, at)
        at = later(at=at, seconds=wait.seconds) if isinstance(wait, Wait) else at
    assert isinstance(prove(people, PASSWORD, later(at=at, minutes=15)), Proved)


# --- a network makes itself wait, many together the address


@pytest.mark.parametrize("neighbour", ["192.0.2.8", "::ffff:192.0.2.9"])
def test_the_addresses_of_one_network_wait_together(people: People, neighbour: str) -> None:
    people.user()
    for last in range(5):
        assert prove(people, WRONG, address=f"192.0.2.{last}") == WrongPassword()
    assert prove(people, PASSWORD, address=neighbour) == Wait(1)


@pytest.mark.parametrize("elsewhere", ["192.0.3.7", "2001:db8:0:100::7", "no address"])
def test_another_network_does_not_wait(people: People, elsewhere: str) -> None:
    people.user()
    for second in range(100):
        prove(people, WRONG, later(seconds=second))
    at = later(seconds=100)
    assert isinstance(prove(people, PASSWORD, at), Wait)
    assert isinstance(prove(people, PASSWORD, at, address=elsewhere), Proved)


@pytest.mark.parametrize("email", [ADA, NOBODY])
def test_an_address_takes_fifty_tries_in_all_and_one_more_every_three_minutes(people: People, email: str) -> None:
    people.user()
    for number in range(50):
        assert prove(people, WRONG, address=network(number), email=email) == WrongPassword()
    assert prove(people, PASSWORD, address=network(50), email=email) == Wait(180)
    assert prove(people, PASSWORD, later(seconds=179), address=network(51), email=email) == Wait(1)
    assert prove(people, WRONG, later(minutes=3), address=network(52), email=email) == WrongPassword()
    assert prove(people, PASSWORD, later(minutes=3), address=network(53), email=email) == Wait(180)
    hour = later(hours=1)
    looks = [prove(people, WRONG, hour, address=network(100 + number), email=email) for number in range(30)]
    assert looks.count(WrongPassword()) == 19
    assert set(looks[19:]) == {Wait(180)}


def test_a_network_that_is_told_to_wait_takes_nothing_of_what_the_address_takes(people: People) -> None:
    people.user()
    for _ in range(200):
        prove(people, WRONG)
    looks = [prove(people, WRONG, address=network(number)) for number in range(50)]
    assert looks.count(WrongPassword()) == 45


def test_a_try_that_the_address_does_not_take_is_not_charged_to_its_network(people: People) -> None:
    people.user()
    for number in range(50):
        prove(people, WRONG, address=network(number))
    for _ in range(20):
        assert prove(people, WRONG) == Wait(180)
    for minutes in range(3, 18, 3):
        assert prove(people, WRONG, later(minutes=minutes)) == WrongPassword()
    assert people.count(password_throttles, password_throttles.c.wrong == 5) == 1


def test_right_passwords_cost_the_address_nothing_and_leave_the_wrong_ones_of_others(people: People) -> None:
    people.user()
    for number in range(48):
        prove(people, WRONG, address=network(number))
    for _ in range(100):
        settle(people, prove(people, PASSWORD))
    looks = [prove(people, WRONG, address=network(100 + number)) for number in range(5)]
    assert looks == [WrongPassword(), WrongPassword(), Wait(180), Wait(180), Wait(180)]
    hours = later(hours=2)
    for _ in range(4):
        prove(people, WRONG, hours, address="198.51.100.1")
    settle(people, prove(people, PASSWORD, hours))
    assert prove(people, WRONG, hours, address="198.51.100.2") == WrongPassword()
    assert prove(people, WRONG, hours, address="198.51.100.3") == Wait(1)


def test_a_known_client_neither_waits_for_the_address_nor_takes_of_it(people: People) -> None:
    remember(people, people.user())
    for number in range(50):
        prove(people, WRONG, address=network(number))
    assert prove(people, PASSWORD) == Wait(180)
    assert prove(people, WRONG, client=CLIENT) == WrongPassword()
    settle(people, prove(people, PASSWORD, client=CLIENT))
    assert prove(people, PASSWORD) == Wait(180)


def test_a_budget_that_a_wrong_clock_has_spent_is_full_once_it_is_set_right(people: People) -> None:
    people.user()
    for number in range(50):
        prove(people, WRONG, later(days=300), address=network(number))
    assert isinstance(prove(people, PASSWORD), Proved)


def test_parallel_tries_of_many_networks_get_what_the_address_takes_and_no_more(people: People) -> None:
    people.user()
    for number in range(40):
        prove(people, WRONG, address=network(number))
    outcomes = at_once(*(partial(prove, people, WRONG, address=network(100 + number)) for number in range(24)))
    assert outcomes.count(WrongPassword()) == 10
    assert outcomes.count(Wait(180)) == 14


def test_parallel_tries_of_a_network_take_no_more_of_the_address_than_is_looked_at(people: People) -> None:
    people.user()
    at_once(*[lambda: prove(people, WRONG)] * 24)
    looks = [prove(people, WRONG, address=network(number)) for number in range(50)]
    assert looks.count(WrongPassword()) == 45


def test_a_new_password_ends_the_waits_of_every_network_and_of_the_address(people: People) -> None:
    user = people.user()
    for _ in range(6):
        prove(people, WRONG)
    for number in range(45):
        prove(people, WRONG, address=network(number))
    assert isinstance(prove(people, WRONG, address=network(50)), Wait)
    people.set_user(user, password_set_at=NOON)
    for address in (CLIENT_INFO.address, network(1)):
        for _ in range(5):
            assert prove(people, WRONG, address=address) == WrongPassword()
        assert prove(people, WRONG, address=address) == Wait(1)


# --- charged before the hash is computed


class Spy(Hasher):
    """The real hasher, that notes when it is asked, and what had been written by then."""

    def __init__(self, people: People) -> None:
        super().__init__(7168, 1)
        self.people = people
        self.charged: list[int] = []

    def verify(self, stored: str | None, password: str) -> bool:
        self.charged.append(self.people.count(password_throttles, password_throttles.c.forget_at > NOON))
        return super().verify(stored, password)


@pytest.mark.parametrize("email", [ADA, NOBODY])
def test_a_try_is_charged_before_it_is_hashed_and_one_that_must_wait_never_is(people: People, email: str) -> None:
    people.user()
    context, spy = people.context, Spy(people)
    spied = People(AppContext(context.settings, context.db, context.vault, spy, context.outbox))
    for _ in range(5):
        prove(spied, WRONG, email=email)
    assert spy.charged == [2] * 5  # to the network and to the address
    assert prove(spied, PASSWORD, email=email) == Wait(1)
    assert spy.charged == [2] * 5


def test_parallel_tries_get_no_more_than_five_looks(people: People) -> None:
    people.user()
    outcomes = at_once(*[lambda: prove(people, WRONG)] * 24)
    assert outcomes.count(WrongPassword()) == 5
    assert outcomes.count(Wait(1)) == 19


def test_an_unknown_address_takes_as_much_work_as_a_known_one(people: People) -> None:
    """Compared with hashing that takes long enough to be told from noise: the medians lie close together."""
    context = people.context
    slow = People(AppContext(context.settings, context.db, context.vault, Hasher(19456, 2), context.outbox))
    people.user(password=None)  # and so does a user without a password
    slow.user("grace@acme.example")
    taken: dict[str, list[float]] = {ADA: [], "grace@acme.example": [], NOBODY: []}
    for number in range(9):
        for email, seconds in taken.items():
            start = time.thread_time()
            assert prove(slow, WRONG, later(days=2 * number), email=email) == WrongPassword()
            seconds.append(time.thread_time() - start)
    shortest = [min(seconds) for seconds in taken.values()]
    assert max(shortest) < 1.6 * min(shortest), taken


# --- a browser or program that has signed in before has a count of its own


def test_strangers_cannot_keep_the_owner_out(people: People) -> None:
    user = people.user()
    remember(people, user)
    for second in range(100):
        prove(people, WRONG, later(seconds=second))
    at = later(seconds=100)
    assert isinstance(prove(people, PASSWORD, at), Wait)
    proved = prove(people, PASSWORD, at, client=CLIENT)
    assert isinstance(proved, Proved)
    assert proved.known_client is not None


def test_a_known_client_is_throttled_by_itself_and_opens_nothing_to_strangers(people: People) -> None:
    user = people.user()
    remember(people, user)
    for _ in range(5):
        assert prove(people, WRONG, client=CLIENT) == WrongPassword()
    assert prove(people, PASSWORD, client=CLIENT) == Wait(1)
    assert isinstance(prove(people, PASSWORD), Proved)


def test_a_client_is_known_for_the_one_user_that_it_signed_in(people: People) -> None:
    user = people.user()
    people.user("grace@acme.example")
    remember(people, user)
    for _ in range(5):
        prove(people, WRONG, email="grace@acme.example")
    assert prove(people, PASSWORD, email="grace@acme.example", client=CLIENT) == Wait(1)


@pytest.mark.parametrize("client", [None, "", "tf_client_invented_by_somebody_else_entirely_0123456789"])
def test_a_client_that_nobody_knows_has_no_count_of_its_own(people: People, client: str | None) -> None:
    remember(people, people.user())
    for _ in range(5):
        prove(people, WRONG)
    assert prove(people, PASSWORD, client=client) == Wait(1)


@pytest.mark.parametrize(("days", "known"), [(89, True), (90, False)])
def test_a_client_is_known_for_ninety_days(people: People, days: int, *, known: bool) -> None:
    remember(people, people.user(), at=NOON)
    at = later(days=days)
    for _ in range(5):
        prove(people, WRONG, at)
    assert isinstance(prove(people, PASSWORD, at, client=CLIENT), Proved) is known


# --- a hash grows with its parameters


def test_a_hash_made_under_weaker_parameters_is_replaced_at_the_next_right_password(people: People) -> None:
    user = people.user()
    context = people.context
    stronger = People(AppContext(context.settings, context.db, context.vault, Hasher(8192, 2), context.outbox))
    settle(stronger, prove(stronger, PASSWORD))
    replaced = people.look_up(user)
    assert replaced.password_hash is not None
    assert replaced.password_hash.startswith("$argon2id$v=19$m=8192,t=2,p=1$")
    assert replaced.security_version == user.security_version
    assert isinstance(prove(stronger, PASSWORD), Proved)


def test_a_stronger_hash_does_not_undo_a_password_that_was_changed_meanwhile(people: People) -> None:
    user = people.user()
    context = people.context
    stronger = People(AppContext(context.settings, context.db, context.vault, Hasher(8192, 2), context.outbox))
    proved = prove(stronger, PASSWORD)
    people.set_user(user, password_hash=context.hasher.hash("marble ferry cinnamon"))
    settle(stronger, proved)
    assert isinstance(prove(people, "marble ferry cinnamon", later(days=2)), Proved)


def test_the_clean_up_forgets_throttles_and_clients_whose_time_is_over(people: People) -> None:
    remember(people, people.user())
    prove(people, WRONG)
    with people.context.db.write() as connection:
        assert lockouts.forget_old(connection, later(seconds=179)) == 0
        assert lockouts.forget_old(connection, later(minutes=3)) == 1  # the address, whose budget is full again
        assert lockouts.forget_old(connection, later(hours=23)) == 0
        assert lockouts.forget_old(connection, later(hours=24)) == 1
        assert lockouts.forget_old(connection, later(days=90)) == 1
