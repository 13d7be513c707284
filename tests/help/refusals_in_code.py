"""Which refusals a call can answer with, read off the code: every `problem(status, code)` that its handler leads to.

What is followed are the files that speak HTTP (api, views, guard and kit/http): nothing else knows a status code.
Where the directory's own refusals are answered (`refused_problem`), their codes are read off the flows that the handler
calls.
"""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from twofold.directory.refusals import Refused
from twofold.provisioning.views import CONFLICT, STATUSES, refused_problem

SPEAKS_HTTP = ("api", "views", "guard", "requests", "problems", "pools")


@cache
def refusals_of(function: Callable[..., Any]) -> frozenset[tuple[int, str]]:
    """Return status and code of each refusal that a function can lead to."""
    found: set[tuple[int, str]] = set()
    for module, node in _code(function, lambda name: name.rpartition(".")[2].endswith(SPEAKS_HTTP)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "problem":
            found |= {(status, code) for status in _constants(node, 0) for code in _constants(node, 1)}
        elif isinstance(node, ast.Name) and getattr(module, node.id, None) is refused_problem:
            found |= _of_the_directory(function)
    return frozenset(found)


def _of_the_directory(function: Callable[..., Any]) -> set[tuple[int, str]]:
    codes = {
        code
        for module, node in _code(function, lambda name: name.startswith("twofold."))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if getattr(module, node.func.id, None) is Refused
        for code in _constants(node, 0)
    }
    return {(STATUSES.get(code, CONFLICT), code) for code in codes}


def _constants(call: ast.Call, place: int) -> list[Any]:
    """Return the values that an argument may have as it is written; a choice between two is both."""
    argument = call.args[place]
    parts = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
    return [part.value for part in parts if isinstance(part, ast.Constant)]


def _code(function: Callable[..., Any], follows: Callable[[str], bool]) -> Iterator[tuple[ModuleType, ast.AST]]:
    """Walk the code of a function, and of all that it leads to in modules that are followed."""
    waiting, seen = [function], set()
    while waiting:
        now = inspect.unwrap(waiting.pop())
        if now in seen:
            continue
        seen.add(now)
        module = importlib.import_module(now.__module__)
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(now)))):
            yield module, node
            named = _named(module, node)
            if named is not None and follows(named.__module__):
                waiting.append(named)


def _named(module: ModuleType, node: ast.AST) -> FunctionType | None:
    """Return the function of ours that a name in the code stands for."""
    found: Any = None
    if isinstance(node, ast.Name):
        found = getattr(module, node.id, None)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        found = getattr(getattr(module, node.value.id, None), node.attr, None)
    return found if isinstance(found, FunctionType) and found.__module__.startswith("twofold.") else None
