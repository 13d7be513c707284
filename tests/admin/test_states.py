"""Whatever is said of somebody is so: every state a person can be in, and what a sign-in of theirs really does."""

import itertools
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON
from tests.harness.people import PASSWORD, People
from twofold.admin import people_flow, words
from twofold.admin.user_summary import UserSummary
from twofold.directory.tables import users
from twofold.factors.totp.tables import enrolments
from twofold.lockouts.flow import WrongPassword
from twofold.lockouts.tables import mailbox_budgets, second_factor_budgets
from twofold.signin.outcomes import Due, Frozen, LockedOut, MailedCodeClosed, SignedIn, SsoElsewhere

DAY = timedelta(days=1)

ACCOUNTS: dict[str, dict[str, Any]] = {
    "optional": {},
    "off": {"policy": "off"},
    "required": {"policy": "required"},
    "required from tomorrow": {"policy": "required", "required_from": NOON + DAY},
    "another edition": {"edition": "standard"},
    "single sign-on": {"sso": True, "sso_url": "https://sso.example/", "sso_domains": ["sso.example"]},
}
FACTORS = ("", "on", "locked", "locked for good", "enrolling", "mailbox closed")


class Kind(NamedTuple):
    """Which facts hold of somebody."""

    factor: str
    licensed: bool
    active: bool
    frozen: bool
    password: str
    exception: datetime | None

    @property
    def has_factor(self) -> bool:
        return self.factor in ("on", "locked", "locked for good")


KINDS = [
    Kind(*facts)
    for facts in itertools.product(
        FACTORS, (True, False), (True, False), (True, False), ("there", "void", "never chosen"), (None, NOON + DAY)
    )
    if not (facts[0] in ("on", "locked", "locked for good") and facts[4] == "never chosen")
    if facts[2:5] == (True, False, "there") or facts[5] is None
]


def crowd(people: People, account: UUID) -> dict[UUID, Kind]:
    """Fill an account with somebody of every kind, all with one password."""
    hashed = people.context.hasher.hash(PASSWORD)
    rows: dict[sa.Table, list[dict[str, Any]]] = {}
    kinds: dict[UUID, Kind] = {}
    for number, kind in enumerate(KINDS):
        user_id = UUID(int=(account.int + number) % (1 << 128))
        kinds[user_id] = kind
        rows.setdefault(users, []).append(
            {
                "id": user_id, "account_id": account, "email": f"{number}.{account}@acme.example",
                "email_key": f"{number}.{account}@acme.example", "name": "Somebody", "name_key": "somebody",
                "role": "member", "licensed": kind.licensed, "active": kind.active,
                "frozen_at": NOON if kind.frozen else None, "security_version": 1,
                "password_hash": hashed if kind.password == "there" else None, "password_unproven": False,
                "second_factor_since": NOON - DAY if kind.has_factor else None,
                "exception_until": kind.exception, "created_at": NOON - DAY,
                "first_signed_in_at": None if kind.password == "never chosen" else NOON - DAY,
            }
        )  # fmt: skip
        for table, row in _more(kind.factor, {"user_id": user_id, "account_id": account}):
            rows.setdefault(table, []).append(row)
    with people.context.db.write() as connection:
        for table, values in rows.items():
            connection.execute(table.insert(), values)
    return kinds


def _more(factor: str, own: dict[str, UUID]) -> Iterator[tuple[sa.Table, dict[str, Any]]]:
    if factor in ("on", "locked", "locked for good"):
        wrong, in_row = {"on": (0, 0), "locked": (5, 5), "locked for good": (5, 100)}[factor]
        yield second_factor_budgets, {**own, "wrong": wrong, "wrong_in_row": in_row}
    if factor == "mailbox closed":
        yield mailbox_budgets, {**own, "wrong": 5, "closed_until": NOON + DAY, "mails": 1, "mails_since": NOON}
    if factor == "enrolling":
        until = NOON + timedelta(minutes=5)
        yield (
            enrolments,
            {
                **own, "id": own["user_id"], "opener": "session", "security_version": 1, "name": "", "replaces": None,
                "new_backup_code": True, "key_id": "k", "box": b"b", "wrong": 0, "expires_at": until,
            },
        )  # fmt: skip


def comes_of(people: People, user_id: UUID) -> str:
    """Return what comes of the right password, in a word."""
    outcome = people.begin(people.look_up(user_id))
    match outcome:
        case SignedIn():
            return "in"
        case Due(next="code"):
            return "code"
        case Due(next="verify_email"):
            return "set-up"
        case LockedOut(final=final):
            return "locked for good" if final else "locked"
        case MailedCodeClosed():
            return "closed"
        case Frozen():
            return "frozen"
        case WrongPassword():
            return "refused"
        case SsoElsewhere():
            return "elsewhere"
        case _:
            raise AssertionError(outcome)


