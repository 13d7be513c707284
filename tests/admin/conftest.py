import httpx
import pytest

from tests.admin.room import BOSS, Boss, administrator
from tests.harness.people import People
from twofold.directory.person import Person


@pytest.fixture
def boss(people: People, http: httpx.Client) -> Boss:
    """Let the administrator of Acme in, at noon."""
    return administrator(people, http, BOSS, name="Berta Boss")


@pytest.fixture
def stranger(people: People) -> Person:
    """Be somebody with two-factor authentication in another account."""
    account = people.account("Other")
    person, _ = people.protected("stranger@other.example", name="Somebody Else", account=account)
    return person
