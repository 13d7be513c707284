"""Two accounts side by side, with people in each, and one id of every kind that a request can name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import httpx
import sqlalchemy as sa

from tests.harness.api import Api
from tests.harness.clock import later
from tests.harness.contexts import FrozenClock
from tests.harness.people import PASSWORD, Factor, People
from twofold.directory.user import User
from twofold.kit.crypto.tokens import digest
from twofold.schema import metadata
from twofold.sessions.tables import sessions
from twofold.signin.tables import sign_in_attempts

REASON = {"reason": "asked on the telephone"}


@dataclass
class Actor:
    """Somebody with a browser and a program, both signed in; or an operator's product with its key."""

    token: str
    code: Callable[[datetime], str] = lambda _at: "000000"
    sign_in: str = "none"  # a sign-in that waits for the confirmation of a set-up


@dataclass
class Company:
    """An account, who acts in it, and what it can be named by: ids, and the address of somebody in it."""

    name: str
    account: UUID
    admin: Actor
    member: Actor
    named: dict[str, str]
    people: set[UUID] = field(default_factory=set)


def company(people: People, http: httpx.Client, frozen_clock: FrozenClock, name: str) -> Company:
    """Make an account in which something of every kind is open."""
    account = people.account(name.title())
    boss, bosses = people.protected(f"admin@{name}.example", account=account, role="admin")
    user, users = people.protected(f"member@{name}.example", account=account)
    named = {kind: _session(people, user, users, minutes) for kind, minutes in (("session", -4), ("other_session", -3))}
    admin, member = actor_of(people, boss, bosses), actor_of(people, user, users)
    api = Api(http, member.token)
    [app] = api.get("/two-factor")["authenticators"]
    opened = api.post("/two-factor/enrolments", password=PASSWORD, code=users.phone.code(frozen_clock.at))
    registering = api.post("/two-factor/passkeys/options", password=PASSWORD)
    case = Api(http, admin.token).post(f"/users/{user.id}/two-factor-resets", **REASON)
    fresh = people.user(f"fresh@{name}.example", account=account)
    people.set_account(account, policy="required", required_from=later(days=-1))
    admin.sign_in = member.sign_in = _due_to_set_up(people, fresh)
    forced = Api(http).post("/sign-ins/enrolments", sign_in=member.sign_in)
    by_passkey = Api(http).post("/sign-ins/passkeys/options", sign_in=member.sign_in)
    named |= {
        "account": str(account), "user": str(user.id), "authenticator": app["id"], "enrolment": opened["enrolment"],
        "case": case["id"], "set_up": forced["enrolment"], "email": user.email,
        "passkey": str(people.give_passkey(user)), "registration": registering["registration"],
        "forced_registration": by_passkey["registration"],
    }  # fmt: skip
    return Company(name, account, admin, member, named, {boss.id, user.id, fresh.id})


def actor_of(people: People, user: User, factor: Factor) -> Actor:
    """Sign somebody in, a little before the clock that stands."""
    return Actor(people.token(user, factor.phone, at=later(minutes=-2)), factor.phone.code)


def rows_of(people: People, company: Company) -> list[str]:
    """Return every row of every table that tells of an account or of somebody in it, by id, address or name.

    Not what others asked of their own log: that stands in theirs, with the name that they asked for.
    """
    ids = {company.account, *company.people, *(UUID(one) for kind, one in company.named.items() if kind != "email")}
    marks = [company.name, *map(str, ids), *(one.hex for one in ids)]
    with people.context.db.read() as connection:
        return sorted(
            text
            for table in metadata.sorted_tables
            for row in connection.execute(sa.select(table))
            if any(mark in (text := f"{table.name} {tuple(row)}".lower()) for mark in marks)
            and "audit_exported" not in text
        )


def _session(people: People, user: User, factor: Factor, minutes: int) -> str:
    token = people.token(user, factor.phone, at=later(minutes=minutes))
    with people.context.db.read() as connection:
        query = sa.select(sessions.c.id).where(sessions.c.token_hash == digest(token))
        return str(connection.execute(query).scalar_one())


def _due_to_set_up(people: People, user: User) -> str:
    """Begin a sign-in whose user has proved password and mailbox already."""
    token = people.attempt(user, channel="api")
    own = sign_in_attempts.c.user_id == user.id
    with people.context.db.write() as connection:
        connection.execute(sign_in_attempts.update().where(own).values(step="set_up"))
    return token
