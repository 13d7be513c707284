import httpx
import pytest

from tests.harness.pages import without_challenge
from tests.harness.people import ADA, PASSWORD, People
from twofold.kit.http.compression import accepts_gzip

GZIP = {"Accept-Encoding": "gzip"}
PUBLIC = ["/sign-in", "/forgot-password", "/help/two-factor", "/help/authenticator-apps", "/api/docs"]
sqlite_alone = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    "header",
    ["gzip", "GZIP", "br, gzip", "gzip;q=0.5", "gzip; q=1.0", "*", "br;q=1, *;q=0.1", "identity, gzip;q=0.001"],
)
def test_gzip_is_taken_where_it_is_named_or_everything_is(header: str) -> None:
    assert accepts_gzip(header)


@pytest.mark.parametrize(
    "header", ["", "br", "identity", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *", "x-gzipped"]
)
def test_gzip_is_not_taken_where_nobody_asks_for_it(header: str) -> None:
    assert not accepts_gzip(header)


@sqlite_alone
@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_is_compressed_for_whoever_takes_it(http: httpx.Client, path: str) -> None:
    plain, small = http.get(path), http.get(path, headers=GZIP)
    assert small.headers["content-encoding"] == "gzip"
    assert without_challenge(small.text) == without_challenge(plain.text)
    assert int(small.headers["content-length"]) < int(plain.headers["content-length"]) * 0.7
    assert plain.headers["vary"] == small.headers["vary"] == "Accept-Encoding, Cookie"
    assert "content-encoding" not in plain.headers
    assert small.headers["cache-control"] == "no-store"


@sqlite_alone
@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("name", ["session", "sign_in", "browser", "reset_link"])
def test_for_whoever_bears_a_token_of_ours_nothing_is_compressed(
    people: People, http: httpx.Client, path: str, name: str
) -> None:
    """Stops: BREACH, which tells what stands in a page from how small it becomes."""
    token = people.token(people.user())
    answer = http.get(path, headers=GZIP | {"Cookie": f"other=1; twofold_{name}={token}"})
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers


@sqlite_alone
def test_neither_what_a_form_is_answered_nor_a_call_of_the_api_is_compressed(
    people: People, http: httpx.Client
) -> None:
    token = people.token(people.user())
    own = {"Sec-Fetch-Site": "same-origin"}
    wrong = http.post("/sign-in", data={"email": ADA, "password": "wrong"}, headers=GZIP | own)
    body = {"email": ADA, "password": PASSWORD}
    answers = [
        wrong,
        http.get("/profile", headers=GZIP | {"Cookie": f"twofold_session={token}"}),
        http.get("/nowhere", headers=GZIP),
        http.post("/api/v1/sign-ins", json=body, headers=GZIP),
        http.get("/api/v1/session", headers=GZIP | {"Authorization": f"Bearer {token}"}),
    ]
    assert [answer.status_code for answer in answers] == [401, 200, 404, 201, 200]
    for answer in answers:
        assert "content-encoding" not in answer.headers, answer.url
