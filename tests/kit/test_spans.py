"""Traces: what a span says, what it never says, and that nobody pays for them who did not ask."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from litestar.testing import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.harness.api import Api
from tests.harness.collector import Collector
from tests.harness.contexts import CHEAP, CHEAP_SERVER, KEYS, app_for, context_on
from tests.harness.pages import WebClient
from tests.harness.people import ADA, NEW_PASSWORD, PASSWORD, People
from tests.harness.ports import free_port
from tests.harness.server import Server, variables
from tests.harness.smtp import SmtpServer
from tests.harness.wire import client_to
from twofold.kit import spans
from twofold.kit.context import AppContext
from twofold.kit.mail.smtp import Delivered, Outcome, Rejected, TryLater, Unreachable

THEIR_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = {"traceparent": f"00-{THEIR_TRACE}-00f067aa0ba902b7-01"}


@pytest.fixture
def kept() -> Iterator[InMemorySpanExporter]:
    """Keep the spans of this process."""
    exporter = InMemorySpanExporter()
    spans.begin(SimpleSpanProcessor(exporter))
    yield exporter
    spans.end()


@pytest.fixture
def traced(context: AppContext, kept: InMemorySpanExporter) -> Iterator[AppContext]:
    """Open the same application with tools that make spans."""
    db = spans.TracedDatabase(context.db.url)
    hasher = spans.TracedHasher(CHEAP["argon2_memory_kib"], CHEAP["argon2_passes"])
    yield replace(context, db=db, hasher=hasher)
    db.close()


@pytest.fixture
def http(traced: AppContext) -> Iterator[httpx.Client]:
    """Serve it in this process, by the real clock: spans know no other."""
    app = app_for(traced.settings)
    app.state.context = traced
    with TestClient(spans.TracedRequests(app.edge), base_url=traced.settings.base_url) as client:
        client.follow_redirects = False
        client.headers.clear()
        yield client


def by_name(kept: InMemorySpanExporter) -> dict[str, list[ReadableSpan]]:
    found: dict[str, list[ReadableSpan]] = {}
    for span in kept.get_finished_spans():
        found.setdefault(span.name, []).append(span)
    return found


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def parent(span: ReadableSpan) -> int:
    """Return the id of the span that this one is a part of."""
    assert span.parent is not None, span.name
    return span.parent.span_id


def own(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def test_a_request_is_a_span_with_its_hash_and_its_transactions_inside(
    http: httpx.Client, context: AppContext, kept: InMemorySpanExporter
) -> None:
    People(context).user()
    answer = Api(http).post("/sign-ins", email=ADA, password=PASSWORD)
    assert answer.status == 201
    found = by_name(kept)
    (request,) = found["POST /api/v1/sign-ins"]
    assert request.kind is trace.SpanKind.SERVER
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/api/v1/sign-ins",
        "http.response.status_code": 201,
        "twofold.request_id": answer.headers["x-request-id"],
    }
    (verify,) = found["password verify"]
    inside = [verify, *found["database transaction"], *found.get("database statement", [])]
    assert len(inside) > 1
    assert {parent(span) for span in inside} == {own(request)}
    assert attributes(found["database transaction"][0]) == {"db.system.name": context.db.engine.dialect.name}
    within = (verify.start_time or 0, verify.end_time or 0)
    assert not [span for span in found["database transaction"] if within[0] < (span.start_time or 0) < within[1]], (
        "a hash inside a transaction"
    )


def test_the_token_of_a_link_and_what_a_caller_invents_stay_outside(
    http: httpx.Client, kept: InMemorySpanExporter
) -> None:
    web_client = WebClient(http)
    web_client.get("/set-password/tf_password_canary-1")
    web_client.get("/canary-2/nowhere?next=canary-3")
    http.request("CANARY-4", "/sign-in")
    http.get("/sign-in", headers={"traceparent": "canary-5", "tracestate": "a=canary-6", "baggage": "b=canary-7"})
    assert {"GET /set-password/{token}", "GET", "GET /sign-in"} <= by_name(kept).keys()
    said = "".join(span.to_json() for span in kept.get_finished_spans())
    assert "canary" not in said.lower()


def test_a_callers_trace_is_linked_to_and_not_continued(http: httpx.Client, kept: InMemorySpanExporter) -> None:
    http.get("/sign-in", headers=CALLER)
    (request,) = by_name(kept)["GET /sign-in"]
    assert request.parent is None
    (link,) = request.links
    assert f"{link.context.trace_id:032x}" == THEIR_TRACE


def test_watching_makes_no_spans_and_neither_does_looking_for_work(
    http: httpx.Client, traced: AppContext, kept: InMemorySpanExporter
) -> None:
    for path in ("/healthz", "/readyz"):
        assert http.get(path).status_code == 200
    with traced.db.read() as connection:
        connection.execute(sa.text("SELECT 1"))
    assert kept.get_finished_spans() == ()


def test_an_error_is_told_by_its_class_alone(traced: AppContext, kept: InMemorySpanExporter) -> None:
    tracer = spans._Maker.tracer
    with (
        tracer.start_as_current_span("request"),
        pytest.raises(sa.exc.SQLAlchemyError),
        traced.db.write() as connection,
    ):
        connection.execute(sa.text("SELECT 'canary' FROM nowhere WHERE code = :code"), {"code": "canary"})
    (span,) = by_name(kept)["database transaction"]
    assert span.status.status_code is trace.StatusCode.ERROR
    assert str(attributes(span)["error.type"]).endswith("Error")
    assert "canary" not in span.to_json()


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (Delivered(), "sent"),
        (TryLater("canary"), "postponed"),
        (Rejected("canary"), "rejected"),
        (Unreachable("canary"), "server away"),
    ],
    ids=["sent", "postponed", "rejected", "server away"],
)
def test_a_letter_is_a_span_that_says_what_came_of_it(kept: InMemorySpanExporter, outcome: Outcome, word: str) -> None:
    class Post:
        def deliver(self, message: EmailMessage) -> Outcome:
            return outcome

        def reach(self) -> Unreachable | None:
            return outcome if isinstance(outcome, Unreachable) else None

    letter = EmailMessage()
    letter["To"] = "canary@acme.example"
    traced = spans.TracedTransport(Post())
    assert traced.deliver(letter) == outcome
    assert (traced.reach() is None) == (word != "server away")
    (span,) = by_name(kept)["mail delivery"]
    assert attributes(span) == {"twofold.outcome": word}
    assert "canary" not in span.to_json()


# --- as an operator runs it


def traced_server(folder: Path, url: str, endpoint: str, smtp: SmtpServer) -> Server:
    settings = {
        "TWOFOLD_DATABASE_URL": url,
        "TWOFOLD_KEYS": KEYS,
        "TWOFOLD_SMTP_URL": smtp.url,
        "TWOFOLD_TRACES": "on",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
        "OTEL_BSP_SCHEDULE_DELAY": "600000",  # so that all there is goes out when the process ends
        **variables(**CHEAP_SERVER),
    }
    return Server(folder / "server", settings=settings)


def test_a_collector_gets_a_whole_journey_and_none_of_its_secrets(
    sqlite_url: str, tmp_path: Path, smtp: SmtpServer
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with context_on(sqlite_url) as context:
        _, factor = People(context).protected(at=yesterday)
    with (
        Collector() as collector,
        traced_server(tmp_path, sqlite_url, collector.url, smtp) as server,
        client_to(server.url) as client,
    ):
        web_client, api = WebClient(client), Api(client)
        code = factor.phone.code(datetime.now(UTC))
        assert web_client.sign_in(ADA, PASSWORD, code).heading == "Profile"
        begun = api.post("/sign-ins", email=ADA, password=PASSWORD)
        done = api.post("/sign-ins/backup-code", sign_in=begun["sign_in"], backup_code=factor.backup_code)
        api.token = done["session_token"]
        assert api.get("/session").status == 200
        WebClient(client).submit(WebClient(client).get("/forgot-password"), "Send link", email=ADA)
        link = smtp.wait_for(ADA, subject="Choose a new password").link("/set-password/")
        owner = WebClient(client)
        owner.submit(owner.get(link), "Save password", new_password=NEW_PASSWORD)
        not_me = smtp.wait_for(ADA, subject="Your password was changed").link("/not-me/")
        WebClient(client).get(not_me)
        assert server.stop() == 0  # what is left is sent before the end
    names = {span.name for span in collector.spans}
    assert {
        "POST /sign-in", "POST /sign-in/code", "POST /api/v1/sign-ins/backup-code", "GET /api/v1/session",
        "GET /set-password/{token}", "POST /set-password", "GET /not-me/{token}", "GET /not-me", "password verify",
        "password hash", "database transaction", "mail delivery",
    } <= names  # fmt: skip
    assert set(collector.paths) == {"/v1/traces"}
    assert collector.resource["service.name"] == "twofold"
    assert collector.resource["deployment.environment.name"] == "test"
    secrets = [
        PASSWORD, NEW_PASSWORD, code, factor.backup_code, factor.phone.secret, begun["sign_in"], done["session_token"],
        done["client"], done["new_backup_code"], link.rpartition("/")[2], not_me.rpartition("/")[2], ADA, "tf_",
        *web_client.cookies.values(),
    ]  # fmt: skip
    everything = b"".join(collector.bodies)
    assert [secret for secret in secrets if secret.encode() in everything] == []


def test_a_collector_that_is_away_holds_nobody_up(sqlite_url: str, tmp_path: Path, smtp: SmtpServer) -> None:
    with traced_server(tmp_path, sqlite_url, f"http://127.0.0.1:{free_port()}", smtp) as server:
        assert server.status("/sign-in") == 200
        assert server.stop(seconds=8) == 0  # and was not killed


def test_without_asking_nothing_of_opentelemetry_is_imported(sqlite_url: str, tmp_path: Path) -> None:
    program = """
import sys
from twofold import app, cli
from twofold.operations import jobs
from twofold.operations.assembly import build_context
from twofold.settings import load
context = build_context(load({"TWOFOLD_DATA_DIR": sys.argv[1], "TWOFOLD_DATABASE_URL": sys.argv[2]}))
app.build_app(context)
jobs.worker_of(context)
ours = ("opentelemetry.sdk", "opentelemetry.trace", "opentelemetry.exporter", "twofold.kit.spans")
print([name for name in sys.modules if name.startswith(ours)])  # the framework looks for names of attributes itself
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), sqlite_url], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


def test_asking_for_traces_without_opentelemetry_is_answered_with_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['opentelemetry'] = None; from twofold.cli import main; main()"
    environment = {"TWOFOLD_TRACES": "on", "TWOFOLD_DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run(
        [sys.executable, "-c", program, "serve"], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2, ran
    assert "pip install 'twofold[otel]'" in ran.stderr
    assert "Traceback" not in ran.stderr
