"""Attacks by guessing passwords in order to keep somebody out: whoever takes every turn delays only themselves."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.databases import Backend
from tests.harness.pages import WebClient
from tests.harness.people import ADA, CLIENT_INFO, PASSWORD, People
from tests.harness.smtp import SmtpServer
from tests.recovery.conftest import Mailer
from twofold.directory.user import User
from twofold.kit.acting import Origin
from twofold.kit.client_info import ClientInfo
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.lockouts.budget import ADDRESS_BURST, ADDRESS_REFILL
from twofold.lockouts.flow import Wait, WrongPassword
from twofold.signin.first_factor import password_flow
from twofold.signin.first_factor.password_flow import Credentials
from twofold.signin.outcomes import SignedIn

WRONG = "not this one"
CLIENT = "tf_client_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"


class Stranger:
    """Somebody who takes every turn that is given to them: they try again in the moment in which they may."""

    def __init__(self, people: People, address: str, *, email: str = ADA, at: datetime = NOON) -> None:
        self.people, self.email, self.next_at, self.looks = people, email, at, 0
        self.client_info = ClientInfo(address, "curl", "request")

    def go_on(self, until: datetime) -> None:
        """Try at every moment at which a try is due, up to this one."""
        while self.next_at <= until:
            came = self.try_once()
            if isinstance(came, Wait):
                self.next_at += timedelta(seconds=came.seconds)

    def try_once(self) -> Any:
        given = Credentials(self.email, WRONG, None, "page")
        came = password_flow.submit_password(self.people.context, given, origin=Origin(self.next_at, self.client_info))
        assert isinstance(came, Wait | WrongPassword), came
        self.looks += isinstance(came, WrongPassword)
        return came


@pytest.fixture
def ada(people: People) -> User:
    return people.user()


@pytest.fixture
def mailer(context: AppContext, smtp: SmtpServer, frozen_clock: FrozenClock) -> Mailer:
    return Mailer(context, smtp, frozen_clock)


def moments(days: int, every: timedelta) -> Iterator[datetime]:
    """Return when the owner comes: at odd moments, some at which the stranger's turn has just come."""
    for number in range(1, int(timedelta(days=days) / every)):
        yield NOON + number * every + timedelta(seconds=number * 37 % 900)


def test_a_stranger_who_takes_every_try_of_a_week_keeps_nobody_out(people: People, ada: User, backend: Backend) -> None:
    """Stops: a throttle that all share, of which a stranger takes every turn; 0 of 10,081 came in by such a one."""
    stranger, days = Stranger(people, "198.51.100.66"), 7 if backend == "sqlite" else 2
    for at in moments(days, timedelta(hours=1)):
        stranger.go_on(at)
        assert isinstance(people.begin(ada, at=at, client_info=CLIENT_INFO), SignedIn), at
    assert stranger.looks > 90 * days, "the stranger was to try all the time"


class Botnet:
    """Strangers in so many networks, who take every turn that there is, one after the other."""

    def __init__(self, people: People, networks: int) -> None:
        self.strangers = [Stranger(people, f"10.1.{number}.66") for number in range(networks)]
        self.next_at, self.turn = NOON, 0

    @property
    def looks(self) -> int:
        """How many of their passwords were looked at."""
        return sum(stranger.looks for stranger in self.strangers)

    def go_on(self, until: datetime) -> None:
        while self.next_at <= until:
            stranger = self.strangers[self.turn % len(self.strangers)]
            stranger.next_at = self.next_at
            came = stranger.try_once()
            if isinstance(came, Wait):
                self.next_at += timedelta(seconds=came.seconds)
            else:
                self.turn += 1


def test_a_botnet_keeps_out_only_browsers_that_are_not_known_and_gets_few_looks(
    people: People, ada: User, backend: Backend
) -> None:
    """Stops: guessing from many networks. Where she has signed in before the owner comes in at any moment."""
    with people.context.db.write() as connection:
        lockouts.remember_client(connection, ada, CLIENT, NOON)
    botnet, hours = Botnet(people, 200), 24 if backend == "sqlite" else 4
    for hour in range(1, hours):
        at = later(hours=hour)
        botnet.go_on(at)
        assert isinstance(people.begin(ada, at=at), Wait), "the botnet was to keep strange browsers out"
        assert isinstance(people.begin(ada, at=at, client=CLIENT), SignedIn), at
    assert botnet.looks <= ADDRESS_BURST + timedelta(hours=hours) / ADDRESS_REFILL
    assert botnet.looks > timedelta(hours=hours - 1) / ADDRESS_REFILL, "the botnet was to try all the time"


def test_whom_a_botnet_keeps_out_comes_in_by_a_link_from_the_mailbox(
    context: AppContext,
    people: People,
    ada: User,
    mailer: Mailer,
    frozen_clock: FrozenClock,
    http: httpx.Client,
) -> None:
    del ada
    botnet, browser = Botnet(people, 200), WebClient(http)
    botnet.go_on(frozen_clock.at)
    page = browser.sign_in(ADA, PASSWORD)
    assert (page.status, "Email me a link" in page.buttons) == (429, True)
    page = browser.submit(page, "Email me a link")
    assert "If there is an account with that email address" in page.notice
    frozen_clock.forward(minutes=1)
    botnet.go_on(frozen_clock.at)
    page = browser.get(f"/known-browser/{mailer.token('known-browser')}")
    page = browser.submit(page, "Make this browser known")
    assert (page.path, "no longer have to wait" in page.notice) == ("/sign-in", True)
    botnet.go_on(frozen_clock.at)
    assert browser.sign_in(ADA, PASSWORD).path == "/profile"
    frozen_clock.forward(days=80)
    botnet.next_at = frozen_clock.at
    botnet.go_on(frozen_clock.at)
    assert browser.sign_in(ADA, PASSWORD).path == "/profile", "a sign-in makes it known for 90 days"
    assert context.outbox.configured


def test_a_stranger_who_asks_for_every_link_leaves_the_owner_one_that_works(
    people: People, ada: User, mailer: Mailer, frozen_clock: FrozenClock, http: httpx.Client
) -> None:
    """Stops: asking for all links of an hour at once, so that for the rest of it the owner gets none."""
    browser, without = WebClient(http), 0
    for _ in range(180):
        frozen_clock.forward(minutes=1)
        WebClient(http).post("/sign-in/email-link", email=ADA)
        mailer.deliver()
        newest = mailer.smtp.sent_to(ada.email)[-1].link("/known-browser/").rpartition("/")[2]
        works = browser.get(f"/known-browser/{newest}").status == 200
        without = 0 if works else without + 1
        assert without <= 5
    assert len(mailer.smtp.sent_to(ada.email)) == 9
