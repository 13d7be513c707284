"""Every letter as the demo shows it: none is forgotten, and its two forms say the same."""

import re
from html import unescape
from pathlib import Path

import pytest

from tests.harness.clock import NOON
from twofold.demo.letters import every_letter
from twofold.demo.mailbox import Mail
from twofold.operations.jobs import COMPOSERS
from twofold.settings import Settings

LETTERS = every_letter(
    Settings(database_url="sqlite:///unused", data_dir=Path("/nonexistent"), support_email="help@acme.example"), NOON
)
# What is said only where there is a button, or otherwise where there is none.
OF_BUTTONS = {
    "If the button does not work, open this address in your browser:",
    "If it was you, press the button.",
    "If it was you, open it in the browser in which you want to sign in.",
}


def paragraphs(mail: Mail) -> list[str]:
    """Return what a mail program shows of the HTML, a paragraph or an item of a list each."""
    body = re.sub(r"<head>.*?</head>|<div style=\"display:none.*?</div>|<!--.*?-->", " ", mail.html, flags=re.DOTALL)
    shown = [unescape(re.sub(r"<[^>]+>", " ", part)) for part in re.split(r"</?(?:p|td|li|br|hr|div)\b[^>]*>", body)]
    return [" ".join(part.split()) for part in shown if part.strip()]


def buttons(mail: Mail) -> set[str]:
    return {unescape(words) for words in re.findall(r"mso-padding-alt[^>]*><a [^>]*>(.*?)</a>", mail.html)}


def plain(text: str) -> str:
    return " ".join(re.sub('["“”]', "", text).split())


def addresses(part: str) -> set[str]:
    return {address.rstrip(".") for address in re.findall(r"https?://[^\s\"<>]+", part)}


def test_there_is_one_of_each_kind_and_its_subject_ends_with_the_product() -> None:
    assert len({mail.id for mail in LETTERS}) == len(COMPOSERS)
    assert all(mail.subject.endswith(" - Twofold") for mail in LETTERS)


@pytest.mark.parametrize("mail", LETTERS, ids=lambda mail: mail.subject)
def test_text_and_html_say_the_same(mail: Mail) -> None:
    text = plain(mail.text)
    said = {part for paragraph in paragraphs(mail) for part in re.split(r"(?<=[.:]) ", paragraph)}
    missing = [part for part in said - buttons(mail) - OF_BUTTONS if plain(part).rstrip(".:") not in text]
    assert missing == []
    assert addresses(mail.html) == addresses(mail.text)
