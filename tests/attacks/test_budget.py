"""One budget for all operations: who guesses at every form, page and call at once gets the tries of one.

Each operation by itself is tried in `lockouts/test_second_factors.py`, volleys in `attacks/test_parallel.py`, the tries
of a reset's link in `resets/test_confirm.py`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count, cycle
from typing import Any

import httpx
import pytest

from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.databases import Backend
from tests.harness.pages import WebClient
from tests.harness.people import ADA, CLIENT_INFO, NEW_PASSWORD, PASSWORD, Ada, Factor, People, phone_of
from tests.resets.helpdesk import meanwhile
from twofold.directory.user import User
from twofold.factors import enrolment_flow
from twofold.factors import flow as factors
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import Changed, Opened
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.lockouts import flow as lockouts
from twofold.lockouts.budget import FINAL_AFTER, LOCK_AFTER
from twofold.lockouts.flow import LockIsFinal, Proved, Unlocked, Wait, WrongPassword
from twofold.lockouts.tables import password_throttles
from twofold.provisioning import flow as provisioning
from twofold.provisioning.flow import UserChange

WRONG, CREATED, REFUSED, SHUT, WAITING = "not this one", 201, 401, 423, 429
CLIENT = "tf_client_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

Operation = Callable[[str, str], int]  # takes a password and a code, and returns the status of the answer


class Attacker:
    """Somebody with Ada's password, her session and sign-ins that wait; each request seems to come from elsewhere."""

    def __init__(self, people: People, http: httpx.Client, ada: User, factor: Factor) -> None:
        self.http, self.people = http, people
        self._addresses = count(1)
        self.app, self.passkey = self._second_app(ada, factor), people.give_passkey(ada)
        self.token = people.token(ada, factor.phone, at=later(minutes=-4), channel="api")
        self.browser = WebClient(http)
        self.browser.cookies.set("twofold_session", people.token(ada, factor.phone, at=later(minutes=-2)))

    def sign_ins(self) -> dict[str, Operation]:
        """Begin sign-ins, and return the operations in which each of them goes on: pages and API."""
        operations: dict[str, Operation] = {}
        for number in range(2):
            begun = Api(self.http).post("/sign-ins", email=ADA, password=PASSWORD)["sign_in"]
            web_client = WebClient(self.http)
            web_client.sign_in(ADA, PASSWORD)
            operations |= {
                f"code, API {number}": self._called("POST", "/sign-ins/code", sign_in=begun),
                f"backup code, API {number}": self._backup_code_called(begun),
                f"code, page {number}": self._sent(web_client, "/sign-in/code"),
                f"backup code, page {number}": self._backup_code_sent(web_client),
            }
        return operations

    def fresh_sign_ins(self) -> dict[str, Operation]:
        """Return the operations of who begins a sign-in for each guess; no more once the factor is locked."""

        def called(password: str, code: str) -> int:
            api = Api(self.http, headers=self._from_elsewhere())
            begun = api.call("POST", "/sign-ins", {"email": ADA, "password": password})
            if begun.status != CREATED:
                return begun.status
            return api.call("POST", "/sign-ins/code", {"sign_in": begun["sign_in"], "code": code}).status

        def sent(password: str, code: str) -> int:
            self.http.headers.update(self._from_elsewhere())
            web_client = WebClient(self.http)
            web_client.sign_in(ADA, password)
            return web_client.post("/sign-in/code", code=code).status

        return {"fresh, API": called, "fresh, page": sent}

    def profile(self) -> dict[str, Operation]:
        """Return the operations of a session: every form and call that takes a password and a code."""
        app, new = f"/two-factor/authenticators/{self.app}", {"new_password": NEW_PASSWORD}
        configure, page = "/profile/two-factor/configure", f"/profile{app}/remove"
        return {
            "add, API": self._called("POST", "/two-factor/enrolments"),
            "replace, API": self._called("POST", "/two-factor/enrolments", replaces=self.app),
            "regenerate, API": self._called("POST", "/two-factor/backup-code"),
            "remove, API": self._called("POST", "/two-factor/removal"),
            "remove one, API": self._called("DELETE", app),
            "password, API": self._called("PUT", "/password", **new),
            "add a passkey, API": self._called("POST", "/two-factor/passkeys/options"),
            "remove a passkey, API": self._called("DELETE", f"/two-factor/passkeys/{self.passkey}"),
            "add a passkey, page": self._sent(self.browser, "/profile/two-factor/passkeys/add"),
            "step up, API": self._called("POST", "/session/step-up"),
            "step up, page": self._sent(self.browser, "/sign-in/step-up"),
            "add, page": self._sent(self.browser, configure),
            "replace, page": self._sent(self.browser, configure, replaces=self.app),
            "regenerate, page": self._sent(self.browser, "/profile/two-factor/backup-code"),
            "remove, page": self._sent(self.browser, "/profile/two-factor/remove"),
            "remove one, page": self._sent(self.browser, page),
            "password, page": self._sent(self.browser, "/profile/password", **new),
        }

    def _called(self, method: str, path: str, **fixed: str) -> Operation:
        def operation(password: str, code: str) -> int:
            asks = {"code": code} if "sign_in" in fixed else {"password": password, "code": code}
            return Api(self.http, self.token, headers=self._from_elsewhere()).call(method, path, fixed | asks).status

        return operation

    def _backup_code_called(self, sign_in: str) -> Operation:
        def operation(_password: str, _code: str) -> int:
            asked = {"sign_in": sign_in, "backup_code": "0000-0000-0000-0000-0000-0000"}
            return Api(self.http, headers=self._from_elsewhere()).call("POST", "/sign-ins/backup-code", asked).status

        return operation

    def _sent(self, web_client: WebClient, path: str, **fixed: str) -> Operation:
        def operation(password: str, code: str) -> int:
            self.http.headers.update(self._from_elsewhere())
            return web_client.post(path, password=password, code=code, **fixed).status

        return operation

    def _backup_code_sent(self, web_client: WebClient) -> Operation:
        def operation(_password: str, _code: str) -> int:
            self.http.headers.update(self._from_elsewhere())
            return web_client.post("/sign-in/backup-code", backup_code="0000 0000 0000 0000 0000 0000").status

        return operation

    def _from_elsewhere(self) -> dict[str, str]:
        address = f"198.51.100.{next(self._addresses) % 254 + 1}"
        return {"X-Forwarded-For": f"{address}, 10.0.0.1", "X-Real-IP": address, "Forwarded": f"for={address}"}

    def _second_app(self, ada: User, factor: Factor) -> str:
        at = later(minutes=-20)
        session = self.people.sign_in(ada, factor.phone, at=later(at=at, minutes=-1))
        asked = SetUp(PASSWORD, factor.phone.code(at), None)
        opened = enrolment_flow.open_in_session(self.people.context, session, asked, origin=Origin(at, CLIENT_INFO))
        assert isinstance(opened, Opened), opened
        code = phone_of(opened).code(at)
        done = enrolment_flow.confirm_in_session(
            self.people.context, session, opened.id, code, origin=Origin(at, CLIENT_INFO),
        )  # fmt: skip
        assert isinstance(done, Changed), done
        with self.people.context.db.read() as connection:
            return str(factors.show(connection, ada.id).authenticators[-1].id)


