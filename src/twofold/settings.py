"""The settings: read once from the environment, checked, then frozen and passed on.

Every setting `TWOFOLD_X` may come from a file named by `TWOFOLD_X_FILE` instead, for secrets that are mounted as files.
"""

import base64
import binascii
import ipaddress
import json
import ssl
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from twofold import redaction

KEY_BYTES = 32
ISSUER_LENGTH = 40
HIGHEST_PORT = 65535

# Memory in KiB and passes of argon2id with one lane that cost a guesser about the same: the least that OWASP's Password
# Storage Cheat Sheet names.
LEAST_ARGON2 = ((47104, 1), (19456, 2), (12288, 3), (9216, 4), (7168, 5))


# Settings that may hold a password, and those whose whole value is a secret.
ADDRESSES = ("database_url", "smtp_url")
SECRETS = ("TWOFOLD_KEYS", "TWOFOLD_DATABASE_URL", "TWOFOLD_SMTP_URL")


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


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the operator can choose, as one frozen object."""

    database_url: str
    data_dir: Path
    base_url: str = "http://127.0.0.1:8000"
    issuer: str = "Twofold"
    keys: tuple[Key, ...] = ()
    smtp_url: str | None = None
    smtp_ca: Path | None = None
    mail_from: str = "twofold@localhost"
    support_email: str | None = None
    two_factor_editions: frozenset[str] = frozenset({"enterprise"})
    trusted_proxies: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    max_connections: int = 2000
    max_connections_per_network: int = 256
    session_idle: timedelta = timedelta(hours=1)
    session_life: timedelta = timedelta(hours=24)
    argon2_memory_kib: int = 19456
    argon2_passes: int = 2
    limit_passwords: int = 10
    unlimited_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    pool_size: int = 8
    database_timeout: timedelta = timedelta(milliseconds=1500)
    leave_notice: timedelta = timedelta(0)
    demo: bool = False
    worker: bool = True
    traces: bool = False
    metrics_listen: Listen | None = METRICS_LISTEN

    def __repr__(self) -> str:
        """Show everything but the passwords."""
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same where tracebacks show variables."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return [(name, redaction.address(of) if name in ADDRESSES and of else of) for name, of in values.items()]

    @property
    def on_sqlite(self) -> bool:
        """Whether the embedded database is in use."""
        return self.database_url.startswith("sqlite")

    @property
    def slow_to_guess(self) -> bool:
        """Whether a password hash costs a guesser what OWASP asks for: both numbers reach those of one of its pairs."""
        return any(self.argon2_memory_kib >= memory and self.argon2_passes >= passes for memory, passes in LEAST_ARGON2)

    @property
    def secure(self) -> bool:
        """Whether browsers reach us by https, so that cookies can be `__Host-` and Secure."""
        return self.base_url.startswith("https://")


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings from an environment.

    Raises:
        SettingsError: a value is missing, malformed or contradicts another; the message names the setting.

    """
    redaction.remember(environ)
    read = _Reader(environ)
    data_dir = Path(read.text("DATA_DIR", "./var"))
    settings = Settings(
        data_dir=data_dir,
        database_url=_database_url(read.text("DATABASE_URL", f"sqlite:///{data_dir / 'twofold.db'}")),
        base_url=_base_url(read.text("BASE_URL", "http://127.0.0.1:8000")),
        issuer=_issuer(read.text("ISSUER", "Twofold")),
        keys=parse_keys(read.text("KEYS", "")),
        smtp_url=_smtp_url(read.text("SMTP_URL", "")),
        smtp_ca=_certificates("TWOFOLD_SMTP_CA", read.text("SMTP_CA", "")),
        mail_from=_address("TWOFOLD_MAIL_FROM", read.text("MAIL_FROM", "twofold@localhost")),
        support_email=_address("TWOFOLD_SUPPORT_EMAIL", read.text("SUPPORT_EMAIL", "")) or None,
        two_factor_editions=_editions(read.text("TWO_FACTOR_EDITIONS", '["enterprise"]')),
        trusted_proxies=_networks("TWOFOLD_TRUSTED_PROXIES", read.text("TRUSTED_PROXIES", "")),
        max_connections=read.number("MAX_CONNECTIONS", 2000, 10, 1_000_000),
        max_connections_per_network=read.number("MAX_CONNECTIONS_PER_NETWORK", 256, 1, 1_000_000),
        session_idle=timedelta(minutes=read.number("SESSION_IDLE_MINUTES", 60, 1, 24 * 60)),
        session_life=timedelta(hours=read.number("SESSION_HOURS", 24, 1, 24 * 30)),
        argon2_memory_kib=read.number("ARGON2_MEMORY_KIB", 19456, 7168, 4 * 1024 * 1024),
        argon2_passes=read.number("ARGON2_PASSES", 2, 1, 20),
        limit_passwords=read.number("LIMIT_PASSWORDS", 10, 1, 10_000),
        unlimited_networks=_networks("TWOFOLD_UNLIMITED_NETWORKS", read.text("UNLIMITED_NETWORKS", "")),
        pool_size=read.number("POOL_SIZE", 8, 1, 200),
        database_timeout=timedelta(milliseconds=read.number("DATABASE_TIMEOUT_MS", 1500, 100, 60_000)),
        leave_notice=timedelta(seconds=read.number("LEAVE_NOTICE_SECONDS", 0, 0, 300)),
        worker=read.switch("WORKER", default=True),
        traces=read.switch("TRACES", default=False),
        metrics_listen=_listen("TWOFOLD_METRICS_LISTEN", read.text("METRICS_LISTEN", "")),
    )
    if not settings.on_sqlite and not settings.keys:
        msg = (
            "TWOFOLD_KEYS is missing: with PostgreSQL the encryption keys are yours to keep. Make one with "
            "`twofold keys new`, and set TWOFOLD_KEYS to what it prints (id:base64)."
        )
        raise SettingsError(msg)
    if settings.secure and not settings.slow_to_guess:
        msg = (
            "TWOFOLD_ARGON2_MEMORY_KIB and TWOFOLD_ARGON2_PASSES are too low: who has a copy of the database could "
            f"guess passwords quickly. The least are {_listed(LEAST_ARGON2)}; more of either is fine. Less is taken "
            "only for trying out, where TWOFOLD_BASE_URL is an http address of this machine."
        )
        raise SettingsError(msg)
    return settings


