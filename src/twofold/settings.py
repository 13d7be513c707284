"""The settings: read once from the environment, checked, then frozen and passed on.

Every setting `TWOFOLD_X` may come from a file named by `TWOFOLD_X_FILE` instead, for secrets that are mounted as files.
"""

import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from twofold import redaction
from twofold.brand.accent import Accent, parse_accent
from twofold.brand.links import Link, origin_of, parse_home_url, parse_links
from twofold.brand.logo import Logo, read_logo
from twofold.setting_addresses import parse_database_url, parse_smtp_login, parse_smtp_url
from twofold.setting_passkeys import parse_passkey_domain, parse_passkey_origins
from twofold.setting_values import (
    METRICS_LISTEN,
    Key,
    Listen,
    SettingsError,
    looks_like_a_path,
    parse_address,
    parse_base_url,
    parse_certificates,
    parse_editions,
    parse_keys,
    parse_listen,
    parse_networks,
    parse_product_name,
)

# Memory in KiB and passes of argon2id with one lane that cost a guesser about the same: the least that OWASP's Password
# Storage Cheat Sheet names.
LEAST_ARGON2 = ((47104, 1), (19456, 2), (12288, 3), (9216, 4), (7168, 5))

# What holds a secret is hidden wherever it would be shown; of an address the password alone.
SECRETS = ("keys", "database_url", "smtp_url", "smtp_password")
ADDRESSES = ("database_url", "smtp_url")

PREFIX = "TWOFOLD_"
# Settings that had another name, which goes on working.
OLD_NAMES = {"PRODUCT_NAME": "ISSUER"}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the operator can choose, as one frozen object."""

    database_url: str
    data_dir: Path
    base_url: str = "http://localhost:8000"
    product_name: str = "Twofold"
    logo: Logo | None = None
    logo_dark: Logo | None = None
    accent: Accent | None = None
    home_url: str | None = None
    links: tuple[Link, ...] = ()
    keys: tuple[Key, ...] = ()
    smtp_url: str | None = None
    smtp_user: str | None = None
    smtp_password: str | None = None
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
    logout_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    passkey_domain: str | None = None
    passkey_origins: tuple[str, ...] = ()
    passkey_sign_in: bool = True
    pool_size: int = 8
    database_timeout: timedelta = timedelta(milliseconds=1500)
    leave_notice: timedelta = timedelta(0)
    demo: bool = False
    worker: bool = True
    traces: bool = False
    metrics_listen: Listen | None = METRICS_LISTEN

    def __repr__(self) -> str:
        """Show everything but the secrets."""
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Show the same where tracebacks show variables."""
        return [(name, self.shown(name)) for name in self.__struct_fields__]

    def shown(self, name: str) -> Any:
        """Return the value of a setting as anybody may see it; None for a secret that is not set."""
        value = getattr(self, name)
        if name not in SECRETS:
            return value
        if not value:
            return None
        if name in ADDRESSES:
            return redaction.address(value)
        return [f"{key.id}:{redaction.HIDDEN}" for key in value] if name == "keys" else redaction.HIDDEN

    @property
    def on_sqlite(self) -> bool:
        """Whether the embedded database is in use."""
        return self.database_url.startswith("sqlite")

    @property
    def smtp_login(self) -> tuple[str, str] | None:
        """The user and password that the mail server is told, if any."""
        return parse_smtp_login(self.smtp_url, self.smtp_user, self.smtp_password)

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
    base_url = parse_base_url(read.text("BASE_URL", "http://localhost:8000"))
    settings = Settings(
        data_dir=data_dir,
        database_url=parse_database_url(read.text("DATABASE_URL", f"sqlite:///{data_dir / 'twofold.db'}")),
        base_url=base_url,
        **_brand(read),
        keys=parse_keys(read.text("KEYS", "")),
        smtp_url=parse_smtp_url(read.text("SMTP_URL", "")),
        smtp_user=read.text("SMTP_USER", "") or None,
        smtp_password=read.text("SMTP_PASSWORD", "") or None,
        smtp_ca=parse_certificates("TWOFOLD_SMTP_CA", read.text("SMTP_CA", "")),
        mail_from=parse_address("TWOFOLD_MAIL_FROM", read.text("MAIL_FROM", "twofold@localhost")),
        support_email=parse_address("TWOFOLD_SUPPORT_EMAIL", read.text("SUPPORT_EMAIL", "")) or None,
        two_factor_editions=parse_editions(read.text("TWO_FACTOR_EDITIONS", '["enterprise"]')),
        trusted_proxies=parse_networks("TWOFOLD_TRUSTED_PROXIES", read.text("TRUSTED_PROXIES", "")),
        max_connections=read.number("MAX_CONNECTIONS", 2000, 10, 1_000_000),
        max_connections_per_network=read.number("MAX_CONNECTIONS_PER_NETWORK", 256, 1, 1_000_000),
        session_idle=timedelta(minutes=read.number("SESSION_IDLE_MINUTES", 60, 1, 24 * 60)),
        session_life=timedelta(hours=read.number("SESSION_HOURS", 24, 1, 24 * 30)),
        argon2_memory_kib=read.number("ARGON2_MEMORY_KIB", 19456, 7168, 4 * 1024 * 1024),
        argon2_passes=read.number("ARGON2_PASSES", 2, 1, 20),
        limit_passwords=read.number("LIMIT_PASSWORDS", 10, 1, 10_000),
        unlimited_networks=parse_networks("TWOFOLD_UNLIMITED_NETWORKS", read.text("UNLIMITED_NETWORKS", "")),
        logout_networks=parse_networks("TWOFOLD_LOGOUT_NETWORKS", read.text("LOGOUT_NETWORKS", "")),
        **_passkeys(read, base_url),
        pool_size=read.number("POOL_SIZE", 8, 1, 200),
        database_timeout=timedelta(milliseconds=read.number("DATABASE_TIMEOUT_MS", 1500, 100, 60_000)),
        leave_notice=timedelta(seconds=read.number("LEAVE_NOTICE_SECONDS", 0, 0, 300)),
        worker=read.switch("WORKER", default=True),
        traces=read.switch("TRACES", default=False),
        metrics_listen=parse_listen("TWOFOLD_METRICS_LISTEN", read.text("METRICS_LISTEN", "")),
    )
    _check_together(settings)
    return settings


