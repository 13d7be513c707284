"""Who may act for whom: administrators in their own account, support agents everywhere, nobody for themselves."""

from typing import Protocol
from uuid import UUID


class Someone(Protocol):
    """What decides it: a `User`, or another feature's value that says the same of one."""

    @property
    def id(self) -> UUID: ...

    @property
    def account_id(self) -> UUID: ...

    @property
    def role(self) -> str: ...


def oversees(actor: Someone, subject: Someone) -> bool:
    """Tell whether an actor sees a subject at all; if not, they get the answer for an id that does not exist."""
    if actor.role == "support":
        return True
    return actor.role == "admin" and actor.account_id == subject.account_id


def may_act(actor: Someone, subject: Someone) -> bool:
    """Tell whether an actor may unlock, unfreeze or reset a subject: somebody they oversee, never themselves."""
    return oversees(actor, subject) and actor.id != subject.id
