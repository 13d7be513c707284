import re
from datetime import datetime
from email.message import EmailMessage
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

import jinja2
import pytest
from jinja2 import nodes

from tests.brand.pictures import png
from tests.harness.clock import NOON, later
from twofold.brand.accent import parse_accent
from twofold.brand.links import parse_links
from twofold.brand.logo import Logo
from twofold.kit.mail.letters import WORDS_OF_OTHERS, Letters
from twofold.kit.mail.outbox import Entry
from twofold.kit.static_files import files_of
from twofold.settings import Settings

ID = UUID("11111111-2222-4333-8444-555555555555")
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36"
TOLD: dict[str, Any] = {
    "reader": "Ada",
    "happened_at": NOON,
    "browser": CHROME,
    "address": "192.0.2.7",
    "facts": {"authenticator": "Pixel"},
    "not_me_url": "https://login.acme.example/not-me/tf_notme_" + "x" * 43,
}


def settings(**chosen: Any) -> Settings:
    return Settings(
        database_url="sqlite:///unused", data_dir=Path("/nonexistent"), base_url="https://login.acme.example",
        mail_from="twofold@acme.example", product_name="Acme Login", **chosen,
    )  # fmt: skip


def write(
    kind: str = "two_factor_added",
    to: str = "ada@acme.example",
    at: datetime = NOON,
    chosen: dict[str, Any] | None = None,
    **told: Any,
) -> EmailMessage:
    entry = Entry(ID, kind, ID, ID, to, {}, NOON, 1)
    return Letters(settings(support_email="help@acme.example", **(chosen or {}))).write(entry, TOLD | told, at)


def text_of(message: EmailMessage, subtype: str = "plain") -> str:
    part = message.get_body((subtype,))
    assert part is not None
    return str(part.get_content())


def test_a_letter_says_who_it_is_from_to_and_that_no_answer_is_wanted() -> None:
    message = write(at=later(minutes=5))
    assert message["From"] == "Acme Login <twofold@acme.example>"
    assert message["To"] == "ada@acme.example"
    assert message["Subject"] == "An authenticator was added to your account - Acme Login"
    assert message["Date"].datetime == later(minutes=5)
    assert message["Auto-Submitted"] == "auto-generated"


def test_the_same_letter_has_the_same_message_id_again() -> None:
    assert write()["Message-ID"] == write(at=later(hours=1))["Message-ID"] == f"<{ID}@acme.example>"


def test_text_and_html_say_the_same() -> None:
    message = write()
    html = re.sub(r"<head>.*</head>|<[^>]+>", " ", text_of(message, "html"), flags=re.DOTALL)
    for said in (
        "Hello Ada,", 'The authenticator "Pixel" was added to your account.',
        "3 March 2026, 12:00 Coordinated Universal Time", "Chrome on Windows", "192.0.2.7", "Was this not you?",
        TOLD["not_me_url"], "help@acme.example",
    ):  # fmt: skip
        assert said in " ".join(text_of(message).split()), said
        assert said in " ".join(html.split()).replace("&#34;", '"'), said


def test_links_stand_in_one_line_of_the_text_and_words_are_wrapped() -> None:
    lines = text_of(write()).splitlines()
    assert TOLD["not_me_url"] in lines
    assert all(len(line) <= 72 for line in lines if "://" not in line)
    assert "\n\n\n" not in "\n".join(lines)


def test_html_escapes_what_people_wrote_and_text_does_not() -> None:
    name = "<b>Pixel</b> & co"
    message = write(facts={"authenticator": name})
    assert name in text_of(message)
    assert "&lt;b&gt;Pixel&lt;/b&gt; &amp; co" in text_of(message, "html")
    assert "<b>" not in text_of(message, "html")


