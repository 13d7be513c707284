"""The settings of passkeys: the domain that they are bound to, and the other pages that may ask for them."""

import ipaddress
from urllib.parse import urlsplit

from fido2.rpid import verify_rp_id

from twofold.setting_values import SettingsError


def parse_passkey_domain(text: str, base_url: str) -> str | None:
    """Return the domain that passkeys are bound to: the base URL's host unless another is named.

    None where that is an IP address, for which no browser makes passkeys (WebAuthn Level 3 section 5.1.3).

    Raises:
        SettingsError: pages of the base URL may not ask for passkeys of that domain.

    """
    host = urlsplit(base_url).hostname or ""
    if not text:
        return None if _is_address(host) else host
    domain = text.lower()
    if domain == host and not _is_address(host):
        return domain
    if _is_address(host) or "." not in domain or not verify_rp_id(domain, base_url):
        msg = (
            f"TWOFOLD_PASSKEY_DOMAIN is {text!r}, and pages of {base_url} cannot ask for passkeys of it. It has to "
            "be the host of TWOFOLD_BASE_URL, or a domain of yours above it, as example.com is above id.example.com."
        )
        raise SettingsError(msg)
    return domain


def parse_passkey_origins(text: str) -> tuple[str, ...]:
    """Return the origins of other pages that may ask for our passkeys (WebAuthn Level 3 section 5.11).

    Raises:
        SettingsError: one of them is no https origin.

    """
    origins = tuple(origin.strip().lower().rstrip("/") for origin in text.split(",") if origin.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme != "https" or not parts.hostname or origin != f"https://{parts.netloc}" or "@" in parts.netloc:
            msg = f"TWOFOLD_PASSKEY_ORIGINS names {origin!r}: name https origins, such as https://app.example.com."
            raise SettingsError(msg)
    return origins


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
