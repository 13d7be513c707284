"""What an administrator can do for somebody: what will happen to them, in words, and the button that does it."""

import msgspec

from twofold.admin.user_summary import Presence, UserSummary
from twofold.admin.words import explained
from twofold.kit.words import gettext as _
from twofold.lockouts.budget import Counts


class Act(msgspec.Struct, frozen=True):
    """A page that acts: its address after the person's, its heading, what will happen, its button.

    Where it asks why, `reason_hint` says who reads the reason.
    """

    path: str
    heading: str
    happens: list[str]
    button: str
    reason_hint: str = ""
    danger: bool = False


def act_of(path: str, summary: UserSummary) -> Act:
    """Describe one of the acts: reset, unlock, unfreeze, deactivate, activate."""
    name = summary.user.name
    match path:
        case "reset":
            hint = _("%(name)s reads it in the email, and it is recorded in the audit log.") % {"name": name}
            heading = _("Reset two-factor authentication")
            return Act(path, heading, _reset_happens(summary), _("Send reset e-mail"), hint)
        case "unlock":
            return Act(path, _("Unlock"), _unlock_happens(summary), _("Unlock"), _kept())
        case "unfreeze":
            return Act(path, _("Unfreeze"), _unfreeze_happens(summary), _("Unfreeze"), _kept())
        case "deactivate":
            return Act(path, _("Deactivate"), _deactivate_happens(summary), _("Deactivate"), danger=True)
        case _:
            return Act(path, _("Activate"), _activate_happens(summary), _("Activate"))


def why_not(path: str, summary: UserSummary) -> str:
    """Say why something cannot be done for somebody at the moment; empty where it can."""
    match path:
        case "reset" if not summary.user.has_second_factor:
            return _("They have no two-factor authentication that could be switched off.")
        case "reset" | "unlock" | "unfreeze" if not summary.user.active:
            return _("They are deactivated. Activate them first.")
        case "reset" if summary.user.sso:
            return _("They sign in with single sign-on, so there is nothing that a reset would change.")
        case "reset" if summary.user.frozen_at is not None:
            return _("They are frozen. Unfreeze them first.")
        case "unlock" if summary.lock_is_final:
            return _("After a hundred wrong codes in a row the lock is final. Only a reset helps.")
        case "unlock" if not summary.can_be_unlocked:
            return _("They are not locked.")
        case "unfreeze" if not summary.can_be_unfrozen:
            return _("They are not frozen.")
        case _:
            return ""


def _unfreeze_happens(summary: UserSummary) -> list[str]:
    if summary.user.sso:
        back = _("They are told by email. They sign in at their organisation, as before.")
    else:
        back = _("Their password is void. They get an email with a link to choose a new one, and can sign in then.")
    return [
        _('Somebody pressed "This wasn\'t me" in an email to %(name)s. Talk to them first.')
        % {"name": summary.user.name},
        back,
        _("Their two-factor authentication stays as it is."),
    ]


def _deactivate_happens(summary: UserSummary) -> list[str]:
    happens = [
        _("%(name)s is signed out everywhere at once and cannot sign in.") % {"name": summary.user.name},
        _("Links in emails to them stop working, and an open reset is closed."),
    ]
    if summary.user.licensed:
        happens.append(_("Their licence becomes free."))
    if summary.user.has_second_factor:
        happens.append(_("Their two-factor authentication stays: if you activate them again it still protects them."))
    return happens


def _activate_happens(summary: UserSummary) -> list[str]:
    again = summary._replace(user=summary.user._replace(active=True))
    happens = [_("%(name)s is active again.") % {"name": summary.user.name}, explained(again)]
    if summary.user.licensed:
        happens.append(_("They take one of your licences."))
    return happens


def _unlock_happens(summary: UserSummary) -> list[str]:
    if summary.presence is not Presence.ACTIVE or summary.user.sso:
        lifted = summary._replace(counts=Counts(0, 0), mailbox_closed_until=None)
        return [_("The lock is lifted, and they are told by email."), explained(lifted)]
    if not summary.user.has_second_factor:
        return [_("%(name)s can ask for a new code by email and set up their app.") % {"name": summary.user.name}]
    return [
        _("%(name)s can sign in again with a code from their authenticator app.") % {"name": summary.user.name},
        _("They are told by email. If they have lost their phone, reset their two-factor authentication instead."),
    ]


def _kept() -> str:
    return _("It is recorded in the audit log.")


def _reset_happens(summary: UserSummary) -> list[str]:
    names = {"name": summary.user.name, "email": summary.user.email}
    happens = [
        _("%(name)s gets an email at %(email)s. They confirm from it within 15 minutes, with their password.") % names,
        *_approval_first(summary),
        _("Then their two-factor authentication is off, their lock is lifted and they are signed out everywhere."),
        _("Until they confirm nothing changes. If they refuse, all administrators are told."),
    ]
    if summary.offer.required:
        happens.append(_("The policy requires two-factor authentication: they set it up again at their next sign-in."))
    return happens


def _approval_first(summary: UserSummary) -> list[str]:
    """Say what comes before a confirmation by somebody who can prove their mailbox and no more."""
    if summary.presence is Presence.NO_PASSWORD:
        return [
            _(
                "They have no password at the moment: they choose one first, from a link that we mail them. Then "
                "somebody other than you has to approve the reset before they can confirm it."
            )
        ]
    if summary.user.password_unproven:
        return [
            _(
                "Their password was set by email and has not been used with a code since: somebody other than you has "
                "to approve the reset before they can confirm it."
            )
        ]
    return []
