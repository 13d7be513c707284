"""An attacker who knows the password and makes few wrong codes a day, for as long as it takes."""

from datetime import datetime
from functools import partial
from typing import Any

import httpx
import pytest

from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.contexts import standing_clock
from tests.harness.pages import WebClient as Browser
from tests.harness.parallel import at_once
from tests.harness.people import ADA, ANONYMOUS, PASSWORD, Ada, People
from tests.harness.statements import counted
from twofold.directory.user import User
from twofold.factors import flow as factors
from twofold.factors import removal_flow
from twofold.factors.change_flow import Proofs
from twofold.factors.outcomes import Locked, MalformedCode, UsedCode, WrongCode
from twofold.factors.totp.tables import authenticators
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.lockouts import flow as lockouts
from twofold.lockouts.tables import unknown_wrong_codes
from twofold.signin.outcomes import Due, LockedOut, SignedIn

LAPTOP = "tf_client_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
NEW = "tf_client_of_a_new_laptop_0123456789abcdefghijklmnopqrs"
ATTACKERS = "tf_client_of_a_thief_0123456789abcdefghijklmnopqrstuvw"


def test_four_wrong_codes_a_day_between_the_owners_sign_ins_lock_on_the_third_day(people: People, ada: Ada) -> None:
    """Stops: 1,460 guesses a year, with no lock and no letter, because each sign-in of the owner clears the count."""
    user, factor = ada
    came: list[tuple[int, int | str]] = []
    for day in range(3):
        at = later(days=day)
        begun = people.begin(user, at=at, client=LAPTOP)
        if isinstance(begun, Due):
            assert isinstance(people.give_code(begun.sign_in, factor.phone.code(at), at=at, client=LAPTOP), SignedIn)
        for guess in range(4):
            night = later(at=at, hours=9, minutes=guess)
            begun = people.begin(user, at=night, client_info=ANONYMOUS)
            if isinstance(begun, LockedOut):
                came.append((day, "locked"))
                continue
            outcome = people.give_code(begun.sign_in, factor.phone.wrong_code(night), at=night, client_info=ANONYMOUS)
            assert isinstance(outcome, WrongCode), outcome
            came.append((day, outcome.left))
    first, second = ([(day, left) for left in (4, 3, 2, 1)] for day in (0, 1))
    assert came == [*first, *second, (2, 1), (2, 0), (2, "locked"), (2, "locked")]
    warned, *_ = people.letters("unknown_browser_wrong_code", to=user.email)
    assert (warned.created_at, warned.facts["address"]) == (later(hours=9), ANONYMOUS.address)
    assert len(people.letters("unknown_browser_wrong_code")) == 3
    assert [letter.created_at for letter in people.letters("locked")] == [later(days=2, hours=9, minutes=1)]
    at = later(days=3)
    assert isinstance(people.begin(user, at=at, client=LAPTOP), LockedOut)


def guess(
    people: People, user: User, wrong: str, at: datetime, *, client: str | None = None, channel: str = "page"
) -> Any:
    """Give the password, and a wrong code, in a browser that nobody knows."""
    begun = people.begin(user, at=at, client=client, channel=channel, client_info=ANONYMOUS)
    if not isinstance(begun, Due):
        return begun
    return people.give_code(begun.sign_in, wrong, at=at, client=client, channel=channel, client_info=ANONYMOUS)


def comes_in(people: People, ada: Ada, at: datetime, client: str | None = LAPTOP) -> None:
    """Let the owner sign in."""
    begun = people.begin(ada[0], at=at, client=client)
    assert isinstance(begun, Due), begun
    assert isinstance(people.give_code(begun.sign_in, ada[1].phone.code(at), at=at, client=client), SignedIn)


def unknown(people: People) -> int:
    return people.count(unknown_wrong_codes)


