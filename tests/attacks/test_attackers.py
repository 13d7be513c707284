"""Attackers' ways: who holds a part of what somebody is, and goes the whole way with it.

A code that was seen, and a code of the future that a hint confirmed, are tried in `attacks/test_replay.py`; a lock that
leaves sessions alone, and sign-ins that a change ends on every node, in `attacks/test_stale.py`; a session together
with the password in `factors/test_set_up.py`.
"""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import httpx
import pytest

from tests.attacks.attacker import Attacker
from tests.attacks.mailbox import Mailbox
from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.databases import Backend
from tests.harness.pages import WebClient
from tests.harness.people import ADA, CLIENT_INFO, EARLIER, NEW_PASSWORD, PASSWORD, People
from twofold.directory.user import User
from twofold.factors.totp.tables import authenticators
from twofold.kit.acting import Origin
from twofold.resets import act_flow
from twofold.resets import flow as resets
from twofold.resets.outcomes import CaseOpened

REASON = "Lost her phone on the train."
SOON = later(minutes=30)  # a session of noon is not over then
MAILED_PASSWORD = "copper violin harbour"

POLICIES: dict[str, dict[str, Any]] = {
    "offered": {"policy": "optional"},
    "required": {"policy": "required", "required_from": EARLIER},
    "required from a date": {"policy": "required", "required_from": SOON},
}


class World:
    """Ada, with a phone, a session and a program that is known; Grace, her administrator; Linus, another one."""

    def __init__(self, people: People, http: httpx.Client, frozen_clock: FrozenClock, policy: str) -> None:
        self.people, self.http, self.frozen_clock, self.policy = people, http, frozen_clock, policy
        self.ada, self.factor = people.protected(name="Ada Lovelace")
        self.grace, self.linus = (
            people.user(f"{name}@acme.example", role="admin", password=None, second_factor_since=EARLIER)
            for name in ("grace", "linus")
        )
        self.mailbox = Mailbox(people)
        self.mailbox.deliver()
        self.session = people.token(self.ada, self.factor.phone, at=later(minutes=-5), channel="api")
        people.set_account(people.acme, **POLICIES[policy])

    def ask_for_a_reset(self) -> str:
        """Let Grace ask for a reset; return the token of the link in Ada's mailbox."""
        opened = resets.open_case(
            self.people.context, self.grace, self.ada, REASON, origin=Origin(self.frozen_clock.at, CLIENT_INFO)
        )
        assert isinstance(opened, CaseOpened), opened
        self.case = opened.id
        return self.mailbox.token("resets")

    def confirm(self, token: str, password: str = PASSWORD, new_password: str = "") -> int:
        """Press Confirm on the page of a reset."""
        fields = {"answer": "confirm", "password": password, "new_password": new_password}
        return WebClient(self.http).post(f"/resets/{token}", **fields).status

    def owner(self, *passwords: str) -> Attacker:
        """Be Ada, who goes the same ways with her own password and her own mailbox."""
        return Attacker(self.http, *(passwords or (PASSWORD,)), mailbox=self.mailbox)

    @property
    def is_protected(self) -> bool:
        """Tell whether Ada's phone is there as it was."""
        mine = authenticators.c.user_id == self.ada.id
        return self.people.look_up(self.ada).has_second_factor and self.people.count(authenticators, mine) == 1


@pytest.fixture(params=POLICIES)
def world(request: pytest.FixtureRequest, people: People, http: httpx.Client, frozen_clock: FrozenClock) -> World:
    """Try it under each policy."""
    return World(people, http, frozen_clock, request.param)


# --- somebody who knows the password, and wants the owner out


def five_wrong_codes(world: World, attacker: Api) -> None:
    sign_in = attacker.post("/sign-ins", email=ADA, password=PASSWORD)["sign_in"]
    wrong = world.factor.phone.wrong_code(NOON)
    left = [attacker.post("/sign-ins/code", sign_in=sign_in, code=wrong)["attempts_left"] for _ in range(5)]
    assert left == [4, 3, 2, 1, 0]


def wrong_passwords(_world: World, attacker: Api) -> None:
    came = [attacker.post("/sign-ins", email=ADA, password="guess")["code"] for _ in range(8)]
    assert came[-1] == "too_many_attempts"


def forgotten_passwords(world: World, _attacker: Api) -> None:
    for _ in range(4):
        WebClient(world.http).post("/forgot-password", email=ADA)
    world.mailbox.deliver()


