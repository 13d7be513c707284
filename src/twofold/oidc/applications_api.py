"""The operator's API for applications, with an operator key."""

from datetime import timedelta
from typing import Any, assert_never

import msgspec
from litestar import Response, delete, get, patch, post

from twofold.directory.refusals import Refused
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick
from twofold.kit.http.problems import NOTHING, problem, refusals, write_refusals
from twofold.kit.http.requests import AnyRequest, client_info_of, context_of, row_id
from twofold.oidc import registration_flow
from twofold.oidc.application import Application, Registration
from twofold.oidc.application_bodies import (
    ApplicationAnswer,
    ApplicationChangeBody,
    ApplicationsAnswer,
    CreatedApplicationAnswer,
    NewApplicationBody,
    SecretAnswer,
)
from twofold.oidc.registration_flow import NewSecret, Shown
from twofold.provisioning import guard
from twofold.provisioning.views import refused_problem

TAGS = ["Applications"]
MINUTE = timedelta(minutes=1)


@get(
    "/applications", operation_id="listApplications", tags=TAGS, summary="List applications",
    responses=refusals(401, 403),
)  # fmt: skip
@quick
def list_applications(request: AnyRequest) -> Response[ApplicationsAnswer]:
    """List every application that signs people in through Twofold; with an operator key."""
    guard.operator(request, clock.now())
    found = registration_flow.list_applications(context_of(request).db)
    return Response(ApplicationsAnswer([_answer(shown) for shown in found]), status_code=200)


@get(
    "/applications/{client_id:str}", operation_id="showApplication", tags=TAGS, summary="Look at an application",
    responses=refusals(401, 403, 404),
)  # fmt: skip
@quick
def show_application(request: AnyRequest, client_id: str) -> Response[ApplicationAnswer]:
    """Look at one application; with an operator key. Its client secret is not shown again."""
    guard.operator(request, clock.now())
    wanted = row_id(client_id)
    found = None if wanted is None else registration_flow.find(context_of(request).db, wanted)
    return problem(404, "not_found") if found is None else Response(_answer(found), status_code=200)


@post(
    "/applications", operation_id="createApplication", tags=TAGS, summary="Register an application",
    responses=write_refusals(401, 403),
)  # fmt: skip
@quick
def create_application(request: AnyRequest, data: NewApplicationBody) -> Response[CreatedApplicationAnswer]:
    """Register an application. Its `client_secret` is in this answer alone; one that is public or has keys has none."""
    origin = _origin(request)
    made = registration_flow.create(context_of(request), Registration(**_given(data)), origin=origin)
    if isinstance(made, Refused):
        return refused_problem(made)
    shown = Shown(made.application, [] if made.secret is None else [made.application.created_at])
    answer = CreatedApplicationAnswer(**msgspec.structs.asdict(_answer(shown)), client_secret=made.secret)
    return Response(answer, status_code=201)


@patch(
    "/applications/{client_id:str}", operation_id="changeApplication", tags=TAGS, summary="Change an application",
    responses=write_refusals(401, 403, 404),
)  # fmt: skip
@quick
def change_application(request: AnyRequest, client_id: str, data: ApplicationChangeBody) -> Response[ApplicationAnswer]:
    """Change an application. Whether it is public is decided when it is registered."""
    origin, wanted = _origin(request), row_id(client_id)
    if wanted is None:
        return problem(404, "not_found")
    db = context_of(request).db
    outcome = registration_flow.change(db, wanted, _given(data), origin=origin)
    match outcome:
        case Application():
            found = registration_flow.find(db, wanted)
            return problem(404, "not_found") if found is None else Response(_answer(found), status_code=200)
        case Refused():
            return refused_problem(outcome)
        case None:
            return problem(404, "not_found")
        case _:
            assert_never(outcome)


@delete(
    "/applications/{client_id:str}", operation_id="deleteApplication", tags=TAGS, summary="Delete an application",
    responses=NOTHING | write_refusals(401, 403, 404), status_code=204,
)  # fmt: skip
@quick
def delete_application(request: AnyRequest, client_id: str) -> Response[None]:
    """Delete an application: nobody signs in to it any more."""
    origin, wanted = _origin(request), row_id(client_id)
    if wanted is None or not registration_flow.delete(context_of(request).db, wanted, origin=origin):
        return problem(404, "not_found")
    return Response(None, status_code=204)


@post(
    "/applications/{client_id:str}/secrets", operation_id="createApplicationSecret", tags=TAGS,
    summary="Make another client secret",
    responses=write_refusals(401, 403, 404),
)  # fmt: skip
@quick
def create_secret(request: AnyRequest, client_id: str) -> Response[SecretAnswer]:
    """Make another client secret; the newest one before it stays valid until the next is made, older ones end."""
    origin, wanted = _origin(request), row_id(client_id)
    made = None if wanted is None else registration_flow.rotate_secret(context_of(request), wanted, origin=origin)
    match made:
        case NewSecret(secret):
            return Response(SecretAnswer(secret), status_code=201)
        case Refused():
            return refused_problem(made)
        case None:
            return problem(404, "not_found")
        case _:
            assert_never(made)


def _origin(request: AnyRequest) -> Origin:
    """Return who acts: an operator key, or the answer that refuses the call."""
    at = clock.now()
    return Origin(at, client_info_of(request), guard.operator(request, at))


def _given(data: NewApplicationBody | ApplicationChangeBody) -> dict[str, Any]:
    """Return what was sent, as fields of a `Registration`."""
    given = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not msgspec.UNSET}
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        if name in given:
            given[name] = tuple(given[name])
    if "accounts" in given:
        given["accounts"] = frozenset(given["accounts"])
    if given.get("jwks") is not None:
        given["jwks"] = msgspec.json.encode(given["jwks"]).decode()
    if given.get("second_factor_age") is not None:
        given["second_factor_age"] *= MINUTE
    return given


def _answer(shown: Shown) -> ApplicationAnswer:
    application, age = shown.application, shown.application.second_factor_age
    return ApplicationAnswer(
        client_id=application.id,
        name=application.name,
        public=application.public,
        redirect_uris=list(application.redirect_uris),
        post_logout_redirect_uris=list(application.post_logout_redirect_uris),
        backchannel_logout_uri=application.backchannel_logout_uri,
        home_url=application.home_url,
        algorithm=application.algorithm,
        acr=application.acr,
        second_factor_age=None if age is None else age // MINUTE,
        pkce=application.pkce,
        accounts=sorted(application.accounts),
        jwks=None if application.jwks is None else msgspec.json.decode(application.jwks),
        jwks_uri=application.jwks_uri,
        assertion_algorithm=application.assertion_algorithm,
        jwt_access_tokens=application.jwt_access_tokens,
        first_party=application.first_party,
        created_at=application.created_at,
        secrets=shown.secrets,
    )


handlers = [
    list_applications, show_application, create_application, change_application, delete_application, create_secret,
]  # fmt: skip
