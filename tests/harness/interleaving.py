"""Two things in a chosen order: one happens to its end between two statements of the other."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.harness.statements import listening
from twofold.kit.sql.database import Database


@contextmanager
def meanwhile(db: Database, after: str, do: Callable[[], object]) -> Iterator[None]:
    """Do something right after the first statement that matches `after`, a pattern; one must come.

    What is done goes through another node of the same database and must not wait for what is held here. PostgreSQL
    alone can show this: on SQLite nobody else writes as long as a transaction is open.
    """
    waiting = [do]

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if waiting and re.search(after, statement):
            waiting.pop()()

    with listening(db.engine, after_cursor_execute=note):
        yield
    assert not waiting, f"no statement matched {after}"
