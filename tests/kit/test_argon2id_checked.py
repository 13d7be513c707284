"""argon2-interleaved hashes only where it is the version that is needed and computes what libsodium computes."""

import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import argon2_interleaved
import pytest
from argon2_interleaved import memory

from twofold.kit.crypto import argon2id, argon2id_checked
from twofold.kit.crypto.argon2id_checked import Unfit

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "packages/argon2-interleaved/src/argon2_interleaved"


def compiled(folder: Path, was: str, becomes: str) -> ModuleType:
    """Compile the extension with one thing changed in its kernel, and load it beside the one that is installed."""
    text = (SOURCE / "fill.h").read_text(encoding="utf-8")
    assert text.count(was) == 1
    (folder / "fill.h").write_text(text.replace(was, becomes), encoding="utf-8")
    shutil.copyfile(SOURCE / "native.c", folder / "native.c")
    command = ["cc", "-O1", "-std=gnu11", "-Wall", "-Wextra", "-shared", "-fPIC", f"-I{sysconfig.get_path('include')}"]
    built = folder / "_native.abi3.so"
    subprocess.run([*command, "-o", str(built), str(folder / "native.c")], check=True)
    loader = ExtensionFileLoader("argon2_interleaved._native", str(built))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_what_is_installed_hashes_here_by_the_widest_unit() -> None:
    assert argon2id.UNLOADED == ""
    assert argon2id_checked.unit() == argon2_interleaved.units()[0]
    assert argon2id.why_libsodium() == "argon2-interleaved is slower here"


def test_the_version_that_is_needed_is_the_one_of_the_extra_and_of_the_package() -> None:
    (pinned,) = re.findall(r"^argon2-interleaved==(\S+)$", (ROOT / "requirements/fast.in").read_text(), re.MULTILINE)
    assert pinned == argon2id_checked.NEEDED == argon2_interleaved.__version__


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("*b = rotated(xored(*b, *c), 63)", "*b = rotated(xored(*b, *c), 62)"),
        ("c->newest = combine(", "if (k == 0 || at % 64) c->newest = combine("),  # only the second of two
        ("next / BLOCK_WORDS + 1)", "next / BLOCK_WORDS)"),  # only where there is more than one block of drawn words
        ("pass && slice + 1 < SLICES ?", "pass > 1 && slice + 1 < SLICES ?"),  # only in later passes
    ],
)
def test_what_computes_something_else_does_not_hash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, was: str, becomes: str
) -> None:
    monkeypatch.setattr(memory, "_native", compiled(tmp_path, was, becomes))
    assert not any(argon2id_checked.is_right(unit) for unit in argon2_interleaved.units())
    assert argon2id_checked.unit() == Unfit("argon2-interleaved computes something else than libsodium")
    assert_libsodium_hashes(monkeypatch, "computes something else")


def test_where_one_unit_is_wrong_the_next_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argon2_interleaved, "units", lambda: ("wrong", "right"))
    monkeypatch.setattr(argon2id_checked, "is_right", lambda unit: unit == "right")
    assert argon2id_checked.unit() == "right"


def test_a_processor_with_neither_unit_leaves_it_to_libsodium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argon2_interleaved, "units", tuple)
    assert_libsodium_hashes(monkeypatch, "this processor has neither AVX-512 nor AVX2")


def test_another_version_does_not_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argon2_interleaved, "__version__", "0.0.9")
    assert_libsodium_hashes(monkeypatch, f"0.0.9 is installed, where {argon2id_checked.NEEDED} is needed")


def assert_libsodium_hashes(monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    # It would be the quicker one.
    monkeypatch.setattr(argon2id, "cpu_of", lambda way, *_, **__: 1.0 if way.name == "libsodium" else 0.1)
    argon2id.quickest.cache_clear()
    try:
        assert argon2id.quickest(7168, 1).about == "libsodium"
    finally:
        argon2id.quickest.cache_clear()
    assert why in argon2id.why_libsodium()


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("argon2_interleaved", "twofold[fast] is not installed"),
        ("argon2_interleaved._native", "argon2-interleaved cannot be loaded (import of argon2_interleaved._native"),
    ],
)
def test_where_it_is_not_there_or_a_part_of_it_is_gone_libsodium_hashes(missing: str, said: str) -> None:
    ran = asked_where(f"sys.modules[{missing!r}] = None")
    assert ran.stdout.startswith(f"libsodium: {said}"), ran.stderr


def test_where_one_that_knows_other_names_is_installed_libsodium_hashes() -> None:
    ran = asked_where("sys.modules['argon2_interleaved'] = types.ModuleType('argon2_interleaved')")
    assert ran.stdout.startswith("libsodium: argon2-interleaved cannot be loaded (cannot import name"), ran.stderr


def test_where_a_part_of_twofold_is_gone_it_does_not_start() -> None:
    assert "ModuleNotFoundError" in asked_where("sys.modules['twofold.kit.threads'] = None").stderr


def asked_where(so: str) -> subprocess.CompletedProcess[str]:
    """Ask a process of its own, in which a statement was carried out first, which one hashes, and why."""
    program = f"""
import sys, types
{so}
from twofold.kit.crypto import argon2id
print(argon2id.quickest(7168, 1).about, argon2id.why_libsodium(), sep=": ")
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
