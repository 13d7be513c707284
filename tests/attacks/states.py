"""Every state in which somebody can come to a route, and what each kind of route answers in it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.harness.clock import NOON
from tests.harness.people import CLIENT_INFO, People, proved
from twofold.directory.user import User
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_id, new_token
from twofold.resets import flow as resets
from twofold.resets.outcomes import CaseOpened
from twofold.sessions import flow as sessions
from twofold.sessions.methods import columns
from twofold.sessions.tables import sessions as sessions_table
from twofold.signin import attempt_flow, set_up_flow
from twofold.signin.attempt import Step
from twofold.signin.tables import sign_in_attempts

SUBJECT = "subject@acme.example"
IN = "in"


@dataclass(frozen=True)
class Carried:
    """The tokens that somebody carries: a session's (or an operator's key), a sign-in's."""

    session: str = ""
    sign_in: str = ""


class World:
    """An account with all kinds of people, and what they carry in each state."""

    def __init__(self, context: AppContext) -> None:
        self.context, self.people = context, People(context)
        people = self.people
        self.plain = people.user("plain@acme.example")
        self.protected = self._protected("protected@acme.example")
        self.locked = self._protected("locked@acme.example")
        people.set_counts(self.locked, wrong=5)
        self.admin = self._protected("admin@acme.example", role="admin")
        self.bare_admin = people.user("bare@acme.example", role="admin")
        self.agent = people.user("agent@operator.example", role="support", second_factor_since=NOON)
        self.new_agent = people.user("new@operator.example", role="support")
        self.subject = self._protected(SUBJECT)
        strict = people.account("Strict")
        self.forced = people.user("forced@strict.example", account=strict)
        self.forced_admin = people.user("boss@strict.example", account=strict, role="admin")
        people.set_account(strict, policy="required")
        self.forced, self.forced_admin = people.look_up(self.forced), people.look_up(self.forced_admin)
        self.frozen = people.user("frozen@acme.example", frozen_at=NOON)
        self.deactivated = people.user("gone@acme.example", active=False)
        opened = resets.open_case(
            context, self.admin, self.subject, "Lost her phone.", origin=Origin(NOON, CLIENT_INFO)
        )
        assert isinstance(opened, CaseOpened), opened
        self.key = people.operator_key()
        self.ids = {
            "user_id": self.subject.id,
            "account": self.subject.account_id,
            "case_id": opened.id,
            "path": "nowhere",
            "name": "twofold.css",
            "token": "tf_reset_0123456789012345678901234567890123456789012",
        }

    def path(self, template: str) -> str:
        """Fill a route's parameters in: with what exists where somebody may see it, else with an unknown id."""
        parts = [self._part(part) if part.startswith("{") else part for part in template.split("/")]
        return "/".join(parts)

    def _part(self, part: str) -> str:
        return str(self.ids.get(part.strip("{}").partition(":")[0], new_id()))

    def carry(self, state: str, *, api: bool) -> Carried:
        """Return fresh tokens for somebody in a state."""
        return STATES[state](self, "api" if api else "page")

    def repair(self) -> None:
        """Undo what somebody who was let in did to the subject."""
        subject = self.subject
        self.people.set_user(subject, active=True, frozen_at=None, role="member", licensed=True, exception_until=None)
        self.people.set_account(subject.account_id, policy="optional", required_from=None)

    def session(self, user: User, channel: str, *methods: str, ago: timedelta = timedelta()) -> Carried:
        """Make a session as a sign-in does."""
        with self.context.db.write() as connection:
            started = sessions.start(
                self.context, connection, user, security_version=user.security_version,
                methods=proved(*(methods or ("pwd",)), at=NOON - ago), channel=channel,
                origin=Origin(NOON - ago, CLIENT_INFO),
            )  # fmt: skip
        assert started is not None
        return Carried(session=started.token)

    def attempt(self, user: User, channel: str, step: Step, *, ago: timedelta = timedelta()) -> Carried:
        """Make a sign-in that has come as far as a step."""
        token = new_token("signin")
        with self.context.db.write() as connection:
            attempt = attempt_flow.begin(
                connection, user, token, step, channel, methods=proved("pwd", at=NOON - ago), known_client=None,
                return_to="", at=NOON - ago,
            )  # fmt: skip
            if step is Step.SAVE_BACKUP_CODE:
                sealed = set_up_flow.seal_backup_code(self.context, attempt, "0000-0000-0000-0000-0000-0000")
                own = sign_in_attempts.c.id == attempt.id
                values = {
                    "backup_key_id": sealed.key_id,
                    "backup_box": sealed.ciphertext,
                    **columns(proved("pwd", "backup_code")),
                }
                connection.execute(sign_in_attempts.update().where(own).values(values))
        return Carried(sign_in=token)

    def ended(self, user: User, channel: str, **values: Any) -> Carried:
        """Make a session of somebody who is then changed, and is changed back for others to be as they were."""
        with self._changed(user, frozen_at=None, active=True):
            carried = self.session(self.people.look_up(user), channel)
        self.people.set_user(user, **values)
        return carried

    def outdated(self, user: User, channel: str) -> Carried:
        """Make a session under a version that its user has not any more."""
        carried = self.session(user, channel, "pwd", "otp")
        own = sessions_table.c.token_hash == digest(carried.session)
        with self.context.db.write() as connection:
            connection.execute(sessions_table.update().where(own).values(security_version=0))
        return carried

    @contextmanager
    def _changed(self, user: User, **values: Any) -> Iterator[None]:
        before = {name: getattr(user, name) for name in values}
        self.people.set_user(user, **values)
        yield
        self.people.set_user(user, **before)

    def _protected(self, email: str, **values: Any) -> User:
        user, _ = self.people.protected(email, **values)
        return user


