"""The operator's API against abuse: who is refused most, and which networks are blocked."""

from datetime import timedelta
from typing import Annotated

from litestar import Response, get, post
from litestar.params import Parameter

from twofold.abuse import block_flow, report_flow
from twofold.abuse.blocklist import WrongNetwork
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.pools import quick
from twofold.kit.http.problems import problem, refusals, write_refusals
from twofold.kit.http.requests import AnyRequest, client_info_of, context_of, row_id
from twofold.provisioning import guard
from twofold.provisioning.abuse_bodies import (
    AbuseAnswer,
    BlockAnswer,
    BlockBody,
    BlocksAnswer,
    LiftBody,
    RefusedNetwork,
    UserAimedAt,
)

TAGS = ["Abuse"]

Hours = Annotated[int, Parameter(ge=1, le=24, description="How far to look back.")]


@get("/abuse", operation_id="showAbuse", tags=TAGS, summary="See who is refused", responses=refusals(401, 403))
@quick
def show_abuse(request: AnyRequest, hours: Hours = 1) -> Response[AbuseAnswer]:
    """See which networks were refused most in the last hours, and at whom they aimed; with an operator key."""
    at = clock.now()
    guard.operator(request, at)
    found = report_flow.report(context_of(request).db, at, timedelta(hours=hours))
    networks = [RefusedNetwork(*one) for one in found.networks]
    users = [UserAimedAt(*one) for one in found.users]
    return Response(AbuseAnswer(found.since, found.complete, found.kinds, networks, users), status_code=200)


@get(
    "/abuse/blocks", operation_id="listNetworkBlocks", tags=TAGS, summary="List blocked networks",
    responses=refusals(401, 403),
)  # fmt: skip
@quick
def list_blocks(request: AnyRequest) -> Response[BlocksAnswer]:
    """List the networks that are shut out; with an operator key."""
    guard.operator(request, clock.now())
    blocks = [BlockAnswer(*block) for block in block_flow.list_blocks(context_of(request).db)]
    return Response(BlocksAnswer(blocks), status_code=200)


@post(
    "/abuse/blocks", operation_id="blockNetwork", tags=TAGS, summary="Block a network",
    responses=write_refusals(401, 403),
)  # fmt: skip
@quick
def block(request: AnyRequest, data: BlockBody) -> Response[BlockAnswer]:
    """Shut a network out, on every node within seconds: its people can neither sign in nor use a session."""
    at = clock.now()
    actor = guard.operator(request, at)
    life = None if data.hours is None else timedelta(hours=data.hours)
    outcome = block_flow.block(
        context_of(request),
        data.network,
        reason=data.reason,
        life=life,
        origin=Origin(at, client_info_of(request), actor),
    )
    if isinstance(outcome, WrongNetwork):
        return problem(400, "invalid_request", detail=f"network: {outcome.why}", fields=["network"])
    return Response(BlockAnswer(*outcome), status_code=201)


@post(
    "/abuse/blocks/{block:str}/lift",
    operation_id="liftNetworkBlock",
    tags=TAGS,
    summary="Let a network in again",
    responses=write_refusals(401, 403, 404),
    status_code=200,
)
@quick
def unblock(request: AnyRequest, block: str, data: LiftBody) -> Response[BlockAnswer]:
    """Let a network in again; the answer is the block that was lifted."""
    at = clock.now()
    actor = guard.operator(request, at)
    wanted = row_id(block)
    lifted = None if wanted is None else block_flow.unblock(
        context_of(request).db, wanted, reason=data.reason, origin=Origin(at, client_info_of(request), actor),
    )  # fmt: skip
    return problem(404, "not_found") if lifted is None else Response(BlockAnswer(*lifted), status_code=200)


handlers = [show_abuse, list_blocks, block, unblock]
