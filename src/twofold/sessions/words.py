"""What pages say of sessions."""

from twofold.kit.words import gettext as _
from twofold.sessions.ending import EndReason


def ended(reason: EndReason) -> str | None:
    """Say to whoever was signed in why they are not any more; None for what they did in this browser themselves."""
    return {
        EndReason.SIGNED_OUT: None,
        EndReason.SIGNED_OUT_ELSEWHERE: _("You signed out here from another browser."),
        EndReason.FACTORS_CHANGED: _(
            "You were signed out here, because your two-factor authentication was changed in another browser."
        ),
        EndReason.PASSWORD_CHANGED: _("You were signed out, because your password was changed."),
        EndReason.EMAIL_CHANGED: _("You were signed out, because your email address was changed."),
        EndReason.ROLE_CHANGED: _("You were signed out, because your role was changed."),
        EndReason.RESET: _("You were signed out, because your two-factor authentication was reset."),
        EndReason.FROZEN: _("You were signed out, because your account was frozen."),
        EndReason.DEACTIVATED: _("You were signed out, because your account was deactivated."),
        EndReason.SINGLE_SIGN_ON: _("You were signed out, because your organisation now uses single sign-on."),
        EndReason.STEPPED_DOWN: None,
        EndReason.RESTORED: _("You were signed out, because the service was restored from a backup."),
    }[reason]
