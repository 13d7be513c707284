"""Every letter there is, with made-up facts: for whoever wants to see how they look."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from twofold.demo.mailbox import Mail
from twofold.events.notices import Notice
from twofold.kit.mail.letters import Letters
from twofold.kit.mail.outbox import Entry
from twofold.operations.jobs import COMPOSERS, TOLD_TO_THEIR_USER
from twofold.recovery.letters import CHANGES
from twofold.settings import Settings

WITH_NOT_ME = {*CHANGES, *TOLD_TO_THEIR_USER, Notice.LOCKED}
# What else a letter may tell, which gives it other sentences.
OTHER_FORMS: Mapping[str, tuple[dict[str, Any], ...]] = {
    Notice.TWO_FACTOR_SET_UP: ({"facts": {"factor": "passkey"}},),
    Notice.INVITATION: ({"by": "", "required": False}, {"required": False, "offered": False}, {"elsewhere": True}),
    Notice.PASSWORD_LINK: (
        {"why": "frozen"}, {"why": "frozen", "helpers": ()}, {"why": "sso"}, {"why": "too_soon"},
        {"why": "too_soon", "promised": True},
    ),
    Notice.PASSWORD_CHANGED: ({"facts": {"by": "invitation"}}, {"facts": {}}),
    Notice.UNFROZEN: ({"sso": True},),
    Notice.RESET_CONFIRM: ({"needs_new_password": True, "needs_approval": True},),
    Notice.RESET_DONE: ({"new_password": True},),
    Notice.RESET_BY_SUPPORT: ({"act": "sent_again"}, {"act": "approved"}, {"act": "cancelled"}),
    Notice.MEMBER_ASKS_FOR_HELP: ({"facts": {"name": "Ada Lovelace", "email": "ada@acme.example", "locked": False}},),
    Notice.MEMBER_UNFROZEN: (
        {"facts": {"name": "Ada Lovelace", "email": "ada@acme.example", "by": "console", "reason": "She called."}},
    ),
    Notice.POLICY_CHANGED: ({"required_from": None},),
    Notice.POLICY_REMINDER: (
        {"days": 1}, {"due": None, "days": None, "required": True}, {"due": None, "days": None, "required": False},
    ),
}  # fmt: skip

READER = "ada@acme.example"
BROWSER = "Mozilla/5.0 (X11; Linux x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"


class Helper(NamedTuple):
    """Whom a letter names for help."""

    name: str
    email: str


def every_letter(settings: Settings, at: datetime) -> list[Mail]:
    """Write a letter of each kind in each of its forms; ids stay the same from one time to the next."""
    letters, facts = Letters(settings), _facts(settings.base_url, at)
    made = []
    for kind in COMPOSERS:
        told = facts if kind in WITH_NOT_ME else {**facts, "not_me_url": None}
        for number, other in enumerate(({}, *OTHER_FORMS.get(kind, ()))):
            message = letters.write(_entry(kind, at), {**told, **other}, at)
            made.append(Mail.of(message, at, letter_id(kind, number)))
    return made


def letter_id(kind: str, number: int = 0) -> UUID:
    """Return the id of a letter by its kind and the number of its form."""
    return uuid5(NAMESPACE_URL, f"{kind}/{number}")


def _entry(kind: str, at: datetime) -> Entry:
    nobody = UUID(int=0)
    return Entry(nobody, kind, nobody, nobody, READER, {}, at, 1)


def _facts(base_url: str, at: datetime) -> dict[str, Any]:
    """Return what composers tell, of every letter at once: one fact has one name in all of them."""
    link = f"{base_url}/demo/letters"
    return {
        "reader": "Ada Lovelace", "account": "Acme", "person": "Ada Lovelace", "email": READER, "by": "Grace Hopper",
        "agent": "Sam Vimes", "asked_by": "Grace Hopper", "role": "administrator", "reason": "She has lost her phone.",
        "facts": {
            "name": "Ada Lovelace", "email": READER, "new": "ada.lovelace@acme.example", "authenticator": "Pixel",
            "factor": "totp", "by": "Sam Vimes", "reason": "She has lost her phone.", "locked": True,
        },
        "happened_at": at, "asked_at": at, "about_at": at, "about": "the password was changed", "browser": BROWSER,
        "address": "192.0.2.7", "helpers": [Helper("Grace Hopper", "grace@acme.example")],
        "url": link, "link": link, "person_url": link, "forgot_url": link, "not_me_url": link,
        "valid_until": at + timedelta(minutes=15), "until": at + timedelta(days=1), "life": "15 minutes",
        "code": "123456", "required": True, "offered": True, "elsewhere": False, "promised": False, "sso": False,
        "why": "", "needs_approval": False, "needs_new_password": False, "new_password": False,
        "afterwards": "You can set it up again in your profile.", "act": "asked", "before": "Optional",
        "after": "Required", "required_from": at + timedelta(days=7), "due": at + timedelta(days=7), "days": 7,
    }  # fmt: skip
