import asyncio
import io
import json
import subprocess
import sys
import threading
from typing import Any

from twofold.kit import logs

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


AT_ONCE = """
import asyncio
import threading
import structlog
from twofold.kit import logs

logs.configure()
log = structlog.get_logger()


async def main():
    log.info("first")
    log.info("second")
    await asyncio.to_thread(log.info, "from a thread")

loop = asyncio.new_event_loop()
loop.run_until_complete(main())
loop.call_soon(loop.stop)
loop.call_soon(log.info, "in the last turn")
loop.run_forever()
log.info("without a loop")
"""


def test_no_line_is_lost_whether_there_is_an_event_loop_or_not() -> None:
    done = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, check=True)
    said = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert sorted(said) == ["first", "from a thread", "in the last turn", "second", "without a loop"]
    assert said.index("first") < said.index("second")


class File(io.BytesIO):
    """A file that counts how often it is written to."""

    writes = 0

    def write(self, data: Any) -> int:
        self.writes += 1
        return super().write(data)


def test_lines_of_one_round_of_the_loop_are_written_together_of_a_thread_at_once() -> None:
    file, seen = File(), list[tuple[bytes, int]]()
    lines = logs.JoinedLines(file)

    async def three_then_one() -> None:
        for line in (b"1", b"2", b"3"):
            lines.write(line)
            lines.flush()
        seen.append((file.getvalue(), file.writes))
        await asyncio.sleep(0)
        seen.append((file.getvalue(), file.writes))
        lines.write(b"4")
        await asyncio.sleep(0)
        seen.append((file.getvalue(), file.writes))

    def one_without_a_loop() -> None:
        asyncio.run(three_then_one())
        lines.write(b"5")
        seen.append((file.getvalue(), file.writes))

    thread = threading.Thread(target=one_without_a_loop)  # Playwright may hold this thread's event loop
    thread.start()
    thread.join()
    assert seen == [(b"", 0), (b"123", 1), (b"1234", 2), (b"12345", 3)]
