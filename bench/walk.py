"""A sign-in walked through in this process, flow by flow: for asking the database how it carries each statement out."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench import crowd
from bench.crowd import KEYS
from bench.subject import Store
from twofold.audit import seal_flow
from twofold.kit import clock
from twofold.kit.house import House
from twofold.kit.outbox import Outbox
from twofold.kit.visitor import Visitor
from twofold.sessions import flow as sessions
from twofold.settings import load
from twofold.signin import flow as signin
from twofold.signin.finish_flow import Credentials
from twofold.signin.outcomes import Due, SignedIn

HERE = Visitor("127.0.0.1", "bench")


@contextmanager
def house_of(subject: Store) -> Iterator[House]:
    """Put a house together on a database of the bench."""
    settings = load({"TWOFOLD_DATABASE_URL": subject.url, "TWOFOLD_KEYS": KEYS})
    yield House(settings, subject.db, subject.vault, subject.hasher, Outbox(configured=True))


def walk(house: House, people: range) -> None:
    """Let people sign in by app and by backup code, type wrong ones, be checked and be sealed into the audit log."""
    by_app, by_backup_code, mistaken = people[0], people[1], people[2]
    token = _sign_in(house, by_app, crowd.code(by_app, time.time()))
    _sign_in(house, by_backup_code, crowd.spare_code(by_backup_code))
    signin.submit_password(house, _given(mistaken, "wrong"), visitor=HERE, at=clock.now())
    _prove(house, _begin(house, mistaken), "000000")
    session = sessions.find(house.db, house.settings, token, clock.now())
    assert session is not None
    sessions.list_own(house, session, clock.now())
    sessions.sign_out(house.db, session, visitor=HERE, at=clock.now())
    seal_flow.seal(house.db, clock.now())


def _sign_in(house: House, person: int, typed: str) -> str:
    outcome = _prove(house, _begin(house, person), typed)
    assert isinstance(outcome, SignedIn), outcome
    return outcome.session.token


def _begin(house: House, person: int) -> str:
    outcome = signin.submit_password(house, _given(person, crowd.PASSWORD), visitor=HERE, at=clock.now())
    assert isinstance(outcome, Due), outcome
    return outcome.sign_in


def _prove(house: House, sign_in: str, typed: str) -> object:
    return signin.submit_code(house, sign_in, typed, channel="api", client=None, visitor=HERE, at=clock.now())


def _given(person: int, password: str) -> Credentials:
    return Credentials(crowd.email(person), password, None, "api")
