"""Break the pure rules one small way at a time, and see whether their tests notice: mutation testing.

    python tools/mutate.py [word in a file's name …]

A mutant is a rule with one comparison, number, connective, condition or result changed. It is killed when a test of
its feature fails (or does not end); one that survives is a rule that no test holds. Survivors are named by file and
line; docs/mutation.md says why those that remain make no difference. Fewer than 95 of 100 killed is a failure.
"""

import ast
import contextlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

import hypothesis
import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
LEAST_KILLED = 0.95
TIMEOUT = 60.0  # seconds for the tests of one mutant: one that never ends is killed as well

# The pure rules, and what holds them.
RULES = {
    "factors/totp/codes": ("factors/test_totp",),
    "factors/backup_code/codes": ("factors/test_backup_code",),
    "factors/proof": ("factors/test_proof",),
    "lockouts/budget": ("lockouts/test_budget",),
    "directory/eligibility": ("directory/test_eligibility",),
    "directory/password": ("directory/test_password",),
    "directory/email_address": ("directory/test_email_address",),
    "directory/authority": ("directory/test_authority",),
    "signin/attempt": ("signin/test_attempt",),
    "resets/case": ("resets/test_case",),
    "resets/link": ("resets/test_case",),
    "recovery/password_link": ("recovery/test_password_link",),
    "admin/policy": ("admin/test_policy",),
    "audit/chain": ("audit/test_chain",),
    "sessions/session": ("sessions/test_session",),
    "sessions/methods": ("sessions/test_methods",),
    "kit/client_info": ("kit/test_client_info",),
    "kit/http/forms": ("kit/test_forms",),
    "kit/http/requests": ("kit/test_requests",),
}

# Where a file speaks HTTP as well, the functions of it that are rules.
ONLY = {"kit/http/requests": ("local_path", "row_id")}

# What every test imports and no mutant touches; loaded once, so that each mutant begins at once.
LOADED_ONCE = ("PIL.Image", "zxingcpp", "hypothesis.stateful", "msgspec", "sqlalchemy", "cryptography.hazmat", "nacl")

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Pow: ast.Mult,
}  # fmt: skip
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any"}


class Mutant(NamedTuple):
    """One rule changed in one place."""

    module: str
    line: int
    before: str
    after: str
    code: CodeType


class Result(NamedTuple):
    """How a file's mutants fared."""

    rule: str
    mutants: int
    survivors: list[Mutant]
    seconds: float


def mutants_of(rule: str) -> Iterator[Mutant]:
    """Make every mutant of a file, one change each."""
    path = SOURCE / "twofold" / f"{rule}.py"
    text = path.read_text()
    whole = ast.parse(text)
    left_alone = _types(whole) | _frozen(whole) | _outside(whole, ONLY.get(rule, ()))
    for index, found in enumerate(ast.walk(whole)):
        for variant in range(0 if id(found) in left_alone else len(changes_of(found))):
            tree = ast.parse(text)
            node = list(ast.walk(tree))[index]
            before = ast.unparse(_whole(node))
            changes_of(node)[variant]()
            ast.fix_missing_locations(tree)
            yield Mutant(
                f"twofold.{rule.replace('/', '.')}", _line(node), before, ast.unparse(_whole(node)),
                compile(tree, str(path), "exec"),
            )  # fmt: skip


def changes_of(node: ast.AST) -> list[Callable[[], None]]:
    """Return the ways in which one node of the syntax tree is broken."""
    match node:
        case ast.Compare():
            return [
                lambda place=place, other=other: node.ops.__setitem__(place, other())  # type: ignore[misc]
                for place, op in enumerate(node.ops)
                for other in COMPARISONS[type(op)]
            ]
        case ast.Constant(value=int() as known):
            others = [not known] if isinstance(known, bool) else [known + 1, known - 1]
            return [lambda other=other: setattr(node, "value", other) for other in others]  # type: ignore[misc]
        case ast.BoolOp():
            return [lambda: setattr(node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And())]
        case ast.BinOp() if type(node.op) in OPERATORS:
            return [lambda: setattr(node, "op", OPERATORS[type(node.op)]())]
        case ast.UnaryOp(op=ast.Not()):
            return [lambda: setattr(node, "operand", _not(node.operand))]
        case ast.If() | ast.IfExp() | ast.While() if not _decided_inside(node.test):
            return [lambda: setattr(node, "test", _not(node.test))]
        case ast.comprehension():
            return [
                lambda place=place: node.ifs.__setitem__(place, _not(node.ifs[place]))  # type: ignore[misc]
                for place, test in enumerate(node.ifs)
                if not _decided_inside(test)
            ]
        case ast.Return(value=ast.expr() as value):
            return [lambda other=other: setattr(node, "value", ast.Constant(other)) for other in _others(value)]  # type: ignore[misc]
        case ast.Call(func=ast.Name(id=name)) if name in FUNCTIONS:
            return [lambda: setattr(node, "func", ast.Name(FUNCTIONS[name], ast.Load()))]
        case _:
            return []


