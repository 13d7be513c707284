"""The values of settings: read from text, each refused with a message that says what to write instead."""

import base64
import binascii
import ipaddress
import json
import re
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from twofold import redaction

KEY_BYTES = 32
NAME_LENGTH = 40
HIGHEST_PORT = 65535


class SettingsError(Exception):
    """A setting is wrong; the message names it and says what it should look like."""


class Key(msgspec.Struct, frozen=True):
    """One encryption key of the ring: 32 bytes with the id that ciphertexts carry."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        """Show the id alone, so that a printed settings object gives nothing away."""
        return f"Key({self.id!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the id alone where tracebacks show variables."""
        return [("id", self.id)]


class Listen(msgspec.Struct, frozen=True):
    """An address to listen on; `chosen` says that somebody wrote it down, so that it must be free."""

    host: str
    port: int
    chosen: bool = True

    def __str__(self) -> str:
        """Write it as it is set."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


METRICS_LISTEN = Listen("127.0.0.1", 9464, chosen=False)


def looks_like_a_path(text: str) -> bool:
    """Tell a path from a secret that stands where one belongs."""
    return text.startswith(("/", "./", "../")) and "://" not in text


def parse_base_url(text: str) -> str:
    """Return scheme, host and port, without a slash at the end.

    Raises:
        SettingsError: it is no such address, has a path, or speaks http beyond this machine.

    """
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        shown = redaction.address(text)
        msg = f"TWOFOLD_BASE_URL is not an address: {shown!r}. Write it like https://login.example.com."
        raise SettingsError(msg) from error
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.query or parts.fragment:
        shown = redaction.address(text) if "@" in text or "?" in text else text
        msg = f"TWOFOLD_BASE_URL must look like https://login.example.com, not {shown!r}."
        raise SettingsError(msg)
    if parts.path.strip("/"):
        msg = "TWOFOLD_BASE_URL must have no path: its cookies belong to a whole host, so it needs one of its own."
        raise SettingsError(msg)
    if parts.scheme == "http" and not is_loopback(host):
        msg = f"TWOFOLD_BASE_URL may use http only on this machine (127.0.0.1, localhost); for {host} use https."
        raise SettingsError(msg)
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address of a host leads to this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parse_listen(variable: str, text: str) -> Listen | None:
    """Return where to listen: `host:port`, the default of an empty text, or None for "off".

    Raises:
        SettingsError: it is neither.

    """
    if text in {"", "off"}:
        return None if text else METRICS_LISTEN
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or text not in {f"{host}:{port}", f"[{host}]:{port}"}:
        msg = f"{variable} must be off or look like 127.0.0.1:9464 (host and port), not {text!r}."
        raise SettingsError(msg)
    return Listen(host, port)


def parse_product_name(text: str) -> str:
    """Return the name that authenticator apps show.

    Raises:
        SettingsError: it is longer than 40 characters, has a colon, or cannot be printed.

    """
    if ":" in text or len(text) > NAME_LENGTH or not text.isprintable():
        msg = f"TWOFOLD_PRODUCT_NAME must have at most {NAME_LENGTH} characters and no colon: apps show it so."
        raise SettingsError(msg)
    return text


def parse_keys(text: str, source: str = "TWOFOLD_KEYS") -> tuple[Key, ...]:
    """Read a key ring, `id:base64` separated by commas or line ends; the first key is the active one.

    Raises:
        SettingsError: a key is malformed, or an id stands twice; the message names the source and the id.

    """
    keys = tuple(_key(part.strip(), source) for part in re.split(r"[,\n]", text) if part.strip())
    if len({key.id for key in keys}) != len(keys):
        msg = f"{source} names the same key id twice: every key needs an id of its own."
        raise SettingsError(msg)
    return keys


def _key(text: str, source: str) -> Key:
    name, _, encoded = text.partition(":")
    redaction.learn_key(encoded)
    try:
        secret = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    usable = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    if not usable or len(secret) != KEY_BYTES:
        shown = name if usable and encoded else "(unreadable)"  # without a colon the name may be the key
        msg = f"{source} must be id:base64 of {KEY_BYTES} bytes, on lines or between commas; the key {shown} is not."
        raise SettingsError(msg)
    return Key(name, secret)


def parse_certificates(variable: str, text: str) -> Path | None:
    """Return the file of certificates in PEM; None for an empty text.

    Raises:
        SettingsError: it cannot be read, or holds none.

    """
    if not text:
        return None
    try:
        ssl.create_default_context(cafile=text)
    except (OSError, ValueError) as error:
        msg = f"{variable} must name a file with certificates (PEM) to check the mail server's against; {text} is none."
        raise SettingsError(msg) from error
    return Path(text)


def parse_address(variable: str, text: str) -> str:
    """Return one email address, or an empty text.

    Raises:
        SettingsError: it has no @, or a character that would end it in a header.

    """
    if text and ("@" not in text or any(mark in text for mark in "\r\n<>, ")):
        msg = f"{variable} must be one email address, not {text!r}."
        raise SettingsError(msg)
    return text


def parse_editions(text: str) -> frozenset[str]:
    """Read names of editions: a list as JSON, or separated by commas.

    Raises:
        SettingsError: it begins like JSON and is no list of texts.

    """
    try:
        listed = text.startswith("[")
        names = msgspec.json.decode(text, type=list[str]) if listed else [name.strip() for name in text.split(",")]
    except msgspec.DecodeError as error:
        msg = f"TWOFOLD_TWO_FACTOR_EDITIONS must be a list such as {json.dumps(['enterprise'])}, not {text!r}."
        raise SettingsError(msg) from error
    return frozenset(name for name in names if name)


def parse_networks(variable: str, text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """Read networks in CIDR form, or single addresses, separated by commas.

    Raises:
        SettingsError: one of them is neither.

    """
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        msg = f"{variable} must list addresses or networks such as 10.0.0.0/8, not {text!r}."
        raise SettingsError(msg) from error
