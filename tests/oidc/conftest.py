"""What the tests of the protocol share: an application, and Ada, who is signed in with both factors."""

import httpx
import pytest

from tests.harness.clock import later
from tests.harness.people import Ada, People
from tests.oidc.relying_party import RelyingParty
from twofold.kit.context import AppContext


@pytest.fixture
def crm(context: AppContext, http: httpx.Client) -> RelyingParty:
    """Be an application with a secret."""
    return RelyingParty.of(context, http)


@pytest.fixture
def session(people: People, ada: Ada) -> str:
    """Sign Ada in a minute before noon, with password and code; return the token of her session."""
    return people.token(ada[0], ada[1].phone, at=later(minutes=-1))
