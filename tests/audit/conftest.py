"""An application with something in its audit log."""

import pytest

from tests.audit.recording import B, record
from twofold.kit.context import AppContext


@pytest.fixture
def recorded(context: AppContext) -> AppContext:
    """Record six events of one account, two of another, one of the installation."""
    record(context.db, 6)
    record(context.db, 2, account=B)
    record(context.db, 1, account=None)
    return context
