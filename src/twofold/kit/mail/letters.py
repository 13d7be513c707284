"""Letters: the content that a composer gives, rendered by the templates of its kind, as text and HTML.

Each kind has `templates/mail/<kind>/subject.txt`, `body.txt` and `body.html`; `mail/layout.txt` and `.html` put the
bodies into the frame that all letters share. The texts are not HTML and are not escaped; nothing of them can become a
header. Pieces for bodies stand in `mail/parts.txt` and `.html`.
"""

import re
import textwrap
from collections.abc import Callable, Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, TypeAlias

import jinja2
import sqlalchemy as sa

from twofold.kit import moments
from twofold.kit.client_info import browser_in_words
from twofold.kit.context import AppContext
from twofold.kit.mail.outbox import Entry
from twofold.kit.moments import Reader
from twofold.kit.plain_text import unlinked
from twofold.kit.static_files import files_of
from twofold.kit.templates import template_environment
from twofold.kit.words import gettext
from twofold.settings import Settings

# Gives the content of a letter at delivery, in its own transaction; None when it is out of date and not to be sent.
Composer: TypeAlias = Callable[[AppContext, sa.Connection, Entry, datetime], dict[str, Any] | None]

READER = "read_by"  # of what a letter tells: a `Reader`, in whose zone its moments are
WIDTH = 72  # characters of a line
ACCENT = "#0b5a6c"  # of buttons, as pages have it in the light theme
LONGEST_SUBJECT = 150  # characters, before the product
LONGEST_PREHEADER = 140  # characters

# What of a letter somebody else has written: names and reasons. A test knows every other word that letters use.
WORDS_OF_OTHERS = frozenset(
    {"account", "agent", "asked_by", "authenticator", "by", "name", "person", "reader", "reason"}
)


class Letters:
    """Writes the letters of one installation."""

    def __init__(self, settings: Settings) -> None:
        self._sender = _address(settings.mail_from, settings.product_name)
        self._product = settings.product_name
        self._templates = _environment(settings)

    def write(self, entry: Entry, content: Mapping[str, Any], at: datetime) -> EmailMessage:
        """Write a letter with the content that its composer gave; a repeated one has the Message-ID that it had before.

        Raises:
            jinja2.TemplateError: a template of the kind is missing, or names what the composer did not give.

        """
        with moments.read_by(lambda: content.get(READER, Reader())):
            told = {name: value for name, value in content.items() if name != READER}
            return self._written(entry, _plain(told), at)

    def _written(self, entry: Entry, content: Mapping[str, Any], at: datetime) -> EmailMessage:
        subject = self._subject(entry.kind, content)
        message = EmailMessage(policy=SMTP)
        message["From"] = self._sender
        message["To"] = _address(entry.recipient)
        message["Subject"] = subject
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{entry.id}@{self._sender.domain}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: no automatic responder answers it
        body = self._render(f"mail/{entry.kind}/body.txt", content)
        framed = {**content, "kind": entry.kind, "subject": subject, "body": body, "preheader": _first_words(body)}
        message.set_content(self._text(framed), cte="quoted-printable")
        message.add_alternative(self._render("mail/layout.html", framed), subtype="html", cte="quoted-printable")
        return message

    def _subject(self, kind: str, content: Mapping[str, Any]) -> str:
        """One line, whatever names and reasons contain, that ends with the product."""
        words = " ".join(self._render(f"mail/{kind}/subject.txt", content).split())
        printable = "".join(letter for letter in words if letter.isprintable())
        return f"{printable[:LONGEST_SUBJECT]} - {self._product}"

    def _text(self, framed: Mapping[str, Any]) -> str:
        lines = self._render("mail/layout.txt", framed).splitlines()
        wrapped = "\n".join(_wrapped(line) for line in lines)
        return re.sub(r"\n{3,}", "\n\n", wrapped).strip() + "\n"

    def _render(self, template: str, content: Mapping[str, Any]) -> str:
        return self._templates.get_template(template).render(content)


def _plain(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a letter tells with the words of others as plain ones; old names may hold anything.

    A mail program would make a link of `evil.example` in a name, and a reason could pretend to be a paragraph of ours.
    """
    return {name: _plain_value(name, value) for name, value in content.items()}


def _plain_value(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return unlinked(value) if name in WORDS_OF_OTHERS else value
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())
    return [_plain_value(name, one) for one in value] if isinstance(value, (list, tuple)) else value


def _first_words(body: str) -> str:
    """Return the first paragraph of a letter, as a list of letters shows it beside the subject."""
    paragraph = body.strip().partition("\n\n")[0]
    return textwrap.shorten(paragraph, LONGEST_PREHEADER, placeholder="…")


def browser(name: str) -> str:
    """Say which browser it was, in words of our own: a letter repeats nothing that an attacker may have written."""
    return browser_in_words(name) or gettext("an unknown program")


def _environment(settings: Settings) -> jinja2.Environment:
    made = template_environment()
    made.filters.update(moment=moments.dated, browser=browser)
    files = files_of(settings)
    made.globals.update(
        product=settings.product_name, base_url=settings.base_url, support_email=settings.support_email,
        own_links=settings.links, accent=str(settings.accent or ACCENT),
        logo_url=_picture(settings, files.logo), logo_dark_url=_picture(settings, files.logo_dark),
    )  # fmt: skip
    return made


def _picture(settings: Settings, name: str | None) -> str | None:
    """Return the address of a logo; most mail programs draw no SVG."""
    return settings.base_url + files_of(settings).url(name) if name and name.endswith(".png") else None


def _wrapped(line: str) -> str:
    """Break a line between words; an address is never broken, so that it stays one to press."""
    return textwrap.fill(line, WIDTH, break_long_words=False, break_on_hyphens=False)


def _address(text: str, name: str = "") -> Address:
    """Read an address that was checked when it came in; a domain beyond ASCII travels in its ASCII form (RFC 5890)."""
    local, _, domain = text.rpartition("@")
    return Address(name, local, domain if domain.isascii() else domain.encode("idna").decode("ascii"))
