"""A helpdesk: who asks, who is asked, and the mail between them, delivered when a test says so."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON
from tests.harness.people import ANONYMOUS, CLIENT_INFO, NEW_PASSWORD, PASSWORD, People
from twofold.directory import flow as directory
from twofold.directory.user import User
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.hashing import Hasher
from twofold.kit.crypto.tokens import digest
from twofold.kit.mail import outbox
from twofold.kit.mail.letters import Letters
from twofold.kit.sql.database import metadata
from twofold.lockouts import flow as lockouts
from twofold.operations.jobs import COMPOSERS
from twofold.resets import confirm_flow, flow, link_flow, records
from twofold.resets.case import Case, State, standing
from twofold.resets.confirm_flow import Given
from twofold.resets.outcomes import CaseOpened

REASON = "Lost her phone on the train."


class Delivered:
    """A letter as it went out."""

    def __init__(self, kind: str, to: str, subject: str, text: str, html: str) -> None:
        self.kind, self.to, self.subject, self.html = kind, to, subject, html
        self.text = " ".join(text.split())


class Helpdesk:
    """Grace, an administrator of Acme, and Ada, who has two-factor authentication and has lost her phone."""

    def __init__(self, people: People) -> None:
        self.people, self.context = people, people.context
        self.grace = people.user("grace@acme.example", role="admin", name="Grace Hopper")
        self.ada, self.factor = people.protected(name="Ada Lovelace")
        self._letters = Letters(self.context.settings)

    def ask(self, actor: User | None = None, *, reason: str = REASON, at: datetime = NOON) -> UUID:
        """Open a case for Ada, by Grace unless somebody else is named."""
        opened = self.try_to_ask(actor or self.grace, reason=reason, at=at)
        assert isinstance(opened, CaseOpened), opened
        return opened.id

    def try_to_ask(self, actor: User, subject: User | None = None, *, reason: str = REASON, at: datetime = NOON) -> Any:
        return flow.open_case(self.context, actor, subject or self.ada, reason, origin=Origin(at, CLIENT_INFO))

    def post(self, at: datetime = NOON) -> list[Delivered]:
        """Deliver every letter of this feature that is due; one that nobody needs any more is dropped."""
        delivered = []
        with self.context.db.write() as connection:
            for entry in outbox.claim(connection, at, most=100):
                if not entry.kind.startswith("reset_"):
                    continue
                told = COMPOSERS[entry.kind](self.context, connection, entry, at)
                outbox.settle(connection, entry.id, "dropped" if told is None else "sent", at)
                if told is not None:
                    delivered.append(self._written(entry, told, at))
        return delivered

    def deliver_again(self, at: datetime) -> list[Delivered]:
        """Deliver the last letter with a link once more, as after a crash between sending it and noting that."""
        entry = self.people.letters("reset_confirm")[-1]
        with self.context.db.write() as connection:
            told = COMPOSERS[entry.kind](self.context, connection, entry, at)
            return [] if told is None else [self._written(entry, told, at)]

    def link(self, at: datetime = NOON) -> str:
        """Deliver what waits and return the token of the one link in it."""
        return token_in(self.post(at))

    def sent(self, *, at: datetime = NOON, actor: User | None = None) -> str:
        """Open a case, deliver its letter, return its token."""
        self.ask(actor, at=at)
        return self.link(at)

    def confirm(self, token: str, password: str = PASSWORD, new_password: str = "", *, at: datetime = NOON) -> Any:
        return confirm_flow.confirm(self.context, token, Given(password, new_password), origin=Origin(at, CLIENT_INFO))

    def refuse(self, token: str, *, at: datetime = NOON) -> Any:
        return confirm_flow.refuse(self.context, token, origin=Origin(at, ANONYMOUS))

    def view(self, token: str, at: datetime = NOON) -> Any:
        return link_flow.view_link(self.context, token, at)

    def case(self, case_id: UUID) -> Case:
        with self.context.db.read() as connection:
            found = records.find(connection, case_id)
        assert found is not None
        return found

    def case_of(self, token: str) -> Case:
        with self.context.db.read() as connection:
            link = records.find_link(connection, digest(token))
        assert link is not None
        return link.case

    def standing(self, case_id: UUID, at: datetime = NOON) -> State:
        return standing(self.case(case_id), at)

    def ada_now(self) -> User:
        return self.people.look_up(self.ada)

    def lock_ada(self, at: datetime) -> None:
        """Let five wrong codes be entered for Ada."""
        sign_in, wrong = self.people.attempt(self.ada, at=at), wrong_code(self.factor.phone.code, at)
        for _ in range(5):
            self.people.give_code(sign_in, wrong, at=at)

    def unlock_ada(self) -> None:
        """Let Grace lift Ada's lock at noon."""
        origin = Origin(NOON, actor=acting.user(self.grace.id))
        with self.context.db.write() as connection:
            lockouts.unlock(self.context, connection, self.ada, origin=origin, reason="She is it")

    def set_password_by_mail(self, at: datetime, password: str = NEW_PASSWORD) -> None:
        """Give Ada a password as a mailed link does: it is not proved with her second factor."""
        with self.context.db.write() as connection:
            directory.lock_user_row(connection, self.ada.id)
            hashed = self.context.hasher.hash(password)
            directory.set_password(connection, self.ada.id, hashed, at, by_mail=True)

    def is_locked(self) -> bool:
        with self.context.db.read() as connection:
            return lockouts.counts(connection, self.ada.id).locked

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return everything that rests in the database."""
        with self.context.db.read() as connection:
            return {
                table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
                for table in metadata.sorted_tables
            }

    def _written(self, entry: outbox.Entry, told: dict[str, Any], at: datetime) -> Delivered:
        message = self._letters.write(entry, told, at)
        text, html = message.get_body(("plain",)), message.get_body(("html",))
        assert text is not None
        assert html is not None
        return Delivered(entry.kind, entry.recipient, str(message["Subject"]), text.get_content(), html.get_content())


def exactly(outcome: object, expected: object) -> bool:
    """Compare outcomes with their kind: they are tuples, and two empty ones of different kinds are equal."""
    return type(outcome) is type(expected) and outcome == expected


def token_in(letters: list[Delivered]) -> str:
    """Return the token of the one link to confirm in these letters."""
    found = [token for letter in letters for token in re.findall(r"/resets/(tf_reset_[\w-]+)", letter.text)]
    assert len(found) == 1, [letter.kind for letter in letters]
    return str(found[0])


@contextmanager
def meanwhile(context: AppContext, happens: Callable[[], object]) -> Iterator[None]:
    """Let something happen while a password is being hashed, the first time that one is; it is hashed all the same."""
    verify, waiting = Hasher.verify, [happens]

    def slow(hasher: Hasher, stored: str | None, password: str) -> bool:
        if waiting:
            waiting.pop()()
        return verify(hasher, stored, password)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(context.hasher), "verify", slow)
        yield
    assert not waiting, "no password was hashed"


def wrong_code(code: Callable[[datetime], str], at: datetime) -> str:
    """Return six digits that do not count at this moment: neither now nor a step before or after."""
    shown = {code(at + timedelta(seconds=30 * step)) for step in (-1, 0, 1)}
    return next(digits for digits in (f"{number:06}" for number in range(100)) if digits not in shown)
