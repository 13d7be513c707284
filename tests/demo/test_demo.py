"""The demo: its people, its mailbox, and that nothing of it exists anywhere else."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from litestar.testing import TestClient

from tests.harness import processes, wire
from tests.harness.authenticator import Authenticator
from tests.harness.pages import Page, WebClient
from tests.harness.ports import free_port
from twofold.demo import run
from twofold.demo.people import PASSWORD
from twofold.demo.run import Demo
from twofold.kit import clock
from twofold.operations.jobs import COMPOSERS

COMMAND = [sys.executable, "-m", "twofold", "demo", "--port"]


@contextmanager
def serving(demo: Demo) -> Iterator[httpx.Client]:
    """Serve a demo in this process; its worker runs, as it does."""
    with TestClient(demo.application, base_url=demo.address, raise_server_exceptions=True) as client:
        client.follow_redirects = False
        yield client


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Demo, httpx.Client]]:
    """Serve a demo for tests that only sign in."""
    demo = run.prepare(tmp_path_factory.mktemp("demo"), 8000)
    with serving(demo) as client:
        yield demo, client


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[httpx.Client]:
    """Serve a demo of the test's own."""
    with serving(run.prepare(tmp_path, 8000)) as client:
        yield client


def letter(http: httpx.Client, to: str, *, subject: str = "") -> Page:
    """Wait for a letter in the demo's mailbox and open it."""
    web_client = WebClient(http)

    def opened() -> Page | None:
        for words, url in web_client.get("/demo/mailbox").links:
            if url.startswith("/demo/mailbox/") and subject in words:
                mail = web_client.get(url)
                if to in mail.text:
                    return mail
        return None

    processes.wait_until(lambda: opened() is not None, what=f"a letter to {to}")
    found = opened()
    assert found is not None
    return found


def code_in(mail: Page) -> str:
    (found,) = set(re.findall(r"\b\d{3} ?\d{3}\b", mail.text.partition("Sent")[2]))
    return str(found).replace(" ", "")


@pytest.mark.parametrize(
    ("email", "heading"),
    [
        ("ada@acme.example", "Profile"),
        ("max@acme.example", "Profile"),
        ("uli@acme.example", "Profile"),
        ("paul@acme.example", "Enter your code"),
        ("lea@acme.example", "Your account is locked"),
        ("rita@bank.example", "Confirm your e-mail"),
        ("bo@bank.example", "Confirm your e-mail"),
        ("stan@shop.example", "Profile"),
        ("gil@globex.example", "Sign in with your organisation"),
        ("sue@support.example", "Confirm your e-mail"),
    ],
)
def test_everybody_gets_where_the_table_says(shared: tuple[Demo, httpx.Client], email: str, heading: str) -> None:
    assert WebClient(shared[1]).sign_in(email, PASSWORD).heading == heading


def test_the_sign_in_page_names_everybody(shared: tuple[Demo, httpx.Client]) -> None:
    demo, client = shared
    page = WebClient(client).get("/sign-in")
    assert len(demo.people) == 11
    for user in demo.people:
        assert all(words in page.text for words in user)
    assert page.link("mailbox") == "/demo/mailbox"


@pytest.mark.parametrize("email", ["rita@bank.example", "sue@support.example"])
def test_the_forced_set_up_works_with_the_code_from_the_mailbox(fresh: httpx.Client, email: str) -> None:
    web_client = WebClient(fresh)
    page = web_client.sign_in(email, PASSWORD)
    page = web_client.submit(page, "Continue", code=code_in(letter(fresh, email)))
    phone = Authenticator.type_in(page.key)
    page = web_client.submit(page, "Verify", code=phone.code(clock.now()))
    assert page.backup_code
    page = web_client.submit(page, saved="yes")
    assert page.heading == "Profile"
    if email.startswith("sue"):
        assert web_client.get("/support").heading == "Support"


