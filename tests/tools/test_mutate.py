import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tools import mutate

ROOT = Path(mutate.__file__).parents[1]


def mutated(expression: str) -> set[str]:
    """Return what the outermost part of an expression is changed into."""
    count = len(mutate.changes_of(ast.parse(expression, mode="eval").body))
    made = set()
    for place in range(count):
        tree = ast.parse(expression, mode="eval")
        mutate.changes_of(tree.body)[place]()
        made.add(ast.unparse(ast.fix_missing_locations(tree)))
    return made


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a < b", {"a <= b", "a >= b"}),
        ("a >= b", {"a > b", "a < b"}),
        ("a < b < c", {"a <= b < c", "a >= b < c", "a < b <= c", "a < b >= c"}),
        ("a == b", {"a != b"}),
        ("a is b", {"a is not b"}),
        ("a in b", {"a not in b"}),
        ("a and b", {"a or b"}),
        ("a + b", {"a - b"}),
        ("a // b", {"a * b"}),
        ("not a", {"not not a"}),
        ("7", {"8", "6"}),
        ("True", {"False"}),
        ("min(a, b)", {"max(a, b)"}),
        ("a if b else c", {"a if not b else c"}),
        ("a if b < c else d", set()),  # the comparison inside is a place of its own
        ("'text'", set()),
        ("a.b(c)", set()),
    ],
)
def test_a_rule_is_broken_in_each_small_way(before: str, after: set[str]) -> None:
    assert mutated(before) == after


def test_a_result_is_replaced_by_another() -> None:
    def results(line: str) -> int:
        return len(mutate.changes_of(ast.parse(line).body[0]))

    assert [results(line) for line in ("return a < b", "return a", "return None", "return")] == [2, 1, 0, 0]


def test_every_rule_and_what_holds_it_is_there() -> None:
    for rule, tests in mutate.RULES.items():
        assert (ROOT / "src" / "twofold" / f"{rule}.py").is_file(), rule
        assert [name for name in tests if not (ROOT / "tests" / f"{name}.py").is_file()] == []


def test_a_mutant_differs_from_its_file_and_types_stay() -> None:
    mutants = list(mutate.mutants_of("directory/authority"))
    assert {mutant.module for mutant in mutants} == {"twofold.directory.authority"}
    assert [mutant for mutant in mutants if mutant.before == mutant.after] == []
    assert "actor.role == 'support'" in {mutant.before for mutant in mutants}
    assert [mutant for mutant in mutants if "UUID" in mutant.before] == []


def test_what_only_says_that_a_value_is_frozen_stays() -> None:
    assert [mutant for mutant in mutate.mutants_of("resets/link") if mutant.before == "True"] == []


def test_of_a_file_that_speaks_http_only_its_rules_are_broken() -> None:
    lines = (ROOT / "src/twofold/kit/http/requests.py").read_text().splitlines()
    broken = {lines[mutant.line - 1].split(" if ")[0].strip() for mutant in mutate.mutants_of("kit/http/requests")}
    assert broken == {"return text", "return UUID(text)"}


def test_a_file_whose_tests_hold_it_passes() -> None:
    done = subprocess.run(
        [sys.executable, "tools/mutate.py", "directory/authority"], cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=900,
    )  # fmt: skip
    assert (done.returncode, "| all | 11 | 100.0 % | 0 |" in done.stdout) == (0, True), done.stdout + done.stderr
