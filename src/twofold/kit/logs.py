"""Structured logs: one JSON object a line, on standard error; no secret is ever handed to them."""

import json
import logging
import sys

import msgspec
import structlog

_encoder = msgspec.json.Encoder(enc_hook=repr)


def configure() -> None:
    """Send our own log and that of the libraries to standard error, as JSON."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format='{"event": "%(message)s", "level": "%(levelname)s"}'
    )


def _to_json(event: structlog.typing.EventDict, **_: object) -> bytes:
    try:
        return _encoder.encode(event)
    except (TypeError, ValueError):  # half a surrogate pair, an odd key: rare, and a log must take it all the same
        return json.dumps(event, default=repr, skipkeys=True).encode()
