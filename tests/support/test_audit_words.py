"""Every kind of event has a sentence, and the sentences say what happened."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.harness.clock import NOON
from twofold.audit.chain import Event
from twofold.directory.user import NamedUser
from twofold.support import audit_words
from twofold.support.audit_search import Found

GRACE = NamedUser(UUID(int=1), "Grace Hopper", "grace@acme.example", "admin")
ADA = NamedUser(UUID(int=2), "Ada Lovelace", "ada@acme.example", "member")
SAM = NamedUser(UUID(int=3), "Sam Vimes", "sam@operator.example", "support")


def event(kind: str, /, actor: NamedUser | str = GRACE, subject: NamedUser | None = ADA, **details: Any) -> Found:
    actor_kind, actor_id = ("user", actor.id) if isinstance(actor, NamedUser) else (actor, None)
    about, said = None if subject is None else subject.id, msgspec.json.encode(details).decode()
    recorded = Event(UUID(int=9), NOON, kind, "done", actor_kind, actor_id, about, None, "", "", "", said)
    return Found(1, UUID(int=5), None, None, recorded, actor if isinstance(actor, NamedUser) else None, subject)


@pytest.mark.parametrize("kind", sorted(audit_words.kinds()))
def test_every_sentence_can_be_said(kind: str) -> None:
    for actor in (GRACE, SAM, "operator", "console", "system", "nobody"):
        for subject in (ADA, None):
            said = audit_words.sentence(event(kind, actor, subject))
            assert "%(" not in said
            assert said.endswith(".")
            assert said[0].isupper() or said[0] == '"'
    assert audit_words.label(kind)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (event("unlocked", SAM), "Sam Vimes (support) unlocked Ada Lovelace."),
        (event("unlocked", "console"), "The command line unlocked Ada Lovelace."),
        (
            event("user_created", "operator", email="ada@acme.example"),
            "An operator key added Ada Lovelace (ada@acme.example).",
        ),
        (
            event("signed_in", ADA, methods=["pwd", "otp"], channel="page"),
            "Ada Lovelace signed in (password and code).",
        ),
        (
            event("signed_in", ADA, methods=["pwd"], channel="legacy"),
            "Ada Lovelace signed in (password, by a program that knows only passwords).",
        ),
        (event("signed_out", ADA, sessions=1), "Ada Lovelace signed out."),
        (event("signed_out", ADA, sessions=3), "Ada Lovelace signed out (3 sessions)."),
        (
            event("sign_in_refused", "nobody", None, why="password_wrong"),
            "A sign-in as somebody unknown was refused (wrong password).",
        ),
        (
            event("second_factor_wrong", "nobody", operation="remove"),
            "Somebody entered a wrong code for Ada Lovelace (when removing two-factor authentication).",
        ),
        (
            event("backup_code_used", ADA, operation="step_up"),
            "Ada Lovelace used the backup code (when confirming their identity again).",
        ),
        (
            event("backup_code_used", ADA, door="sign_in"),
            "Ada Lovelace used the backup code (at sign-in).",
        ),
        (
            event("stepped_up", ADA, methods=["pwd", "otp"]),
            "Ada Lovelace confirmed their identity again (password and code).",
        ),
        (
            event("two_factor_set_up", ADA, authenticator="My phone"),
            'Ada Lovelace set up two-factor authentication ("My phone").',
        ),
        (
            event(
                "user_changed", role={"before": "member", "after": "admin"}, licensed={"before": True, "after": False}
            ),
            "Grace Hopper changed Ada Lovelace (role: member → admin; licence: yes → no).",
        ),
        (event("user_changed", password="set"), "Grace Hopper changed Ada Lovelace (password: set)."),
        (
            event(
                "account_changed",
                subject=None,
                seats={"before": None, "after": 1},
                sso_domains={"before": [], "after": ["a", "b"]},
            ),
            "Grace Hopper changed the account (licences: none → 1; SSO domains: none → a, b).",
        ),
        (
            event(
                "policy_changed",
                subject=None,
                before={"policy": "optional", "required_from": None},
                after={"policy": "required", "required_from": None},
            ),
            "Grace Hopper changed the two-factor policy (policy: optional → required).",
        ),
        (
            event("reminders_sent", subject=None, people=12),
            "Grace Hopper reminded people to set up two-factor authentication (12 people).",
        ),
        (
            event("audit_exported", subject=None, form="csv", kind="unlocked"),
            "Grace Hopper exported the audit log (CSV, filtered).",
        ),
        (event("brand_new_kind"), "Grace Hopper: Brand new kind (Ada Lovelace)."),
        (event("brand_new_kind", "system", None), "Twofold: Brand new kind."),
    ],
)
def test_a_sentence_says_who_did_what_to_whom(found: Found, said: str) -> None:
    assert audit_words.sentence(found) == said


def test_somebody_who_is_gone_is_said_to_be() -> None:
    gone = event("unlocked")._replace(actor=None, subject=None)
    assert audit_words.sentence(gone) == "A user who is gone unlocked a user who is gone."


def test_a_name_cannot_play_a_trick_on_the_sentence() -> None:
    trick = ADA._replace(name="%(who)s %s %d {0}")
    assert audit_words.sentence(event("unlocked", GRACE, trick)) == "Grace Hopper unlocked %(who)s %s %d {0}."
