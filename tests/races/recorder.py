"""Which rows each transaction locks, in which order, and which function of ours opened it."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from tests.harness.statements import listening

SOURCE = Path(__file__).parents[2] / "src" / "twofold"

LOCKS = re.compile(
    r"\s*(?:WITH (?:\w+ AS\s*,?\s*)+)?"
    r"(?:UPDATE (?P<update>\w+) |DELETE FROM (?P<delete>\w+)|INSERT INTO (?P<insert>\w+)"
    r"|SELECT .*?\sFROM (?P<select>\w+).*\sFOR (?:NO KEY )?UPDATE(?: OF (?P<of>\w+))?)",
    re.DOTALL,
)
PARENTHESES = re.compile(r"\(([^()]*)\)")

# To store a row here waits for nobody: its keys are random, so no other transaction stores the same.
FRESH = frozenset({
    "access_tokens", "accounts", "application_secrets", "applications", "audit_events", "authenticators",
    "authorization_codes", "authorizations", "grants", "logout_deliveries", "operator_keys", "outbox",
    "refresh_tokens", "reset_events", "reset_links", "sessions", "sign_in_attempts",
})  # fmt: skip

Key = UUID | bytes


class Lock(NamedTuple):
    """A statement that locks rows of a table, and the keys by which it names them."""

    table: str
    keys: frozenset[Key]
    statement: str


@dataclass
class Transaction:
    """What one transaction locked, in order; `site` is the function that opened it."""

    site: str
    locks: list[Lock] = field(default_factory=list)
    own: set[Key] = field(default_factory=set)  # of rows that it stored itself: nobody else sees those

    @property
    def tables(self) -> list[str]:
        """The tables in the order in which the first rows of each were locked."""
        return list(dict.fromkeys(lock.table for lock in self.locks))

    def add(self, statement: str, parameters: Sequence[Mapping[str, Any]]) -> None:
        """Note what a statement locks, if anything that somebody else may hold."""
        named = [(name, getattr(value, "obj", value)) for one in parameters for name, value in one.items()]
        given = [(name, value) for name, value in named if isinstance(value, UUID | bytes)]
        keys = frozenset(value for _name, value in given)
        for match in locking(statement):
            table = match["update"] or match["delete"] or match["insert"] or match["of"] or match["select"]
            if match["insert"]:
                self.own |= {value for name, value in given if re.fullmatch(r"(new_)?(id|token_hash)(_m\d+)?", name)}
            if not keys & self.own and not (match["insert"] and table in FRESH):
                self.locks.append(Lock(table, keys, statement))


def locking(statement: str) -> list[re.Match[str]]:
    """Find what a statement locks that somebody else may hold: by itself, in its WITH, in what it selects from."""
    if "SKIP LOCKED" in statement:  # what skips never waits
        return []
    return [match for query in _queries(statement) if (match := LOCKS.match(query))]


def _queries(statement: str) -> Iterator[str]:
    """Take a statement apart: what stands in parentheses, in the order in which it is needed, and what is left."""
    while found := PARENTHESES.search(statement):
        yield found[1]
        statement = statement[: found.start()] + statement[found.end() :]
    yield statement


@contextmanager
def recorded() -> Iterator[list[Transaction]]:
    """Record every transaction of this process meanwhile, whichever engine it goes through."""
    transactions: list[Transaction] = []

    def begin(connection: sa.Connection) -> None:
        connection.info["recorded"] = Transaction(_site())
        transactions.append(connection.info["recorded"])

    def end(connection: sa.Connection) -> None:
        connection.info.pop("recorded", None)

    def execute(connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        transaction = connection.info.get("recorded")
        if transaction is not None:
            transaction.add(statement, parameters if isinstance(parameters, list) else [parameters])

    with listening(sa.Engine, begin=begin, commit=end, rollback=end, before_cursor_execute=execute):
        yield transactions


def sites() -> set[str]:
    """Name every function of ours that opens a transaction: `signin/flow.py:submit_code`."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and any(map(_opens, _own_nodes(node))):
                found.add(f"{path.relative_to(SOURCE)}:{node.name}")
    return found


def _own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Walk a function, but not the functions inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef):
            waiting += ast.iter_child_nodes(node)


def _opens(node: ast.AST) -> bool:
    return isinstance(node, ast.withitem) and re.search(r"\bdb\.write\(", ast.unparse(node)) is not None


def _site() -> str:
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(SOURCE) and path.relative_to(SOURCE) != Path("kit/sql/database.py"):
            return f"{path.relative_to(SOURCE)}:{frame.f_code.co_name}"
        frame = frame.f_back
    return "elsewhere"
