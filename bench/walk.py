"""A sign-in walked through in this process, flow by flow: for asking the database how it carries each statement out."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench import crowd
from bench.crowd import KEYS
from bench.subject import Store
from twofold.audit import seal_flow
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.client_info import ClientInfo
from twofold.kit.context import AppContext
from twofold.kit.mail.outbox import Outbox
from twofold.sessions import flow as sessions
from twofold.settings import load
from twofold.signin import flow as signin
from twofold.signin.first_factor import password_flow
from twofold.signin.first_factor.password_flow import Credentials
from twofold.signin.outcomes import Due, SignedIn

NO_REQUEST = ClientInfo("127.0.0.1", "bench")


@contextmanager
def context_of(subject: Store) -> Iterator[AppContext]:
    """Build a context on a database of the bench."""
    settings = load({"TWOFOLD_DATABASE_URL": subject.url, "TWOFOLD_KEYS": KEYS})
    yield AppContext(settings, subject.db, subject.vault, subject.hasher, Outbox(configured=True))


def walk(context: AppContext, people: range) -> None:
    """Let people sign in by app and by backup code, type wrong ones, be checked and be sealed into the audit log."""
    by_app, by_backup_code, mistaken = people[0], people[1], people[2]
    token = _sign_in(context, by_app, crowd.code(by_app, time.time()))
    _sign_in(context, by_backup_code, crowd.spare_code(by_backup_code))
    password_flow.submit_password(context, _given(mistaken, "wrong"), origin=Origin(clock.now(), NO_REQUEST))
    _prove(context, _begin(context, mistaken), "000000")
    session = sessions.find(context.db, context.settings, token, clock.now())
    assert session is not None
    sessions.list_own(context, session, clock.now())
    sessions.sign_out(context.db, session, origin=Origin(clock.now(), NO_REQUEST))
    seal_flow.seal(context.db, clock.now())


def _sign_in(context: AppContext, user: int, typed: str) -> str:
    outcome = _prove(context, _begin(context, user), typed)
    assert isinstance(outcome, SignedIn), outcome
    return outcome.session.token


def _begin(context: AppContext, user: int) -> str:
    outcome = password_flow.submit_password(
        context, _given(user, crowd.PASSWORD), origin=Origin(clock.now(), NO_REQUEST)
    )
    assert isinstance(outcome, Due), outcome
    return outcome.sign_in


def _prove(context: AppContext, sign_in: str, typed: str) -> object:
    return signin.submit_code(
        context, sign_in, typed, channel="api", client=None, origin=Origin(clock.now(), NO_REQUEST)
    )


def _given(user: int, password: str) -> Credentials:
    return Credentials(crowd.email(user), password, None, "api")
