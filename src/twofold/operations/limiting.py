"""The limits of anonymous requests: which routes say what they cost, the answers, rendered once, the counts.

What was refused is counted in memory, by network and kind, and written down every few seconds (abuse.flow): a flood
costs a row an hour and network, and one line of the log each time.
"""

import asyncio
import contextlib
from functools import partial
from typing import cast

import jinja2
import structlog
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp

from twofold.abuse import flow as abuse
from twofold.kit import clock
from twofold.kit.context import AppContext
from twofold.kit.http.anonymous import LIMITED, AnonymousLimits, Answers
from twofold.kit.http.limits import Counts, Kind
from twofold.kit.http.machine import PROGRAMS, paths_with
from twofold.kit.http.problems import problem_body
from twofold.kit.static_files import StaticFiles
from twofold.kit.words import gettext as _

WRITTEN_DOWN_EVERY = 5.0  # seconds
RETRY_AFTER = 2  # seconds after which somebody who was told 503 may try again
CANNOT_ANSWER = _("We cannot answer right now. Nothing of what you entered was used.")
WAIT_AND_RELOAD = _("Wait a few seconds, then reload the page.")

log = structlog.get_logger()


def before(app: Litestar) -> ASGIApp:
    """Put the limits before an application."""
    context = cast("AppContext", app.state.context)
    anonymous = AnonymousLimits(
        app,
        context.settings,
        _routes(app),
        _never_limited(app.state.files),
        _answers(app.state.pages),
        paths_with(app, PROGRAMS),
        vault=lambda: cast("AppContext", app.state.context).vault,
        pools=lambda: app.state.get("pools"),
    )
    app.state.refused = anonymous.counts
    return anonymous


async def keep_writing_down(app: Litestar, stopped: asyncio.Event) -> None:
    """Store every five seconds what was refused, and once more when it is to stop: cancelled, it would lose counts."""
    while not stopped.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), WRITTEN_DOWN_EVERY)
        await write_down(app)


async def write_down(app: Litestar) -> None:
    """Store what was refused since the last time; where the database or the pool cannot take it, it is kept."""
    counts: Counts = app.state.refused
    taken = counts.take()
    if not taken:
        return
    log.warning("requests limited", requests=sum(taken.values()), networks=len({network for network, _ in taken}))
    context: AppContext = app.state.context
    rows = [(network, kind.value, times) for (network, kind), times in taken.items()]
    try:
        await app.state.pools.quick.run(partial(abuse.count_limited, context.db, rows, clock.now()))
    except Exception as error:  # noqa: BLE001 - whatever it is, the counts are kept and the next time comes
        counts.put_back(taken)
        log.warning("requests limited: not written down yet", error=type(error).__name__)


def _never_limited(files: StaticFiles) -> frozenset[str]:
    """List what is cheap, and asked by those who must be answered: browsers with a page, and who watches this node."""
    return frozenset({"/healthz", "/readyz", *(f"/static/{name}" for name in files.by_name)})


def _routes(app: Litestar) -> dict[tuple[str, str], Kind]:
    """Collect the kinds that handlers say of themselves."""
    return {
        (str(method), route.path): handler.opt[LIMITED]
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if LIMITED in handler.opt
        for method in handler.http_methods
    }


def _answers(pages: jinja2.Environment) -> dict[bool, Answers]:
    """Render what anonymous requests are refused with, once: for pages (False) and for the API (True)."""
    codes = {kind: "too_many_attempts" if kind is Kind.PASSWORD else "too_many_requests" for kind in Kind}
    too_many_page = pages.get_template("errors/problem.html").render(
        heading=_("Too many requests from your network"),
        what=_(
            "Somebody on your network, or in your organisation, is asking for more than we answer. Nothing of what you "
            "entered was used."
        ),
        todo=_("Wait a minute, then try again. If it goes on, tell the people who run your network."),
        link=None, errors={}, viewer=None,
    )  # fmt: skip
    busy_page = pages.get_template("errors/problem.html").render(
        heading=_("Try again in a moment"), what=CANNOT_ANSWER, todo=WAIT_AND_RELOAD, link=None, errors={}, viewer=None
    )
    return {
        False: Answers(dict.fromkeys(Kind, too_many_page.encode()), busy_page.encode(), RETRY_AFTER),
        True: Answers(
            {kind: problem_body(429, codes[kind]) for kind in Kind}, problem_body(503, "unavailable"), RETRY_AFTER
        ),
    }
