import httpx
import pytest

from tests.harness.people import People
from tests.support.room import Room


@pytest.fixture
def room(people: People, http: httpx.Client) -> Room:
    """Open the support pages, at noon."""
    return Room(people, http)
