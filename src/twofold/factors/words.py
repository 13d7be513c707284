"""What the outcomes of codes and passwords say to a person; one place, so that every operation says the same."""

from typing import assert_never

from twofold.directory.eligibility import Eligibility, Offer, Reason
from twofold.directory.password import LONGEST, SHORTEST, Weakness
from twofold.factors.outcomes import SpentBackupCode, UsedCode, WrongCode, WrongConfirmation, WrongPasskey
from twofold.kit.words import gettext as _
from twofold.kit.words import ngettext

WARN_FROM = 2  # tries left


def refused_code(outcome: WrongCode | UsedCode | SpentBackupCode, label: str) -> str:
    """Say what is wrong with a code, what it means, and what to do. `label` is how the app names this account."""
    match outcome:
        case WrongCode(unreadable=True):
            return _(
                "We cannot read what your authenticator app was set up with, so no code of it can be right. Use your "
                "backup code, or ask your administrator to reset your two-factor authentication."
            )
        case WrongCode(left, drift, backup):
            if backup:
                said = _(
                    "That backup code is not right. It has 24 letters and digits; spaces and dashes do not matter."
                )
            elif drift is not None:
                said = clock_off(drift)
            else:
                said = _(
                    'That code is not right. Check that you are looking at "%(label)s" in your app and enter the code '
                    "it shows now.",
                ) % {"label": label}
            return f"{said} {tries_left(left)}".strip()
        case UsedCode():
            return _(
                "You have already used this code, or a newer one. Wait for the next one, it comes within 30 seconds."
            )
        case SpentBackupCode():
            return _("That backup code has been used. A new one was shown to you when you used it.")
        case _:
            assert_never(outcome)


def refused_passkey(outcome: WrongPasskey) -> str:
    """Say why a passkey does not let its owner go on, and what to do."""
    if outcome.why in ("challenge", "spent"):
        return _("That took more than ten minutes, or the page was used twice. Use your passkey once more.")
    if outcome.why == "unknown":
        return _(
            "That passkey is not one of yours here: it was removed, or it belongs to another account. Use another one."
        )
    if outcome.why == "user_verification":
        return _(
            "That passkey did not check that it was you. Use one that asks for your fingerprint, face or PIN, or sign "
            "in with your password."
        )
    return _("That passkey could not be used. Try again, or use another way.")


def refused_registration(*, known: bool) -> str:
    """Say that a new passkey was not taken, and what to do."""
    if known:
        return _("That passkey is registered already. Use another device or key.")
    return _("That passkey could not be added. Try again; if it happens again, use another browser or key.")


def wrong_confirmation(outcome: WrongConfirmation) -> str:
    """Say that a code does not confirm a new app."""
    if outcome.left == 0:
        return _("That code is not right either. For your safety this set-up has ended; start it again.")
    if outcome.drift is not None:
        return clock_off(outcome.drift)
    return _(
        "That code is not right. Check that you are looking at the entry you have just added, and enter the code it "
        "shows now."
    )


def clock_off(drift: int) -> str:
    """Say by how much a phone's clock is off; negative seconds are behind."""
    minutes = max(1, round(abs(drift) / 60))
    if drift < 0:
        said = ngettext(
            "Your phone's clock seems to be about %(minutes)d minute behind.",
            "Your phone's clock seems to be about %(minutes)d minutes behind.",
            minutes,
        )
    else:
        said = ngettext(
            "Your phone's clock seems to be about %(minutes)d minute ahead.",
            "Your phone's clock seems to be about %(minutes)d minutes ahead.",
            minutes,
        )
    return f"{said % {'minutes': minutes}} {_('Set it to automatic time, then enter the new code.')}"


def tries_left(left: int) -> str:
    """Warn when few tries are left before the lock; otherwise say nothing."""
    if left > WARN_FROM:
        return ""
    if left == 0:
        return _("Your account is now locked.")
    return ngettext(
        "You have one attempt left before your account is locked.",
        "You have two attempts left before your account is locked.",
        left,
    )


def wrong_mailed_code(left: int) -> str:
    """Say that a code from the mailbox is wrong, and how many tries are left before its step is closed."""
    wrong = _("That code is not right, or it is older than 10 minutes. Enter the newest one, or send a new code.")
    tries = ngettext(
        "You have %(n)d attempt left before this step is closed for 24 hours.",
        "You have %(n)d attempts left before this step is closed for 24 hours.",
        left,
    ) % {"n": left}
    return f"{wrong} {tries}"


def three_mailed_codes(seconds: int) -> str:
    """Say that as many codes were mailed as may be within the hour, and how long that lasts."""
    minutes = -(-seconds // 60)
    return ngettext(
        "Three codes were sent within the hour. Wait %(n)d minute before you ask for another.",
        "Three codes were sent within the hour. Wait %(n)d minutes before you ask for another.",
        minutes,
    ) % {"n": minutes}


def malformed_code() -> str:
    """Say what a code looks like."""
    return _("Enter the six digits that your app shows, or your backup code of 24 letters and digits.")


def wait(seconds: int) -> str:
    """Say how long to wait after too many wrong passwords, in seconds or in minutes."""
    if seconds < 60:  # noqa: PLR2004 - a minute
        return ngettext(
            "Too many wrong passwords. Wait %(n)d second, then try again.",
            "Too many wrong passwords. Wait %(n)d seconds, then try again.",
            seconds,
        ) % {"n": seconds}
    minutes = -(-seconds // 60)
    return ngettext(
        "Too many wrong passwords. Wait %(n)d minute, then try again.",
        "Too many wrong passwords. Wait %(n)d minutes, then try again.",
        minutes,
    ) % {"n": minutes}


def wrong_password() -> str:
    """Say that a password is wrong, to somebody whose address is known."""
    return _("That password is not right.")


def why_not(eligibility: Eligibility, *, to_admin: bool = False) -> str:
    """Say why two-factor authentication is not available, and what to do about it; empty where it is."""
    if eligibility.offer is not Offer.NOT_OFFERED:
        return ""
    reasons = {
        Reason.EDITION: _(
            "your organisation's edition does not include it. Ask your administrator about another edition."
        ),
        Reason.UNLICENSED: _("you do not have a licence. Ask your administrator for one."),
        Reason.SSO: _("your organisation signs in with single sign-on. Ask your administrator how it is protected."),
        Reason.SWITCHED_OFF: _("your administrator has switched it off. Ask them why."),
    }
    to_admins = {
        Reason.EDITION: _("your organisation's edition does not include it. Ask our support about another edition."),
        Reason.UNLICENSED: _("you do not have a licence. Give yourself one under People."),
        Reason.SSO: _("your organisation signs in with single sign-on. It is protected where that is kept."),
        Reason.SWITCHED_OFF: _("it is switched off for your organisation. You can change that under Policy."),
    }
    said = (to_admins if to_admin else reasons)[eligibility.reason]
    return f"{_('Two-factor authentication is not available:')} {said}"


def weak_password(why: Weakness) -> str:
    """Say why a new password is not taken."""
    reasons = {
        Weakness.TOO_SHORT: _("That password is too short. Use at least %(n)d characters.") % {"n": SHORTEST},
        Weakness.TOO_LONG: _("That password is too long. Use at most %(n)d characters.") % {"n": LONGEST},
        Weakness.COMMON: _(
            "That password is one of the first that anybody would guess. Choose another, such as four random words."
        ),
        Weakness.PERSONAL: _(
            "That password is your own name or address. Choose one that nobody who knows you would guess."
        ),
        Weakness.UNREADABLE: _("That password has characters that cannot be typed. Choose another."),
    }
    return reasons[why]
