"""The application and the session that the tests of the protocol have."""

from tests.oidc.conftest import crm, session

__all__ = ["crm", "session"]
