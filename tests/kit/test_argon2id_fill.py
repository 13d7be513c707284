import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id as OpenSslArgon2id
from hypothesis import given, settings
from hypothesis import strategies as st

from twofold.kit.crypto import argon2id_fill
from twofold.kit.crypto.argon2id_fill import Fill, Memory, Stored, first_blocks, tag_of

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/twofold/kit/crypto/argon2id_fill.c"
UNITS_HERE = sorted(argon2id_fill._units_here() & set(argon2id_fill.UNITS))
SALT = b"0123456789abcdef"


@pytest.fixture(params=UNITS_HERE)
def fill(request: pytest.FixtureRequest) -> Fill:
    """What was compiled, for each vector unit of this processor."""
    return Fill(argon2id_fill.built(request.param))


def openssl(secret: bytes, salt: bytes, memory_kib: int, passes: int) -> bytes:
    return OpenSslArgon2id(salt=salt, length=32, iterations=passes, lanes=1, memory_cost=memory_kib).derive(secret)


def tags(fill: Fill, secrets: list[bytes], salt: bytes, memory_kib: int, passes: int) -> list[bytes]:
    starts = [first_blocks(secret, salt, memory_kib, passes) for secret in secrets]
    with Memory(fill, memory_kib) as memory:
        return [tag_of(last) for last in memory.last_blocks(starts, passes)]


def compiled(source: str, folder: Path, *options: str) -> Path:
    """Compile C as tools/native-argon2 does, but let nothing pass that a compiler warns of."""
    (folder / "spoilt.c").write_text(source, encoding="utf-8")
    command = ["cc", f"-m{UNITS_HERE[0]}", "-O1", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    built = folder / "spoilt.so"
    subprocess.run([*command, *options, "-o", str(built), str(folder / "spoilt.c")], check=True)
    return built


def test_what_this_processor_can_was_compiled_and_is_found() -> None:
    assert UNITS_HERE
    assert argon2id_fill.load() is not None


def test_the_known_answer_of_the_reference_implementation(fill: Fill) -> None:
    """phc-winner-argon2, its test for version 0x13: 64 MiB, two passes, "password", "somesalt"; salts of any length."""
    known = "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
    assert [tag.hex() for tag in tags(fill, [b"password"], b"somesalt", 65536, 2)] == [known]


@given(
    secrets=st.lists(st.binary(max_size=300), min_size=1, max_size=2),
    salt=st.binary(min_size=8, max_size=32),
    memory_kib=st.one_of(st.integers(8, 64), st.integers(500, 1300), st.sampled_from([4096, 7168])),
    passes=st.integers(1, 4),
)
@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("unit", UNITS_HERE)
def test_one_and_two_in_turns_are_what_openssl_computes(
    unit: str, secrets: list[bytes], salt: bytes, memory_kib: int, passes: int
) -> None:
    fill = Fill(argon2id_fill.built(unit))
    expected = [openssl(secret, salt, memory_kib, passes) for secret in secrets]
    assert tags(fill, secrets, salt, memory_kib, passes) == expected


def test_two_in_turns_with_the_parameters_of_the_settings(fill: Fill) -> None:
    secrets = [b"orchard kettle lantern", b"hunter2"]
    assert tags(fill, secrets, SALT, 19456, 2) == [openssl(secret, SALT, 19456, 2) for secret in secrets]


def test_a_memory_serves_one_password_after_the_other_and_leaves_nothing_when_it_is_wiped(fill: Fill) -> None:
    with Memory(fill, 64) as memory:
        for secrets in ([b"a", b"b"], [b"c"], [b"d", b"e"]):
            starts = [first_blocks(secret, SALT, 64, 2) for secret in secrets]
            found = [tag_of(last) for last in memory.last_blocks(starts, 2)]
            assert found == [openssl(secret, SALT, 64, 2) for secret in secrets]
        memory.last_blocks([first_blocks(b"alone", SALT, 64, 2)], 2)  # the other room still holds b"e"
        assert any(held(memory))
        memory.wipe()
        assert not any(held(memory))


def held(memory: Memory) -> bytes:
    return ctypes.string_at(memory._address, 2 * memory._room)


def test_nothing_beside_the_memory_is_written(fill: Fill) -> None:
    blocks, marks = 16, b"\xa5" * 1024
    room = blocks * 1024
    area = ctypes.create_string_buffer(2 * room + 3 * len(marks) + 64)
    begin = -(-ctypes.addressof(area) // 64) * 64
    one, other = begin + len(marks), begin + len(marks) + room + len(marks)
    for mark in (begin, one + room, other + room):
        ctypes.memmove(mark, marks, len(marks))
    for at in (one, other):
        ctypes.memmove(at, first_blocks(b"x", SALT, blocks, 3), 2048)
    fill(one, other, blocks, 3)
    for mark in (begin, one + room, other + room):
        assert ctypes.string_at(mark, len(marks)) == marks
    for at in (one, other):
        assert tag_of(ctypes.string_at(at + room - 1024, 1024)) == openssl(b"x", SALT, blocks, 3)


@pytest.mark.parametrize(
    ("address", "other", "blocks", "passes"),
    [(0, None, 8, 1), (8, None, 8, 1), (64, 8, 8, 1), (64, None, 4, 1), (64, None, 10, 1), (64, None, 8, 0)],
)
def test_what_is_no_memory_is_refused_before_it_is_touched(
    fill: Fill, address: int, other: int | None, blocks: int, passes: int
) -> None:
    with pytest.raises(ValueError, match="no memory of argon2id"):
        fill(address, other, blocks, passes)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("rotated(xored(*b, *c), 63)", "rotated(xored(*b, *c), 62)"),
        ("c->newest = combine(", "if (k == 0 || at % 64) c->newest = combine("),  # only the second of two
        ("next / BLOCK_WORDS + 1)", "next / BLOCK_WORDS)"),  # only where there is more than one block of drawn words
        ("pass && slice + 1 < SLICES ?", "pass > 1 && slice + 1 < SLICES ?"),  # only in later passes
    ],
)
def test_what_computes_something_else_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, was: str, becomes: str
) -> None:
    source = SOURCE.read_text(encoding="utf-8")
    assert source.count(was) >= 1
    built = compiled(source.replace(was, becomes), tmp_path)
    assert not argon2id_fill.is_right(Fill(built))
    monkeypatch.setattr(argon2id_fill, "built", lambda _unit: built)
    assert argon2id_fill.load() is None