@pytest.fixture
def attacker(people: People, http: httpx.Client, frozen_clock: FrozenClock, ada: Ada) -> Iterator[Attacker]:
    del frozen_clock
    yield Attacker(people, http, *ada)
    http.headers.clear()


def evaluated(people: People) -> int:
    return len(people.events("second_factor_wrong"))


def test_guesses_spread_over_all_operations_are_as_many_as_in_one(people: People, attacker: Attacker, ada: Ada) -> None:
    """Stops: a budget of its own for an operation, a sign-in, a cookie, an address, the API or the pages."""
    user, factor = ada
    operations = attacker.sign_ins() | attacker.fresh_sign_ins() | attacker.profile()
    wrong, names = factor.phone.wrong_code(NOON), list(operations)
    for first in range(0, len(names), 3):
        people.set_counts(user, wrong=0)
        before = evaluated(people)
        round_ = names[first:] + names[:first]
        came = [operations[name](PASSWORD, wrong) for name in round_]
        assert came == until_locked(round_), list(zip(round_, came, strict=True))
        assert evaluated(people) - before == LOCK_AFTER
    right = factor.phone.code(NOON)
    assert {name: operations[name](PASSWORD, right) for name in names if "backup" not in name} == {
        name: SHUT for name in names if "backup" not in name
    }
    assert people.look_up(user).has_second_factor


