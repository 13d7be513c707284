"""Where statements stand, and what leaves them: held by `make check`.

    python -m tools.rows [folder of the package]

Statements are executed in `records`, and what a function of theirs takes and returns is typed: a value, a scalar or a
count, never a row, whose columns mypy knows nothing of.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.imports import Breach, Module

# They have statements of their own: of no feature, of every table, of another schema.
WITH_STATEMENTS = {"kit", "operations", "migrations"}

# A row of SQLAlchemy's by any name, and what rows are taken from.
ROWS = {"AnyRow", "CursorResult", "MappingResult", "Result", "Row", "RowMapping", "ScalarResult"}


def main(arguments: list[str]) -> int:
    package = Path(arguments[0]) if arguments else Path("src/twofold")
    files = sorted(package.rglob("*.py"))
    if not files:
        print(f"{package} has no Python files")
        return 2
    breaches = [breach for path in files for breach in check(path, package)]
    for breach in breaches:
        print(breach)
    print(
        f"{len(files)} files, {len(breaches)} rows that go where they may not" if breaches else "no row leaves records"
    )
    return 1 if breaches else 0


def check(path: Path, package: Path) -> Iterator[Breach]:
    """Yield what breaks the rules in one file of the package."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    module = Module(path.relative_to(package).with_suffix("").parts)
    if module.role == "records":
        for function in tree.body:
            if isinstance(function, ast.FunctionDef) and not function.name.startswith("_"):
                yield from _check_is_typed(function, path)
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.expr | ast.alias):
            continue
        if module.package not in WITH_STATEMENTS and _is_statement(node):
            yield Breach(path, node.lineno, "statements stand in records")
        if module.parts[:2] != ("kit", "sql") and (rows := _names(node) & ROWS):
            yield Breach(path, node.lineno, f"{', '.join(rows)} is for records: what leaves them is typed")


def _check_is_typed(function: ast.FunctionDef, path: Path) -> Iterator[Breach]:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    for annotation in (argument.annotation for argument in arguments):
        if rows := _names_within(annotation) & ROWS:
            yield Breach(path, function.lineno, f"{function.name} takes {', '.join(sorted(rows))}: take a value")
    if untyped := _names_within(function.returns) & (ROWS | {"Any"}):
        yield Breach(path, function.lineno, f"{function.name} returns {', '.join(sorted(untyped))}: return a value")


def _is_statement(node: ast.AST) -> bool:
    """Tell whether a statement is executed here, or compiled to be."""
    if not isinstance(node, ast.Call):
        return False
    executes = isinstance(node.func, ast.Attribute) and node.func.attr == "execute"
    return executes or "Statement" in _names(node.func)


def _names_within(node: ast.AST | None) -> set[str]:
    return set() if node is None else {name for part in ast.walk(node) for name in _names(part)}


def _names(node: ast.AST) -> set[str]:
    """Return what a node names by itself: a name, the last word of a dotted one, what is imported."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
            return {name.rpartition(".")[2]}
        case _:
            return set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
