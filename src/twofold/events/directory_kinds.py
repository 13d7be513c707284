"""The kinds of events of accounts, users and the installation. Their words stand in support/audit_words.py."""

from typing import Any, ClassVar

from twofold.events.event import Changes, Event


class Invited(Event, frozen=True):
    """A user was invited, or once more."""

    kind: ClassVar = "invited"


class PolicyChanged(Event, frozen=True):
    """The two-factor policy of an account was changed."""

    kind: ClassVar = "policy_changed"

    before: dict[str, Any]
    after: dict[str, Any]


class RemindersSent(Event, frozen=True):
    """People without a second factor were reminded of it by an administrator."""

    kind: ClassVar = "reminders_sent"

    people: int


class OperatorKeyCreated(Event, frozen=True):
    """An operator key was made."""

    kind: ClassVar = "operator_key_created"

    key: str
    name: str


class OperatorKeyRevoked(Event, frozen=True):
    """An operator key ended."""

    kind: ClassVar = "operator_key_revoked"

    key: str


class NetworkBlocked(Event, frozen=True):
    """A network was shut out."""

    kind: ClassVar = "network_blocked"

    network: str
    until: str | None


class NetworkUnblocked(Event, frozen=True):
    """A network was let in again."""

    kind: ClassVar = "network_unblocked"

    network: str


class KeysRotated(Event, frozen=True):
    """What was encrypted under other keys is under the active one."""

    kind: ClassVar = "keys_rotated"

    active: str
    sealed: int
    retired: Any


class UserCreated(Changes, frozen=True):
    """A user was made."""

    kind: ClassVar = "user_created"


class UserChanged(Changes, frozen=True):
    """Fields of a user were changed: each with its value before and after."""

    kind: ClassVar = "user_changed"


class AccountCreated(Changes, frozen=True):
    """An account was made."""

    kind: ClassVar = "account_created"


class AccountChanged(Changes, frozen=True):
    """Fields of an account were changed: each with its value before and after."""

    kind: ClassVar = "account_changed"


class AuditExported(Changes, frozen=True):
    """Somebody took a copy of an audit log: in which form, and by which filters."""

    kind: ClassVar = "audit_exported"


class Restored(Changes, frozen=True):
    """A backup was brought back; `values` say what became void."""

    kind: ClassVar = "restored"