def survives(mutant: Mutant | None, tests: Sequence[str]) -> bool:
    """Run the tests in a process of their own, in which the mutant stands in the place of its file."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            _run(mutant, tests)
        os._exit(1)
    until = time.monotonic() + TIMEOUT
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status == 0
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return False
        time.sleep(0.01)


def try_all(rule: str) -> Result:
    """Try every mutant of one file."""
    tests = [str(ROOT / "tests" / f"{name}.py") for name in RULES[rule]]
    begun = time.monotonic()
    if not survives(None, tests):
        sys.exit(f"The tests of {rule} fail without any change.")
    mutants = list(mutants_of(rule))
    survivors = [mutant for mutant in mutants if survives(mutant, tests)]
    return Result(rule, len(mutants), survivors, time.monotonic() - begun)


def main(words: Sequence[str]) -> int:
    for name in LOADED_ONCE:
        importlib.import_module(name)
    generate_only = (hypothesis.Phase.explicit, hypothesis.Phase.generate)  # nobody reads the smallest example here
    hypothesis.settings.register_profile(
        "mutation", deadline=None, derandomize=True, database=None, max_examples=30, phases=generate_only,
    )  # fmt: skip
    hypothesis.settings.load_profile("mutation")
    sys.dont_write_bytecode = True
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed, and each costs every mutant its time
    sys.path.insert(0, str(ROOT))
    results = []
    print("| rules | mutants | killed | survivors | seconds |\n|---|---|---|---|---|")
    for rule in RULES:
        if not words or any(word in rule for word in words):
            result = try_all(rule)
            results.append(result)
            print(_row(rule, result.mutants, len(result.survivors), result.seconds), flush=True)
    total, alive = sum(result.mutants for result in results), sum(len(result.survivors) for result in results)
    print(_row("all", total, alive, sum(result.seconds for result in results)))
    for result in results:
        for mutant in result.survivors:
            print(f"\nsrc/twofold/{result.rule}.py:{mutant.line}\n  - {mutant.before}\n  + {mutant.after}")
    return 0 if total and (total - alive) / total >= LEAST_KILLED else 1


class _Substitute(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Hands the mutant out where its file is imported."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self.mutant.module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self.mutant.code, module.__dict__)  # noqa: S102 - our own source with one change


def _run(mutant: Mutant | None, tests: Sequence[str]) -> None:
    if mutant is not None:
        sys.meta_path.insert(0, _Substitute(mutant))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    options = [
        "-x", "-q", "--noconftest", "-p", "no:cacheprovider", "--import-mode=importlib", f"--rootdir={ROOT}",
        f"-c{os.devnull}",
    ]  # fmt: skip
    os._exit(int(pytest.main([*options, *tests])))


def _types(tree: ast.AST) -> set[int]:
    """Return what says a type or names one: nothing of it runs."""
    found: list[ast.AST] = []
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(returns=ast.expr() as said) | ast.arg(annotation=ast.expr() as said):
                found.append(said)
            case ast.AnnAssign(annotation=said):
                found.append(said)
            case _:
                pass
    return {id(part) for node in found for part in ast.walk(node)}


def _frozen(tree: ast.AST) -> set[int]:
    """Return what says that a value cannot be changed: it stops a slip of the programmer's, and no rule hangs on it."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "frozen"}


def _outside(tree: ast.Module, names: Sequence[str]) -> set[int]:
    """Return what belongs to none of the functions named; nothing, where none is named."""
    inside = [part for part in tree.body if isinstance(part, ast.FunctionDef) and part.name in names]
    kept = {id(node) for part in inside for node in ast.walk(part)}
    return {id(node) for node in ast.walk(tree) if id(node) not in kept} if names else set()


def _decided_inside(test: ast.expr) -> bool:
    """Tell whether turning a condition round is what a change inside it does already."""
    return isinstance(test, ast.Compare | ast.BoolOp) or (
        isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    )


def _others(value: ast.expr) -> list[bool | None]:
    """Return what a result is replaced by: the constants that it is not."""
    truth = isinstance(value, ast.Compare | ast.BoolOp) or (
        isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)
    )
    if truth:
        return [True, False]
    return [] if isinstance(value, ast.Constant) else [None]


def _not(test: ast.expr) -> ast.UnaryOp:
    return ast.UnaryOp(ast.Not(), test)


def _whole(node: ast.AST) -> ast.AST:
    """Return what is shown of a change: a condition stands for all that hangs on it."""
    return node.test if isinstance(node, ast.If | ast.While) else node


def _line(node: ast.AST) -> int:
    placed = node.target if isinstance(node, ast.comprehension) else node
    return int(getattr(placed, "lineno", 0))


def _row(name: str, mutants: int, alive: int, seconds: float) -> str:
    killed = 100 * (mutants - alive) / mutants if mutants else 0.0
    return f"| {name} | {mutants} | {killed:.1f} % | {alive} | {seconds:.0f} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