@pytest.mark.parametrize("mark", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_nothing_that_people_wrote_becomes_a_header(mark: str) -> None:
    facts = {"name": f"Ada{mark}Bcc: eve@evil.example", "email": "a@b.example"}
    message = write("member_locked", facts=facts, person_url="x")
    raw = message.as_bytes()
    head = raw.partition(b"\r\n\r\n")[0]
    assert b"\r\nBcc" not in head
    assert b"\nBcc" not in head.replace(b"\r\n", b"")
    assert "Bcc" not in message
    assert str(message["Subject"]).startswith("Ada Bcc: eve@evil. example is locked")


@pytest.mark.parametrize("mark", ["\0", "\a", "\u202e", "\u200b"])
def test_nothing_invisible_stands_in_a_subject(mark: str) -> None:
    facts = {"name": f"Ada{mark}x", "email": "a@b.example"}
    message = write("member_locked", facts=facts, person_url="x")
    assert str(message["Subject"]) == "Adax is locked after too many wrong codes - Acme Login"


def test_a_reason_stays_one_line_so_that_it_passes_for_no_paragraph_of_ours() -> None:
    facts = {"name": "Ada", "email": "a@b.example", "by": "Sam", "reason": "spoke\n\nPress here: https://evil.example"}
    text = text_of(write("member_unfrozen", facts=facts, person_url="https://login.acme.example/people/1"))
    assert 'Reason given: "spoke Press here: https: //evil. example"' in " ".join(text.split())
    assert "spoke\n\n" not in text


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (CHROME, "Chrome on Windows"),
        ("curl/8.5.0", "curl"),
        ("python-httpx/0.28", "python-httpx"),
        ("evil.example/login now", "an unknown program"),
        ("https://evil.example", "an unknown program"),
        ("Press <a href='https://evil.example'>here</a>", "Press"),
        ("", "an unknown program"),
    ],
)
def test_a_browser_is_named_in_words_of_ours(sent: str, shown: str) -> None:
    text = text_of(write(browser=sent))
    assert f"Browser: {shown}\n" in text
    assert "evil" not in text


def test_an_address_with_a_domain_beyond_ascii_travels_in_ascii() -> None:
    assert write(to="ada@bücher.example")["To"] == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize("odd", ["a:b@acme.example", ".dot@acme.example", "o'neil+x@acme.example"])
def test_odd_addresses_reach_the_one_they_belong_to(odd: str) -> None:
    (address,) = write(to=odd)["To"].addresses
    assert (address.username, address.domain) == tuple(odd.rsplit("@", 1))


def test_letters_are_quoted_printable_so_that_every_server_takes_them() -> None:
    raw = write(facts={"authenticator": "Grüße 📱"}).as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998  # RFC 5322 section 2.1.1


def test_a_list_of_letters_shows_the_first_words_beside_the_subject_and_no_code() -> None:
    message = write("sign_in_code", code="123456", valid_until=NOON, forgot_url="https://login.acme.example/forgot")
    assert message["Subject"] == "123 456 is your code to confirm your email - Acme Login"
    [shown] = re.findall(r'<div style="display:none[^"]*">(.*?)</div>', text_of(message, "html"))
    assert shown.startswith("Your organisation requires two-factor authentication.")
    assert "123" not in shown


def test_a_button_has_room_in_mail_programs_that_draw_with_word() -> None:
    """They know the padding of a cell and not that of a link, and the width of a table and not that of a block."""
    html = text_of(write(), "html")
    [button] = re.findall(r"<td bgcolor[^>]*mso-padding-alt:12px 20px[^>]*><a href=[^>]*>(.*?)</a></td>", html)
    assert button == "This wasn't me"
    assert '<!--[if mso]><table role="presentation" width="576"' in html
    assert set(re.findall(r"<table ([^ ]*)", html)) == {'role="presentation"'}


@pytest.mark.parametrize(
    ("required", "offered", "said"),
    [
        (True, True, "Your organisation requires two-factor authentication: you will also need an authenticator app"),
        (False, True, "You can protect it with two-factor authentication"),
        (False, False, "With it you sign in to Acme Login, with ada@acme.example and a password. Choose the password"),
    ],
)
def test_an_invitation_says_what_it_is_for_and_whether_a_second_factor_comes(
    *, required: bool, offered: bool, said: str
) -> None:
    message = write(
        "invitation", by="Grace", account="Acme", email="ada@acme.example", valid_until=NOON, life="7 days",
        url="https://login.acme.example/x", elsewhere=False, required=required, offered=offered, not_me_url=None,
    )  # fmt: skip
    text = " ".join(text_of(message).split())
    assert "Grace has made an account for you at Acme. With it you sign in to Acme Login" in text
    assert said in text
    assert ("two-factor" in text) == offered


def test_html_asks_for_nothing_from_elsewhere() -> None:
    html = text_of(write(), "html")
    assert not re.search(r"<(img|script|link|iframe|style)\b|url\(", html)