def test_what_was_compiled_for_another_version_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    built = compiled(SOURCE.read_text(encoding="utf-8").replace("#define INTERFACE 1", "#define INTERFACE 2"), tmp_path)
    with pytest.raises(OSError, match="another version"):
        Fill(built)
    monkeypatch.setattr(argon2id_fill, "built", lambda _unit: built)
    assert argon2id_fill.load() is None


def test_what_is_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(argon2id_fill, "built", lambda _unit: tmp_path / "not.so")
    assert argon2id_fill.load() is None
    built = compiled("int nothing_of_ours(void); int nothing_of_ours(void) { return 0; }", tmp_path)
    with pytest.raises(OSError, match="something else"):
        Fill(built)


def test_a_processor_with_neither_unit_leaves_it_to_libsodium(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argon2id_fill, "_units_here", frozenset)
    assert argon2id_fill.load() is None


def test_the_compiler_finds_nothing_undefined_in_it(tmp_path: Path) -> None:
    """Whatever shifts, overflows or reads beside its arrays stops the process."""
    options = ("-fsanitize=undefined", "-fno-sanitize-recover=all")
    fill = Fill(compiled(SOURCE.read_text(encoding="utf-8"), tmp_path, *options))
    assert tags(fill, [b"orchard", b"kettle"], SALT, 1024, 2) == [
        openssl(secret, SALT, 1024, 2) for secret in (b"orchard", b"kettle")
    ]


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ("$argon2id$v=19$m=8,t=1,p=1$" + "A" * 22 + "$" + "A" * 43, Stored(8, 1, bytes(16), bytes(32))),
        ("$argon2id$v=19$m=8,t=1,p=2$" + "A" * 22 + "$" + "A" * 43, None),
        ("$argon2id$v=16$m=8,t=1,p=1$" + "A" * 22 + "$" + "A" * 43, None),
        ("$argon2i$v=19$m=8,t=1,p=1$" + "A" * 22 + "$" + "A" * 43, None),
        ("$argon2id$v=19$m=8,t=1,p=1$" + "A" * 11 + "$" + "A" * 43, None),
        ("$argon2id$v=19$m=8,t=1,p=1$" + "A" * 22 + "$" + "A" * 86, None),
        ("$argon2id$v=19$m=8,t=1,p=1$" + "A" * 22 + "$" + "A" * 43 + "\n", None),
        ("", None),
    ],
)
def test_strings_of_our_own_kind_are_read_and_no_others(stored: str, said: Stored | None) -> None:
    assert argon2id_fill.read(stored) == said


def test_the_tool_compiles_for_each_unit_into_the_environment_that_it_is_given(tmp_path: Path) -> None:
    ran = native_argon2(tmp_path, "cc")
    assert ran.stderr == ""
    assert sorted(path.name for path in tmp_path.glob("*.so")) == [
        "twofold_argon2id_avx2.so",
        "twofold_argon2id_avx512f.so",
    ]
    for unit in UNITS_HERE:
        assert argon2id_fill.is_right(Fill(tmp_path / f"twofold_argon2id_{unit}.so"))


def test_without_a_compiler_the_tool_says_so_and_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "twofold_argon2id_avx2.so").write_text("older")
    ran = native_argon2(tmp_path, "no-such-compiler")
    assert "a C compiler for x86-64 is needed): libsodium hashes." in ran.stderr
    assert ran.stderr.count("libsodium") == 1
    assert (tmp_path / "twofold_argon2id_avx2.so").read_text() == "older"


def native_argon2(folder: Path, compiler: str) -> subprocess.CompletedProcess[str]:
    """Run the tool with a Python that says that its packages lie in a folder."""
    python = folder / "python"
    python.write_text(f"#!{sys.executable}\nprint({str(folder)!r})\n")
    python.chmod(0o755)
    environment = {"PATH": "/usr/bin:/bin", "CC": compiler}
    bash = shutil.which("bash")
    assert bash is not None
    command = [bash, str(ROOT / "tools/native-argon2"), str(python)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
