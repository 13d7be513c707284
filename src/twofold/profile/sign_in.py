"""A sign-in as its user sees it in the list of theirs: when, how, from where."""

from datetime import datetime
from typing import NamedTuple

import msgspec

from twofold.kit.words import gettext as _


class SignIn(NamedTuple):
    """A sign-in of the log; `details` are the facts of that event, as JSON."""

    at: datetime
    address: str
    browser: str
    details: str


def how(sign_in: SignIn) -> str:
    """Say what was proved."""
    said = {
        ("pwd",): _("Password"),
        ("pwd", "otp"): _("Password and code"),
        ("pwd", "backup_code"): _("Password and backup code"),
    }
    methods = tuple(msgspec.json.decode(sign_in.details).get("methods", []))  # the log keeps lines of any version
    return said.get(methods, ", ".join(methods))
