"""Traces for whoever asks for them (TWOFOLD_TRACES): a span for each request, hash, transaction and letter.

Nobody else pays for it. The tools that make spans are classes of their own in `kit.spans`; that module, and
OpenTelemetry with it, is imported only where traces are on.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from twofold.kit.crypto.hashing import Hasher
from twofold.kit.mail.smtp import Transport
from twofold.kit.sql.database import Database
from twofold.setting_values import SettingsError
from twofold.settings import Settings

if TYPE_CHECKING:  # a process that answers no requests does without the framework, and its 20 MiB
    from litestar.types import ASGIApp


def _nothing() -> None:
    pass


def _same_transport(transport: Transport) -> Transport:
    return transport


def _same_application(application: "ASGIApp") -> "ASGIApp":
    return application


class Tools(NamedTuple):
    """What there is with spans and without; `begin` and `end` are for processes that serve or work."""

    database: type[Database] = Database
    hasher: type[Hasher] = Hasher
    transport: Callable[[Transport], Transport] = _same_transport
    application: Callable[["ASGIApp"], "ASGIApp"] = _same_application
    begin: Callable[[], None] = _nothing
    end: Callable[[], None] = _nothing


WITHOUT_SPANS = Tools()


def tools(settings: Settings) -> Tools:
    """Return the tools that these settings ask for.

    Raises:
        SettingsError: traces are on, and OpenTelemetry is not installed.

    """
    if not settings.traces:
        return WITHOUT_SPANS
    try:
        return cast("Tools", import_module("twofold.kit.spans").TOOLS)
    except ModuleNotFoundError as error:
        msg = "TWOFOLD_TRACES is on, but OpenTelemetry is not installed: pip install 'twofold[otel]', or switch it off."
        raise SettingsError(msg) from error
