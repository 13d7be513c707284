import httpx
import pytest

from tests.admin.administrators import BOSS, Administrator, administrator
from tests.harness.contexts import FrozenClock
from tests.harness.people import People
from tests.harness.smtp import SmtpServer
from tests.recovery.conftest import Mailer
from twofold.directory.user import User
from twofold.kit.context import AppContext


@pytest.fixture
def boss(people: People, http: httpx.Client) -> Administrator:
    """Let the administrator of Acme in, at noon."""
    return administrator(people, http, BOSS, name="Berta Administrator")


@pytest.fixture
def stranger(people: People) -> User:
    """Be somebody with two-factor authentication in another account."""
    account = people.account("Other")
    user, _ = people.protected("stranger@other.example", name="Somebody Else", account=account)
    return user


@pytest.fixture
def mailer(context: AppContext, smtp: SmtpServer, frozen_clock: FrozenClock) -> Mailer:
    """Deliver letters at noon, or whenever a test says, over a real mail server."""
    return Mailer(context, smtp, frozen_clock)
