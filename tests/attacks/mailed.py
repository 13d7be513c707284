"""Every kind of link that is mailed: who can be sent one, how it is asked for, and what its button sends."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import httpx
import sqlalchemy as sa

from tests.attacks.forged import OWN, Headers
from tests.attacks.mailbox import Mailbox
from tests.harness.clock import NOON, later
from tests.harness.pages import WebClient
from tests.harness.people import ADA, CLIENT_INFO, NEW_PASSWORD, PASSWORD, People, proved
from twofold.directory import notice_flow
from twofold.directory.user import User
from twofold.events.notices import Notice
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import new_id
from twofold.kit.sql.database import metadata
from twofold.lockouts.tables import password_throttles
from twofold.recovery import browser_flow, password_flow
from twofold.recovery import flow as recovery
from twofold.resets import flow as resets
from twofold.resets.outcomes import CaseOpened
from twofold.sessions import flow as sessions

BASE = f"https://{OWN}"
REASON = "Lost her phone on the train."


class Stage:
    """Grace, an administrator, Sam, an agent, the operator's program, and as many others as a test needs."""

    def __init__(self, people: People, http: httpx.Client) -> None:
        self.people, self.context, self.http = people, people.context, http
        self.post = Mailbox(people)
        self.grace = people.user("grace@acme.example", role="admin", second_factor_since=later(days=-1))
        self.key = people.operator_key()

    @cached_property
    def session(self) -> str:
        """The token of Grace's session."""
        with self.context.db.write() as connection:
            started = sessions.start(
                self.context, connection, self.grace, security_version=self.grace.security_version,
                methods=proved("pwd", "otp"), channel="page", origin=Origin(NOON, CLIENT_INFO),
            )  # fmt: skip
        assert started is not None
        return started.token

    @cached_property
    def sam(self) -> User:
        """An agent, made when one is needed."""
        return self.people.user("sam@operator.example", role="support", second_factor_since=later(days=-1))

    def other(self, **values: Any) -> User:
        """Make somebody whom nobody has met."""
        return self.people.user(f"{new_id().hex}@acme.example", **values)

    def with_factor(self) -> User:
        """Make somebody whose second factor can be reset; nobody will use it."""
        return self.other(second_factor_since=later(days=-1))

    def form(self, path: str, headers: Headers, *, session: str = "", **fields: str) -> httpx.Response:
        """Send a form of our own page, with headers that say otherwise."""
        own = [("Origin", BASE), ("Cookie", f"__Host-twofold_session={session}")] if session else [("Origin", BASE)]
        return self.http.post(path, data=fields, headers=[*own, *headers])

    def call(self, method: str, path: str, headers: Headers, token: str, **body: Any) -> httpx.Response:
        own = [("Authorization", f"Bearer {token}")]
        return self.http.request(method, f"/api/v1{path}", json=body, headers=[*own, *headers])

    def open_case(self, user: User, by: User | None = None, at: datetime = NOON) -> UUID:
        opened = resets.open_case(self.context, by or self.grace, user, REASON, origin=Origin(at, CLIENT_INFO))
        assert isinstance(opened, CaseOpened), opened
        return opened.id

    def link(self, kind: str, user: User, at: datetime = NOON) -> str:
        """Let a link of a kind be asked for at noon, and go out at a moment; return its token."""
        KINDS[kind].ask(self, user)
        return self.post.token(KINDS[kind].path, at, to=user.email)

    def use(self, kind: str, token: str) -> int:
        """Press the button of a link; return what is answered."""
        fields = KINDS[kind].fields
        return WebClient(self.http).post(f"/{KINDS[kind].path}/{token}", **fields).status

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return everything that rests in the database."""
        with self.context.db.read() as connection:
            return {
                table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
                for table in metadata.sorted_tables
            }


class Kind:
    """A kind of link: how it is asked for, where it leads, what is sent by its button, how long it lives."""

    def __init__(self, ask: Callable[[Stage, User], object], path: str, life: timedelta, **fields: str) -> None:
        self.ask, self.path, self.life, self.fields = ask, path, life, fields
        self.page = {"resets": "/resets/link"}.get(path, f"/{path}")


def ask_forgot(stage: Stage, user: User) -> None:
    password_flow.ask(stage.context, user.email, origin=Origin(NOON, CLIENT_INFO))


def ask_invitation(stage: Stage, user: User) -> None:
    with stage.context.db.write() as connection:
        recovery.invite(stage.context, connection, user, Origin(NOON, actor=acting.user(stage.grace.id)))


def ask_unfrozen(stage: Stage, user: User) -> None:
    stage.people.set_user(user, frozen_at=NOON)
    with stage.context.db.write() as connection:
        recovery.unfreeze(stage.context, connection, user, origin=Origin(NOON, actor=acting.CONSOLE), reason=REASON)


def ask_not_me(stage: Stage, user: User) -> None:
    """Be told of a change."""
    with stage.context.db.write() as connection:
        notice_flow.notify(stage.context, connection, user, Notice.PASSWORD_CHANGED, NOON, address="", browser="")


def ask_browser(stage: Stage, user: User) -> None:
    """Ask as if the one before had been asked for long ago."""
    with stage.context.db.write() as connection:
        connection.execute(password_throttles.delete())
    browser_flow.ask(stage.context, user.email, origin=Origin(NOON, CLIENT_INFO))


def ask_agent(stage: Stage, user: User) -> None:
    stage.open_case(user, stage.sam)


CHOSEN = {"new_password": NEW_PASSWORD}
CONFIRMED = {"answer": "confirm", "password": PASSWORD}
KINDS = {
    "reset": Kind(Stage.open_case, "resets", timedelta(minutes=15), **CONFIRMED),
    "reset by an agent": Kind(ask_agent, "resets", timedelta(minutes=15), **CONFIRMED),
    "forgot": Kind(ask_forgot, "set-password", timedelta(hours=1), **CHOSEN),
    "invitation": Kind(ask_invitation, "set-password", timedelta(days=7), **CHOSEN),
    "unfrozen": Kind(ask_unfrozen, "set-password", timedelta(days=1), **CHOSEN),
    "browser": Kind(ask_browser, "known-browser", timedelta(minutes=15)),
    "not me": Kind(ask_not_me, "not-me", timedelta(days=7)),
}

SINCE = {"second_factor_since": later(days=-1)}
HOLDERS: dict[str, dict[str, Any]] = {"reset": SINCE, "reset by an agent": SINCE, "invitation": {"password": None}}


def holder(stage: Stage, kind: str, email: str = ADA) -> User:
    """Make somebody who can be sent a link of a kind."""
    return stage.people.user(email, **HOLDERS.get(kind, {}))
