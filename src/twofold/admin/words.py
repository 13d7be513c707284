"""What an administrator is told, in words: states, reasons, why something was not done."""

from typing import NamedTuple, assert_never

from twofold.admin.user_summary import Presence, TwoFactor, UserSummary
from twofold.directory.eligibility import Reason
from twofold.kit.words import gettext as _
from twofold.kit.words import ngettext


class Badge(NamedTuple):
    """Words for a badge, and how it looks: good, bad, plain."""

    words: str
    kind: str


def two_factor(summary: UserSummary) -> Badge:
    """Say in a word or two what somebody's two-factor authentication is like."""
    return state(summary.two_factor)


def state(two_factor: TwoFactor) -> Badge:
    """Say a state of two-factor authentication in a word or two."""
    said = {
        TwoFactor.ON: Badge(_("On"), "good"),
        TwoFactor.LOCKED: Badge(_("Locked"), "bad"),
        TwoFactor.PENDING: Badge(_("Pending"), "plain"),
        TwoFactor.MUST_SET_UP: Badge(_("Must set up"), "bad"),
        TwoFactor.OFF: Badge(_("Off"), "plain"),
        TwoFactor.NOT_OFFERED: Badge(_("Not offered"), "plain"),
    }
    return said[two_factor]


def presence(summary: UserSummary) -> Badge | None:
    """Say in a word why somebody cannot sign in at the moment; None where they can."""
    said = {
        Presence.ACTIVE: None,
        Presence.INVITED: Badge(_("Invited"), "plain"),
        Presence.NO_PASSWORD: Badge(_("No password"), "plain"),
        Presence.FROZEN: Badge(_("Frozen"), "bad"),
        Presence.DEACTIVATED: Badge(_("Deactivated"), "plain"),
    }
    return said[summary.presence]


def why_not(reason: Reason) -> str:
    """Say why somebody is not offered two-factor authentication, as the end of "Not offered:"."""
    reasons = {
        Reason.SSO: _("signs in with single sign-on"),
        Reason.EDITION: _("the edition does not include it"),
        Reason.SWITCHED_OFF: _("the policy is off"),
        Reason.UNLICENSED: _("no licence"),
    }
    return reasons.get(reason, "")


def because(summary: UserSummary) -> str:
    """Say in half a sentence what stands behind somebody's state; empty where it says everything."""
    match summary.two_factor:
        case TwoFactor.LOCKED if summary.lock_is_final:
            return _("for good: only a reset helps")
        case TwoFactor.LOCKED if summary.user.has_second_factor:
            return _("after wrong codes")
        case TwoFactor.LOCKED:
            return _("after wrong codes from the email")
        case TwoFactor.PENDING:
            return _("set-up begun")
        case TwoFactor.NOT_OFFERED:
            return why_not(summary.offer.reason)
        case _:
            return ""


def explained(summary: UserSummary) -> str:
    """Say in a sentence or two what comes of somebody's next sign-in, and why."""
    if summary.user.sso:
        return _elsewhere(summary)
    match summary.presence:
        case Presence.ACTIVE:
            return _signing_in(summary)
        case Presence.INVITED:
            why = _("They have not chosen a password yet, so they cannot sign in.")
        case Presence.NO_PASSWORD:
            why = _(
                "Their password is void. They can sign in when they have chosen a new one from a link that we mail "
                'them; "Forgot password?" on the sign-in page asks for another.'
            )
        case Presence.FROZEN:
            why = _("They are frozen and cannot sign in until somebody unfreezes them.")
        case Presence.DEACTIVATED:
            why = _deactivated()
        case _:
            assert_never(summary.presence)
    return _both(why, _once_they_can(summary))


def _elsewhere(summary: UserSummary) -> str:
    elsewhere = _("They sign in with single sign-on, at their organisation's own page.")
    said = elsewhere if summary.user.active else _deactivated()
    kept = _("The two-factor authentication that they have set up here stays, and nobody asks for it.")
    return _both(said, kept) if summary.user.has_second_factor else said


def _signing_in(summary: UserSummary) -> str:
    """Say what comes of the right password."""
    alone = _("Their password alone lets them in.")
    match summary.two_factor:
        case TwoFactor.ON:
            return _("A code from their authenticator app is asked for at every sign-in.")
        case TwoFactor.LOCKED if summary.lock_is_final:
            return _both(_("They cannot sign in."), _final())
        case TwoFactor.LOCKED if summary.user.has_second_factor:
            return _("Too many wrong codes locked it. They cannot sign in until somebody unlocks them or resets it.")
        case TwoFactor.LOCKED:
            return _(
                "They have to set it up at their next sign-in, and five wrong codes from the email closed the way "
                "there for 24 hours, or until somebody unlocks them."
            )
        case TwoFactor.PENDING if summary.offer.required:
            return _both(_begun(), _("At their next sign-in they are asked to set it up."))
        case TwoFactor.PENDING:
            return _both(_begun(), alone)
        case TwoFactor.MUST_SET_UP:
            return _("It is required: at their next sign-in they are asked to set it up.")
        case TwoFactor.OFF:
            return _both(alone, _("They can set it up in their profile."))
        case TwoFactor.NOT_OFFERED:
            return _both(alone, _cannot_set_up(summary))
        case _:
            assert_never(summary.two_factor)


