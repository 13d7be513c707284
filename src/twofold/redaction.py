"""Taking secrets out of what is shown: settings, messages, log lines, tracebacks. The one place that knows how.

An address is shown without its password, and of its parameters those that are known to be harmless (`address`). In any
other text, which a driver or a library may have put together, addresses are treated so, then whatever follows a name
such as `password=`; and the secrets themselves are taken out that the settings have brought (`remember`), however they
are spelled.
"""

import re
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from urllib.parse import quote, quote_plus, unquote, unquote_plus

HIDDEN = "***"

# Parameters of an address that may be shown. Whatever is not among them may be a password by another name.
HARMLESS = frozenset({
    "application_name", "channel_binding", "client_encoding", "connect_timeout", "dbname", "gssencmode", "host",
    "hostaddr", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts",
    "mode", "port", "sslcert", "sslmode", "sslnegotiation", "sslrootcert", "target_session_attrs", "tcp_user_timeout",
    "uri", "user",
})  # fmt: skip

# What is shorter, or is shown anyway as a user or the name of a database, cannot be told from other words of a text.
LEAST = 6
PLACEHOLDERS = frozenset({"password", "user"})

# Variables that others read: libpq, and OpenTelemetry.
OF_LIBPQ = ("PGPASSWORD",)
OF_HEADERS = re.compile(r"OTEL_EXPORTER_\w*HEADERS")
OF_ADDRESSES = re.compile(r"OTEL_EXPORTER_\w*ENDPOINT")

_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]*://[^\s\"'<>]+")
_NAMED = re.compile(
    r"(?i)\b((?:ssl)?password|passwd|pwd|passfile|secret|token|api[_-]?key|authorization)(=|%3D)"
    r"('[^']*'|\"[^\"]*\"|[^\s&,;'\"]+)"
)
# What stands where a port belongs and is none: the password of somebody who forgot the rest.
_NO_PORT = re.compile(r":(?!\d{1,5}(?:,|$))[^,\[\]:]+(?=,|$)")
_known: set[str] = set()


def address(said: str) -> str:
    """Return an address as everybody may see it; one that is malformed is hidden as far as it may hold a password."""
    scheme, there, rest = said.partition("://")
    if not there:
        return HIDDEN
    before, question, query = rest.partition("?")
    if "@" in query:  # a password that nobody escaped
        return f"{scheme}://{HIDDEN}"
    who, at, place = ("", "", before) if rest.startswith("/") else before.rpartition("@")  # a path has no user
    user, colon, password = who.partition(":")
    if colon:
        user = HIDDEN if unquote(user) == unquote(password) else user  # some services give one token for both
        who = f"{user}:{password if password in PLACEHOLDERS else HIDDEN}"
    hosts, slash, path = place.partition("/")
    place = f"{_NO_PORT.sub(f':{HIDDEN}', hosts)}{slash}{path}"
    shown = "&".join(map(_parameter, query.split("&"))) if question else ""
    return f"{scheme}://{who}{at}{place}{question}{shown}"


def text(said: str) -> str:
    """Return a text without what may be a secret in it."""
    if "://" in said:
        said = _ADDRESS.sub(lambda found: address(found[0]), said)
    said = _NAMED.sub(rf"\1\2{HIDDEN}", said)
    for secret in sorted(_known, key=len, reverse=True):
        said = said.replace(secret, HIDDEN)
    return said


def remember(environ: Mapping[str, str]) -> None:
    """Learn the secrets of an environment that are others', so that `text` finds them wherever they turn up later.

    Our own are learnt where they are read, be it from a file.
    """
    for name in environ:
        if OF_ADDRESSES.fullmatch(name):
            learn_address(environ[name])
        elif OF_HEADERS.fullmatch(name):
            _learn(part.partition("=")[2] for part in environ[name].split(","))
            _learn(part.rpartition(" ")[2] for part in unquote(environ[name]).split(","))
        elif name in OF_LIBPQ:
            _learn([environ[name]])


def learn_address(said: str) -> None:
    """Learn the passwords of an address, however malformed."""
    before, _, query = said.partition("://")[2].partition("?")
    who, _, place = before.rpartition("@")
    user, _, password = who.partition(":")
    values = [password] if unquote(password) not in {unquote(user), *re.split(r"\W+", unquote(place))} else []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if unquote(name).lower() not in HARMLESS:
            values.append(value)
    _learn(values)


def learn_key(encoded: str) -> None:
    """Learn a key of the ring, as TWOFOLD_KEYS spells it."""
    _learn([encoded, encoded.rstrip("=")])


def learn(secret: str) -> None:
    """Learn a secret that is set by itself."""
    _learn([secret])


def guard_tracebacks() -> None:
    """Take secrets out of tracebacks of whatever nobody expected, in every thread of this process."""
    sys.excepthook = _show
    threading.excepthook = lambda told: _show(told.exc_type, told.exc_value, told.exc_traceback)


def _show(kind: type[BaseException], error: BaseException | None, at: TracebackType | None) -> None:
    if issubclass(kind, SystemExit):
        return
    sys.stderr.write(text("".join(traceback.format_exception(kind, error, at))))


def _parameter(said: str) -> str:
    name, equals, _value = said.partition("=")
    if not equals:
        return HIDDEN if name else ""
    return said if unquote(name).lower() in HARMLESS else f"{name}={HIDDEN}"


def _learn(values: Iterable[str]) -> None:
    for value in values:
        _known.update(one for one in _spellings(value) if len(one) >= LEAST and one not in PLACEHOLDERS)


def _spellings(value: str) -> Iterator[str]:
    for plain in {value, unquote(value), unquote_plus(value)}:
        yield from (plain, quote(plain), quote(plain, safe=""), quote_plus(plain), repr(plain)[1:-1])