def _brand(read: "_Reader") -> dict[str, Any]:
    """Read what stands in the place of ours wherever people look."""
    return {
        "product_name": parse_product_name(read.text("PRODUCT_NAME", "Twofold")),
        "logo": read_logo("TWOFOLD_LOGO", read.text("LOGO", "")),
        "logo_dark": read_logo("TWOFOLD_LOGO_DARK", read.text("LOGO_DARK", "")),
        "accent": parse_accent(read.text("ACCENT", "")),
        "home_url": parse_home_url(read.text("HOME_URL", "")),
        "links": parse_links(read.text("LINKS", "")),
    }


def _passkeys(read: "_Reader", base_url: str) -> dict[str, Any]:
    """Read where passkeys are bound to, and what they are good for."""
    return {
        "passkey_domain": parse_passkey_domain(read.text("PASSKEY_DOMAIN", ""), base_url),
        "passkey_origins": parse_passkey_origins(read.text("PASSKEY_ORIGINS", "")),
        "passkey_sign_in": read.switch("PASSKEY_SIGN_IN", default=True),
    }


def variable_of(environ: Mapping[str, str], name: str) -> str:
    """Return the variable that a setting is read from: its old one, where an environment has that alone.

    Raises:
        SettingsError: it has both.

    """
    variable, old = f"{PREFIX}{name}", f"{PREFIX}{OLD_NAMES.get(name, name)}"
    is_set = _is_set(environ, variable)
    if old == variable or not _is_set(environ, old):
        return variable
    if is_set:
        msg = f"{variable} and {old} are both set: the second is the old name of the first, so take it away."
        raise SettingsError(msg)
    return old


def old_names_in(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the old names by which an environment has settings, each with the name of today."""
    names = [(f"{PREFIX}{old}", f"{PREFIX}{new}") for new, old in OLD_NAMES.items()]
    return [(old, new) for old, new in names if _is_set(environ, old)]


def _is_set(environ: Mapping[str, str], variable: str) -> bool:
    return any(environ.get(name, "").strip() for name in (variable, f"{variable}_FILE"))


def _check_together(settings: Settings) -> None:
    """Refuse values that are in order by themselves and contradict each other."""
    _ = settings.smtp_login
    if settings.logo_dark is not None and settings.logo is None:
        msg = "TWOFOLD_LOGO_DARK is set, and TWOFOLD_LOGO is not: the light theme needs a logo as well."
        raise SettingsError(msg)
    if settings.home_url is not None and origin_of(settings.home_url) == origin_of(settings.base_url):
        msg = "TWOFOLD_HOME_URL leads back to TWOFOLD_BASE_URL: name your product's own address, or leave it out."
        raise SettingsError(msg)
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


def _listed(least: tuple[tuple[int, int], ...]) -> str:
    *pairs, last = (f"{memory} KiB with {passes}" for memory, passes in least)
    return f"{', '.join(pairs)} or {last}"


class _Reader:
    """Looks a setting up by its short name, in the environment or in the file that `X_FILE` names."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str) -> str:
        variable = variable_of(self._environ, name)
        value, file = self._environ.get(variable), self._environ.get(f"{variable}_FILE")
        if value is not None and file is not None:
            msg = f"{variable} and {variable}_FILE are both set: keep one of them."
            raise SettingsError(msg)
        if file is not None:
            try:
                return Path(file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                shown = redaction.HIDDEN if name.lower() in SECRETS and not looks_like_a_path(file) else file
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
