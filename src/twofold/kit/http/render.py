"""Pages: templates rendered to answers."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlencode

import jinja2
from litestar import Response
from litestar.datastructures import Cookie
from litestar.enums import MediaType

from twofold.kit import moments
from twofold.kit.http.requests import AnyRequest, AnyResponse, context_of, reader_id, zone_of_browser
from twofold.kit.moments import Choices, Reader, preferred_language
from twofold.kit.static_files import StaticFiles
from twofold.kit.templates import template_environment
from twofold.settings import Settings

READER = "twofold_reader"  # in the scope of a request: who reads its answer, once that was asked


def environment(settings: Settings, files: StaticFiles) -> jinja2.Environment:
    """Build the template environment of pages."""
    made = template_environment()
    made.filters.update(groups=groups, changed=changed)
    made.globals.update(
        static=files.url,
        files=files,
        product=settings.product_name,
        home_url=settings.home_url,
        own_links=settings.links,
        support_email=settings.support_email,
    )
    return made


def page(
    request: AnyRequest,
    template: str,
    status: int = 200,
    *,
    cookies: list[Cookie] | None = None,
    **context: Any,
) -> AnyResponse:
    """Render a template to an answer.

    Raises:
        jinja2.TemplateError: there is no such template, or it names what `context` lacks.

    """
    context.setdefault("errors", {})
    context.setdefault("viewer", None)
    context.setdefault("query", request.query_params)
    with moments.read_by(lambda: reader_of(request)):
        html = request.app.state.pages.get_template(template).render(context)
    return Response(html, status_code=status, media_type=MediaType.HTML, cookies=cookies or [])


def see_other(path: str, cookies: list[Cookie] | None = None) -> AnyResponse:
    """Send the browser on to another page with a GET, so that reloading repeats nothing."""
    return Response(b"", status_code=303, headers={"Location": path}, cookies=cookies or [], media_type=MediaType.HTML)


def problem_page(
    request: AnyRequest,
    status: int,
    heading: str,
    what: str,
    todo: str,
    link: tuple[str, str] | None = None,
) -> AnyResponse:
    """Answer with a page that says what happened and what to do."""
    return page(request, "errors/problem.html", status, heading=heading, what=what, todo=todo, link=link)


def reader_of(request: AnyRequest) -> Reader:
    """Return who reads the answer: as they chose, else as their browser says, else in the zone of their account."""
    kept: Reader | None = cast("dict[str, Any]", request.scope).get(READER)
    return kept or _find_reader(request)


def _find_reader(request: AnyRequest) -> Reader:
    user_id = reader_id(request)
    chosen = Choices() if user_id is None else request.app.state.choices_of(context_of(request), user_id)
    zone = chosen.zone or zone_of_browser(request)
    language = chosen.language or preferred_language(request.headers.get("accept-language", ""))
    reader = Reader(language, zone or chosen.account_zone, zone_is_theirs=zone is not None)
    cast("dict[str, Any]", request.scope)[READER] = reader
    return reader


def groups(text: str) -> str:
    """Split a key into groups of four."""
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def changed(query: Mapping[str, str], **parts: str) -> str:
    """Return a link to the page itself with other parts of its query."""
    return "?" + urlencode({**query, **parts})
