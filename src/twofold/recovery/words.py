"""What the letters and pages of recovery call what happened."""

from datetime import timedelta

from twofold.kit.words import gettext as _
from twofold.kit.words import ngettext


def happened(about: str) -> str:
    """Say what a letter told of, as half a sentence that fits its user and their administrator."""
    said = {
        "two_factor_set_up": _("two-factor authentication was set up"),
        "two_factor_added": _("an authenticator was added"),
        "passkey_added": _("a passkey was added"),
        "passkey_removed": _("a passkey was removed"),
        "passkey_counter_went_back": _("a passkey was used that may have been copied"),
        "two_factor_replaced": _("the authenticator was replaced"),
        "two_factor_removed": _("two-factor authentication was removed"),
        "authenticator_removed": _("an authenticator was removed"),
        "backup_code_used": _("the backup code was used"),
        "backup_code_regenerated": _("a new backup code was made"),
        "locked": _("the account was locked after too many wrong codes"),
        "unknown_browser_wrong_code": _("a wrong code was entered after your password, in a browser we do not know"),
        "unlocked": _("the account was unlocked"),
        "password_changed": _("the password was changed"),
        "address_changed": _("the email address was changed"),
        "reset_confirm": _("somebody asked to reset two-factor authentication"),
        "reset_done": _("two-factor authentication was reset"),
        "reset_refused_by_you": _("a reset of two-factor authentication was refused"),
    }
    return said.get(about, _("something about the account was changed"))


def life(span: timedelta) -> str:
    """Say how long a link works: in days where they are whole, but a day as the 24 hours that it is."""
    hours = round(span.total_seconds() / 3600)
    if hours > 24 and hours % 24 == 0:  # noqa: PLR2004 - hours in a day
        return ngettext("%(n)d day", "%(n)d days", hours // 24) % {"n": hours // 24}
    return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
