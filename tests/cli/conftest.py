from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.cli.program import Program
from tests.harness.smtp import SmtpServer


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Give the log of this process back as it was: commands set up their own."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def twofold(database_url: str, tmp_path: Path) -> Program:
    """Run commands on a fresh database, once on each kind, without a mail server."""
    return Program({"TWOFOLD_DATABASE_URL": database_url, "TWOFOLD_DATA_DIR": str(tmp_path)})


@pytest.fixture
def twofold_mailing(twofold: Program, smtp: SmtpServer) -> Program:
    """Run commands with a mail server."""
    return twofold.with_settings(smtp_url=smtp.url)