def test_an_administrator_helps_whoever_lost_his_phone(fresh: httpx.Client) -> None:
    ada = WebClient(fresh)
    ada.sign_in("ada@acme.example", PASSWORD)
    page = ada.click(ada.click(ada.get("/people"), "Paul Phoneless"), "Reset 2FA")
    ada.submit(page, "Send reset e-mail", reason="Lost his phone.")
    mail = letter(fresh, "paul@acme.example", subject="Confirm the reset")
    (link,) = {url for _, url in mail.links if "/resets/" in url}
    paul = WebClient(fresh)
    done = paul.submit(paul.get(link.removeprefix("http://localhost:8000")), "Confirm", password=PASSWORD)
    assert done.status == 200
    assert WebClient(fresh).sign_in("paul@acme.example", PASSWORD).heading == "Profile"


# --- the mailbox


def test_every_email_that_there_is_can_be_looked_at_in_both_forms(fresh: httpx.Client) -> None:
    browser = WebClient(fresh)
    listed = browser.get(browser.get("/demo/mailbox").link("All emails that there are, with made-up facts"))
    found = [url for _words, url in listed.links if url.startswith("/demo/letters/")]
    assert len(found) >= len(COMPOSERS)
    for url in found:
        shown = browser.get(url)
        assert (shown.status, browser.get(shown.link("As a mail program shows it")).status) == (200, 200)
    assert browser.get("/demo/letters/nothing").status == 404


def test_the_mailbox_is_empty_at_first(fresh: httpx.Client) -> None:
    page = WebClient(fresh).get("/demo/mailbox")
    assert page.heading == "Demo mailbox"
    assert "Nothing yet" in page.text


def test_a_letter_is_shown_as_text_and_in_a_sandbox(fresh: httpx.Client) -> None:
    WebClient(fresh).sign_in("rita@bank.example", PASSWORD)
    mail = letter(fresh, "rita@bank.example")
    shown = fresh.get(mail.link("As a mail program shows it"))
    assert shown.status_code == 200
    (policy,) = shown.headers.get_list("content-security-policy")
    assert policy.startswith("sandbox allow-popups")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert code_in(mail) in shown.text.replace(" ", "")


@pytest.mark.parametrize("mail", ["nonsense", "00000000-0000-4000-8000-000000000000"])
@pytest.mark.parametrize("end", ["", "/html"])
def test_a_letter_that_is_not_there_is_not_found(fresh: httpx.Client, mail: str, end: str) -> None:
    page = WebClient(fresh).get(f"/demo/mailbox/{mail}{end}")
    assert (page.status, page.heading) == (404, "Not found")


# --- nowhere else


def test_nothing_of_it_exists_on_a_real_server(web_client: WebClient) -> None:
    assert web_client.get("/demo/mailbox").status == 404
    assert "Try it" not in web_client.get("/sign-in").text


# --- the program


def test_it_says_its_address_and_its_people_and_leaves_nothing_behind(tmp_path: Path) -> None:
    port = free_port()
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TWOFOLD_DATABASE_URL": "nonsense"}  # nothing of it counts
    with subprocess.Popen([*COMMAND, str(port)], env=environment, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        said = ""
        while "Ctrl+C" not in said:
            said += program.stdout.readline()
        url = f"http://localhost:{port}"
        assert url in said
        assert "ada@acme.example" in said
        assert PASSWORD in said
        processes.wait_until(lambda: _answers(f"{url}/readyz"), what="ready")
        assert list(tmp_path.iterdir())
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=processes.LONGEST) == 0
    assert not list(tmp_path.iterdir())


def test_it_listens_on_this_machine_alone(tmp_path: Path) -> None:
    help_ = subprocess.run([*COMMAND[:-1], "--help"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert "--host" not in help_
    assert run.HOST == "127.0.0.1"


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = subprocess.run([*COMMAND, str(port)], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken" in ran.stderr
    assert "Traceback" not in ran.stderr


def _answers(url: str) -> bool:
    try:
        return wire.get(url).status_code == 200
    except httpx.TransportError:
        return False
