"""Addresses of the operator's own: where people go on to, and the links at the foot of pages and letters."""

import re
from urllib.parse import urlsplit

import msgspec

from twofold.setting_values import SettingsError, is_loopback

MOST = 8
LONGEST_LABEL, LONGEST_URL = 40, 500  # characters
EXAMPLE = '{"Privacy": "https://example.com/privacy", "Contact": "mailto:help@example.com"}'
# RFC 3986 section 2: what an address consists of. Nothing of it ends a header, or a source in our policy.
_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]")


class Link(msgspec.Struct, frozen=True):
    """A link at the foot of every page."""

    label: str
    url: str

    def __str__(self) -> str:
        """Show both."""
        return f"{self.label}: {self.url}"


def parse_links(text: str) -> tuple[Link, ...]:
    """Read links, a JSON object of labels and addresses, in its order.

    Raises:
        SettingsError: it is none, or has more than 8; a label is empty or longer than 40 characters; an address begins
            neither with https: nor with mailto:.

    """
    try:
        told = msgspec.json.decode(text or "{}", type=dict[str, str])
    except msgspec.DecodeError as error:
        msg = f"TWOFOLD_LINKS must be JSON such as {EXAMPLE}, not {text!r}."
        raise SettingsError(msg) from error
    if len(told) > MOST:
        msg = f"TWOFOLD_LINKS may have {MOST} links, not {len(told)}."
        raise SettingsError(msg)
    return tuple(_link(label, url) for label, url in told.items())


def _link(label: str, url: str) -> Link:
    if not label.strip() or len(label) > LONGEST_LABEL or not label.isprintable():
        msg = f"TWOFOLD_LINKS: a label has 1 to {LONGEST_LABEL} characters, unlike {label!r}."
        raise SettingsError(msg)
    if not (_is_web(url, "https") or _is_mailbox(url)):
        msg = f"TWOFOLD_LINKS: {label} must lead to an https: or mailto: address, not to {url!r}."
        raise SettingsError(msg)
    return Link(label.strip(), url)


def parse_home_url(text: str) -> str | None:
    """Read where people go who signed in without having asked for a page.

    Raises:
        SettingsError: it is no https address; http is for this machine alone.

    """
    if not text:
        return None
    if not (_is_web(text, "https") or (_is_web(text, "http") and is_loopback(urlsplit(text).hostname or ""))):
        msg = f"TWOFOLD_HOME_URL must look like https://app.example.com/, not {text!r}."
        raise SettingsError(msg)
    return text


def origin_of(url: str) -> str:
    """Return the scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _is_web(url: str, scheme: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    host, _, port = parts.netloc.rpartition(":") if re.search(r":\d+$", parts.netloc) else (parts.netloc, "", "")
    return _is_plain(url) and url.startswith(f"{scheme}://") and _HOST.fullmatch(host) is not None and port != "0"


def _is_mailbox(url: str) -> bool:
    scheme, _, address = url.partition(":")
    return _is_plain(url) and scheme == "mailto" and "@" in address.partition("?")[0].strip("@")


def _is_plain(url: str) -> bool:
    return len(url) <= LONGEST_URL and _CHARACTERS.fullmatch(url) is not None
