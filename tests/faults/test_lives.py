"""As many lives as `make soak` has time for; each run lives others. tests/attacks/test_life.py lives the same few."""

import pytest

from tests.attacks.test_life import bounds, live

pytestmark = pytest.mark.soak


def test_five_hundred_lives_that_nobody_has_lived_before(database_url: str) -> None:
    live(database_url, bounds(500, 60, derandomize=False))
