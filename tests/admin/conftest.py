import httpx
import pytest

from tests.admin.room import BOSS, Boss, administrator
from tests.harness.houses import Hands
from tests.harness.people import People
from tests.harness.smtp import SmtpServer
from tests.recovery.conftest import PostOffice
from twofold.directory.person import Person
from twofold.kit.house import House


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


@pytest.fixture
def post_office(house: House, smtp: SmtpServer, hands: Hands) -> PostOffice:
    """Deliver letters at noon, or whenever a test says, over a real mail server."""
    return PostOffice(house, smtp, hands)
