"""Somebody who knows a password, or reads a mailbox, or both, and goes every way that is open with that."""

from typing import Any

import httpx

from tests.attacks.mailbox import Mailbox
from tests.harness.api import Api
from tests.harness.authenticator import Authenticator
from tests.harness.people import ADA
from twofold.kit import clock


class Attacker:
    """A program that tries to become somebody: with the passwords it knows, and what it reads in their mailbox."""

    def __init__(self, http: httpx.Client, *passwords: str, mailbox: Mailbox | None = None, email: str = ADA) -> None:
        self.http, self.mailbox, self.email = http, mailbox, email
        self.known = list(passwords)
        self.phone: Authenticator | None = None
        self.begun: list[tuple[str, str]] = []  # sign-ins that stopped, and at what
        self.sessions: list[str] = []

    @property
    def is_in(self) -> bool:
        """Tell whether a session of theirs holds and is good for something: one that a policy stepped down is not."""
        return any(Api(self.http, token).get("/sessions").status == 200 for token in self.sessions)

    def sign_in(self) -> str:
        """Begin a sign-in with each password, and go on as far as it goes; say where the last one stopped."""
        stopped = "no password"
        for password in self.known:
            answer = Api(self.http).post("/sign-ins", email=self.email, password=password)
            if answer.status != 201:
                stopped = answer.code
            elif answer["next"] == "none":
                stopped = self._enter(answer["session_token"])
            else:
                stopped = self._go_on(answer["sign_in"], answer["next"])
        return stopped

    def go_on_everywhere(self) -> None:
        """Take up every sign-in that stopped: with a code, a set-up and a mailed code, whatever it waited for."""
        for sign_in, _due in self.begun[:]:
            for due in ("code", "verify_email", "set_up"):
                self._go_on(sign_in, due)

    def set_up(self) -> str:
        """Set up a phone of their own from the newest session, by the password alone."""
        api = Api(self.http, self.sessions[-1])
        opened = api.post("/two-factor/enrolments", password=self.known[-1])
        if opened.status != 201:
            return opened.code
        phone = Authenticator.open(opened["otpauth_uri"])
        done = api.post(f"/two-factor/enrolments/{opened['enrolment']}/confirmation", code=phone.code(clock.now()))
        self.phone = phone
        return self._enter(done["session_token"])

    def _go_on(self, sign_in: str, due: str) -> str:
        api = Api(self.http)
        if due == "verify_email" and self.mailbox is not None and (mailed := self.mailbox.code(to=self.email)):
            answer = api.post("/sign-ins/email-code", sign_in=sign_in, code=mailed)
            due = answer["next"] if answer.status == 200 else due
        if due == "set_up":
            opened = api.post("/sign-ins/enrolments", sign_in=sign_in)
            if opened.status == 201:
                self.phone = Authenticator.open(opened["otpauth_uri"])
                path = f"/sign-ins/enrolments/{opened['enrolment']}/confirmation"
                return self._finish(api.post(path, sign_in=sign_in, code=self.phone.code(clock.now())), sign_in, due)
        if due == "code" and self.phone is not None:
            return self._finish(
                api.post("/sign-ins/code", sign_in=sign_in, code=self.phone.code(clock.now())), sign_in, due
            )
        self.begun.append((sign_in, due))
        return due

    def _finish(self, answer: Any, sign_in: str, due: str) -> str:
        if answer.status == 200:
            return self._enter(answer["session_token"])
        self.begun.append((sign_in, due))
        return due

    def _enter(self, token: str) -> str:
        self.sessions.append(token)
        return "in"
