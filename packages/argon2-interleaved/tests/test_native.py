import ctypes
import mmap
import subprocess
import sys
import sysconfig
import threading
import time
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest
from argon2_interleaved import _native, first_blocks, tag_of, units

SALT = b"0123456789abcdef"
MARK = b"\xa5" * 1024
SOURCE = Path(__file__).parents[1] / "src" / "argon2_interleaved"


def aligned(size: int, skew: int = 0) -> memoryview:
    """Return a memory of so many bytes at a multiple of 64, or so many bytes beside it."""
    area = bytearray(size + 128)
    begin = -ctypes.addressof(ctypes.c_char.from_buffer(area)) % 64 + skew
    return memoryview(area)[begin : begin + size]


@pytest.mark.parametrize("unit", units())
def test_nothing_beside_the_memories_is_written(unit: str) -> None:
    blocks, passes = 16, 3
    room, step = blocks * 1024, blocks * 1024 + len(MARK)
    area = aligned(2 * step + len(MARK))
    for mark in (0, step, 2 * step):
        area[mark : mark + len(MARK)] = MARK
    one, other = (area[begin : begin + room] for begin in (len(MARK), step + len(MARK)))
    one[:2048] = other[:2048] = first_blocks(b"x", SALT, blocks, passes)
    _native.fill(one, other, passes, unit)
    for mark in (0, step, 2 * step):
        assert area[mark : mark + len(MARK)] == MARK
    assert tag_of(bytes(one[-1024:])) == tag_of(bytes(other[-1024:]))


@pytest.mark.parametrize(
    ("one", "other", "passes", "said"),
    [
        (aligned(0), None, 1, "multiple of 4096 bytes, at least 8192"),
        (aligned(4096), None, 1, "multiple of 4096 bytes, at least 8192"),
        (aligned(8193), None, 1, "multiple of 4096 bytes, at least 8192"),
        (aligned(10240), None, 1, "multiple of 4096 bytes, at least 8192"),
        (aligned(8192, 8), None, 1, "multiple of 64"),
        (aligned(8192), aligned(8192, 32), 1, "multiple of 64"),
        (aligned(8192), aligned(12288), 1, "differ in size"),
        (aligned(8192), aligned(0), 1, "differ in size"),
        (aligned(8192), None, 0, "1 to 4294967295 passes"),
        (aligned(8192), None, 2**64, "1 to 4294967295 passes"),
    ],
    ids=lambda one: f"{len(one)} bytes" if isinstance(one, memoryview) else str(one),
)
def test_what_is_no_memory_is_refused(one: memoryview, other: memoryview | None, passes: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _native.fill(one, other, passes)
    assert not any(one)


@pytest.mark.parametrize("begin", [0, 64, 8128])
def test_memories_that_overlap_are_refused(begin: int) -> None:
    area = aligned(16384)
    one, other = area[:8192], area[begin : begin + 8192]
    for both in ((one, other), (other, one)):
        with pytest.raises(ValueError, match="overlap"):
            _native.fill(*both, 1)
    _native.fill(one, area[8192:], 1)


@pytest.mark.parametrize("wrong", [None, 1, "x", bytes(8192), aligned(16384)[::2], memoryview(bytes(8192))])
def test_what_cannot_be_written_into_is_refused(wrong: Any) -> None:
    other: Any = wrong or 0  # None means that there is no other memory
    with pytest.raises((TypeError, BufferError)):
        _native.fill(wrong, None, 1)
    with pytest.raises((TypeError, BufferError)):
        _native.fill(aligned(8192), other, 1)
    with pytest.raises((TypeError, BufferError)):
        _native.wipe(wrong)


@pytest.mark.parametrize("unit", ["", "sse2", "avx2\0", "AVX2"])
def test_a_unit_that_there_is_not_is_refused(unit: str) -> None:
    memory = aligned(8192)
    with pytest.raises(ValueError, match=r"no vector unit|null"):
        _native.fill(memory, None, 1, unit)
    assert not any(memory)


def test_a_wiped_memory_holds_nothing_and_its_neighbours_what_they_held() -> None:
    area = aligned(192)
    area[:] = b"x" * 192
    _native.wipe(area[64:128])
    assert bytes(area) == b"x" * 64 + bytes(64) + b"x" * 64


def test_a_memory_cannot_be_taken_away_while_it_is_filled() -> None:
    """Stops: another thread that unmaps what the C writes into."""
    area, begun = mmap.mmap(-1, 128 * 2**20), threading.Event()

    def fill() -> None:
        begun.set()
        _native.fill(area, None, 3)

    thread = threading.Thread(target=fill)
    thread.start()
    assert begun.wait(20)
    time.sleep(0.02)
    assert thread.is_alive()
    with pytest.raises(BufferError):
        area.close()
    thread.join()
    area.close()


def test_neither_calls_nor_refusals_leak_references() -> None:
    memory = aligned(8192)
    no_passes: tuple[Any, ...] = (0, "1")
    no_unit: Any = 10**6
    before = sys.getrefcount(memory), sys.getrefcount(None)
    for _ in range(1000):
        _native.fill(memory, None, 1)
        _native.wipe(memory)
        _native.units()
        for wrong in no_passes:
            with pytest.raises((TypeError, ValueError)):
                _native.fill(memory, memory, wrong, no_unit)
    after = sys.getrefcount(memory), sys.getrefcount(None)
    assert after[0] == before[0]
    assert abs(after[1] - before[1]) < 500  # others of this process come and go
    memory.release()  # no buffer of it is left exported


def test_on_another_architecture_it_is_compiled_without_a_unit_and_says_so(tmp_path: Path) -> None:
    text = (SOURCE / "native.c").read_text(encoding="utf-8")
    assert text.count("defined(__x86_64__)") == 2
    (tmp_path / "native.c").write_text(text.replace("defined(__x86_64__)", "0"), encoding="utf-8")
    built = tmp_path / "_native.abi3.so"
    command = ["cc", "-O1", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    include = f"-I{sysconfig.get_path('include')}"
    subprocess.run([*command, include, "-o", built, tmp_path / "native.c"], check=True)
    loader = ExtensionFileLoader("argon2_interleaved._native", str(built))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    native = module_from_spec(spec)
    loader.exec_module(native)
    assert native.units() == ()
    with pytest.raises(RuntimeError, match="neither AVX-512 nor AVX2"):
        native.fill(aligned(8192), None, 1)
    with pytest.raises(ValueError, match="no vector unit avx2"):
        native.fill(aligned(8192), None, 1, "avx2")
