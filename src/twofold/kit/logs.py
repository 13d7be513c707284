"""Structured logs: one JSON object a line, on standard error; no secret is ever handed to them."""

import asyncio
import atexit
import json
import logging
import sys
from typing import BinaryIO, cast

import msgspec
import structlog

from twofold import redaction
from twofold.kit import clock

UNUSUAL = frozenset({"warning", "error", "exception", "critical"})
QUIET = 60.0  # seconds between two lines of one kind

_encoder = msgspec.json.Encoder(enc_hook=repr)


def configure() -> None:
    """Send our own log and that of the libraries to standard error, as JSON."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_secrets,
            structlog.processors.JSONRenderer(_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO", JoinedLines(sys.stderr.buffer))),
        cache_logger_on_first_use=True,
    )
    logging.getLogger("uvicorn.error").addFilter(RateLimited())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_WithoutSecrets('{"event": "%(message)s", "level": "%(levelname)s"}'))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _without_secrets(_log: object, level: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Take secrets out of what went wrong: what others say of it may hold an address with its password.

    What goes well is ours alone, and there is a line of it for each request: that is left as it is.
    """
    if level not in UNUSUAL:
        return event
    return {name: redaction.text(value) if isinstance(value, str) else value for name, value in event.items()}


class _WithoutSecrets(logging.Formatter):
    """Takes secrets out of what libraries say, which is only asked for where something is wrong."""

    def format(self, record: logging.LogRecord) -> str:
        return redaction.text(super().format(record))


class RateLimited(logging.Filter):
    """Lets each message of a library through once a minute: anonymous clients cause some, as often as they like."""

    def __init__(self) -> None:
        super().__init__()
        self._let_through: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a record through, or not; errors always, since no client causes those."""
        if record.levelno >= logging.ERROR:
            return True
        at = clock.stopwatch()
        if at - self._let_through.get(str(record.msg), -QUIET) < QUIET:
            return False
        self._let_through[str(record.msg)] = at
        return True


class JoinedLines:
    """A file to which the lines of one iteration of an event loop are written together: each write is a system call.

    Lines of other threads, which have no event loop, are written at once.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._held: list[bytes] = []
        atexit.register(self._write_held)  # those of a loop that was stopped before

    def write(self, line: bytes) -> None:
        """Write a line, at the end of this iteration of the event loop."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._file.write(line)
            return
        if not self._held:
            loop.call_soon(self._write_held)
        self._held.append(line)

    def flush(self) -> None:
        """Flush the file; lines that are held until the end of the iteration stay held."""
        self._file.flush()

    def _write_held(self) -> None:
        lines, self._held = self._held, []
        if lines:
            self._file.write(b"".join(lines))
            self._file.flush()


def _to_json(event: structlog.typing.EventDict, **_: object) -> bytes:
    try:
        return _encoder.encode(event)
    except (TypeError, ValueError):  # half a surrogate pair, an odd key: rare, and a log must take it all the same
        return json.dumps(event, default=repr, skipkeys=True).encode()
