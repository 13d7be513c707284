"""The limits of the nginx example, asked of nginx itself: no node stands behind it, so what passes is a 502."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.harness.nginx import Nginx
from tests.harness.ports import free_port
from tests.harness.wire import client_to
from twofold.kit.http.limits import BUDGETS, PASSWORDS, Kind

PASSES, LIMITED = 502, 429
COOKIE, BEARER = {"Cookie": "twofold_session=x"}, {"Authorization": "Bearer x"}


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[tuple[Nginx, httpx.Client]]:
    with (
        Nginx(tmp_path / "nginx", [free_port(), free_port()], to_strangers=True) as nginx,
        client_to(nginx.url, verify=nginx.tls) as http,
    ):
        yield nginx, http


def statuses(
    http: httpx.Client, method: str, path: str, times: int, headers: dict[str, str] | None = None
) -> list[int]:
    return [http.request(method, path, headers=headers or {}).status_code for _ in range(times)]


def test_requests_for_mail_are_limited_whatever_they_carry(proxy: tuple[Nginx, httpx.Client]) -> None:
    _, http = proxy
    burst = BUDGETS[Kind.MAIL].burst
    found = statuses(http, "POST", "/forgot-password", 3 * burst, COOKIE)
    assert set(found[: burst + 1]) == {PASSES}
    assert LIMITED in found
    assert statuses(http, "POST", "/sign-in", 1) == statuses(http, "GET", "/forgot-password", 1) == [PASSES]


@pytest.mark.parametrize(
    "path",
    [
        "/sign-in", "/api/v1/sign-ins", "/api/v1/legacy/sign-ins", "/api/v1/resets/confirmation", "/set-password/tf_x",
        "/resets/tf_x",
    ],
)  # fmt: skip
def test_every_path_that_hashes_for_anybody_is_limited(proxy: tuple[Nginx, httpx.Client], path: str) -> None:
    _, http = proxy
    found = statuses(http, "POST", path, 3 * PASSWORDS.burst, BEARER)
    assert set(found[: PASSWORDS.burst + 1]) == {PASSES}
    assert LIMITED in found
    assert statuses(http, "GET", path, 1, BEARER) == [PASSES]


def test_what_is_limited_says_so_and_leaves_no_line_with_a_token(proxy: tuple[Nginx, httpx.Client]) -> None:
    nginx, http = proxy
    answers = [http.post("/set-password/tf_password_secret") for _ in range(3 * PASSWORDS.burst)]
    (refused, *_) = [answer for answer in answers if answer.status_code == LIMITED]
    assert refused.headers["Retry-After"] == "5"
    assert refused.text == "Too many requests from your network. Wait a minute, then try again.\n"
    assert "limiting" not in nginx.error_log.read_text()
    assert "tf_password_secret" not in nginx.access_log.read_text()


def test_whoever_sends_a_token_is_left_to_the_nodes(proxy: tuple[Nginx, httpx.Client]) -> None:
    _, http = proxy
    burst = BUDGETS[Kind.OTHER].burst
    for carried in (COOKIE, BEARER):
        assert set(statuses(http, "GET", "/profile", burst + 200, carried)) == {PASSES}
