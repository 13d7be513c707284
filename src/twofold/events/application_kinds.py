"""The kinds of events of applications, and of the keys that sign for them. Words: support/application_words.py."""

from typing import Any, ClassVar

from twofold.events.event import Changes, Event


class ApplicationSignedIn(Event, frozen=True):
    """Somebody signed in to an application through the session they had."""

    kind: ClassVar = "application_signed_in"

    application: str
    name: str
    session: str


class ApplicationGrantEnded(Event, frozen=True):
    """What an application was given for somebody was taken back: `code_reused`, `refresh_token_reused` or `revoked`."""

    kind: ClassVar = "application_grant_ended"

    application: str
    why: str


class ApplicationAgreed(Event, frozen=True):
    """Somebody agreed to what an application may see of them: its scopes."""

    kind: ClassVar = "application_agreed"

    application: str
    name: str
    scope: str


class ApplicationAccessRevoked(Event, frozen=True):
    """Somebody took back what an application may see of them: its tokens for them are over."""

    kind: ClassVar = "application_access_revoked"

    application: str
    name: str


class ApplicationCreated(Changes, frozen=True):
    """An application was registered."""

    kind: ClassVar = "application_created"


class ApplicationChanged(Event, frozen=True):
    """What is said of an application was changed: each field with its value before and after."""

    kind: ClassVar = "application_changed"

    application: str
    name: str
    changed: dict[str, Any]


class ApplicationRuleChanged(Event, frozen=True):
    """What an account asks of its people at an application was changed: each field before and after."""

    kind: ClassVar = "application_rule_changed"

    application: str
    name: str
    changed: dict[str, Any]


class ApplicationDeleted(Event, frozen=True):
    """An application was deleted: nobody signs in to it any more."""

    kind: ClassVar = "application_deleted"

    application: str
    name: str


class ApplicationSecretCreated(Event, frozen=True):
    """An application was given another client secret; the one before it is valid as well, older ones are not."""

    kind: ClassVar = "application_secret_created"

    application: str
    name: str


class OidcKeysRotated(Event, frozen=True):
    """New keys sign ID tokens from a moment on; `at_once`: those before are not published any more."""

    kind: ClassVar = "oidc_keys_rotated"

    kids: list[str]
    active_from: str
    at_once: bool
