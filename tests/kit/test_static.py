import gzip

import httpx
import pytest

from twofold.kit.static_files import files_of

# Nothing here depends on the kind of database.
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

FILES = files_of(None)
SHEET = FILES.by_name["twofold.css"]
URL = FILES.url("twofold.css")


def test_a_file_is_sent_compressed_to_those_who_take_that(http: httpx.Client) -> None:
    plain = http.get(URL)
    small = http.get(URL, headers={"Accept-Encoding": "br, gzip"})
    assert "content-encoding" not in plain.headers
    assert small.headers["content-encoding"] == "gzip"
    assert plain.content == small.content == SHEET.content
    assert int(small.headers["content-length"]) * 3 < int(plain.headers["content-length"])
    assert plain.headers["vary"] == small.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != small.headers["etag"]


def test_a_file_that_compression_does_not_make_smaller_is_sent_as_it_is(http: httpx.Client) -> None:
    answer = http.get(FILES.url("apple-touch-icon.png"), headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers


def test_every_file_is_compressed_as_it_is(http: httpx.Client) -> None:
    assert http.get(URL).content == SHEET.content
    for name, file in FILES.by_name.items():
        assert file.compressed is None or gzip.decompress(file.compressed) == file.content, name
    assert all(FILES.by_name[name].compressed for name in ("twofold.css", "twofold.js", "mark.svg"))


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789ab", "?w=" + SHEET.digest])
def test_only_the_address_of_this_very_content_is_kept_for_ever(http: httpx.Client, query: str) -> None:
    """Stops: a node of another version giving browsers its own file for a year under the address of ours."""
    assert http.get(URL).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert http.get(f"/static/twofold.css{query}").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_who_has_a_file_already_is_told_so(http: httpx.Client, encoding: str) -> None:
    asked = {"Accept-Encoding": encoding}
    first = http.get(URL, headers=asked)
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = http.get(URL, headers=asked | {"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b""), known
        assert {name: again.headers[name] for name in ("etag", "vary", "cache-control")} == {
            name: first.headers[name] for name in ("etag", "vary", "cache-control")
        }
        assert "content-encoding" not in again.headers
    assert http.get(URL, headers=asked | {"If-None-Match": '"other"'}).status_code == 200


def test_head_says_what_get_would_send(http: httpx.Client) -> None:
    asked = {"Accept-Encoding": "gzip"}
    head, get = http.head(URL, headers=asked), http.get(URL, headers=asked)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "vary", "content-encoding", "content-length", "content-type"):
        assert head.headers[name] == get.headers[name], name