def a_sign_in_as_a_session(world: World, attacker: Api) -> None:
    half = Api(world.http, attacker.post("/sign-ins", email=ADA, password=PASSWORD)["sign_in"])
    for call in (half.delete("/session"), half.put("/password", password=PASSWORD, new_password=NEW_PASSWORD)):
        assert call.refusal == (401, "not_signed_in")
    for path in ("/two-factor/removal", "/two-factor/backup-code", "/two-factor/enrolments"):
        assert half.post(path, password=PASSWORD, code="123456").refusal == (401, "not_signed_in")


def a_set_up_in_the_middle_of_a_sign_in(world: World, attacker: Api) -> None:
    sign_in = attacker.post("/sign-ins", email=ADA, password=PASSWORD)["sign_in"]
    assert attacker.post("/sign-ins/enrolments", sign_in=sign_in).refusal == (409, "out_of_order")
    assert attacker.post("/sign-ins/email-code/delivery", sign_in=sign_in).refusal == (409, "out_of_order")
    assert attacker.post("/sign-ins/email-code", sign_in=sign_in, code="123456").refusal == (409, "out_of_order")


def a_legacy_program(_world: World, attacker: Api) -> None:
    refused = attacker.post("/legacy/sign-ins", email=ADA, password=PASSWORD)
    assert refused.refusal == (403, "two_factor_not_supported_by_client")


def a_reset_without_its_link(world: World, attacker: Api) -> None:
    world.ask_for_a_reset()
    assert attacker.post("/resets/confirmation", token=f"tf_reset_{'A' * 43}", password=PASSWORD).refusal == (
        410,
        "link_expired",
    )


AGAINST_THE_OWNER = [
    a_sign_in_as_a_session, a_set_up_in_the_middle_of_a_sign_in, a_legacy_program, a_reset_without_its_link,
    forgotten_passwords, five_wrong_codes, wrong_passwords,
]  # fmt: skip


def test_who_knows_the_password_alone_throws_nobody_out(world: World) -> None:
    """Stops: an attacker who ends the owner's session, changes what protects them, or uses their lock as a weapon."""
    for attack in AGAINST_THE_OWNER:
        attack(world, Api(world.http))
        assert Api(world.http, world.session).get("/session").status == 200, attack
        assert world.is_protected, attack
    before = world.people.look_up(world.ada)
    assert (before.password_hash, before.email, before.frozen_at) == (world.ada.password_hash, ADA, None)


# --- ... and wants a phone of their own there


def test_who_knows_the_password_alone_sets_up_no_phone_where_one_is_there(world: World) -> None:
    """Stops: a forced set-up, or any other, that takes the place of a factor."""
    attacker = Attacker(world.http, PASSWORD)
    assert attacker.sign_in() == "code"
    attacker.go_on_everywhere()
    assert not attacker.is_in
    assert attacker.phone is None
    assert world.is_protected


def test_where_a_phone_is_required_the_password_alone_leads_to_the_mailbox_only(
    world: World, frozen_clock: FrozenClock
) -> None:
    """Stops: an attacker who is the first to set up, where the policy says that a password is not enough.

    Where it does not, or not yet, the password is all that such a user has: the attacker is that user, until they read
    the letters and freeze the account. From its date on the policy stops the attacker too.
    """
    bob = world.people.user("bob@acme.example")
    attacker = Attacker(world.http, PASSWORD, email=bob.email)
    if world.policy == "required":
        assert attacker.sign_in() == "verify_email"
        guess(world, attacker.begun[-1][0], bob)
        attacker.go_on_everywhere()
        assert (attacker.is_in, attacker.phone) == (False, None)
        return
    assert attacker.sign_in() == "in"
    if world.policy == "required from a date":
        frozen_clock.at = SOON
        assert not attacker.is_in
        attacker.sessions.clear()
        assert attacker.sign_in() == "verify_email"
        attacker.go_on_everywhere()
        assert (attacker.is_in, attacker.phone) == (False, None)
        return
    assert attacker.set_up() == "in"
    WebClient(world.http).post(f"/not-me/{world.mailbox.token('not-me', to=bob.email)}")
    assert not attacker.is_in
    assert attacker.sign_in() == "frozen"


def guess(world: World, sign_in: str, user: User) -> None:
    """Guess at the mailed code until no more guesses are taken."""
    right = world.mailbox.code(to=user.email)
    assert right is not None
    api, wrong = Api(world.http), f"{(int(right) + 1) % 1_000_000:06}"
    for left in (4, 3, 2, 1, 0):
        assert api.post("/sign-ins/email-code", sign_in=sign_in, code=wrong)["attempts_left"] == left
    assert api.post("/sign-ins/email-code", sign_in=sign_in, code=right).refusal == (429, "too_many_attempts")