def test_who_mistypes_on_a_new_laptop_and_then_signs_in_is_counted_no_more(people: People, ada: Ada) -> None:
    wrong = ada[1].phone.wrong_code(NOON)
    for _ in range(6):
        guess(people, ada[0], wrong, later(hours=-2), client=ATTACKERS)
        comes_in(people, ada, later(hours=-2, minutes=unknown(people)))
    for minute in range(2):
        guess(people, ada[0], wrong, later(minutes=minute), client=NEW)
    assert unknown(people) == 8
    comes_in(people, ada, later(minutes=3), NEW)
    assert unknown(people) == 6, "those of the attacker stay"
    for minute in range(3):
        assert isinstance(guess(people, ada[0], wrong, later(minutes=4 + minute), client=NEW), WrongCode)
    assert unknown(people) == 6, "the laptop is known"


def test_a_browser_is_told_apart_from_the_password_on(people: People, ada: Ada, http: httpx.Client) -> None:
    """She mistypes, gives up, and signs in the next day: it is the same browser, though no sign-in was complete."""
    with standing_clock() as frozen_clock:
        web_client = Browser(http)
        page = web_client.sign_in(ADA, PASSWORD)
        web_client.submit(page, "Verify", code=ada[1].phone.wrong_code(frozen_clock.at))
        assert unknown(people) == 1
        frozen_clock.forward(days=1)
        assert web_client.sign_in(ADA, PASSWORD, ada[1].phone.code(frozen_clock.at)).path == "/profile"
    assert unknown(people) == 0


def test_a_program_is_told_apart_by_its_token_or_else_by_its_sign_in(people: People, ada: Ada, api: Api) -> None:
    with standing_clock() as frozen_clock:
        for client in (NEW, None):
            program = Api(api.http, client=client)
            begun = program.post("/sign-ins", email=ADA, password=PASSWORD)["sign_in"]
            wrong, frozen_clock.at = ada[1].phone.wrong_code(frozen_clock.at), later(at=frozen_clock.at, minutes=1)
            assert program.post("/sign-ins/code", sign_in=begun, code=wrong).refusal == (401, "invalid_code")
            assert unknown(people) == 1
            code = ada[1].phone.code(frozen_clock.at)
            assert program.post("/sign-ins/code", sign_in=begun, code=code).status == 200
            assert unknown(people) == 0


def test_a_browser_that_knows_only_the_password_is_not_known_here(people: People) -> None:
    """Stops: an attacker who signed in by password before the owner set the second factor up, and is known since."""
    user = people.user()
    assert isinstance(people.begin(user, at=later(hours=-3), client=ATTACKERS), SignedIn)
    factor = people.protect(user, at=later(hours=-2))
    guess(people, user, factor.phone.wrong_code(NOON), NOON, client=ATTACKERS)
    assert unknown(people) == 1
    assert len(people.letters("unknown_browser_wrong_code")) == 1


def test_a_browser_that_knew_another_factor_is_not_known_here(people: People, ada: Ada) -> None:
    comes_in(people, ada, later(hours=-3), ATTACKERS)
    with people.context.db.write() as connection:
        factors.switch_off(connection, ada[0], later(hours=-2))
    factor = people.protect(people.look_up(ada[0]), at=later(hours=-1))
    guess(people, people.look_up(ada[0]), factor.phone.wrong_code(NOON), NOON, client=ATTACKERS)
    assert unknown(people) == 1


def test_a_browser_made_known_by_mail_is_not_known_here(people: People, ada: Ada) -> None:
    """Stops: an attacker of password and mailbox, whose browser would guess uncounted."""
    with people.context.db.write() as connection:
        lockouts.remember_client_for_now(connection, ada[0], ATTACKERS, NOON)
    guess(people, ada[0], ada[1].phone.wrong_code(NOON), NOON, client=ATTACKERS)
    assert unknown(people) == 1


def test_known_browsers_and_sessions_do_not_count_here(people: People, ada: Ada) -> None:
    user, factor = ada
    comes_in(people, ada, later(hours=-1))
    guess(people, user, factor.phone.wrong_code(NOON), NOON, client=LAPTOP)
    session = people.sign_in(user, factor.phone)
    given = Proofs(PASSWORD, factor.phone.wrong_code(NOON), None)
    assert isinstance(removal_flow.remove(people.context, session, given, origin=Origin(NOON, ANONYMOUS)), WrongCode)
    assert unknown(people) == 0
    assert people.letters("unknown_browser_wrong_code") == []


