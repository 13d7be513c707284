"""What the letters and pages of recovery call what happened."""

from twofold.kit.words import gettext as _


def happened(about: str) -> str:
    """Say what a letter told of, as half a sentence that fits its user and their administrator."""
    said = {
        "two_factor_set_up": _("two-factor authentication was set up"),
        "two_factor_added": _("an authenticator was added"),
        "two_factor_replaced": _("the authenticator was replaced"),
        "two_factor_removed": _("two-factor authentication was removed"),
        "authenticator_removed": _("an authenticator was removed"),
        "backup_code_used": _("the backup code was used"),
        "backup_code_regenerated": _("a new backup code was made"),
        "locked": _("the account was locked after too many wrong codes"),
        "unknown_browser_wrong_code": _("a wrong code was given after your password, in a browser we do not know"),
        "unlocked": _("the account was unlocked"),
        "password_changed": _("the password was changed"),
        "address_changed": _("the e-mail address was changed"),
        "reset_confirm": _("somebody asked to reset two-factor authentication"),
        "reset_done": _("two-factor authentication was reset"),
        "reset_refused_by_you": _("a reset of two-factor authentication was refused"),
    }
    return said.get(about, _("something about the account was changed"))
