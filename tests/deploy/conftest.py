import pytest

from tests.harness.people import People
from tests.resets.desk import Desk


@pytest.fixture
def desk(people: People) -> Desk:
    """Sit Grace, an administrator, at her desk, and let Ada have lost her phone."""
    return Desk(people)
