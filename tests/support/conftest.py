import httpx
import pytest

from tests.harness.people import People
from tests.support.world import World


@pytest.fixture
def world(people: People, http: httpx.Client) -> World:
    """Open the support pages, at noon."""
    return World(people, http)
