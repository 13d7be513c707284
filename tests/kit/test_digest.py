from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.kit.crypto.digest import Digest

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.uuids(),
    st.datetimes(timezones=st.just(UTC)),
)  # fmt: skip
ROWS = st.lists(st.tuples(VALUES, VALUES), max_size=6)


def digest(*rows: tuple[Any, ...]) -> Digest:
    found = Digest()
    for row in rows:
        found.add(row)
    return found


@given(ROWS, st.randoms())
def test_the_order_of_rows_does_not_matter(rows: list[tuple[Any, Any]], shuffled: Any) -> None:
    others = list(rows)
    shuffled.shuffle(others)
    assert digest(*others) == digest(*rows)
    assert hash(digest(*others)) == hash(digest(*rows))


@given(ROWS, st.tuples(VALUES, VALUES))
def test_a_row_more_or_once_more_is_noticed(rows: list[tuple[Any, Any]], more: tuple[Any, Any]) -> None:
    assert digest(*rows, more) != digest(*rows)
    assert digest(*rows, more, more) != digest(*rows, more)


LOOK_ALIKE = (None, False, 0, "", b"", "0", b"0", "-", "None", UUID(int=0), datetime(1970, 1, 1, tzinfo=UTC), 1, True)


def test_values_that_look_alike_are_told_apart() -> None:
    assert len({digest((value,)).sum for value in LOOK_ALIKE}) == len(LOOK_ALIKE)


def test_what_stands_in_one_column_does_not_slip_into_the_next() -> None:
    assert digest(("ab", "c")) != digest(("a", "bc"))
    assert digest(("a", None)) != digest((None, "a"))
    assert digest(("s1:a",)) != digest(("s1", "a"))


def test_both_databases_give_the_same_values() -> None:
    """Drivers give bytes as memoryview, and moments in whatever zone the connection has."""
    at = datetime(2026, 3, 3, 12, tzinfo=UTC)
    assert digest((memoryview(b"x"), at)) == digest((b"x", at.astimezone(timezone(timedelta(hours=5)))))


def test_a_kind_that_no_column_has_is_refused() -> None:
    with pytest.raises(TypeError, match="float"):
        digest((1.5,))
