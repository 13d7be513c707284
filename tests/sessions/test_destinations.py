"""Where somebody wanted to go who has to sign in first: kept whole, for the same browser, for an hour, and bounded."""

from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.pages import Page, WebClient
from tests.harness.people import ADA, PASSWORD, WRONG, Ada, People
from twofold.kit.crypto.tokens import new_id
from twofold.sessions import destination_flow, destination_records
from twofold.sessions.tables import destinations

LONGEST = "/people?search=" + "a" * (8 * 1024 - len("/people?search="))


def keep(people: People, path: str = "/people", browser: str = "mine", address: str = "192.0.2.7") -> UUID | None:
    return destination_flow.keep(people.context.db, path, browser=browser, address=address, at=NOON)


def find(people: People, handle: UUID, browser: str = "mine", minutes: int = 0) -> str:
    return destination_flow.find(people.context.db, handle, browser=browser, at=later(minutes=minutes))


def sign_in(web_client: WebClient, ada: Ada, page: Page) -> Page:
    page = web_client.submit(page, "Sign in", email=ADA, password=WRONG)
    page = web_client.submit(page, "Sign in", email=ADA, password=PASSWORD)
    return web_client.submit(page, "Verify", code=ada[1].phone.code(NOON))


@pytest.mark.parametrize("path", ["/profile/sessions", "/people?search=a%20b&page=2", LONGEST], ids=len)
def test_it_is_kept_whole_and_given_to_the_browser_that_began(people: People, path: str) -> None:
    handle = keep(people, path)
    assert handle is not None
    assert find(people, handle, minutes=59) == path
    assert find(people, handle, browser="another") == ""
    assert find(people, new_id()) == ""
    assert find(people, handle, minutes=60) == ""


@pytest.mark.parametrize("path", ["/profile/sessions", "/resets?state=open&q=%C3%A4", LONGEST], ids=len)
def test_whoever_had_to_sign_in_goes_on_with_the_query(ada: Ada, web_client: WebClient, path: str) -> None:
    page = web_client.get(path)
    assert page.path == "/sign-in"
    assert len(page.url) < 120, "the address names it by a handle"
    assert path not in page.html
    page = sign_in(web_client, ada, page)
    assert page.url.removeprefix("http://127.0.0.1:8000") == path


def test_another_browser_is_not_led_there(ada: Ada, web_client: WebClient, http: httpx.Client) -> None:
    """Stops: a link of somebody else's that leads whoever signs in by it to where they never wanted to go."""
    address = web_client.get("/profile/sessions").url.removeprefix("http://127.0.0.1:8000")
    another = WebClient(http)
    assert sign_in(another, ada, another.get(address)).path == "/profile"


def test_what_a_form_was_sent_to_is_no_destination(people: People, web_client: WebClient) -> None:
    assert web_client.post("/profile/two-factor/backup-code", password="x").path == "/sign-in"
    assert web_client.get("/profile").url.endswith("/sign-in")
    assert people.count(destinations) == 0


def test_a_longer_path_leads_to_the_sign_in_and_is_not_kept(people: People, web_client: WebClient) -> None:
    page = web_client.get(LONGEST + "a")
    assert (page.status, page.path) == (200, "/sign-in")
    assert people.count(destinations) == 0


def test_only_the_browser_can_read_it(people: People) -> None:
    """Stops: whoever has a copy of the database and looks for what people searched, or what applications asked."""
    one, other = keep(people, "/people?search=secret"), keep(people, "/people?search=secret")
    with people.context.db.read() as connection:
        rows = {row.id: row.sealed for row in connection.execute(sa.select(destinations))}
    assert one is not None
    assert other is not None
    assert b"search" not in rows[one] + rows[other]
    assert rows[one] != rows[other]
    with people.context.db.write() as connection:
        connection.execute(destinations.update().where(destinations.c.id == one).values(sealed=rows[other]))
    assert find(people, one) == "", "nor does it open in another row"


def test_a_network_keeps_no_more_than_its_share(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops: a stranger with a network, or with many, who fills the disk with addresses."""
    monkeypatch.setattr(destination_flow, "MOST_OF_A_NETWORK", 2)
    monkeypatch.setattr(destination_flow, "MOST", 4)
    assert [keep(people) is not None for _ in range(4)] == [True, True, False, False]
    assert keep(people, address="192.0.2.200") is None
    assert [keep(people, address=f"198.51.{n}.7") is not None for n in range(4)] == [True, True, False, False]


def test_a_visitor_beyond_the_share_signs_in_all_the_same(
    ada: Ada, web_client: WebClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination_records, "keep", lambda *_, **_more: False)
    page = web_client.get("/profile/sessions")
    assert page.url.endswith("/sign-in")
    assert sign_in(web_client, ada, page).path == "/profile"


def test_the_clean_up_deletes_what_is_over(people: People) -> None:
    keep(people)
    with people.context.db.write() as connection:
        assert destination_flow.forget_over(connection, later(minutes=59)) == 0
        assert destination_flow.forget_over(connection, later(hours=1)) == 1


def test_asking_for_a_page_makes_nobody_a_client_that_is_known(people: People, http: httpx.Client) -> None:
    """Stops: a stranger who collects tokens that bear our mark, and has each of them counted by itself."""
    answer = http.get("/resets")
    assert [name for name in ("session", "sign_in", "browser") if f"twofold_{name}=" in str(answer.headers)] == []
    token = answer.cookies["twofold_destinations"]
    assert not people.context.vault.issued(token)
