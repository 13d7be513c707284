"""What is asked of a database meanwhile: its statements, and its commits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from twofold.kit.sql.database import Database


@contextmanager
def listening(target: Any, **listeners: Callable[..., object]) -> Iterator[None]:
    """Listen to events of SQLAlchemy on an engine, or on all of them: `listening(db.engine, commit=note)`."""
    for name, listener in listeners.items():
        sa.event.listen(target, name, listener)
    try:
        yield
    finally:
        for name, listener in listeners.items():
            sa.event.remove(target, name, listener)


@contextmanager
def noted(db: Database) -> Iterator[list[str]]:
    """Note every statement."""
    heard: list[str] = []

    def statement(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        heard.append(text)

    with listening(db.engine, before_cursor_execute=statement):
        yield heard


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    """Note the first word of every statement, and every commit, also of a write that is a transaction of its own."""
    heard: list[str] = []
    in_transaction = False

    def statement(_connection: Any, _cursor: Any, text: str, *_rest: Any) -> None:
        nonlocal in_transaction
        verb = text.partition(" ")[0]
        if verb == "BEGIN":
            in_transaction = True
        elif verb not in ("PRAGMA", "SET"):
            heard.append(verb)
            if verb != "SELECT" and not in_transaction:
                heard.append("COMMIT")

    def commit(_connection: Any) -> None:
        nonlocal in_transaction
        in_transaction = False
        heard.append("COMMIT")

    with listening(db.engine, before_cursor_execute=statement, commit=commit):
        yield heard
