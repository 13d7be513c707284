"""The addresses of the database and of the mail server, as settings: passwords stand in them."""

from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from twofold import redaction
from twofold.setting_values import HIGHEST_PORT, SettingsError


def parse_database_url(text: str) -> str:
    """Return the address as SQLAlchemy takes it; of several hosts it wants the list behind the question mark.

    Raises:
        SettingsError: it is no address of SQLite or PostgreSQL, or one of a database in memory.

    """
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


def parse_smtp_url(text: str) -> str | None:
    """Return the address of the mail server; None for an empty text: there is none.

    Raises:
        SettingsError: its scheme is not smtp, smtps or smtp+starttls, or it has no host.

    """
    if not text:
        return None
    redaction.learn_address(text)
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"smtp", "smtps", "smtp+starttls"} and bool(parts.hostname) and parts.port != 0
        # Behind the host there is nothing: else it is half of a password that nobody escaped, and the host the user.
        usable = usable and parts.path in {"", "/"} and not parts.query and not parts.fragment
    except ValueError:
        usable = False
    if not usable:
        msg = (
            "TWOFOLD_SMTP_URL must look like smtp+starttls://user:password@mail.example.com:587 (or smtps://, or "
            "smtp://), where user and password are percent-encoded: %40 for @, %3A for :, %2F for /. Or leave them "
            "out, and set them as they are in TWOFOLD_SMTP_USER and TWOFOLD_SMTP_PASSWORD."
        )
        raise SettingsError(msg)
    return text


def parse_smtp_login(url: str | None, user: str | None, password: str | None) -> tuple[str, str] | None:
    """Return the user and password that the mail server is told, from what is set apart and what its address says.

    Raises:
        SettingsError: both say it, or there is a password and no user.

    """
    redaction.learn(password or "")
    parts = urlsplit(url or "")
    for name, apart, within in (("USER", user, parts.username), ("PASSWORD", password, parts.password)):
        if apart and within:
            msg = f"TWOFOLD_SMTP_{name} is set, and TWOFOLD_SMTP_URL names one as well: keep one of them."
            raise SettingsError(msg)
    user, password = user or unquote(parts.username or ""), password or unquote(parts.password or "")
    if password and not user:
        msg = "TWOFOLD_SMTP_PASSWORD is set, and no user: set TWOFOLD_SMTP_USER as well."
        raise SettingsError(msg)
    return (user, password) if user else None