def _once_they_can(summary: UserSummary) -> str:
    """Say what will come of the right password, for somebody who cannot sign in at the moment."""
    alone = _("Once they can, their password alone lets them in.")
    match summary.two_factor:
        case TwoFactor.ON:
            return _("Once they can, a code from their authenticator app is asked for as well.")
        case TwoFactor.LOCKED if summary.lock_is_final:
            return _final()
        case TwoFactor.LOCKED if summary.user.has_second_factor:
            return _("Besides, too many wrong codes locked their two-factor authentication.")
        case TwoFactor.LOCKED:
            return _("Besides, five wrong codes from the email closed the way to the set-up for 24 hours.")
        case TwoFactor.MUST_SET_UP:
            return _("Once they can, they are asked to set it up.")
        case TwoFactor.PENDING if summary.offer.required:
            return _("Once they can, they are asked to set it up.")
        case TwoFactor.PENDING | TwoFactor.OFF:
            return alone
        case TwoFactor.NOT_OFFERED:
            return _both(alone, _cannot_set_up(summary))
        case _:
            assert_never(summary.two_factor)


def _both(first: str, second: str) -> str:
    return f"{first} {second}"


def _deactivated() -> str:
    return _("They are deactivated and cannot sign in.")


def _begun() -> str:
    return _("They have begun to set it up. It protects them once a code from the app confirms it.")


def _final() -> str:
    return _("After a hundred wrong codes in a row the lock is final. Only a reset helps.")


def _cannot_set_up(summary: UserSummary) -> str:
    return _("They cannot set it up: %(reason)s.") % {"reason": why_not(summary.offer.reason)}


def role(name: str) -> str:
    """Say a role."""
    return {"admin": _("Administrator"), "support": _("Support agent")}.get(name, _("Member"))


def policy(name: str) -> str:
    """Say a policy."""
    said = {"off": _("Off"), "optional": _("Optional"), "required": _("Required")}
    return said[name]


def states() -> list[tuple[str, str]]:
    """Return what a list of people can be narrowed to."""
    return [
        ("", _("Everybody")),
        ("without", _("Without two-factor authentication")),
        ("on", _("On")),
        ("off", _("Off")),
        ("must_set_up", _("Must set up")),
        ("pending", _("Pending")),
        ("locked", _("Locked")),
        ("not_offered", _("Not offered")),
        ("excepted", _("With an exception")),
        ("invited", _("Invited")),
        ("no_password", _("No password")),
        ("frozen", _("Frozen")),
        ("deactivated", _("Deactivated")),
    ]


def refused(code: str, why: str) -> str:
    """Say why a change of the directory is not possible, to an administrator."""
    said = {
        "email_taken": _("Somebody in your organisation has this email address already."),
        "last_admin": _(
            "This is the last administrator who can act. Make somebody else administrator first, who has signed in "
            "before."
        ),
        "no_seat_left": _("All licences of your organisation are in use. Take one from somebody else first."),
        "domain_taken": _("Addresses of this domain sign in with single sign-on, at another organisation."),
    }
    return said.get(code, _(why))


def not_yourself() -> str:
    """Say that an administrator cannot do something for themselves."""
    return _("Nobody can do this for themselves. Ask another administrator.")


def no_reason() -> str:
    """Ask for a reason."""
    return _("Enter a reason of 3 to 500 characters. It is recorded in the audit log.")


def too_many_invitations(most: int, until: str) -> str:
    """Say that an organisation has sent as many invitations as it may."""
    said = _("Your organisation has sent %(most)d invitations, the most within a day. More can go out from %(until)s.")
    return said % {"most": most, "until": until}


def invited_today(until: str) -> str:
    """Say that somebody was invited within a day."""
    return _("They were sent an invitation within the last day. Another one can go out from %(until)s.") % {
        "until": until
    }


def no_mail() -> str:
    """Say that mail cannot be sent."""
    return _("This needs an email, and no mail server is set up. Ask the people who run this service.")


def would_lock_out(*, is_off: bool) -> str:
    """Say why a policy cannot be required yet; while it is off nobody can do what would help."""
    why = _("No administrator who can sign in has two-factor authentication yet.")
    if is_off:
        return _both(why, _("Make it optional, set it up for yourself, and require it then."))
    return _both(why, _("Set it up for yourself first: then somebody can always help the others."))


def not_offered(reason: Reason) -> str:
    """Say why an organisation has no policy to set."""
    if reason is Reason.SSO:
        return _(
            "Your organisation signs in with single sign-on, so there is no two-factor authentication to rule here."
        )
    return _("Your organisation's edition does not include two-factor authentication, so there is nothing to rule yet.")


def stopped(number: int, of: int, admins: int, *, at_once: bool, day: str) -> str:
    """Say how many people a policy stops, of how many, and how many of them are administrators."""
    if number == 0:
        return _("Nobody is stopped: everybody the policy applies to has two-factor authentication.")
    lead = _("From now on") if at_once else _("From %(day)s on") % {"day": day}
    people = ngettext(
        "%(lead)s, %(n)d of %(of)d people will have to set up two-factor authentication before they can go on.",
        "%(lead)s, %(n)d of %(of)d people will have to set up two-factor authentication before they can go on.",
        number,
    ) % {"lead": lead, "n": number, "of": of}
    return f"{people} {_admins_among(admins)}"


def _admins_among(admins: int) -> str:
    if admins == 0:
        return _("None of them is an administrator.")
    said = ngettext("%(n)d of them is an administrator.", "%(n)d of them are administrators.", admins)
    return said % {"n": admins}
