import json

import pytest

from twofold.brand.links import Link, origin_of, parse_home_url, parse_links
from twofold.setting_values import SettingsError


def test_links_keep_their_order() -> None:
    told = {
        "Privacy": "https://acme.example/privacy?a=b#c",
        "Contact": "mailto:help@acme.example",
        "A": "https://[::1]:8443",
    }
    assert parse_links(json.dumps(told)) == tuple(Link(label, url) for label, url in told.items())
    assert parse_links("") == ()


@pytest.mark.parametrize(
    "url",
    [
        "http://acme.example", "javascript:alert(1)", "data:text/html,x", "//acme.example", "/privacy", "https://",
        "https:", "https:acme.example", "https://ada@acme.example", "https://acme.example/a b", "https://acme.example/\n",
        "mailto:", "mailto:nobody", "https://acme.example:port/", 'https://acme.example/"', "https://acme.example;x/",
        "HTTPS://x.example", "https://acme.example/" + "x" * 500, "https://[::1", "", "https://acmé.example",
    ],
)  # fmt: skip
def test_a_link_leads_to_https_or_a_mailbox_and_nowhere_else(url: str) -> None:
    """Stops: an address that a page would run, or that says more than it shows."""
    with pytest.raises(SettingsError, match="TWOFOLD_LINKS: Privacy must lead"):
        parse_links(json.dumps({"Privacy": url}))


@pytest.mark.parametrize("label", ["", " ", "x" * 41, "a\nb", "a\u202eb"])
def test_a_label_is_a_short_line(label: str) -> None:
    with pytest.raises(SettingsError, match="TWOFOLD_LINKS: a label"):
        parse_links(json.dumps({label: "https://acme.example"}))


def test_too_many_links_are_refused() -> None:
    told = {str(number): "https://acme.example" for number in range(9)}
    with pytest.raises(SettingsError, match="TWOFOLD_LINKS may have 8 links"):
        parse_links(json.dumps(told))
    told.popitem()
    assert len(parse_links(json.dumps(told))) == 8


def test_home_is_https_or_on_this_machine() -> None:
    assert parse_home_url("https://app.acme.example/start") == "https://app.acme.example/start"
    assert parse_home_url("http://localhost:3000/") == "http://localhost:3000/"
    assert parse_home_url("") is None
    for wrong in ("http://app.acme.example", "mailto:a@b.example", "/profile", "https://a.example; script-src *"):
        with pytest.raises(SettingsError, match="TWOFOLD_HOME_URL"):
            parse_home_url(wrong)


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin_of("https://App.acme.example:8443/start?x=y#z") == "https://app.acme.example:8443"