Make = Callable[[World, str], Carried]

# What somebody carries, by the name of their state; a channel is where what they carry was made: page or api.
STATES: dict[str, Make] = {
    "nobody": lambda _world, _channel: Carried(),
    "stranger's tokens": lambda _world, _channel: Carried(new_token("session"), new_token("signin")),
    # a sign-in that is not complete
    "at code": lambda world, channel: world.attempt(world.protected, channel, Step.CODE),
    "at code, locked": lambda world, channel: world.attempt(world.locked, channel, Step.CODE),
    "at verify email": lambda world, channel: world.attempt(world.forced, channel, Step.VERIFY_EMAIL),
    "at set-up": lambda world, channel: world.attempt(world.forced, channel, Step.SET_UP),
    "at save backup code": lambda world, channel: world.attempt(world.protected, channel, Step.SAVE_BACKUP_CODE),
    "late": lambda world, channel: world.attempt(world.protected, channel, Step.CODE, ago=timedelta(minutes=10)),
    "in the wrong channel": lambda world, channel: world.attempt(
        world.protected, "page" if channel == "api" else "api", Step.CODE
    ),
    "of another version": lambda world, channel: world.attempt(
        world.protected._replace(security_version=0), channel, Step.CODE
    ),
    # one kind of token in the place of the other
    "swapped": lambda world, channel: Carried(
        session=world.attempt(world.protected, channel, Step.CODE).sign_in,
        sign_in=world.session(world.protected, channel, "pwd", "otp").session,
    ),
    # a session that is over
    "idle": lambda world, channel: world.session(world.protected, channel, "pwd", "otp", ago=timedelta(hours=1)),
    "frozen": lambda world, channel: world.ended(world.frozen, channel, frozen_at=NOON),
    "deactivated": lambda world, channel: world.ended(world.deactivated, channel, active=False),
    "outdated": lambda world, channel: world.outdated(world.protected, channel),
    # a session that holds
    "plain": lambda world, channel: world.session(world.plain, channel),
    "legacy": lambda world, _channel: world.session(world.plain, "legacy"),
    "stepped down": lambda world, channel: world.session(world.forced, channel),
    "protected": lambda world, channel: world.session(world.protected, channel, "pwd", "otp"),
    "from the other channel": lambda world, channel: world.session(
        world.protected, "page" if channel == "api" else "api", "pwd", "otp"
    ),
    "admin": lambda world, channel: world.session(world.admin, channel, "pwd", "otp"),
    "admin without a factor": lambda world, channel: world.session(world.bare_admin, channel),
    "admin, stepped down": lambda world, channel: world.session(world.forced_admin, channel),
    "agent": lambda world, channel: world.session(world.agent, channel, "pwd", "otp"),
    "agent by backup code": lambda world, channel: world.session(world.agent, channel, "pwd", "backup_code"),
    # no operation leads to these two; if a flaw ever makes such a session, it opens nothing of anybody's account
    "agent by password alone": lambda world, channel: world.session(world.agent, channel),
    "agent, stepped down": lambda world, channel: world.session(world.new_agent, channel),
    # a session in the header where a cookie is due, in a cookie where the header is
    "carried wrongly": lambda world, channel: world.session(world.admin, channel, "pwd", "otp"),
    "operator": lambda world, _channel: Carried(session=world.key),
}


