"""The extension as the compiler's sanitisers see it, while it is called with arguments of every kind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
SOURCE = PACKAGE / "src" / "argon2_interleaved"


def fuzzed(source: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PACKAGE / "tools/sanitized", sys.executable, PACKAGE / "tools/fuzz.py", "--seconds", "3"],
        env=os.environ | {"SOURCE": str(source)}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_the_compiler_finds_nothing_wrong_in_it_while_it_is_called_with_everything() -> None:
    ran = fuzzed(SOURCE)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert all(kind in ran.stdout for kind in (" taken", " refused", " wiped"))


@pytest.mark.parametrize(
    ("file", "was", "becomes", "said"),
    [
        ("native.c", "(size_t)memory.len);\n", "(size_t)memory.len + 200);\n", "AddressSanitizer"),
        ("native.c", "(uint32_t)(one.len / BLOCK_BYTES)", "(uint32_t)(one.len / BLOCK_BYTES) + 4", "AddressSanitizer"),
        ("fill.h", "drawn.words[next % BLOCK_WORDS]", "drawn.words[next]", "out of bounds"),
        ("native.c", "if (both && overlap(one, other))", "if (both && !one && overlap(one, other))", "was taken"),
        ("fill.h", "places == 2 ? (eight){x.high, x.low}", "places == 2 ? (eight){x.low, x.high}", "the units differ"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(tmp_path: Path, file: str, was: str, becomes: str, said: str) -> None:
    for name in ("native.c", "fill.h"):
        shutil.copyfile(SOURCE / name, tmp_path / name)
    text = (SOURCE / file).read_text(encoding="utf-8")
    assert text.count(was) == 1
    (tmp_path / file).write_text(text.replace(was, becomes), encoding="utf-8")
    ran = fuzzed(tmp_path)
    assert ran.returncode != 0
    assert said in ran.stdout + ran.stderr