def _listed(least: tuple[tuple[int, int], ...]) -> str:
    *pairs, last = (f"{memory} KiB with {passes}" for memory, passes in least)
    return f"{', '.join(pairs)} or {last}"


class _Reader:
    """Looks a setting up by its short name, in the environment or in the file that `X_FILE` names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str) -> str:
        variable = f"TWOFOLD_{name}"
        value, file = self._environ.get(variable), self._environ.get(f"{variable}_FILE")
        if value is not None and file is not None:
            msg = f"{variable} and {variable}_FILE are both set: keep one of them."
            raise SettingsError(msg)
        if file is not None:
            try:
                return Path(file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                shown = redaction.HIDDEN if variable in SECRETS and not _looks_like_a_path(file) else file
                msg = f"{variable}_FILE names a file that cannot be read: {shown}."
                raise SettingsError(msg) from error
        return default if value is None or not value.strip() else value.strip()

    def number(self, name: str, default: int, low: int, high: int) -> int:
        text = self.text(name, str(default))
        if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
            msg = f"TWOFOLD_{name} must be a whole number from {low} to {high}, not {text!r}."
            raise SettingsError(msg)
        return int(text)

    def switch(self, name: str, *, default: bool) -> bool:
        text = self.text(name, "on" if default else "off")
        if text not in {"on", "off"}:
            msg = f"TWOFOLD_{name} must be on or off, not {text!r}."
            raise SettingsError(msg)
        return text == "on"


def _looks_like_a_path(text: str) -> bool:
    """Tell a path from a secret that stands where one belongs."""
    return text.startswith(("/", "./", "../")) and "://" not in text


def _database_url(text: str) -> str:
    """Return the address as SQLAlchemy takes it; of several hosts it wants the list behind the question mark."""
    redaction.learn_address(text)
    scheme, _, rest = text.partition(":")
    if scheme in {"postgresql", "postgres", "postgresql+psycopg"}:
        return _postgresql_url(rest)
    if scheme != "sqlite":
        found = f", not {scheme!r}" if rest.startswith("//") and "=" not in scheme else ""
        msg = f"TWOFOLD_DATABASE_URL must begin with sqlite:/// or postgresql://{found}."
        raise SettingsError(msg)
    if text in {"sqlite://", "sqlite:///"} or ":memory:" in text or "mode=memory" in text:
        msg = "TWOFOLD_DATABASE_URL names a database in memory, which loses everything: name a file, sqlite:///path."
        raise SettingsError(msg)
    if not rest.startswith("///"):
        msg = "TWOFOLD_DATABASE_URL must name a SQLite file by sqlite:///path, or sqlite:////path from the root."
        raise SettingsError(msg)
    return text


def _postgresql_url(rest: str) -> str:
    msg = (  # what is wrong is not shown: it may be the password
        "TWOFOLD_DATABASE_URL is no address of a PostgreSQL database: write postgresql://user:password@host:5432/"
        "database?sslmode=verify-full, with %40 for an @ in the password; several hosts are host1:5432,host2:5432."
    )
    authority, slash, after = rest.removeprefix("//").partition("/")
    # libpq and SQLAlchemy part such an address at different places: half of the password would be shown as a host.
    if authority.count("@") > 1 or "@" in after.partition("?")[0] or "?" in authority.rpartition("@")[0]:
        raise SettingsError(msg)
    try:
        read = conninfo_to_dict(f"postgresql:{rest}")
        ports = [int(port) for port in str(read.get("port") or "").split(",") if port]
    except (psycopg.ProgrammingError, ValueError):
        raise SettingsError(msg) from None
    if not all(1 <= port <= HIGHEST_PORT for port in ports):
        raise SettingsError(msg)
    user, at, hosts = authority.rpartition("@")
    if "," not in hosts:
        return f"postgresql+psycopg:{rest}"
    path, _, query = after.partition("?")
    listed = "&".join(f"{name}={read[name]}" for name in ("host", "port") if read.get(name))
    return f"postgresql+psycopg://{user}{at}{slash}{path}?{listed}{'&' if query else ''}{query}"


def _base_url(text: str) -> str:
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


def _listen(variable: str, text: str) -> Listen | None:
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


def _issuer(text: str) -> str:
    if ":" in text or len(text) > ISSUER_LENGTH or not text.isprintable():
        msg = f"TWOFOLD_ISSUER must have at most {ISSUER_LENGTH} characters and no colon: apps show it so."
        raise SettingsError(msg)
    return text


def parse_keys(text: str, source: str = "TWOFOLD_KEYS") -> tuple[Key, ...]:
    """Read a key ring, `id:base64,…`; the first key is the active one.

    Raises:
        SettingsError: a key is malformed, or an id stands twice; the message names the source and the id.

    """
    keys = tuple(_key(part.strip(), source) for part in text.split(",") if part.strip())
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
        msg = f"{source} must be id:base64 of {KEY_BYTES} bytes, several separated by commas; the key {shown} is not."
        raise SettingsError(msg)
    return Key(name, secret)


def _smtp_url(text: str) -> str | None:
    if not text:
        return None
    redaction.learn_address(text)
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"smtp", "smtps", "smtp+starttls"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        msg = "TWOFOLD_SMTP_URL must look like smtp+starttls://user:password@mail.example.com:587 (or smtps://, or smtp://)."
        raise SettingsError(msg)
    return text


def _certificates(variable: str, text: str) -> Path | None:
    if not text:
        return None
    try:
        ssl.create_default_context(cafile=text)
    except (OSError, ValueError) as error:
        msg = f"{variable} must name a file with certificates (PEM) to check the mail server's against; {text} is none."
        raise SettingsError(msg) from error
    return Path(text)


def _address(variable: str, text: str) -> str:
    if text and ("@" not in text or any(mark in text for mark in "\r\n<>, ")):
        msg = f"{variable} must be one e-mail address, not {text!r}."
        raise SettingsError(msg)
    return text


def _editions(text: str) -> frozenset[str]:
    try:
        listed = text.startswith("[")
        names = msgspec.json.decode(text, type=list[str]) if listed else [name.strip() for name in text.split(",")]
    except msgspec.DecodeError as error:
        msg = f"TWOFOLD_TWO_FACTOR_EDITIONS must be a list such as {json.dumps(['enterprise'])}, not {text!r}."
        raise SettingsError(msg) from error
    return frozenset(name for name in names if name)


def _networks(variable: str, text: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        msg = f"{variable} must list addresses or networks such as 10.0.0.0/8, not {text!r}."
        raise SettingsError(msg) from error
