import pytest

from twofold.kit.http.compression import accepts_gzip


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
