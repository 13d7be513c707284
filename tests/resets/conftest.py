import pytest

from tests.harness.people import People
from tests.resets.helpdesk import Helpdesk


@pytest.fixture
def helpdesk(people: People) -> Helpdesk:
    """Sit Grace, an administrator, at her desk, and let Ada have lost her phone."""
    return Helpdesk(people)
