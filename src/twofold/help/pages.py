"""Pages that need nobody to be signed in: how to set up the four apps, questions and answers, the API to read."""

from typing import Any

from litestar import get

from twofold.kit import clock
from twofold.kit.http.compression import public
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page
from twofold.kit.http.requests import AnyRequest, AnyResponse
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
    return public(request, page(request, "help/two_factor.html", viewer=_viewer(request)))


@get("/api/docs", include_in_schema=False)
@quick
def api_reference(request: AnyRequest) -> AnyResponse:
    """Show the API's description as a page to read; the same for machines is /api/openapi.json."""
    schema = request.app.openapi_schema.to_schema()
    shown = page(
        request, "api/reference.html", title=schema["info"]["title"], version=schema["info"]["version"],
        groups=_groups(schema),
    )  # fmt: skip
    return public(request, shown)


def _viewer(request: AnyRequest) -> guard.Viewer | None:
    session = guard.session_of_page(request, clock.now())
    return None if session is None else guard.viewer_of(session)


def _groups(schema: dict[str, Any]) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, calls in schema["paths"].items():
        for method, call in calls.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                group = groups.setdefault((call.get("tags") or ["Other"])[0], [])
                group.append(_call(schema, path, method, call))
    return [{"name": name, "calls": calls} for name, calls in groups.items()]


def _call(schema: dict[str, Any], path: str, method: str, call: dict[str, Any]) -> dict[str, Any]:
    return {
        "method": method,
        "path": path,
        "summary": call.get("summary") or "",
        "description": call.get("description") or "",
        "body_fields": _body_fields(schema, call),
        "answers": [
            {"status": status, "description": answer.get("description", "")}
            for status, answer in sorted(call["responses"].items())
        ],
    }


def _body_fields(schema: dict[str, Any], call: dict[str, Any]) -> list[dict[str, Any]]:
    content = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    body = schema["components"]["schemas"].get(content.get("$ref", "").rpartition("/")[2], {})
    return [
        {
            "name": name,
            "type": _type(field),
            "required": name in body.get("required", []),
            "description": field.get("description", ""),
        }
        for name, field in body.get("properties", {}).items()
    ]


def _type(field: dict[str, Any]) -> str:
    kinds = [_type(option) for option in field.get("oneOf", [])] or [str(field.get("type", "object"))]
    return " or ".join(dict.fromkeys(kinds))


handlers = [authenticator_apps, two_factor, api_reference]
