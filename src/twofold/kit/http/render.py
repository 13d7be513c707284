"""Pages: templates rendered to answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import jinja2
from babel.dates import format_date
from litestar import Response
from litestar.datastructures import Cookie
from litestar.enums import MediaType

from twofold.kit import clock
from twofold.kit.http.requests import AnyRequest, AnyResponse
from twofold.kit.static_files import StaticFiles
from twofold.kit.templates import template_environment
from twofold.settings import Settings


def environment(settings: Settings, files: StaticFiles) -> jinja2.Environment:
    """Build the template environment of pages."""
    made = template_environment()
    made.filters.update(moment=moment, groups=groups, changed=changed)
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


def moment(at: datetime) -> str:
    """Say a time as a person does: the hour today, with the date on other days; in UTC, and said so."""
    if at.date() == clock.now().date():
        return f"{at:%H:%M} UTC"
    return f"{format_date(at, 'd MMMM y', locale='en')}, {at:%H:%M} UTC"


def groups(text: str) -> str:
    """Split a key into groups of four."""
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def changed(query: Mapping[str, str], **parts: str) -> str:
    """Return a link to the page itself with other parts of its query."""
    return "?" + urlencode({**query, **parts})
