"""The domain of passkeys is the base URL's host or one above it; a wrong one is refused with what it has to be."""

import pytest

from twofold.setting_passkeys import parse_passkey_domain, parse_passkey_origins
from twofold.setting_values import SettingsError


@pytest.mark.parametrize(
    ("named", "base_url", "domain"),
    [
        ("", "https://id.acme.example", "id.acme.example"),
        ("", "http://localhost:8000", "localhost"),
        ("", "http://127.0.0.1:8000", None),
        ("", "http://[::1]:8000", None),
        ("acme.example", "https://id.acme.example", "acme.example"),
        ("ID.acme.example", "https://id.acme.example", "id.acme.example"),
        ("localhost", "http://localhost:8000", "localhost"),
    ],
)
def test_it_is_the_host_unless_one_above_it_is_named(named: str, base_url: str, domain: str | None) -> None:
    assert parse_passkey_domain(named, base_url) == domain


@pytest.mark.parametrize(
    ("named", "base_url"),
    [
        ("evil.example", "https://id.acme.example"),
        ("d.acme.example", "https://id.acme.example"),
        ("login.id.acme.example", "https://id.acme.example"),
        ("example", "https://id.acme.example"),
        ("co.uk", "https://acme.co.uk"),
        ("github.io", "https://acme.github.io"),
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("https://acme.example", "https://id.acme.example"),
        ("localhost", "http://127.0.0.1:8000"),
    ],
)
def test_another_domain_is_refused_with_what_it_has_to_be(named: str, base_url: str) -> None:
    """Stops: passkeys that no browser makes, or that everybody under a public suffix could ask for."""
    with pytest.raises(SettingsError, match=r"TWOFOLD_PASSKEY_DOMAIN .* has to be the host of TWOFOLD_BASE_URL"):
        parse_passkey_domain(named, base_url)


def test_other_origins_are_https_and_no_more_than_origins() -> None:
    named = "https://app.acme.example, https://Acme.example:8443/"
    assert parse_passkey_origins(named) == ("https://app.acme.example", "https://acme.example:8443")
    assert parse_passkey_origins("") == ()


@pytest.mark.parametrize(
    "named", ["http://acme.example", "acme.example", "https://", "https://a@acme.example", "https://acme.example/x"]
)
def test_what_is_no_https_origin_is_refused(named: str) -> None:
    with pytest.raises(SettingsError, match="TWOFOLD_PASSKEY_ORIGINS"):
        parse_passkey_origins(named)