# --- ... and wants to be the first after a reset


def test_after_a_reset_the_owner_who_comes_first_is_the_only_one_in(world: World) -> None:
    """Stops: sign-ins that the attacker began before the reset, and the password, once the owner has set up again."""
    attacker = Attacker(world.http, PASSWORD)
    assert attacker.sign_in() == "code"
    assert world.confirm(world.ask_for_a_reset()) == 200
    assert all_over(attacker)
    owner = world.owner()
    if owner.sign_in() == "in" and owner.phone is None:
        assert owner.set_up() == "in"
    assert owner.is_in
    attacker.go_on_everywhere()
    assert attacker.sign_in() == "code"
    attacker.go_on_everywhere()
    assert not attacker.is_in
    assert owner.is_in
    assert world.is_protected


def all_over(attacker: Attacker, code: str = "123456") -> bool:
    """Tell whether every sign-in that an attacker has begun is over, whatever it waited for."""
    operations = ("/sign-ins/code", "/sign-ins/email-code")
    refusals = {
        Api(attacker.http).post(operation, sign_in=one, code=code).refusal
        for one, _ in attacker.begun
        for operation in operations
    }
    return refusals == {(401, "sign_in_expired")}


def test_where_a_phone_is_required_a_reset_leads_an_attacker_to_the_mailbox_only(
    world: World, frozen_clock: FrozenClock
) -> None:
    """Stops: an attacker with the password who waits for a reset, under the policy "required".

    Under the others a reset leaves its user with the password alone, as `docs/threat-model.md` says: the attacker gets
    in, if they are the first and no wrong code of theirs has given them away (the next test). The letter about their
    set-up reaches the owner, whose press freezes the account: nobody is in then. A policy that begins later stops the
    attacker who has not set up until its date.
    """
    attacker = Attacker(world.http, PASSWORD)
    attacker.sign_in()
    assert world.confirm(world.ask_for_a_reset()) == 200
    assert all_over(attacker)
    if world.policy == "required":
        assert attacker.sign_in() == "verify_email"
        owner = world.owner()
        mailed_to_the_attacker = world.mailbox.code(to=ADA)
        assert owner.sign_in() == "in"
        assert mailed_to_the_attacker is not None
        assert all_over(attacker, mailed_to_the_attacker)
        assert (attacker.is_in, owner.is_in) == (False, True)
        return
    assert attacker.sign_in() == "in"
    if world.policy == "required from a date":
        frozen_clock.at = SOON
        assert not attacker.is_in
        assert attacker.sign_in() == "verify_email"
        frozen_clock.at = NOON
        attacker.sessions.clear()
        attacker.sign_in()
    assert attacker.set_up() == "in"
    owner = world.owner()
    assert owner.sign_in() == "code"
    WebClient(world.http).post(f"/not-me/{world.mailbox.token('not-me', to=ADA)}")
    assert (attacker.is_in, owner.is_in) == (False, False)
    assert [attacker.sign_in(), owner.sign_in()] == ["frozen", "frozen"]


def test_an_attacker_who_locked_the_owner_finds_another_password_after_the_reset(world: World) -> None:
    """Stops: the attacker's own lock as the way to a reset: whoever typed the codes knows the password, so it goes."""
    attacker = Attacker(world.http, PASSWORD)
    attacker.sign_in()
    five_wrong_codes(world, Api(world.http))
    token = world.ask_for_a_reset()
    assert world.confirm(token) == 409
    assert world.confirm(token, PASSWORD, PASSWORD) == 422
    assert world.confirm(token, PASSWORD, NEW_PASSWORD) == 200
    assert attacker.sign_in() == "invalid_credentials"
    attacker.go_on_everywhere()
    owner = world.owner(NEW_PASSWORD)
    assert owner.sign_in() == "in"
    assert not attacker.is_in


# --- somebody who holds the mailbox, and neither password nor phone


def ask(world: World, attacker: Attacker) -> None:
    WebClient(world.http).post("/forgot-password", email=attacker.email)


def choose(world: World, attacker: Attacker) -> None:
    """Choose a password by the newest link, if there is one that works."""
    token = world.mailbox.find("set-password", to=attacker.email)
    page = None if token is None else WebClient(world.http).post(f"/set-password/{token}", new_password=MAILED_PASSWORD)
    if page is not None and page.status == 200:
        attacker.known.append(MAILED_PASSWORD)


