"""The demo's application, as a process of its own beside a demo that serves."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.demo.test_demo import COMMAND
from tests.harness import processes
from tests.harness.authenticator import Authenticator
from tests.harness.ports import free_port
from twofold.demo.people import PASSWORD
from twofold.kit import clock


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Start a demo; give its address and that of its application. Both are gone afterwards."""
    environment = {**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("demo"))}
    with subprocess.Popen(
        [*COMMAND, str(free_port())], env=environment, stdout=subprocess.PIPE, text=True
    ) as program:  # fmt: skip
        assert program.stdout is not None
        said = ""
        while "Ctrl+C" not in said:
            said += program.stdout.readline()
        twofold, application = re.findall(r"(http://(?:localhost|127\.0\.0\.1):\d+)(?!\S*/demo)", said)
        for url in (f"{twofold}/readyz", application):
            processes.wait_until(lambda url=url: _answers(url), what=url)  # type: ignore[misc]
        yield twofold, application
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=processes.LONGEST) == 0
    assert not _answers(application)


@pytest.fixture
def browser(demo: tuple[str, str]) -> Iterator[httpx.Client]:
    """Be a browser, which keeps cookies and follows redirects."""
    with httpx.Client(follow_redirects=True, timeout=processes.LONGEST) as client:
        client.headers["Sec-Fetch-Site"] = "same-origin"
        yield client


def form_of(answer: httpx.Response, words: str) -> tuple[str, dict[str, str]]:
    """Return where the form with a button leads, and its hidden fields."""
    [form] = [form for form in re.findall(r"<form.*?</form>", answer.text, re.DOTALL) if words in form]
    action = re.search(r'action="([^"]*)"', form)
    fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form))
    return str(answer.url.join(action[1])) if action else str(answer.url), fields


def led_on(browser: httpx.Client, answer: httpx.Response) -> httpx.Response:
    """Go on where a page leads by itself."""
    leads = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', answer.text)
    return browser.get(leads[1].replace("&amp;", "&")) if leads else answer


def press(browser: httpx.Client, answer: httpx.Response, words: str, **fields: str) -> httpx.Response:
    """Send a form as a browser does."""
    address, hidden = form_of(answer, words)
    browser.headers["Origin"] = f"http://{urlsplit(address).netloc}"
    return led_on(browser, browser.post(address, data={**hidden, **fields}))


def signed_in(browser: httpx.Client, application: str, email: str) -> httpx.Response:
    """Sign in to the application."""
    page = press(browser, browser.get(application), "Sign in with Twofold")
    page = press(browser, page, "Sign in", email=email, password=PASSWORD)
    return press(browser, page, "Allow") if "Do not allow" in page.text else page


def test_somebody_signs_in_and_sees_what_it_is_told(demo: tuple[str, str], browser: httpx.Client) -> None:
    page = signed_in(browser, demo[1], "max@acme.example")
    assert "You are signed in" in page.text
    for told in ("max@acme.example", "urn:twofold:1fa", "auth_time", "Acme"):
        assert told in page.text
    assert "Demo application" in browser.get(f"{demo[0]}/applications").text


def test_the_start_page_of_the_demo_names_it(demo: tuple[str, str], browser: httpx.Client) -> None:
    assert f'href="{demo[1]}/"' in browser.get(demo[0]).text


def test_deleting_everything_asks_for_two_factors(demo: tuple[str, str], browser: httpx.Client) -> None:
    page = press(browser, signed_in(browser, demo[1], "max@acme.example"), "Delete everything")
    assert "Set up two-factor authentication first" in page.text
    assert "Everything is deleted" not in browser.get(f"{demo[1]}/").text


def test_with_two_factors_everything_is_deleted(demo: tuple[str, str], browser: httpx.Client) -> None:
    signed_in(browser, demo[1], "ada@acme.example")
    page = browser.get(f"{demo[0]}/profile/two-factor/configure")
    page = press(browser, page, 'name="password"', password=PASSWORD)
    key = re.search(r'id="key"[^>]*>(.*?)</p>', page.text)
    assert key is not None
    phone = Authenticator.type_in(re.sub(r"<[^>]*>|\s", "", key[1]))
    page = press(browser, page, 'name="code"', code=phone.code(clock.now()))
    press(browser, page, 'name="saved"', saved="yes")
    page = press(browser, browser.get(demo[1]), "Delete everything")
    assert "Everything is deleted" in page.text
    assert "urn:twofold:2fa" in page.text


def test_who_cannot_have_a_second_factor_is_told_so(demo: tuple[str, str], browser: httpx.Client) -> None:
    page = press(browser, signed_in(browser, demo[1], "stan@shop.example"), "Delete everything")
    assert (page.status_code, "asks for two factors" in page.text) == (403, True)


def test_an_answer_that_it_did_not_ask_for_signs_nobody_in(demo: tuple[str, str], browser: httpx.Client) -> None:
    """Stops: a code of somebody else, given to a browser through a link."""
    begun = browser.post(f"{demo[1]}/sign-in", follow_redirects=False)
    state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
    page = browser.get(f"{demo[1]}/callback", params={"code": "x", "state": f"{state}x", "iss": demo[0]})
    assert (page.status_code, "You are signed in" in page.text) == (403, False)


def test_signing_out_of_it_signs_out_of_twofold(demo: tuple[str, str], browser: httpx.Client) -> None:
    page = press(browser, signed_in(browser, demo[1], "max@acme.example"), "Sign out")
    assert "Sign in with Twofold" in page.text
    assert browser.get(f"{demo[0]}/profile").url.path == "/sign-in"


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
