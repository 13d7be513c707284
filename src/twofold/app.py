"""Where everything meets: the context is built, the features' handlers are collected, refusals get their answers."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import metadata
from typing import Any, cast

import structlog
from litestar import Litestar, Request, Response, Router
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import ASGIApp

from twofold import redaction
from twofold.admin import act_pages as admin_act_pages
from twofold.admin import acts_api as admin_acts_api
from twofold.admin import adoption_pages as admin_adoption_pages
from twofold.admin import invite_pages as admin_invite_pages
from twofold.admin import people_pages as admin_people_pages
from twofold.admin import policy_api as admin_policy_api
from twofold.admin import policy_pages as admin_policy_pages
from twofold.admin import remind_all_pages as admin_remind_all_pages
from twofold.admin import time_zone_pages as admin_time_zone_pages
from twofold.admin import users_api as admin_users_api
from twofold.directory import preference_flow
from twofold.factors import api as factors_api
from twofold.factors import change_pages as factors_change_pages
from twofold.factors import pages as factors_pages
from twofold.factors import passkey_api as factors_passkey_api
from twofold.factors import passkey_pages as factors_passkey_pages
from twofold.help import pages as help_pages
from twofold.kit import logs, metrics, tracing
from twofold.kit.context import AppContext
from twofold.kit.crypto import private_memory
from twofold.kit.http import leaving
from twofold.kit.http.edge import SAFE_METHODS, Edge
from twofold.kit.http.gate import Gate
from twofold.kit.http.machine import ELSEWHERE, paths_with
from twofold.kit.http.pools import ThreadPools
from twofold.kit.http.problems import problem
from twofold.kit.http.render import environment
from twofold.kit.http.request_limits import Limited
from twofold.kit.http.requests import API_ROOT
from twofold.kit.http.single_headers import SingleHeaders
from twofold.kit.http.static import static_file
from twofold.kit.mail.smtp import Transport
from twofold.kit.static_files import files_of
from twofold.kit.threads import PROCESSES
from twofold.oidc import (
    account_pages,
    applications_api,
    authorize_pages,
    discovery_api,
    end_session_pages,
    own_pages,
    token_api,
    userinfo_api,
)
from twofold.operations import first_series, health, jobs, limiting, metrics_endpoint, registries, server
from twofold.operations.assembly import build_context
from twofold.operations.error_answers import EXCEPTION_HANDLERS, http_error, refusals
from twofold.operations.worker import Worker
from twofold.profile import api as profile_api
from twofold.profile import pages as profile_pages
from twofold.profile import preference_pages
from twofold.provisioning import abuse_api
from twofold.provisioning import api as provisioning_api
from twofold.recovery import browser_pages
from twofold.recovery import pages as recovery_pages
from twofold.resets import api as resets_api
from twofold.resets import case_pages as resets_case_pages
from twofold.resets import pages as resets_pages
from twofold.settings import load
from twofold.signin import api as signin_api
from twofold.signin import pages as signin_pages
from twofold.signin import passkey_api as signin_passkey_api
from twofold.signin import passkey_pages as signin_passkey_pages
from twofold.signin import set_up_pages, step_up_api, step_up_pages
from twofold.support import act_pages as support_act_pages
from twofold.support import audit_api, audit_pages
from twofold.support import pages as support_pages

LARGEST_BODY = 64 * 1024

PAGES = [
    *signin_pages.handlers,
    *signin_passkey_pages.handlers,
    *set_up_pages.handlers,
    *step_up_pages.handlers,
    *factors_pages.handlers,
    *factors_change_pages.handlers,
    *factors_passkey_pages.handlers,
    *profile_pages.handlers,
    *preference_pages.handlers,
    *resets_case_pages.handlers,
    *resets_pages.handlers,
    *recovery_pages.handlers,
    *browser_pages.handlers,
    *admin_people_pages.handlers,
    *admin_act_pages.handlers,
    *admin_invite_pages.handlers,
    *admin_policy_pages.handlers,
    *admin_time_zone_pages.handlers,
    *admin_adoption_pages.handlers,
    *admin_remind_all_pages.handlers,
    *support_pages.handlers,
    *support_act_pages.handlers,
    *audit_pages.handlers,
    *authorize_pages.handlers,
    *end_session_pages.handlers,
    *own_pages.handlers,
    *account_pages.handlers,
    *discovery_api.handlers,
    *help_pages.handlers,
    *health.handlers,
    static_file,
]
# What applications call: forms and tokens, no cookie.
PROGRAMS = [*token_api.handlers, *userinfo_api.handlers]
API = [
    *signin_api.handlers,
    *signin_passkey_api.handlers,
    *step_up_api.handlers,
    *factors_api.handlers,
    *factors_passkey_api.handlers,
    *profile_api.handlers,
    *provisioning_api.handlers,
    *abuse_api.handlers,
    *resets_api.handlers,
    *admin_users_api.handlers,
    *admin_acts_api.handlers,
    *admin_policy_api.handlers,
    *audit_api.handlers,
    *applications_api.handlers,
]

log = structlog.get_logger()


def build_app(
    context: AppContext,
    *,
    demo: Sequence[Any] = (),
    demo_people: Any = None,
    transport: Transport | None = None,
    serves: bool = False,
) -> ASGIApp:
    """Build the ASGI application of an application.

    One that `serves` requests does what every node has to, such as obeying the block list. With a `transport` the work
    behind the pages is done here as well, and letters go there: for a demo. A server has a process of its own for it.

    Raises:
        IncompleteRegistry: a kind of event or letter lacks something that belongs to it.

    """
    registries.check()
    settings = context.settings
    gate, files = Gate(settings.trusted_proxies), files_of(settings)
    app = Litestar(
        route_handlers=_routers(demo),
        exception_handlers=cast("Any", EXCEPTION_HANDLERS),
        lifespan=[_lifespan],
        logging_config=None,
        openapi_config=_openapi(),
        request_max_body_size=LARGEST_BODY,
        state=State(
            {
                "context": context,
                "choices_of": preference_flow.choices_of_user,
                "pages": environment(settings, files),
                "files": files,
                "demo_people": demo_people,
                "transport": transport,
                "gate": gate,
                "serves": serves,
            }
        ),
    )
    inner = SingleHeaders(limiting.before(app))
    from_elsewhere = paths_with(app, ELSEWHERE)
    return Limited(
        Edge(inner, settings, metrics.observe_request, refusals(app.state.pages), gate, from_elsewhere=from_elsewhere)
    )


def _routers(demo: Sequence[Any]) -> list[Router]:
    """Put the handlers of pages and calls under their paths."""
    return [
        Router("/", route_handlers=[*PAGES, *PROGRAMS, *demo], before_request=_no_nul, include_in_schema=False),
        Router(API_ROOT, route_handlers=API, before_request=_only_json, security=[{"session": []}]),
    ]


def from_environment() -> ASGIApp:
    """Build the application from the environment, for the server's worker processes."""
    private_memory.keep()
    server.end_with_parent()
    logs.configure()
    redaction.guard_tracebacks()
    settings = load(os.environ)
    tools = tracing.tools(settings)
    tools.begin()
    first_series.begin()
    processes = int(os.environ.get(PROCESSES, "1"))
    app = tools.application(build_app(build_context(settings, processes), serves=True))
    gc.freeze()  # what is here now stays: the collector need not look through it again and again
    return app


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    context: AppContext = app.state.context
    quick_threads = 4 if context.settings.on_sqlite else context.settings.pool_size
    leaving.say_so_first(context.settings.leave_notice)
    app.state.pools = ThreadPools(
        quick_threads=quick_threads,
        password_threads=context.hasher.callers,
        anonymous_threads=1 if context.settings.on_sqlite else max(1, context.settings.pool_size // 4),
    )
    transport: Transport | None = app.state.transport
    workers = [] if transport is None else [jobs.worker_of(context, transport)]
    if app.state.serves:
        workers.append(Worker(context, jobs.of_every_node(app.state.gate)))
    for each in workers:
        each.start()
    sampling = asyncio.create_task(metrics_endpoint.sample(context.db, app.state.pools))
    stopped = asyncio.Event()
    counting = asyncio.create_task(limiting.keep_writing_down(app, stopped))
    try:
        yield
    finally:
        sampling.cancel()
        stopped.set()
        await counting
        for each in workers:
            await asyncio.to_thread(each.stop)
        app.state.pools.close()
        context.db.close()
        await asyncio.to_thread(tracing.tools(context.settings).end)


async def _only_json(request: Request[Any, Any, Any]) -> Response[Any] | None:
    """Refuse bodies that are not declared as JSON: a form of another site can send text, but not this."""
    if request.method not in SAFE_METHODS:
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
        if has_body and kind != "application/json":
            return problem(415, "unsupported_media_type")
        if has_body and (wrong := _no_text(await request.body())):
            return problem(400, "invalid_request", detail=wrong, fields=["body"])
    if _has_nul(request):
        return problem(400, "invalid_request", detail="query: it holds the character NUL", fields=["query"])
    return None


def _no_text(body: bytes) -> str:
    """Say why a body is no text: whoever reads the JSON in it takes that for an error of its own."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return "body: it is not UTF-8"
    return "No text may hold the character NUL." if rb"\u0000" in body else ""


def _has_nul(request: Request[Any, Any, Any]) -> bool:
    """Tell whether an address holds the character NUL, which no text of PostgreSQL can hold."""
    return b"%00" in request.scope["query_string"]


async def _no_nul(request: Request[Any, Any, Any]) -> Response[Any] | None:
    """Refuse the character NUL in an address, as forms and bodies do."""
    return http_error(request, HTTPException(status_code=400)) if _has_nul(request) else None


def _openapi() -> OpenAPIConfig:
    bearer = SecurityScheme(type="http", scheme="bearer", description="A session token, or an operator key.")
    return OpenAPIConfig(
        title="Twofold API",
        version=metadata.version("twofold"),
        path="/api",
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        use_handler_docstrings=True,
        components=Components(security_schemes={"session": bearer}),
    )
