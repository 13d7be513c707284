import re
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
LOCKS = {
    "run.txt": ("run.in", "build.in"),
    "otel.txt": ("run.in", "build.in", "otel.in"),
    "test.txt": ("run.in", "build.in", "otel.in", "test.in"),
    "check.txt": ("run.in", "build.in", "otel.in", "test.in", "check.in"),
}


def asked_for(source: str) -> set[str]:
    lines = (REQUIREMENTS / source).read_text().splitlines()
    return {match[0] for line in lines if (match := re.match(r"[a-z0-9-]+", line))}


def pinned(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (REQUIREMENTS / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS)
def test_what_is_asked_for_is_locked(lock: str) -> None:
    asked = set().union(*(asked_for(source) for source in LOCKS[lock]))
    assert asked - pinned(lock).keys() == set(), "run: make upgrade"


def test_each_lock_keeps_to_the_one_before() -> None:
    run, otel, test, check = (pinned(lock) for lock in LOCKS)
    assert run.items() <= otel.items() <= test.items() <= check.items()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_its_hashes_and_none_an_address(lock: str) -> None:
    text = (REQUIREMENTS / lock).read_text()
    packages = re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]
    assert len(packages) == len(pinned(lock))
    assert [package for package in packages if "--hash=sha256:" not in package] == []
    assert "://" not in text
    assert "index-url" not in text
    assert "find-links" not in text
