"""Letters: what a composer tells, set in the templates of its kind, as a message with text and HTML.

Each kind has `templates/mail/<kind>/subject.txt`, `body.txt` and `body.html`. The texts are not HTML and are not
escaped; nothing of them can become a header.
"""

import re
import textwrap
from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

import jinja2

from twofold.kit.browsers import browser_words
from twofold.kit.outbox import Entry
from twofold.kit.words import gettext, translations
from twofold.settings import Settings

WIDTH = 72
LONGEST_SUBJECT = 150


class Letters:
    """Writes the letters of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._sender = _address(settings.mail_from, settings.issuer)
        self._templates = _environment(settings)

    def write(self, entry: Entry, told: Mapping[str, Any], at: datetime) -> EmailMessage:
        """Write a letter about what its composer tells; a repeated one has the Message-ID that it had before."""
        subject = self._subject(entry.kind, told)
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = _address(entry.recipient)
        message["Subject"] = subject
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{entry.id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
        message.set_content(self._text(entry.kind, told), cte="quoted-printable")
        message.add_alternative(
            self._render(entry.kind, "body.html", {**told, "subject": subject}), subtype="html", cte="quoted-printable",
        )  # fmt: skip
        return message

    def _subject(self, kind: str, told: Mapping[str, Any]) -> str:
        """One line, whatever names and reasons contain."""
        words = " ".join(self._render(kind, "subject.txt", told).split())
        return "".join(letter for letter in words if letter.isprintable())[:LONGEST_SUBJECT]

    def _text(self, kind: str, told: Mapping[str, Any]) -> str:
        lines = self._render(kind, "body.txt", told).splitlines()
        wrapped = "\n".join(_wrapped(line) for line in lines)
        return re.sub(r"\n{3,}", "\n\n", wrapped).strip() + "\n"

    def _render(self, kind: str, part: str, told: Mapping[str, Any]) -> str:
        return self._templates.get_template(f"mail/{kind}/{part}").render(told)


def moment(at: datetime) -> str:
    """Say a time with its date: a letter may be read days later."""
    return f"{at.day} {gettext(f'{at:%B}')} {at.year}, {at:%H:%M} UTC"


def _environment(settings: Settings) -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("twofold", "templates"),
        autoescape=jinja2.select_autoescape(("html",), default=False, default_for_string=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    made.install_gettext_translations(translations(), newstyle=True)  # type: ignore[attr-defined]
    made.filters.update(moment=moment, browser=browser_words)
    made.globals.update(product=settings.issuer, base_url=settings.base_url, support_email=settings.support_email)
    return made


def _wrapped(line: str) -> str:
    """Break a line between words; an address is never broken, so that it stays one to press."""
    return textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False)


def _address(text: str, name: str = "") -> Address:
    """Read an address that was checked when it came in; a domain beyond ASCII travels in its ASCII form (RFC 5890)."""
    local, _, domain = text.rpartition("@")
    return Address(name, local, domain if domain.isascii() else domain.encode("idna").decode("ascii"))