ADMINS = ("admin", "admin without a factor")
AGENTS = ("agent", "agent by backup code")
SIGNED_IN = (
    *("plain", "legacy", "protected", "from the other channel", "agent by password alone"),
    *ADMINS,
    *AGENTS,
)
STEPPED_DOWN = ("stepped down", "admin, stepped down", "agent, stepped down")
WITHOUT_FACTOR = ("plain", "legacy", "admin without a factor")
STEPS = {
    "at code": "/sign-in/code",
    "at code, locked": "/sign-in/code",
    "at verify email": "/sign-in/verify-email",
    "at set-up": "/sign-in/set-up",
    "at save backup code": "/sign-in/new-backup-code",
}


def anybody(_state: str) -> str:
    return IN


# --- pages


def signed_in(state: str) -> str:
    if state in SIGNED_IN:
        return IN
    return "303 /sign-in/set-up" if state in STEPPED_DOWN else "303 /sign-in"


def with_factor(state: str) -> str:
    return "303 /profile" if state in WITHOUT_FACTOR else signed_in(state)


def admin(state: str) -> str:
    return "404" if state in SIGNED_IN and state not in ADMINS else signed_in(state)


def agent(state: str) -> str:
    return "404" if state in SIGNED_IN and state not in AGENTS else signed_in(state)


def overseer(state: str) -> str:
    return "403" if state in SIGNED_IN and state not in (*ADMINS, *AGENTS) else signed_in(state)


def at_step(*steps: str) -> Callable[[str], str]:
    """Let in who stands at a step of a sign-in; lead others to theirs, or to the start."""

    def audience(state: str) -> str:
        return IN if state in steps else f"303 {STEPS.get(state, '/sign-in')}"

    return audience


# --- the API


def caller(state: str) -> str:
    if state in SIGNED_IN:
        return IN
    return "403 two_factor_required" if state in STEPPED_DOWN else "401 not_signed_in"


def caller_even_stepped_down(state: str) -> str:
    return IN if state in STEPPED_DOWN else caller(state)


def calling_admin(state: str) -> str:
    return "403 not_allowed" if state in SIGNED_IN and state not in ADMINS else caller(state)


def calling_overseer(state: str) -> str:
    return "403 not_allowed" if state in SIGNED_IN and state not in (*ADMINS, *AGENTS) else caller(state)


def admin_or_operator(state: str) -> str:
    return IN if state == "operator" else calling_admin(state)


def operator(state: str) -> str:
    return IN if state == "operator" else "403 not_allowed" if state in SIGNED_IN else caller(state)


def operator_or_agent(state: str) -> str:
    return IN if state in ("operator", *AGENTS) else operator(state)


def calling_at(*steps: str) -> Callable[[str], str]:
    """Let in a call that names a sign-in at a step."""

    def audience(state: str) -> str:
        return IN if state in steps else "409 out_of_order" if state in STEPS else "401 sign_in_expired"

    return audience


AUDIENCES: dict[str, Callable[[str], str]] = {
    "anybody": anybody,
    "signed in": signed_in,
    "with factor": with_factor,
    "admin": admin,
    "agent": agent,
    "overseer": overseer,
    "at code": at_step("at code", "at code, locked"),
    "at verify email": at_step("at verify email"),
    "at set-up": at_step("at set-up"),
    "at set-up, or stepped down": at_step("at set-up", *STEPPED_DOWN),
    "at save backup code": at_step("at save backup code"),
    "caller": caller,
    "caller, even stepped down": caller_even_stepped_down,
    "calling admin": calling_admin,
    "calling overseer": calling_overseer,
    "calling admin or operator": admin_or_operator,
    "operator": operator,
    "operator or agent": operator_or_agent,
    "calling at code": calling_at("at code", "at code, locked"),
    "calling at verify email": calling_at("at verify email"),
    "calling at set-up": calling_at("at set-up"),
}
