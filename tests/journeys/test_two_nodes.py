"""Two nodes behind nginx, on PostgreSQL, with TLS: people notice nothing of one that stops, starts, or is killed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.harness import processes
from tests.harness.api import Api
from tests.harness.authenticator import Authenticator
from tests.harness.contexts import KEYS, context_on
from tests.harness.nginx import HOST, Nginx
from tests.harness.people import PASSWORD, People
from tests.harness.ports import free_port
from tests.harness.processes import LONGEST
from tests.harness.server import Server, variables
from tests.harness.smtp import SmtpServer
from tests.harness.wire import client_to
from tests.journeys.conftest import World, now
from tests.journeys.steps import NEXT, backup_code, follow, heading, press, save, set_up, sign_out
from twofold.directory.user import User

ANONYMOUS = "203.0.113.66"  # what a client claims to be


@dataclass
class Cluster(World):
    """Two nodes on one database; `server` is the first."""

    other: Server
    nginx: Nginx
    smtp: SmtpServer

    @property
    def url(self) -> str:
        return self.nginx.url

    def bring_back(self, node: Server) -> None:
        """Start a node again, and wait until nginx gives it requests: until then the other one must stay."""
        node.start()
        done = len(node.logged)
        processes.wait_until(lambda: "/api/v1/session" in node.logged[done:], what="nginx comes back to the node")

    def client(self, local_address: str) -> httpx.Client:
        """Be a program, at an address of its own, that checks the certificate."""
        transport = httpx.HTTPTransport(verify=self.nginx.tls, local_address=local_address)
        return client_to(self.url, transport=transport)


@pytest.fixture
def cluster(postgresql_url: str, tmp_path: Path, smtp: SmtpServer) -> Iterator[Cluster]:
    """Start two nodes and nginx, as the example in deploy/ has it."""
    ports = (free_port(), free_port())
    nginx = Nginx(tmp_path / "nginx", ports)
    settings = {
        "database_url": postgresql_url, "base_url": nginx.url, "trusted_proxies": HOST, "keys": KEYS,
        "smtp_url": smtp.url, "mail_from": "login@operator.example",
    }  # fmt: skip
    named = variables(**settings)
    one, other = (Server(tmp_path / str(port), settings=named, port=port) for port in ports)
    with one, other, nginx, context_on(postgresql_url) as context:
        yield Cluster(one, People(context), other, nginx, smtp)


@dataclass
class Watcher:
    """Somebody who is signed in and asks again and again, whatever happens to the nodes."""

    answers: list[int] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def asking(api: Api) -> Iterator[Watcher]:
    """Check a session all the while; every answer is kept."""
    watcher = Watcher()

    def ask() -> None:
        while not watcher.over.wait(0.02):
            watcher.answers.append(api.get("/session").status)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield watcher
    finally:
        watcher.over.set()
        thread.join(LONGEST)


@pytest.mark.slow
def test_a_journey_goes_on_while_nodes_stop_and_start(cluster: Cluster, new_page: Callable[..., Page]) -> None:
    world, page = cluster, new_page(ignore_https_errors=True)
    grace = world.people.user("grace@acme.example", role="admin", name="Grace Hopper")
    ada = world.people.user("ada@acme.example", name="Ada Lovelace")
    with world.client("127.0.0.2") as client:
        api = Api(
            client,
            headers={"X-Forwarded-For": ANONYMOUS, "X-Real-IP": ANONYMOUS, "Forwarded": f"for={ANONYMOUS}"},
        )
        api.sign_in(grace.email, PASSWORD)
        with asking(api) as watcher:
            phone, code = set_up_on_the_other_node(world, page, ada)
            change_nodes_between_password_and_code(world, page, ada, phone)
            lose_a_node_at_the_new_backup_code(world, page, ada, code)
            assert api.post(f"/users/{ada.id}/two-factor-resets", reason="Her phone is lost.").status == 201
            token = confirm_the_reset_on_the_other_node(world, page, ada)
        assert len(watcher.answers) > 100
        assert [status for status in watcher.answers if status != 200] == []
        assert client.get("/metrics").status_code == 404
    assert {event.address for event in world.people.events("signed_in")} == {"127.0.0.1", "127.0.0.2"}
    world.sign_in(page, ada)
    expect(page.get_by_role("link", name="Configure")).to_be_visible()
    cookies = {cookie.get("name"): cookie.get("secure") for cookie in page.context.cookies()}
    assert cookies["__Host-twofold_session"] is True
    written = world.nginx.access_log.read_text()
    assert token not in written
    assert "/resets/..." in written


def set_up_on_the_other_node(world: Cluster, page: Page, ada: User) -> tuple[Authenticator, str]:
    """Sign in, lose the node, and set up."""
    world.sign_in(page, ada)
    heading(page, "Profile")
    world.server.stop()
    found = set_up(page)
    sign_out(page)
    return found


def change_nodes_between_password_and_code(world: Cluster, page: Page, ada: User, phone: Authenticator) -> None:
    """The attempt that one node has opened is gone on with by the other."""
    world.sign_in(page, ada)
    heading(page, "Enter your code")
    world.bring_back(world.server)
    world.other.stop()
    page.locator("#code").fill(phone.code(now() + NEXT))
    press(page, "Verify")
    heading(page, "Profile")
    sign_out(page)


def lose_a_node_at_the_new_backup_code(world: Cluster, page: Page, ada: User, code: str) -> None:
    """The new code rests in the attempt, so the other node shows it again when the first one is killed."""
    world.sign_in(page, ada)
    follow(page, "Use a backup code")
    page.locator("#backup_code").fill(code)
    press(page, "Continue")
    heading(page, "Your new backup code")
    shown = backup_code(page)
    world.bring_back(world.other)
    world.server.kill()
    page.reload()
    assert backup_code(page) == shown
    save(page, "Continue")
    heading(page, "Profile")


def confirm_the_reset_on_the_other_node(world: Cluster, page: Page, ada: User) -> str:
    """The letter may have been sent by either; return the token in it."""
    link = world.smtp.wait_for(ada.email, subject="reset").link("/resets/")
    assert link.startswith(f"{world.url}/resets/tf_reset_")
    world.bring_back(world.server)
    world.other.stop()
    page.goto(link)
    heading(page, "Confirm two-factor reset")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    press(page, "Confirm")
    heading(page, "Two-factor authentication is off")
    return link.rpartition("/")[2]
