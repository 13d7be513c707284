"""The numbers for monitoring, as Prometheus reads them."""

import re

from tests.harness import wire
from tests.harness.processes import wait_until

HOST = "127.0.0.1"

Numbers = dict[str, float]
NUMBER = re.compile(r"^((?:twofold|process)_\S+) (\S+)$", re.MULTILINE)


def scrape(port: int) -> Numbers:
    """Read them: `name{label="value"}` to number."""
    answer = wire.get(f"http://{HOST}:{port}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {name: float(value) for name, value in NUMBER.findall(answer.text)}


def wait_for(port: int, name: str, value: float) -> None:
    """Wait until a number has a value."""
    wait_until(lambda: scrape(port).get(name) == value, what=f"{name} = {value}", every=0.2)
