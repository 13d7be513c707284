"""What machine and which versions the numbers belong to: a number without them means nothing."""

import os
import platform
import sqlite3
from importlib import metadata
from pathlib import Path

import msgspec

PACKAGES = ("litestar", "uvicorn", "uvloop", "sqlalchemy", "psycopg", "pynacl", "cryptography")


class Machine(msgspec.Struct, frozen=True):
    """The machine that a run took place on, and what ran."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    sqlite: str
    postgresql: str
    packages: dict[str, str]

    def __str__(self) -> str:
        return f"{self.cores} cores of {self.processor}, {self.memory_gib:.0f} GiB, {self.system}"


def here(postgresql: str) -> Machine:
    """Describe this machine."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(pages / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        postgresql=postgresql,
        packages={name: metadata.version(name) for name in PACKAGES},
    )


def _processor() -> str:
    facts: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    name = facts.get("model name", platform.machine())
    flags = facts.get("flags", "").split()
    widest = next((flag for flag in ("avx512f", "avx2") if flag in flags), "no AVX2")
    return f"{name} ({widest})"
