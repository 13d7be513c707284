"""The rules of one user's life, written out once more as plainly as can be: what the flows are compared with.

Nothing here knows a database. A time-based code is computed by five lines of its own.
"""

import hmac
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.harness.people import EARLIER, PASSWORD
from twofold.factors.outcomes import Locked, Passed, SpentBackupCode, UsedCode, WrongCode
from twofold.lockouts.flow import Wait, WrongPassword

WAITS = (0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # seconds after so many wrong passwords, then 900


def digits(secret: bytes, step: int) -> str:
    """Return the code of a step, as RFC 4226 and RFC 6238 say."""
    mac = hmac.new(secret, step.to_bytes(8, "big"), "sha1").digest()
    at = mac[19] % 16
    return f"{(int.from_bytes(mac[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


def step_of(at: datetime) -> int:
    return math.floor(at.timestamp()) // 30


@dataclass
class Phone:
    """An authenticator: the newest step that counted, and the steps that a hint has given away."""

    secret: bytes
    id: UUID | None = None
    last: int = -1
    given: set[int] = field(default_factory=set)

    def judge(self, code: str, now: int) -> tuple[str, int]:
        """Return `fresh`, `used`, `drift` or `wrong`, and the step that it is about."""
        fitting = [step for step in range(now - 20, now + 21) if digits(self.secret, step) == code]
        near = [step for step in fitting if abs(step - now) <= 1]
        fresh = [step for step in near if step > self.last and step not in self.given]
        if fresh:
            return "fresh", fresh[0]
        if near:
            return "used", near[0]
        if not fitting:
            return "wrong", 0
        nearest = min(fitting, key=lambda step: (abs(step - now), step))
        return ("used" if nearest <= self.last else "drift"), nearest


@dataclass
class Held:
    """A session as the model holds it; `page` is the value that the flows were once handed."""

    token: str
    version: int
    methods: tuple[str, ...]
    seen: datetime
    expires: datetime
    page: Any = None
    ended: bool = False
    removal: str = ""  # proved, and waiting for the answer to its last question
    removal_until: datetime | None = None


@dataclass
class Begun:
    """A sign-in attempt."""

    token: str
    channel: str
    step: str
    version: int
    expires: datetime
    methods: tuple[str, ...] = ("pwd",)
    finished: bool = False


@dataclass
class Enrolling:
    """An open enrolment: which session opened it, under which version."""

    id: UUID
    phone: Phone
    opener: Held
    version: int
    expires: datetime
    replaces: Phone | None
    new_backup: bool
    wrong: int = 0


@dataclass
class Asked:
    """A reset case: its links, the newest last, those of cases before it, and what its subject's factors were like."""

    id: UUID
    stamp: int
    older: list[str]
    tokens: list[str] = field(default_factory=list)
    valid_until: datetime | None = None
    tries: int = 0
    stored: str = "open"


class Model:
    """One user: their factors, their budget, the passwords typed for them, and every event that must be written."""

    def __init__(self) -> None:
        self.phones: list[Phone] = []
        self.backup, self.spent = "", ""
        self.older_backups: list[str] = []
        self.wrong = self.in_row = 0
        self.locked_at: datetime | None = None
        self.password, self.password_set_at = PASSWORD, EARLIER
        self.typed_wrong, self.next_try, self.forgotten = 0, EARLIER, EARLIER
        self.version = self.stamp = 0
        self.policy: tuple[str, datetime | None] = ("optional", None)
        self.licensed = True
        self.events: list[str] = []

    @property
    def protected(self) -> bool:
        return bool(self.phones)

    @property
    def locked(self) -> bool:
        return self.wrong >= 5 or self.in_row >= 100

    @property
    def final(self) -> bool:
        return self.in_row >= 100

    @property
    def offered(self) -> bool:
        return self.policy[0] != "off" and self.licensed

    def required(self, at: datetime) -> bool:
        policy, since = self.policy
        return policy == "required" and self.licensed and (since is None or since <= at)

    @property
    def left(self) -> int:
        return max(0, min(5 - self.wrong, 100 - self.in_row))

    @property
    def password_is_known(self) -> bool:
        """Whether wrong codes have locked since the password was set: whoever typed them knows it."""
        return self.locked_at is not None and self.locked_at >= self.password_set_at

    def type_password(self, at: datetime, *, right: bool) -> Wait | WrongPassword | None:
        """Judge a password; None lets it through."""
        over = self.typed_wrong == 0 or self.forgotten <= at
        if not over and at < self.next_try <= at + timedelta(seconds=1800):
            return Wait(max(1, math.ceil((self.next_try - at).total_seconds())))
        self.typed_wrong = 1 if over else self.typed_wrong + 1
        wait = WAITS[self.typed_wrong - 1] if self.typed_wrong <= len(WAITS) else 900
        self.next_try, self.forgotten = at + timedelta(seconds=wait), at + timedelta(hours=24)
        if not right:
            return WrongPassword()
        self.typed_wrong = 0
        return None

    def type_proof(self, typed: str, at: datetime) -> Passed | WrongCode | UsedCode | SpentBackupCode | Locked:
        """Judge a second factor: charged, compared, settled. A new backup code is filled in by who sees it."""
        if self.locked:
            return Locked(self.final)
        before = self.left
        outcome = self._app_code(typed, at) if len(typed) == 6 else self._backup_code(typed, before)
        match outcome:
            case Passed(method):
                self.wrong = self.in_row = 0
                if method == "backup_code":
                    self.events.append("backup_code_used")
            case WrongCode():
                self.wrong, self.in_row = self.wrong + 1, self.in_row + 1
                self.events.append("second_factor_wrong")
                if self.left == 0:
                    self.locked_at = at
                    self.events.append("locked")
            case _:
                pass
        return outcome

    def _app_code(self, typed: str, at: datetime) -> Passed | WrongCode | UsedCode:
        now = step_of(at)
        verdicts = [(phone, *phone.judge(typed, now)) for phone in self.phones]
        for phone, verdict, step in verdicts:
            if verdict == "fresh":
                phone.last = step
                return Passed("otp")
        if any(verdict == "used" for _, verdict, _ in verdicts):
            return UsedCode(self.left)
        for phone, verdict, step in verdicts:
            if verdict == "drift":
                if step > now:
                    phone.given.add(step)  # for good: whenever its time comes, somebody may know the code
                return WrongCode(self.left - 1, (step - now) * 30)
        return WrongCode(self.left - 1)

    def _backup_code(self, typed: str, before: int) -> Passed | WrongCode | SpentBackupCode:
        if typed == self.backup:
            return Passed("backup_code", "?")
        return SpentBackupCode(before) if typed == self.spent else WrongCode(before - 1, backup=True)

    def backup_spent(self, successor: str) -> None:
        if self.spent:
            self.older_backups.append(self.spent)
        self.backup, self.spent = successor, self.backup

    def backup_issued(self, code: str) -> None:
        self.older_backups += [old for old in (self.backup, self.spent) if old]
        self.backup, self.spent = code, ""

    def confirmed(self, enrolling: Enrolling, step: int) -> str:
        """An enrolment protects from now on; return what that was."""
        change = "replaced" if enrolling.replaces else "added" if self.phones else "set_up"
        if change == "set_up":
            self.wrong = self.in_row = 0
        self.phones = [phone for phone in self.phones if phone is not enrolling.replaces]
        enrolling.phone.last = step
        self.phones.append(enrolling.phone)
        self.stamp += 1
        self.events.append(f"two_factor_{change}")
        return change

    def policy_chosen(self, policy: str, since: datetime | None, at: datetime) -> None:
        """Choose a policy. A date says something only while it lies ahead; what changes nothing is not written down."""
        before = (self.policy[0], self.policy[1] if self.policy[1] is not None and self.policy[1] > at else None)
        after = (policy, since if policy == "required" and since is not None and since > at else None)
        if before != after:
            self.policy = after
            self.events.append("policy_changed")

    def switched_off(self) -> None:
        self.older_backups += [old for old in (self.backup, self.spent) if old]
        self.phones, self.backup, self.spent = [], "", ""
        self.stamp += 1