# What each sentence claims: what comes of the right password now, and ("then:") when nothing but the second factor
# stands in the way any more. An empty set claims nothing of a sign-in.
ANYTHING: set[str] = set()
SAYS: dict[str, set[str]] = {
    "They sign in with single sign-on, at their organisation's own page.": {"refused", "elsewhere"},
    "The two-factor authentication that they have set up here stays, and nobody asks for it.": {"refused", "elsewhere"},
    "They have not chosen a password yet, so they cannot sign in.": {"refused"},
    "Their password is void.": {"refused"},
    "They can sign in when they have chosen a new one from a link that we mail them;": {"refused"},
    '"Forgot password?" on the sign-in page asks for another.': ANYTHING,
    "They are frozen and cannot sign in until somebody unfreezes them.": {"frozen", "refused"},
    "They are deactivated and cannot sign in.": {"refused"},
    "They cannot sign in.": {"locked for good"},
    "Their password alone lets them in.": {"in"},
    "A code from their authenticator app is asked for at every sign-in.": {"code"},
    "Too many wrong codes locked it.": {"locked"},
    "They cannot sign in until somebody unlocks them or resets it.": {"locked"},
    "After a hundred wrong codes in a row the lock is final.": {"then: locked for good"},
    "Only a reset helps.": {"then: locked for good"},
    "They have to set it up at their next sign-in, and five wrong codes from the email closed the way there for 24 "
    "hours, or until somebody unlocks them.": {"closed"},
    "They have begun to set it up.": ANYTHING,
    "It protects them once a code from the app confirms it.": ANYTHING,
    "At their next sign-in they are asked to set it up.": {"set-up"},
    "It is required: at their next sign-in they are asked to set it up.": {"set-up"},
    "They can set it up in their profile.": {"in"},
    "Once they can, their password alone lets them in.": {"then: in"},
    "Once they can, a code from their authenticator app is asked for as well.": {"then: code"},
    "Besides, too many wrong codes locked their two-factor authentication.": {"then: locked"},
    "Besides, five wrong codes from the email closed the way to the set-up for 24 hours.": {"then: closed"},
    "Once they can, they are asked to set it up.": {"then: set-up"},
    **{
        f"They cannot set it up: {why}.": ANYTHING
        for why in ("no licence", "the policy is off", "the edition does not include it")
    },
}  # fmt: skip


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.;]) ", text)


@pytest.mark.parametrize("rules", ACCOUNTS)
def test_whatever_is_said_of_somebody_is_what_their_sign_in_does(people: People, rules: str) -> None:
    kinds = crowd(people, people.account(**ACCOUNTS[rules]))
    summaries = {user_id: _look(people, user_id) for user_id in kinds}
    now = {user_id: comes_of(people, user_id) for user_id in kinds}
    unhindered = {"active": True, "frozen_at": None, "password_hash": people.context.hasher.hash(PASSWORD)}
    with people.context.db.write() as connection:
        connection.execute(users.update().where(users.c.id.in_(kinds)).values(unhindered))
    for user_id, summary in summaries.items():
        comes = now[user_id]
        truth = {comes, f"then: {comes_of(people, user_id) if comes in ('refused', 'frozen') else comes}"}
        for sentence in sentences(words.explained(summary)):
            claimed = SAYS[sentence]
            assert claimed is ANYTHING or claimed & truth, (kinds[user_id], sentence, truth)
        _check_badges(kinds[user_id], summary, comes)


def _check_badges(kind: Kind, summary: UserSummary, comes: str) -> None:
    presence, state = words.presence(summary), words.two_factor(summary).words
    hindered = {"frozen"} if summary.user.sso else {"frozen", "refused"}
    assert presence is not None or comes not in hindered, kind
    assert presence is None or presence.words == _hindrance(kind), kind
    assert (state in ("On", "Locked") and comes != "in") or not kind.has_factor, kind
    assert state != "Locked" or "locked" in kind.factor or comes not in ("in", "set-up"), kind
    assert summary.required_from is None or (kind.active and not kind.has_factor and kind.licensed), kind
    assert summary.required_from in (None, NOON + DAY), kind
    assert summary.exception_until == kind.exception, kind


def _hindrance(kind: Kind) -> str:
    if not kind.active:
        return "Deactivated"
    if kind.frozen:
        return "Frozen"
    return {"void": "No password", "never chosen": "Invited"}[kind.password]


def _look(people: People, user_id: UUID) -> UserSummary:
    summary = people_flow.show(people.context, user_id, NOON)
    assert summary is not None
    return summary
