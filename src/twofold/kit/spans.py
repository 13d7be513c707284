"""The tools that make spans, over those that make none. Where spans go is said by the standard OTEL_… variables.

A span says what was done, how long it took and how it ended: route templates and classes, never a path, an address, a
text of an error or anything that a person typed, since all of those may hold a secret.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from importlib import metadata
from threading import Thread
from typing import Any, assert_never, cast

import sqlalchemy as sa
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from twofold.kit.crypto.hashing import Hasher
from twofold.kit.crypto.tokens import random_bytes
from twofold.kit.mail.smtp import Delivered, Outcome, Rejected, Transport, TryLater, Unreachable
from twofold.kit.metrics import METHODS
from twofold.kit.sql.database import Database
from twofold.kit.tracing import Tools

LAST_SPANS = 3.0  # seconds for what is left when a process ends: a collector that is away must not hold it up
HEALTH_PATHS = {"/healthz", "/readyz"}  # asked every few seconds, and nothing to look at

_headers = TraceContextTextMapPropagator()


class _Maker:
    """What makes the spans of this process; none before `begin`."""

    tracer: trace.Tracer = trace.NoOpTracer()
    provider: TracerProvider | None = None


def begin(processor: SpanProcessor | None = None) -> None:
    """Make spans from now on, and send them as the OTEL_… variables say, or to a processor of one's own."""
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    provider.add_span_processor(processor or BatchSpanProcessor(OTLPSpanExporter()))
    _Maker.provider, _Maker.tracer = provider, provider.get_tracer("twofold")


def end() -> None:
    """Send what is left, within three seconds."""
    provider = _Maker.provider
    _Maker.provider, _Maker.tracer = None, trace.NoOpTracer()
    if provider is not None:
        last = Thread(target=provider.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(LAST_SPANS)


def _resource() -> Resource:
    ours = {
        SERVICE_NAME: "twofold",
        "service.version": metadata.version("twofold"),
        "service.instance.id": random_bytes(8).hex(),
    }
    return Resource(ours).merge(OTELResourceDetector().detect())  # OTEL_SERVICE_NAME and _RESOURCE_ATTRIBUTES win


class TracedRequests:
    """ASGI middleware around the whole application: one span for a request."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note its route, how it was answered and the id by which the log knows it."""
        said = cast("dict[str, Any]", scope)
        if said["type"] != "http" or said["path"] in HEALTH_PATHS:
            await self._application(scope, receive, send)
            return
        method = said["method"] if said["method"] in METHODS else "_OTHER"
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with _span(method, trace.SpanKind.SERVER, {"http.request.method": method}, _links(said["headers"])) as span:
            await self._application(scope, receive, noted)
            if route := said.get("path_template"):
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", status)
            span.set_attribute("twofold.request_id", said.get("twofold_request_id", ""))
            if status >= 500:  # noqa: PLR2004 - a refusal is not an error
                span.set_status(trace.StatusCode.ERROR)


def _links(headers: list[tuple[bytes, bytes]]) -> list[trace.Link]:
    """Link to the trace that a caller names. Anybody can name one: it is not continued, and decides no sampling."""
    named = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name == b"traceparent"}
    theirs = trace.get_current_span(_headers.extract(named)).get_span_context()
    return [trace.Link(theirs)] if theirs.is_valid else []


class TracedDatabase(Database):
    """A database whose reads and transactions are spans of the request that they are for."""

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        with self._noted("database read"), super().read() as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        with self._noted("database transaction"), super().write(durable=durable) as connection:
            yield connection

    @contextmanager
    def write_one(self) -> Iterator[sa.Connection]:
        with self._noted("database statement"), super().write_one() as connection:
            yield connection

    @contextmanager
    def _noted(self, name: str) -> Iterator[None]:
        with _step(name, trace.SpanKind.CLIENT, {"db.system.name": "sqlite" if self.on_sqlite else "postgresql"}):
            yield


class TracedHasher(Hasher):
    """A hasher whose hashes are spans of the request that they are for."""

    def hash(self, password: str) -> str:
        with _step("password hash"):
            return super().hash(password)

    def verify(self, stored: str | None, password: str) -> bool:
        with _step("password verify"):
            return super().verify(stored, password)


class TracedTransport:
    """Delivers letters through another transport: each is a span."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def deliver(self, message: EmailMessage) -> Outcome:
        """Deliver one letter; of what came of it the kind is noted, not what the mail server said."""
        with _span("mail delivery", trace.SpanKind.CLIENT) as span:
            outcome = self._transport.deliver(message)
            span.set_attribute("twofold.outcome", _named(outcome))
        return outcome

    def reach(self) -> Unreachable | None:
        """Look whether the server is there; that is no delivery, so no span."""
        return self._transport.reach()


def _named(outcome: Outcome) -> str:
    match outcome:
        case Delivered():
            return "sent"
        case TryLater():
            return "postponed"
        case Rejected():
            return "rejected"
        case Unreachable():
            return "server away"
        case _:
            assert_never(outcome)


@contextmanager
def _step(
    name: str, kind: trace.SpanKind = trace.SpanKind.INTERNAL, attributes: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Make a span inside another one; alone, as in the jobs that look for work every second, it says nothing."""
    if trace.get_current_span().is_recording():
        with _span(name, kind, attributes):
            yield
    else:
        yield


@contextmanager
def _span(
    name: str,
    kind: trace.SpanKind,
    attributes: Mapping[str, str] | None = None,
    links: list[trace.Link] | None = None,
) -> Iterator[trace.Span]:
    """Make a span; of an error it keeps the class alone, since its text and trace may hold what was typed."""
    with _Maker.tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, links=links, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_status(trace.StatusCode.ERROR)
            span.set_attribute("error.type", type(error).__name__)
            raise


TOOLS = Tools(TracedDatabase, TracedHasher, TracedTransport, TracedRequests, begin, end)