def test_over_all_operations_and_unlocks_a_hundred_guesses_are_the_last(
    people: People, attacker: Attacker, ada: Ada
) -> None:
    """Stops: going on in the next operation with what an unlock gives, day after day, until one guess is right."""
    user, factor = ada
    operations = attacker.sign_ins() | attacker.profile() | attacker.fresh_sign_ins()
    wrong, order, spent = factor.phone.wrong_code(NOON), cycle(operations), Counter[str]()
    for unlocks in range(1, FINAL_AFTER // LOCK_AFTER + 1):
        round_ = [next(order) for _ in range(LOCK_AFTER + 2)]
        came = [operations[name](PASSWORD, wrong) for name in round_]
        assert came == until_locked(round_), (unlocks, list(zip(round_, came, strict=True)))
        spent.update(round_[:LOCK_AFTER])
        unlocked = Unlocked if unlocks < FINAL_AFTER // LOCK_AFTER else LockIsFinal
        assert isinstance(unlock(people, user), unlocked), unlocks
    assert evaluated(people) == spent.total() == FINAL_AFTER
    assert spent.keys() == operations.keys()
    right = factor.phone.code(NOON)
    assert {name: operation(PASSWORD, right) for name, operation in operations.items()} == dict.fromkeys(
        operations, SHUT
    )
    assert evaluated(people) == FINAL_AFTER
    assert people.look_up(user).has_second_factor


def until_locked(round_: list[str]) -> list[int]:
    """Return what guesses get one after another: five are refused, a fifth at a page as locked."""
    at_once = "page" in round_[LOCK_AFTER - 1]
    refused = LOCK_AFTER - 1 if at_once else LOCK_AFTER
    return [REFUSED] * refused + [SHUT] * (len(round_) - refused)


def unlock(people: People, user: User) -> object:
    """Let the operator unlock somebody who asked nicely."""
    with people.context.db.write() as connection:
        return lockouts.unlock(
            people.context, connection, user, origin=Origin(NOON, actor=acting.CONSOLE), reason="asked nicely"
        )


def test_no_call_that_takes_a_password_or_a_code_is_left_out_of_these_walks(
    http: httpx.Client, attacker: Attacker
) -> None:
    """Stops: a new operation that nobody tried. The few beside them count for themselves, in tests named here."""
    described = http.get("/api/openapi.json").json()
    taking: dict[str, set[str]] = {"password": set(), "code": set()}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            fields = fields_of(described, operation)
            for field, calls in taking.items():
                if field in fields:
                    calls.add(f"{method.upper()} {path.removeprefix('/api/v1')}")
    app, confirmation = "/two-factor/authenticators/{authenticator}", "enrolments/{enrolment}/confirmation"
    in_profile = {
        "POST /two-factor/enrolments", "POST /two-factor/backup-code", "POST /two-factor/removal", f"DELETE {app}",
        "PUT /password", "POST /session/step-up", "POST /two-factor/passkeys/options",
        "DELETE /two-factor/passkeys/{passkey}",
    }  # fmt: skip
    assert len(in_profile) + 1 == sum(name.endswith("API") for name in attacker.profile())  # one call adds and replaces
    begins = {"POST /sign-ins", "POST /legacy/sign-ins"}
    sets = {"POST /accounts/{account}/users", "PATCH /users/{user_id}"}  # an operator's, who proves none
    counts_for_itself = {"POST /resets/confirmation"}  # resets/test_confirm.py
    assert taking["password"] == in_profile | begins | sets | counts_for_itself
    mailed = {"POST /sign-ins/email-code"}  # lockouts/test_mailbox.py
    confirms = {f"POST /sign-ins/{confirmation}", f"POST /two-factor/{confirmation}"}  # factors/test_set_up.py
    assert taking["code"] == in_profile | {"POST /sign-ins/code"} | mailed | confirms


def fields_of(described: dict[str, Any], operation: dict[str, Any]) -> set[str]:
    """Return the fields of the body that a call takes."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    while "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return set(schema.get("properties", {}))


def test_the_forms_of_the_profile_share_one_throttle_of_passwords(
    people: People, attacker: Attacker, frozen_clock: FrozenClock, ada: Ada
) -> None:
    """Stops: guessing the password of a session that was left open, some tries at each form."""
    operations = attacker.profile()
    names, code = list(operations), ada[1].phone.code(NOON)
    for first in range(0, len(names), 3):
        frozen_clock.forward(hours=25)  # what was typed yesterday is forgotten
        attacker.token = people.token(ada[0], ada[1].phone, at=frozen_clock.at, channel="api")
        attacker.browser.cookies.set("twofold_session", attacker.token)
        round_ = names[first:] + names[:first]
        came = [operations[name](WRONG, code) for name in round_]
        assert came == [REFUSED] * 5 + [WAITING] * (len(names) - 5), list(zip(round_, came, strict=True))
        assert Api(attacker.http).post("/sign-ins", email=ADA, password=WRONG).status == WAITING
        assert {operations[name](PASSWORD, code) for name in names} == {WAITING}
    assert evaluated(people) == 0
    assert people.look_up(ada[0]).has_second_factor


# --- ten thousand passwords


def test_of_ten_thousand_guessed_passwords_few_are_looked_at_and_the_owner_comes_in(
    people: People, backend: Backend
) -> None:
    """Stops: guessing a password from many addresses, and keeping its owner out by guessing.

    A stranger asks every minute of a week (on PostgreSQL, where a try takes longer here, of most of a day). How
    many are looked at is what the waits allow, whatever is asked in between; the right one among those that must wait
    opens nothing. On the browser that she has used before, the owner comes in at any moment.
    """
    user = people.user(ADA)
    with people.context.db.write() as connection:
        lockouts.remember_client(connection, user, CLIENT, NOON)
    tries, minute, spent = (10_000 if backend == "sqlite" else 1_000), timedelta(minutes=1), 0
    for number in range(tries):
        at = NOON + number * minute
        password = PASSWORD if number % 97 == 50 and is_waiting(people, at) else WRONG
        came = lockouts.prove_password(people.context, ADA, password, client=None, address=CLIENT_INFO.address, at=at)
        assert isinstance(came, Wait if password == PASSWORD else (WrongPassword, Wait)), (number, came)
        spent += isinstance(came, WrongPassword)
        if number % 500 == 499:
            proved = lockouts.prove_password(
                people.context, ADA, PASSWORD, client=CLIENT, address=CLIENT_INFO.address, at=at
            )
            assert isinstance(proved, Proved), proved
            assert proved.known_client is not None
            with people.context.db.write() as connection:
                lockouts.settle(connection, proved)
    assert spent == most_looks(tries * minute, minute)


def is_waiting(people: People, at: datetime) -> bool:
    """Whether somebody unknown would be told to wait."""
    return people.count(password_throttles, password_throttles.c.wrong >= 5, password_throttles.c.next_at > at) > 0


def most_looks(span: timedelta, every: timedelta) -> int:
    """How many tries of a stranger who asks at a steady pace are looked at: 1 s to 15 min, doubling."""
    looks, now, next_at = 0, timedelta(), timedelta()
    while now < span:
        if now >= next_at:
            looks += 1
            next_at = now + timedelta(seconds=0 if looks < 5 else min(2 ** (looks - 5), 15 * 60))
        now += every
    return looks


# --- a password that is being hashed while what it is worth changes

CHANGES = ["two-factor switched on", "policy requires", "frozen", "deactivated", "password", "address", "role"]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("channel", ["page", "api", "legacy"])
def test_what_changes_while_the_password_is_hashed_is_due(
    people: People, http: httpx.Client, frozen_clock: FrozenClock, change: str, channel: str
) -> None:
    """Stops: a password that was right a moment ago and goes on as if nothing had happened.

    A reset asks for less afterwards, not for more: see `attacks/test_begun_before.py`.
    """
    del frozen_clock
    user = people.user(ADA)

    def happens() -> None:
        match change:
            case "two-factor switched on":
                people.protect(user)
            case "policy requires":
                people.set_account(user.account_id, policy="required", required_from=later(days=-1))
            case "frozen":
                people.set_user(user, frozen_at=NOON)
            case "deactivated":
                changed(people, user, active=False)
            case "password":
                changed(people, user, password=NEW_PASSWORD)
            case "address":
                changed(people, user, email="ada.new@acme.example")
            case "role":
                changed(people, user, role="admin")
            case _:
                raise AssertionError(change)
        before.append(len(people.events("signed_in")))

    before: list[int] = []
    with meanwhile(people.context, happens):
        if channel == "page":
            web_client = WebClient(http)
            web_client.sign_in(ADA, PASSWORD)
            session = web_client.cookie("twofold_session")
        else:
            path = "/sign-ins" if channel == "api" else "/legacy/sign-ins"
            session = Api(http).post(path, email=ADA, password=PASSWORD).body.get("session_token")
    if change == "policy requires":  # which ends no session, but leaves nothing open to it but the set-up
        assert Api(http, session).get("/two-factor").status == 403
    else:
        assert session is None
        assert len(people.events("signed_in")) == before[0]  # nor was one made that the next page took away again


def changed(people: People, user: User, **values: Any) -> None:
    provisioning.change_user(
        people.context,
        origin=Origin(NOON, CLIENT_INFO, acting.CONSOLE),
        subject_id=user.id,
        change=UserChange(**values),
        within=None,
    )