def test_what_is_no_guess_is_not_counted(people: People, ada: Ada) -> None:
    """A code that was right but used, what cannot be a code, a secret that does not open."""
    user, factor = ada
    comes_in(people, ada, NOON)
    assert isinstance(guess(people, user, factor.phone.code(NOON), NOON), UsedCode)
    assert isinstance(guess(people, user, "12345", NOON), MalformedCode)
    with people.context.db.write() as connection:
        connection.execute(authenticators.update().values(box=bytes(60)))
    outcome = guess(people, user, factor.phone.wrong_code(NOON), NOON)
    assert outcome == WrongCode(5, unreadable=True)
    assert unknown(people) == 0
    assert people.letters("unknown_browser_wrong_code") == []


def test_wrong_codes_count_for_thirty_days(people: People, ada: Ada) -> None:
    user, factor = ada
    for day in range(60):
        at = later(days=day)
        comes_in(people, ada, at)
        if day % 30 < 9:
            night = later(at=at, hours=9)
            assert isinstance(guess(people, user, factor.phone.wrong_code(night), night), WrongCode), day
    assert people.letters("locked") == []
    comes_in(people, ada, later(days=60))
    for minute in range(1, 5):
        at = later(days=60, minutes=minute)
        outcome = guess(people, user, factor.phone.wrong_code(at), at)
        if isinstance(outcome, LockedOut):
            break
    assert len(people.letters("locked")) == 1


@pytest.mark.parametrize("way", ["unlock", "reset"])
def test_an_unlock_and_a_reset_clear_the_count(people: People, ada: Ada, way: str) -> None:
    user, factor = ada
    for day in range(3):
        comes_in(people, ada, later(days=day))
        for minute in range(1, 5):
            at = later(days=day, minutes=minute)
            guess(people, user, factor.phone.wrong_code(at), at)
    assert unknown(people) == 10
    at = later(days=2, hours=1)
    with people.context.db.write() as connection:
        if way == "unlock":
            unlocked = lockouts.unlock(
                people.context, connection, user, origin=Origin(at, actor=acting.CONSOLE), reason="asked nicely"
            )
            assert isinstance(unlocked, lockouts.Unlocked)
        else:
            lockouts.lift_after_reset(connection, user)
    assert unknown(people) == 0
    assert guess(people, user, factor.phone.wrong_code(at), at) == WrongCode(4)
    comes_in(people, ada, later(at=at, minutes=1))


def test_parallel_guesses_of_an_unknown_browser_are_ten_and_no_more(people: People, ada: Ada) -> None:
    """Stops: many at once that all read the count before any writes it, between right codes that clear the other."""
    user, factor = ada
    for day in range(2):
        comes_in(people, ada, later(days=day))
        for minute in range(1, 4 + day):
            at = later(days=day, minutes=minute)
            guess(people, user, factor.phone.wrong_code(at), at)
    comes_in(people, ada, later(days=2))
    at = later(days=2, hours=1)
    begun = [people.attempt(user, at=at) for _ in range(12)]
    wrong = factor.phone.wrong_code(at)
    came = at_once(*(partial(people.give_code, sign_in, wrong, at=at) for sign_in in begun))
    assert sorted(outcome.left for outcome in came if isinstance(outcome, WrongCode)) == [0, 1, 2]
    assert len([outcome for outcome in came if isinstance(outcome, Locked)]) == 9
    assert unknown(people) == 10
    assert len(people.letters("locked")) == 1


def test_the_right_code_asks_no_more_of_the_database_than_before(people: People, ada: Ada) -> None:
    """The rows of wrong codes are looked at where there are some, and nowhere else."""
    with counted(people.context.db) as heard:
        comes_in(people, ada, NOON, NEW)
    clean = len(heard)
    guess(people, ada[0], ada[1].phone.wrong_code(NOON), NOON)
    with counted(people.context.db) as heard:
        comes_in(people, ada, later(minutes=1), NEW)
    assert len(heard) <= clean, "a known browser has nothing to take back"
