"""A network that is shut out: written down once, obeyed by pages and API, logged, and over when its time is."""

from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest

from tests.conftest import Serve
from tests.harness import wire
from tests.harness.clock import NOON, later
from tests.harness.contexts import context_on
from tests.harness.people import People
from tests.harness.processes import wait_until
from tests.harness.server import Server
from twofold.abuse import block_flow
from twofold.abuse import flow as abuse
from twofold.abuse.blocklist import Block, Blocklist, WrongNetwork
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.http.gate import Gate

NETWORK, INSIDE, OUTSIDE = "198.51.100.0/24", "198.51.100.66", "192.0.2.7"


def block(people: People, network: str = NETWORK, *, hours: float | None = None) -> Block:
    made = block_flow.block(
        people.context, network, reason="It guesses passwords.", life=None if hours is None else timedelta(hours=hours),
        origin=Origin(NOON, actor=acting.CONSOLE),
    )  # fmt: skip
    assert isinstance(made, Block), made
    return made


def in_force(people: People, *, hours: float = 0) -> Blocklist:
    return block_flow.in_force(people.context.db, later(hours=hours))


def test_a_block_holds_until_it_is_lifted(people: People) -> None:
    made = block(people)
    assert in_force(people, hours=10_000).blocks(INSIDE)
    lifted = block_flow.unblock(
        people.context.db, made.id, reason="A mistake.", origin=Origin(NOON, actor=acting.CONSOLE)
    )
    assert lifted == made
    assert not in_force(people)
    assert (
        block_flow.unblock(people.context.db, made.id, reason="Again.", origin=Origin(NOON, actor=acting.CONSOLE))
        is None
    )


def test_a_block_with_an_end_is_over_by_itself_and_then_forgotten(people: People) -> None:
    block(people, hours=2)
    assert in_force(people, hours=1.99).blocks(INSIDE)
    assert not in_force(people, hours=2)
    with people.context.db.write() as connection:
        abuse.forget_old(connection, later(hours=2))
    assert block_flow.list_blocks(people.context.db) == []


def test_a_second_block_of_a_network_replaces_the_first(people: People) -> None:
    first = block(people, hours=2)
    second = block(people, hours=4)
    assert [one.until for one in block_flow.list_blocks(people.context.db)] == [later(hours=4)]
    assert first.id == second.id


def test_a_trusted_proxy_cannot_be_blocked(database_url: str) -> None:
    with context_on(database_url, trusted_proxies=(ip_network("10.0.0.5/32"),)) as context:
        outcome = block_flow.block(
            context, "10.0.0.0/16", reason="A slip.", life=None, origin=Origin(NOON, actor=acting.CONSOLE),
        )  # fmt: skip
        assert isinstance(outcome, WrongNetwork)
        assert block_flow.list_blocks(context.db) == []


def test_blocking_and_lifting_stand_in_the_log_with_their_reason(people: People) -> None:
    made = block(people)
    block_flow.unblock(people.context.db, made.id, reason="A mistake.", origin=Origin(NOON, actor=acting.CONSOLE))
    blocked, lifted = people.events("network_blocked"), people.events("network_unblocked")
    assert [event.reason for event in (*blocked, *lifted)] == ["It guesses passwords.", "A mistake."]


def request(address: str, path: str = "/sign-in", forwarded: Sequence[str] = ()) -> Any:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return {"type": "http", "path": path, "client": (address, 4711), "headers": headers}


@pytest.fixture
def gate() -> Gate:
    shut = Gate((ip_network("10.0.0.5/32"),))
    shut.apply(Blocklist([NETWORK]))
    return shut


def test_a_gate_without_a_list_shuts_nobody_out() -> None:
    assert not Gate(()).is_blocked(request(INSIDE))


def test_a_gate_looks_at_the_address_that_a_trusted_proxy_names(gate: Gate) -> None:
    assert gate.is_blocked(request(INSIDE))
    assert not gate.is_blocked(request(OUTSIDE))
    assert gate.is_blocked(request("10.0.0.5", forwarded=[INSIDE]))
    assert gate.is_blocked(request("10.0.0.5", forwarded=[OUTSIDE, INSIDE]))
    assert not gate.is_blocked(request("10.0.0.5", forwarded=[INSIDE, OUTSIDE]))
    assert gate.is_blocked(request(INSIDE, forwarded=[OUTSIDE])), "written by the client itself"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_gate_lets_a_look_at_the_health_pass(gate: Gate, path: str) -> None:
    assert not gate.is_blocked(request(INSIDE, path))


def test_every_worker_of_a_running_server_obeys_within_seconds(database_url: str, serve: Serve) -> None:
    server = serve(database_url, workers=2, worker="off", trusted_proxies="127.0.0.1")
    inside = {"X-Forwarded-For": INSIDE}
    with context_on(database_url) as context:
        made = block_flow.block(
            context, INSIDE, reason="It guesses passwords.", life=None, origin=Origin(NOON, actor=acting.CONSOLE),
        )  # fmt: skip
        assert isinstance(made, Block)
        wait_until(lambda: statuses(server, "/sign-in", inside) == {403}, what="the block to hold", every=0.2)
        page = wire.get(f"{server.url}/sign-in", headers=inside)
        assert "Your network is blocked" in page.text
        assert "content-security-policy" in page.headers
        call = wire.get(f"{server.url}/api/v1/session", headers=inside)
        assert (call.status_code, call.json()["code"]) == (403, "network_blocked")
        assert statuses(server, "/sign-in", {"X-Forwarded-For": OUTSIDE}) == {200}
        block_flow.unblock(context.db, made.id, reason="A mistake.", origin=Origin(NOON, actor=acting.CONSOLE))
    wait_until(lambda: statuses(server, "/sign-in", inside) == {200}, what="the lifting", every=0.2)


def statuses(server: Server, path: str, headers: dict[str, str]) -> set[int]:
    """Ask often enough, each time on a connection of its own, to meet every worker."""
    return {wire.get(f"{server.url}{path}", headers=headers).status_code for _ in range(12)}
