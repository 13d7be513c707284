import json
import subprocess
import sys

SCRIPT = """
import uuid
from datetime import UTC, datetime
import structlog
from twofold.kit import logs

logs.configure()
log = structlog.get_logger()
log.info("seen", id=uuid.UUID(int=7), at=datetime(2026, 3, 3, tzinfo=UTC), thing=object, count=2)
log.info("odd", text="\\udc80", **{"key": {1: 2, (1, 2): 3}})
log.debug("unseen")
try:
    int("x")
except ValueError:
    log.exception("failed")
"""


def test_the_log_is_one_json_object_a_line_whatever_it_is_told() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    seen, odd, failed = (json.loads(line) for line in done.stderr.splitlines())
    assert (seen["event"], seen["level"], seen["count"]) == ("seen", "info", 2)
    assert seen["id"] == "00000000-0000-0000-0000-000000000007"
    assert seen["at"] == "2026-03-03T00:00:00Z"
    assert seen["thing"] == "<class 'object'>"
    assert (odd["event"], odd["text"]) == ("odd", "\udc80")
    assert "ValueError" in failed["exception"]
