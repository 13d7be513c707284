"""Pages that need nobody to be signed in: how to set up the four apps, questions and answers, the API to read."""

from functools import lru_cache
from typing import Any

from litestar import Litestar, get

from twofold.help import reference_views
from twofold.kit import clock
from twofold.kit.http.compression import public
from twofold.kit.http.pools import quick
from twofold.kit.http.problems import TITLES
from twofold.kit.http.render import page
from twofold.kit.http.requests import AnyRequest, AnyResponse, context_of
from twofold.sessions import guard


@get("/help/authenticator-apps")
@quick
def authenticator_apps(request: AnyRequest) -> AnyResponse:
    """Tell how each of the four apps is set up, step by step."""
    return public(request, page(request, "help/authenticator_apps.html", viewer=_viewer(request)))


@get("/help/two-factor")
@quick
def two_factor(request: AnyRequest) -> AnyResponse:
    """Answer what people ask about two-factor authentication."""
    possible = context_of(request).settings.passkey_domain is not None
    return public(request, page(request, "help/two_factor.html", viewer=_viewer(request), passkeys=possible))


@get("/api/docs", include_in_schema=False)
@quick
def api_reference(request: AnyRequest) -> AnyResponse:
    """Show the API's description as a page to read; the same for machines is /api/openapi.json."""
    schema = _described(request.app)
    shown = page(
        request, "api/reference.html", title=schema["info"]["title"], version=schema["info"]["version"],
        groups=reference_views.groups(schema), any_call=reference_views.any_call(), codes=TITLES,
    )  # fmt: skip
    return public(request, shown)


@lru_cache(maxsize=1)  # putting it together takes longer than all else on this page
def _described(app: Litestar) -> dict[str, Any]:
    return app.openapi_schema.to_schema()


def _viewer(request: AnyRequest) -> guard.Viewer | None:
    session = guard.session_of_page(request, clock.now())
    return None if session is None else guard.viewer_of(session)


handlers = [authenticator_apps, two_factor, api_reference]
