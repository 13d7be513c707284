"""The kinds of letters. Each has a composer in a feature's letters.py, and a folder in templates/mail."""

from enum import StrEnum


class Notice(StrEnum):
    """What a letter is about."""

    # to a user, about themselves
    TWO_FACTOR_SET_UP = "two_factor_set_up"
    TWO_FACTOR_ADDED = "two_factor_added"
    TWO_FACTOR_REPLACED = "two_factor_replaced"
    TWO_FACTOR_REMOVED = "two_factor_removed"
    AUTHENTICATOR_REMOVED = "authenticator_removed"
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    BACKUP_CODE_USED = "backup_code_used"
    BACKUP_CODE_REGENERATED = "backup_code_regenerated"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a kind of letter
    ADDRESS_CHANGED = "address_changed"
    UNKNOWN_BROWSER_WRONG_CODE = "unknown_browser_wrong_code"
    PASSKEY_COUNTER_WENT_BACK = "passkey_counter_went_back"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    FROZEN = "frozen"
    # to a user, with a link or a code
    SIGN_IN_CODE = "sign_in_code"
    PASSWORD_LINK = "password_link"  # noqa: S105 - the same
    BROWSER_LINK = "browser_link"
    INVITATION = "invitation"
    UNFROZEN = "unfrozen"
    PASSWORD_VOID = "password_void"  # noqa: S105 - the same
    RESET_CONFIRM = "reset_confirm"
    RESET_DONE = "reset_done"
    RESET_REFUSED_BY_YOU = "reset_refused_by_you"
    POLICY_REMINDER = "policy_reminder"
    # to administrators
    MEMBER_LOCKED = "member_locked"
    MEMBER_ASKS_FOR_HELP = "member_asks_for_help"
    MEMBER_UNLOCKED = "member_unlocked"
    MEMBER_FROZE = "member_froze"
    MEMBER_UNFROZEN = "member_unfrozen"
    POLICY_CHANGED = "policy_changed"
    RESET_DONE_BY_USER = "reset_done_by_user"
    RESET_REFUSED = "reset_refused"
    RESET_CLOSED = "reset_closed"
    RESET_BY_SUPPORT = "reset_by_support"
