"""The tokens of links leave by no side way: no log of a proxy or a server, no Referer; also while a node is away.

Real nginx, set up by the example in deploy/; the logs of the server itself at all levels: `attacks/test_secrets.py`.
"""

import contextlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page

from tests.attacks.mailed import KINDS, Stage, holder
from tests.conftest import Serve
from tests.harness.contexts import KEYS, client_of, context_on
from tests.harness.nginx import HOST, Nginx
from tests.harness.people import People
from tests.harness.ports import free_port
from tests.harness.recording_proxy import RecordingProxy
from tests.harness.server import Server, variables
from tests.harness.wire import client_to
from twofold.kit import clock
from twofold.kit.crypto.tokens import new_token

LINKS = {"reset": "resets", "forgot": "set-password", "not me": "not-me"}  # a kind for each address
LATER_KINDS = {"browser": "known-browser", "whatever": "a/kind/that/is/to/come"}


@pytest.fixture
def links(sqlite_url: str) -> dict[str, str]:
    """Mail a link of each kind; return the paths by tokens. Some lead nowhere yet, as those of later versions."""
    with context_on(sqlite_url) as context, client_of(context) as http:
        stage = Stage(People(context), http)
        found = {}
        for number, (kind, path) in enumerate(LINKS.items()):
            assert KINDS[kind].path == path
            token = stage.link(kind, holder(stage, kind, f"{number}@acme.example"), clock.now())
            found[token] = f"/{path}/{token}"
    later = {new_token(kind): path for kind, path in LATER_KINDS.items()}
    return found | {token: f"/{path}/{token}" for token, path in later.items()}


@contextlib.contextmanager
def that_hangs_up(port: int) -> Iterator[None]:
    """Be a node that takes requests and dies of them."""
    with socket.create_server((HOST, port)) as listening:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    taken, _ = listening.accept()
                    taken.recv(65536)
                    taken.close()

        threading.Thread(target=accept, daemon=True).start()
        yield
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def spellings(path: str) -> list[str]:
    """Write the path of a link as people, programs and attackers may."""
    head, _, token = path.rpartition("/")
    return [
        path, f"{path}/", f"/{path}", f"{path}?utm_source=mail", f"{path}/x", f"{path};x", f"{path}%00", f"{path}.",
        f"{head}/x{token}", f"{head}/%74{token[1:]}", f"{head}/TF{token[2:]}", f"{head.upper()}/{token}", f"/{token}",
    ]  # fmt: skip


def walk(nginx: Nginx, links: dict[str, str]) -> set[int]:
    """Open every link, in every spelling, by https and http; send its form as well."""
    seen = set()
    with client_to(verify=nginx.tls) as http:
        for path in links.values():
            for spelt in spellings(path):
                for url in (nginx.url, f"http://{HOST}:{nginx.plain_port}"):
                    for method in ("GET", "HEAD"):
                        with contextlib.suppress(httpx.RemoteProtocolError):
                            seen.add(http.request(method, url + spelt).status_code)
            own = {"Origin": nginx.url}
            seen.add(http.post(nginx.url + path, data={"answer": "nothing"}, headers=own).status_code)
            seen.add(http.post(nginx.url + path, content=b"x" * 100_000, headers=own).status_code)
            seen.add(http.get(f"{nginx.url}/sign-in").status_code)
    return seen


def test_no_log_of_a_proxy_or_a_server_holds_the_token_of_a_link(
    sqlite_url: str, links: dict[str, str], tmp_path: Path
) -> None:
    """Stops: a reader of logs who uses a link that went wrong, and so was not used up."""
    ports = (free_port(), free_port())
    nginx = Nginx(tmp_path / "nginx", ports)
    chosen = {"database_url": sqlite_url, "base_url": nginx.url, "trusted_proxies": HOST, "keys": KEYS, "worker": "off"}
    settings = variables(**chosen)
    node = Server(tmp_path / "node", settings=settings, port=ports[0])
    with nginx:
        with node:
            one_away = walk(nginx, links)
            with that_hangs_up(ports[1]):
                one_dying = walk(nginx, links)
        both_away = walk(nginx, links)
    assert {200, 301, 303, 404, 413} <= one_away & one_dying
    assert {301, 502} <= both_away

    logs = {file.name: file.read_text(errors="replace") for file in nginx.error_log.parent.glob("*.log")}
    logs["server.log"] = node.logged
    assert re.search(r'\[error\].*upstream.*"GET /sign-in', logs["error.log"]), "what goes wrong is told of others"
    assert "/resets/..." in logs["access.log"]
    assert "/not-me/{token}" in logs["server.log"]
    secrets = {token.split("_", 2)[2] for token in links}  # however the rest is spelt
    found = {
        f"{name}: {line[:200]}"
        for name, log in logs.items()
        for line in log.splitlines()
        if any(secret in line for secret in secrets)
    }
    assert found == set()


def test_no_browser_tells_the_token_to_whatever_the_page_loads(
    sqlite_url: str, links: dict[str, str], serve: Serve, new_page: Callable[..., Page]
) -> None:
    """Stops: a token in the Referer of a style sheet, a script, or the page that comes next."""
    port = free_port()
    server = serve(sqlite_url, base_url=f"http://{HOST}:{port}", worker="off")
    with RecordingProxy(port, server.port) as proxy:
        for token, path in links.items():
            if path.split("/")[1] not in LINKS.values():
                continue
            page, before = new_page(), len(proxy.sent)
            page.goto(f"http://{HOST}:{port}{path}")
            assert token not in page.url
            page.reload()
            page.goto(f"http://{HOST}:{port}/help/two-factor")
            sent = proxy.sent[before:].decode("latin-1")
            assert "/static/twofold.css" in sent
            referers = set(re.findall(r"^referer: (.*)$", sent, re.MULTILINE | re.IGNORECASE))
            assert {one.strip() for one in referers} == {f"http://{HOST}:{port}/"}
            told = [line for line in sent.splitlines() if token in line and not line.lower().startswith("cookie:")]
            assert told == [f"GET {path} HTTP/1.1"]