def test_a_letter_bears_the_logo_accent_and_links_of_the_operator() -> None:
    links = parse_links('{"Privacy": "https://acme.example/privacy", "Contact": "mailto:help@acme.example"}')
    own = {"logo": Logo(Path("logo.png"), "png", png()), "accent": parse_accent("#7a1fa2"), "links": links}
    message = write("browser_link", chosen=own, url="https://login.acme.example/x", valid_until=NOON)
    html = text_of(message, "html")
    address = files_of(settings(**own)).url("logo.png")
    assert re.findall(r'<img src="([^"]+)"', html) == [f"https://login.acme.example{address}"]
    assert "background:#7a1fa2" in html
    assert 'href="https://acme.example/privacy"' in html
    assert text_of(message).endswith("\nPrivacy: https://acme.example/privacy\nContact: help@acme.example\n")


def test_a_letter_in_a_dark_mail_program_bears_the_logo_for_it() -> None:
    own = {"logo": Logo(Path("a.png"), "png", png()), "logo_dark": Logo(Path("b.png"), "png", png())}
    address = files_of(settings(**own)).url("logo-dark.png")
    sources = re.findall(
        r'<source srcset="([^"]+)" media="\(prefers-color-scheme: dark\)">', text_of(write(chosen=own), "html")
    )
    assert sources == [f"https://login.acme.example{address}"]


def test_a_logo_that_mail_programs_do_not_draw_is_left_out() -> None:
    own = {"logo": Logo(Path("logo.svg"), "svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")}
    html = text_of(write(chosen=own), "html")
    assert not re.search(r"<(img|picture|source)\b", html)
    assert ">Acme Login</p>" in html


def test_every_kind_of_letter_has_its_three_templates() -> None:
    folder = files("twofold").joinpath("templates/mail")
    for kind in folder.iterdir():
        if kind.is_dir():
            assert {part.name for part in kind.iterdir()} == {"subject.txt", "body.txt", "body.html"}, kind.name


# --- what somebody else wrote


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_no_name_in_an_invitation_is_a_link_or_a_line_of_its_own(subtype: str) -> None:
    """Names from before they were looked at rest in databases; letters are written all the same."""
    lure = "Pay now:\nhttp://evil.example/x, a@evil.example\u202e"
    message = write(
        "invitation", reader=lure, by=lure, account=lure, email="ada@acme.example", valid_until=NOON,
        life="7 days", url="https://login.acme.example/set-password/tf_password_x", elsewhere=False,
        required=True, offered=True,
    )  # fmt: skip
    shown = " ".join(text_of(message, subtype).split())
    assert "Hello Pay now: http: //evil. example/x, a@evil. example," in shown
    assert "//evil" not in shown.replace(": //evil. example", "")
    assert "evil.example" not in f"{shown} {message['Subject']}"
    assert "\u202e" not in shown
    assert "https://login.acme.example/set-password/tf_password_x" in shown


# What letters say beside the words of others: our own words, moments, numbers, links, addresses that were checked.
OUR_OWN = {
    "_", "about", "about_at", "accent", "act", "address", "after", "afterwards", "asked_at", "base_url", "before",
    "body", "browser", "code", "days", "due", "elsewhere", "email", "factor", "facts", "forgot_url", "get", "ground",
    "happened_at", "helper", "helpers", "kind", "label", "life", "link", "locked", "logo_dark_url", "logo_url",
    "needs_approval",
    "needs_new_password", "new", "new_password", "ngettext", "not_me_url", "offered", "old", "own_links",
    "person_url", "policy", "preheader", "product", "promised", "required", "required_from", "role", "split", "sso",
    "subject", "support_email", "until", "url", "valid_until", "why",
}  # fmt: skip


def test_every_word_of_a_letter_is_known_as_ours_or_as_somebody_elses() -> None:
    """Stops: a new letter that shows a name under another word, as it was typed."""
    environment = jinja2.Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    environment.filters.update(dict.fromkeys(("moment", "browser"), str))
    used = set()
    for template in Path(str(files("twofold"))).glob("templates/mail/**/*.*"):
        tree = environment.parse(template.read_text())
        macros = {macro.name for macro in tree.find_all(nodes.Macro)} | {
            name for taken in tree.find_all(nodes.FromImport) for name in taken.names
        }
        parameters = {name.name for macro in tree.find_all(nodes.Macro) for name in macro.args}
        used |= {name.name for name in tree.find_all(nodes.Name)} - macros - parameters
        used |= {attribute.attr for attribute in tree.find_all(nodes.Getattr)}
    assert used - OUR_OWN - WORDS_OF_OTHERS == set()
    assert used >= WORDS_OF_OTHERS