def confirm(world: World, attacker: Attacker) -> None:
    """Confirm the reset with whatever password is known, or a guess; with a new one as well, should that be asked."""
    token = world.mailbox.token("resets", to=attacker.email)
    for password in attacker.known or ["guess"]:
        if world.confirm(token, password) == 409 and world.confirm(token, password, NEW_PASSWORD) == 200:
            attacker.known.append(NEW_PASSWORD)


def refuse(world: World, attacker: Attacker) -> None:
    WebClient(world.http).post(f"/resets/{world.mailbox.token('resets', to=attacker.email)}", answer="refuse")


def sign_in(_world: World, attacker: Attacker) -> None:
    attacker.sign_in()


def owner_confirms(world: World, attacker: Attacker) -> None:
    """Let the owner confirm the reset that they asked for, with their own password."""
    world.confirm(world.mailbox.token("resets", to=attacker.email))


Act = Callable[[World, Attacker], None]


def orders(*acts: Act) -> list[tuple[Act, ...]]:
    """Return every order of some acts that differs: without a link no password is chosen, without one nobody signs in.

    Where one of these came too early it would be no act at all, and every walk ends with another sign-in.
    """
    return [order for order in permutations(acts) if order.index(ask) < order.index(choose) < order.index(sign_in)]


ALONE = orders(ask, choose, confirm, refuse, sign_in)
WITH_THE_OWNER = orders(ask, choose, owner_confirms, sign_in)


def walk(world: World, order: tuple[Act, ...], number: int) -> Attacker:
    """Go one way, a second a step, with somebody of their own; then try everything again that was begun."""
    world.frozen_clock.at = NOON
    email = f"{number}@acme.example"
    made = world.people.user(email, password=None, second_factor_since=EARLIER)
    world.people.set_user(made, password_hash=world.ada.password_hash, password_set_at=world.ada.password_set_at)
    world.ada = world.people.look_up(made)
    world.ask_for_a_reset()
    attacker = Attacker(world.http, mailbox=world.mailbox, email=email)
    for act in order:
        world.frozen_clock.forward(seconds=1)
        act(world, attacker)
    attacker.go_on_everywhere()
    attacker.sign_in()
    return attacker


@pytest.mark.parametrize("orders", [ALONE, WITH_THE_OWNER], ids=["alone", "with the owner"])
def test_who_holds_the_mailbox_is_let_in_by_no_order_of_what_is_mailed(
    world: World, backend: Backend, orders: list[tuple[Act, ...]]
) -> None:
    """Stops: forgot-password and reset put together to both factors, in whatever order, finished or half done.

    The mailbox rightly allows to choose a password (not on the day of a reset), to refuse a reset, to freeze the
    account, and to prove the mailbox in a set-up that the policy forces. With a factor, none of it leads past it.
    """
    # A policy that begins later is none yet, and PostgreSQL knows no other orders: a few of them there.
    every = 1 if backend == "sqlite" and world.policy != "required from a date" else 4
    for number, order in enumerate(orders[::every]):
        attacker = walk(world, order, number)
        assert not attacker.is_in, [act.__name__ for act in order]
        if owner_confirms not in order:
            assert world.people.look_up(world.ada).has_second_factor, [act.__name__ for act in order]


def test_what_the_mailbox_rightly_allows(world: World, frozen_clock: FrozenClock) -> None:
    """Say what remains: who has no second factor is whoever reads their mail; and an approver can be deceived.

    The same walks as above, with one thing more, lead in: so those walks would have been seen to lead in as well.
    """
    bob = world.people.user("bob@acme.example")
    attacker = Attacker(world.http, mailbox=world.mailbox, email=bob.email)
    ask(world, attacker)
    choose(world, attacker)
    assert attacker.sign_in() == "in"

    approved = walk(world, (ask, choose), 1)
    assert not approved.is_in
    act_flow.approve(world.people.context, world.linus, world.case, origin=Origin(frozen_clock.at))
    confirm(world, approved)
    assert approved.sign_in() == "in"

    waited = walk(world, (ask, choose, owner_confirms), 2)
    assert not waited.is_in
    owner_reset = walk(world, (owner_confirms, ask), 3)
    frozen_clock.at = later(hours=24, seconds=1)
    ask(world, owner_reset)
    choose(world, owner_reset)
    assert owner_reset.sign_in() == "in"
