"""The rules of one user's life, written out once more as plainly as can be: what the flows are compared with.

Nothing here knows a database. A time-based code is computed by five lines of its own.
"""

import hmac
import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from tests.harness.people import EARLIER, PASSWORD
from twofold.factors.outcomes import (
    EnrolmentExpired,
    Locked,
    Passed,
    SpentBackupCode,
    UsedCode,
    WrongCode,
    WrongConfirmation,
)
from twofold.lockouts.flow import Wait, WrongPassword
from twofold.signin.attempt import Expired, OutOfOrder, Step
from twofold.signin.outcomes import MailedCodeClosed

WAITS = (0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # seconds after so many wrong passwords, then 900
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
REMEMBERED, MONTH = timedelta(days=90), timedelta(days=30)
BURST, REFILL = 50, timedelta(minutes=3)  # what an address takes of all who are not known


def digits(secret: bytes, step: int) -> str:
    """Return the code of a step, as RFC 4226 and RFC 6238 say."""
    mac = hmac.new(secret, step.to_bytes(8, "big"), "sha1").digest()
    at = mac[19] % 16
    return f"{(int.from_bytes(mac[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


def step_of(at: datetime) -> int:
    return math.floor(at.timestamp()) // 30


def seconds_until(then: datetime, at: datetime) -> int:
    return max(1, math.ceil((then - at).total_seconds()))


@dataclass
class Phone:
    """An authenticator: the newest step that counted, and the steps that a hint has disclosed."""

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
        return ("used" if nearest == self.last else "drift"), nearest


@dataclass
class Question:
    """The last question of a removal: proved, and waiting for its answer."""

    confirmation: str
    until: datetime
    waits: bool = True


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
    questions: list[Question] = field(default_factory=list)  # only the newest waits

    def holds(self, version: int, at: datetime) -> bool:
        """Tell whether it is neither ended, nor over after its day, nor left alone for an hour."""
        alive = not self.ended and self.version == version
        return alive and at < self.expires and at - self.seen < HOUR

    def proves(self, method: str) -> None:
        """Note what was proved again in it."""
        self.methods = self.methods if method in ("", *self.methods) else (*self.methods, method)


@dataclass
class Begun:
    """A sign-in attempt; `codes` are those that were mailed for it, the newest last, and only that one counts."""

    token: str
    channel: str
    step: str
    version: int
    expires: datetime
    methods: tuple[str, ...] = ("pwd",)
    finished: bool = False
    known: bool = False  # begun by a client that has signed in with this second factor
    mailed: bool = False  # a letter with a code is under way, or has come
    codes: list[str] = field(default_factory=list)
    code_until: datetime = EARLIER

    def refusal(self, step: Step, channel: str, version: int, at: datetime) -> Expired | OutOfOrder | None:
        """Say why a step cannot be done: not on this channel, not any more, or not yet."""
        if self.finished or self.channel != channel or self.version != version or at >= self.expires:
            return Expired()
        return None if self.step == step else OutOfOrder(Step(self.step))

    def is_mailed(self, code: str, at: datetime) -> bool:
        return self.codes[-1:] == [code] and at < self.code_until


@dataclass
class Enrolling:
    """An open enrolment: which session or attempt opened it, under which version."""

    id: UUID
    phone: Phone
    opener: Held | Begun
    version: int
    expires: datetime
    replaces: Phone | None
    new_backup: bool
    wrong: int = 0

    def confirm(
        self, typed: str, asker: Held | Begun, version: int, at: datetime
    ) -> int | EnrolmentExpired | WrongConfirmation:
        """Judge a code that somebody confirms it with; a step confirms. Nobody but its opener is even counted."""
        if asker is not self.opener or at >= self.expires or self.wrong >= 10:
            return EnrolmentExpired()
        self.wrong += 1
        if self.version != version:
            return EnrolmentExpired()
        now = step_of(at)
        verdict, step = self.phone.judge(typed, now)
        if verdict == "fresh":
            return step
        return WrongConfirmation(10 - self.wrong, (step - now) * 30 if verdict == "drift" else None)


@dataclass
class Throttle:
    """The wrong passwords that were typed for an address, or by a client that is known."""

    wrong: int = 0
    next_try: datetime = EARLIER
    forgotten: datetime = EARLIER

    def due(self, at: datetime) -> datetime:
        """Return when a password is looked at again."""
        waits = self.forgotten > at and self.wrong >= 5 and self.next_try <= at + timedelta(seconds=1800)
        return max(at, self.next_try) if waits else at

    def charge(self, at: datetime) -> None:
        """Count a password that is due."""
        over = self.forgotten <= at
        self.wrong = 1 if over else self.wrong + 1
        wait = WAITS[self.wrong - 1] if self.wrong <= len(WAITS) else 900
        self.next_try, self.forgotten = at + timedelta(seconds=wait), at + DAY


@dataclass
class Mailbox:
    """The mailed codes: five wrong ones block more for a day; three letters go out within an hour."""

    wrong: int = 0
    closed_until: datetime = EARLIER
    letters: int = 0
    since: datetime = EARLIER

    def closed(self, at: datetime) -> MailedCodeClosed | None:
        return MailedCodeClosed(seconds_until(self.closed_until, at)) if at < self.closed_until else None

    def post(self, at: datetime) -> Wait | None:
        """Count a letter; None lets it go out."""
        if self.since + HOUR <= at:
            self.letters, self.since = 0, at
        if self.letters == 3:
            return Wait(seconds_until(self.since + HOUR, at))
        self.letters += 1
        return None

    def charge(self, at: datetime) -> int | MailedCodeClosed:
        """Count a code before it is compared; return how many more may be wrong."""
        if at < self.closed_until:
            return MailedCodeClosed(seconds_until(self.closed_until, at))
        self.wrong = 1 if self.wrong >= 5 else self.wrong + 1
        self.closed_until = at + DAY if self.wrong == 5 else EARLIER
        return 5 - self.wrong

    def open(self) -> None:
        self.wrong, self.closed_until = 0, EARLIER


@dataclass
class Asked:
    """A reset case: its links, the newest last, those of cases before it, and what its subject's factors were like."""

    id: UUID
    stamp: int
    older: list[str]
    tokens: list[str] = field(default_factory=list)
    letters: list[UUID] = field(default_factory=list)
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
        self.throttles: dict[str, Throttle] = {}
        self.full_at = EARLIER  # when the address takes as many passwords as it ever does
        self.clients: dict[str, datetime] = {}  # those that have completed a sign-in, and until when that is remembered
        self.proved: dict[str, datetime] = {}  # when each of them last did so with a second factor
        self.protected_since: datetime | None = None
        self.unknown: list[tuple[datetime, str]] = []  # wrong codes, and of which sign-in in an unknown browser
        self.counted = 0  # how many of them counted when that was last looked at
        self.mailbox = Mailbox()
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

    def knows(self, client: str | None, at: datetime) -> bool:
        return client is not None and self.clients.get(client, EARLIER) > at

    def throttle(self, client: str | None, at: datetime) -> Throttle:
        """Return the count that a client has of its own, or that everybody else shares."""
        key = client if client is not None and self.knows(client, at) else ""
        return self.throttles.setdefault(key, Throttle())

    def type_password(self, at: datetime, client: str | None, *, right: bool) -> Wait | WrongPassword | None:
        """Judge a password; None lets it through."""
        throttle, known = self.throttle(client, at), self.knows(client, at)
        is_real = self.full_at <= at + 2 * BURST * REFILL  # and not from a clock that was ahead
        due = throttle.due(at) if known or not is_real else max(throttle.due(at), self.full_at - (BURST - 1) * REFILL)
        if due > at:
            return Wait(seconds_until(due, at))
        throttle.charge(at)
        if not known:
            self.full_at = (max(self.full_at, at) if is_real else at) + REFILL
        if not right:
            return WrongPassword()
        throttle.wrong, throttle.forgotten = 0, EARLIER
        if not known:
            self.full_at -= REFILL
        return None

    def signed_in(self, client: str, methods: tuple[str, ...], at: datetime) -> None:
        """Remember a client that completed a sign-in, once a day."""
        if self.clients.get(client, EARLIER) <= at + REMEMBERED - DAY or len(methods) > 1:
            self.clients[client] = at + REMEMBERED
        if len(methods) > 1:
            self.proved[client] = at
        self.events.append("signed_in")

    def knows_factor(self, client: str | None, at: datetime) -> bool:
        """Tell whether a client has signed in with the second factor that protects now."""
        proved_at = self.proved.get(client or "")
        known = self.knows(client, at) and proved_at is not None and self.protected_since is not None
        return known and proved_at is not None and proved_at >= (self.protected_since or EARLIER)

    def count_unknown(self, at: datetime) -> int:
        self.counted = sum(moment > at - MONTH for moment, _ in self.unknown)
        return self.counted

    def forget_unknown(self) -> None:
        self.unknown, self.counted = [], 0

    def type_proof(
        self, typed: str, at: datetime, unknown: str = ""
    ) -> Passed | WrongCode | UsedCode | SpentBackupCode | Locked:
        """Judge a second factor: charged, compared, settled. A new backup code is filled in by who sees it.

        `unknown` names the sign-in, where it is one of an unknown browser.
        """
        outcome = self._type_proof(typed, at)
        if not unknown:
            return outcome
        match outcome:
            case Passed() if self.counted:
                self.unknown = [one for one in self.unknown if one[1] != unknown]
                self.count_unknown(at)
            case WrongCode(left):
                self.unknown.append((at, unknown))
                left_to_unknown = 10 - self.count_unknown(at)
                if left_to_unknown <= 0 < left:
                    self.wrong, self.locked_at = 5, at
                    self.events.append("locked")
                elif left_to_unknown <= 0:
                    self.wrong = 5
                return msgspec.structs.replace(outcome, left=max(0, min(left, left_to_unknown)))
            case UsedCode(left) | SpentBackupCode(left):
                return msgspec.structs.replace(outcome, left=max(0, min(left - 1, 9 - self.counted)) + 1)
            case _:
                pass
        return outcome

    def _type_proof(self, typed: str, at: datetime) -> Passed | WrongCode | UsedCode | SpentBackupCode | Locked:
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

    def confirmed(self, enrolling: Enrolling, step: int, at: datetime) -> str:
        """An enrolment protects from now on; return what that was."""
        change = "replaced" if enrolling.replaces else "added" if self.phones else "set_up"
        if change == "set_up":
            self.wrong = self.in_row = 0
            self.protected_since = at
            self.forget_unknown()
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
        self.protected_since = None
        self.stamp += 1
