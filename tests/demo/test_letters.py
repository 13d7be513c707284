"""Every letter as the demo shows it: none is forgotten, and its two forms say the same."""

import re
from html import unescape
from importlib.resources import files
from pathlib import Path

import jinja2
import pytest

from tests.harness.clock import NOON
from twofold.demo.letters import every_letter, letter_id
from twofold.demo.mailbox import Mail
from twofold.operations.jobs import COMPOSERS
from twofold.settings import Settings

LETTERS = every_letter(
    Settings(database_url="sqlite:///unused", data_dir=Path("/nonexistent"), support_email="help@acme.example"), NOON
)
TEMPLATES = Path(str(files("twofold"))) / "templates/mail"
ENVIRONMENT = jinja2.Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
ENVIRONMENT.filters.update(dict.fromkeys(("moment", "browser"), str))
# What is said only where there is a button, or otherwise where there is none.
OF_BUTTONS = {
    "If the button does not work, open this address in your browser:",
    "If it was you, press the button.",
    "If it was you, open it in the browser in which you want to sign in.",
}
# What leads to the address that stands alone in the text.
OF_TEXTS = {
    "Choose the password here:",
    "If it was you, open this address:",
    "If it was you, open this address in the browser in which you want to sign in:",
}


def paragraphs(mail: Mail) -> list[str]:
    """Return what a mail program shows of the HTML, a paragraph or an item of a list each."""
    body = re.sub(r"<head>.*?</head>|<div style=\"display:none.*?</div>|<!--.*?-->", " ", mail.html, flags=re.DOTALL)
    shown = [unescape(re.sub(r"<[^>]+>", " ", part)) for part in re.split(r"</?(?:p|td|li|br|hr|div)\b[^>]*>", body)]
    return [" ".join(part.split()) for part in shown if part.strip()]


def buttons(mail: Mail) -> set[str]:
    return {unescape(words) for words in re.findall(r"mso-padding-alt[^>]*><a [^>]*>(.*?)</a>", mail.html)}


def texts_of(template: Path) -> set[str]:
    """Return what a template puts through gettext, singular and plural."""
    found = ENVIRONMENT.extract_translations(template.read_text())  # type: ignore[attr-defined]  # made by the extension
    return {text for _line, _function, said in found for text in ([said] if isinstance(said, str) else said) if text}


def plain(text: str) -> str:
    return " ".join(re.sub('["“”]', "", text).split())


def addresses(part: str) -> set[str]:
    return {address.rstrip(".") for address in re.findall(r"https?://[^\s\"<>]+", part)}


def test_there_is_one_of_each_kind_and_its_subject_ends_with_the_product() -> None:
    ids = {mail.id for mail in LETTERS}
    assert ids >= {letter_id(kind) for kind in COMPOSERS}
    assert len(ids) == len(LETTERS)
    assert all(mail.subject.endswith(" - Twofold") for mail in LETTERS)


def test_every_sentence_of_every_letter_stands_in_one_of_them() -> None:
    """Stops: a letter with another form that nobody sees, and that the next test does not read."""
    shown = plain(" ".join(part for mail in LETTERS for part in (mail.subject, mail.text, *paragraphs(mail))))
    texts = {text for template in TEMPLATES.glob("**/*.*") for text in texts_of(template)}
    forms = {text: re.sub(r"%\\\(\w+\\\)s", ".+?", re.escape(plain(text))) for text in texts}
    unseen = {text for text, form in forms.items() if not re.search(form, shown)}
    assert unseen == {"Ask the people who run %(product)s for you."}  # where there is no address of support


def test_a_way_to_freeze_the_account_stands_only_where_letters_bring_it() -> None:
    without = {letter_id(kind) for kind in ("invitation", "policy_reminder", "member_locked", "sign_in_code")}
    assert {mail.id for mail in LETTERS if "Was this not you?" not in mail.text} >= without


@pytest.mark.parametrize("mail", LETTERS, ids=lambda mail: mail.subject)
def test_text_and_html_say_the_same(mail: Mail) -> None:
    text = plain(mail.text)
    said = {part for paragraph in paragraphs(mail) for part in re.split(r"(?<=[.:]) ", paragraph)}
    missing = [part for part in said - buttons(mail) - OF_BUTTONS if plain(part).rstrip(".:") not in text]
    assert missing == []
    assert addresses(mail.html) == addresses(mail.text)


@pytest.mark.parametrize("mail", LETTERS, ids=lambda mail: mail.subject)
def test_the_text_says_nothing_that_the_html_does_not(mail: Mail) -> None:
    shown = plain(" ".join(paragraphs(mail)))
    lines = re.sub(r"(?m)^--?( |$)", "", mail.text)
    said = {part for paragraph in lines.split("\n\n") for part in re.split(r"(?<=[.:]) ", plain(paragraph))}
    assert [part for part in said - OF_TEXTS if part.rstrip(".:") not in shown] == []
