"""The kinds of events of sign-ins, second factors and passwords. Their words stand in support/audit_words.py."""

from enum import StrEnum
from typing import ClassVar

from twofold.events.event import Event
from twofold.events.notices import Notice


class Operation(StrEnum):
    """What a second factor is asked for; in words in support/audit_facts.py."""

    SIGN_IN = "sign_in"
    STEP_UP = "step_up"
    SET_UP = "set_up"
    REMOVE = "remove"
    REMOVE_ONE = "remove_one"
    REGENERATE = "regenerate"
    PASSWORD = "password"  # noqa: S105 - an operation


# --- signing in


class SignedIn(Event, frozen=True):
    """Somebody signed in; `methods` are what was proved."""

    kind: ClassVar = "signed_in"

    methods: list[str]
    channel: str
    session: str


class SignedOut(Event, frozen=True):
    """Somebody ended sessions of theirs: so many."""

    kind: ClassVar = "signed_out"

    sessions: int


class SignInRefused(Event, frozen=True):
    """A sign-in was refused: `password_wrong`, `frozen` or `two_factor_needed`."""

    kind: ClassVar = "sign_in_refused"

    why: str


class SteppedDown(Event, frozen=True):
    """A session is asked to set up two-factor authentication first: a policy came to require it."""

    kind: ClassVar = "stepped_down"


class SteppedUp(Event, frozen=True):
    """Somebody proved factors again in the session they had, by these methods."""

    kind: ClassVar = "stepped_up"

    methods: list[str]


class SecondFactorWrong(Event, frozen=True):
    """A wrong code, or backup code, was given for an operation."""

    kind: ClassVar = "second_factor_wrong"

    operation: Operation


class PasskeyRefused(Event, frozen=True):
    """What was sent in the place of a passkey was none of its user's for an operation; `why` is a stable word."""

    kind: ClassVar = "passkey_refused"

    operation: Operation
    why: str


class PasskeyCounterWentBack(Event, frozen=True):
    """The counter of a passkey did not go on: a copy of it may be in use."""

    kind: ClassVar = "passkey_counter_went_back"
    notice: ClassVar = Notice.PASSKEY_COUNTER_WENT_BACK

    passkey: str


class Locked(Event, frozen=True):
    """So many wrong ones locked the second factor."""

    kind: ClassVar = "locked"
    notice: ClassVar = Notice.LOCKED


class Unlocked(Event, frozen=True):
    """An administrator, support agent or the command line lifted the lock."""

    kind: ClassVar = "unlocked"


class MailboxProved(Event, frozen=True):
    """The code from the mailbox was right."""

    kind: ClassVar = "mailbox_proved"


class MailedCodeWrong(Event, frozen=True):
    """A code from the mailbox was wrong."""

    kind: ClassVar = "mailed_code_wrong"


class BrowserLinkAsked(Event, frozen=True):
    """Somebody asked for a link that makes their browser known."""

    kind: ClassVar = "browser_link_asked"


class BrowserKnownByMail(Event, frozen=True):
    """Such a link was used."""

    kind: ClassVar = "browser_known_by_mail"


class Frozen(Event, frozen=True):
    """Somebody froze their account: "this was not me"."""

    kind: ClassVar = "frozen"
    notice: ClassVar = Notice.FROZEN

    about: str
    happened_at: str


class Unfrozen(Event, frozen=True):
    """A frozen user may come back."""

    kind: ClassVar = "unfrozen"


# --- second factors


class TwoFactorSetUp(Event, frozen=True):
    """A first factor protects from now on."""

    kind: ClassVar = "two_factor_set_up"
    notice: ClassVar = Notice.TWO_FACTOR_SET_UP

    authenticator: str


class TwoFactorAdded(Event, frozen=True):
    """Another factor protects as well."""

    kind: ClassVar = "two_factor_added"
    notice: ClassVar = Notice.TWO_FACTOR_ADDED

    authenticator: str


class TwoFactorReplaced(Event, frozen=True):
    """A factor took the place of another."""

    kind: ClassVar = "two_factor_replaced"
    notice: ClassVar = Notice.TWO_FACTOR_REPLACED

    authenticator: str


class TwoFactorRemoved(Event, frozen=True):
    """Two-factor authentication was switched off by its user."""

    kind: ClassVar = "two_factor_removed"
    notice: ClassVar = Notice.TWO_FACTOR_REMOVED


class AuthenticatorRemoved(Event, frozen=True):
    """One of several factors was removed."""

    kind: ClassVar = "authenticator_removed"
    notice: ClassVar = Notice.AUTHENTICATOR_REMOVED


class PasskeyAdded(Event, frozen=True):
    """A passkey protects as well."""

    kind: ClassVar = "passkey_added"
    notice: ClassVar = Notice.PASSKEY_ADDED

    passkey: str


class PasskeyRemoved(Event, frozen=True):
    """One of several factors, a passkey, was removed."""

    kind: ClassVar = "passkey_removed"
    notice: ClassVar = Notice.PASSKEY_REMOVED


class AuthenticatorRenamed(Event, frozen=True):
    """A factor has another name."""

    kind: ClassVar = "authenticator_renamed"

    name: str


class SecretUnreadable(Event, frozen=True):
    """Secrets of these authenticators did not open: their rows were tampered with."""

    kind: ClassVar = "secret_unreadable"

    authenticators: list[str]


class BackupCodeUsed(Event, frozen=True):
    """The backup code was used, and replaced."""

    kind: ClassVar = "backup_code_used"
    notice: ClassVar = Notice.BACKUP_CODE_USED

    operation: Operation


class BackupCodeRegenerated(Event, frozen=True):
    """A new backup code took the place of the old one."""

    kind: ClassVar = "backup_code_regenerated"
    notice: ClassVar = Notice.BACKUP_CODE_REGENERATED


# --- passwords


class PasswordChanged(Event, frozen=True):
    """A password was changed in its user's profile."""

    kind: ClassVar = "password_changed"
    notice: ClassVar = Notice.PASSWORD_CHANGED


class PasswordLinkAsked(Event, frozen=True):
    """Somebody asked for a link to choose a password."""

    kind: ClassVar = "password_link_asked"


class PasswordLinkSent(Event, frozen=True):
    """A link to choose a password went out."""

    kind: ClassVar = "password_link_sent"

    purpose: str


class PasswordSetByMail(Event, frozen=True):
    """A password was chosen by such a link."""

    kind: ClassVar = "password_set_by_mail"

    purpose: str
