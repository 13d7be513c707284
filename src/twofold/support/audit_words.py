"""Audit events in words: who did what to whom. One of a newer version is shown by its name."""

import json
from functools import cache
from typing import NamedTuple

from twofold.directory.user import NamedUser
from twofold.kit.words import gettext as _
from twofold.support import application_words, audit_facts
from twofold.support.audit_search import Found


class Description(NamedTuple):
    """What a kind of event is called in a list, and the sentence that tells one: `who` acted, `whom` it is about."""

    label: str
    sentence: str


@cache
def kinds() -> dict[str, Description]:
    """Return every kind of event that is recorded, in words."""
    return {
        **_of_sign_ins(),
        **_of_factors(),
        **_of_resets(),
        **_of_passwords(),
        **_of_people(),
        **_of_accounts(),
        **{kind: Description(*said) for kind, said in application_words.sentences().items()},
    }


def sentence(found: Found) -> str:
    """Tell an event in a sentence."""
    event = found.event
    said = kinds().get(event.kind)
    names = {"who": who_acted(found), "whom": whom(found)}
    if said is None:
        told = _("%(who)s: %(kind)s") % {**names, "kind": label(event.kind)}
        return f"{told} ({names['whom']})." if found.event.subject_id else f"{told}."
    more = audit_facts.in_words(event.kind, json.loads(event.details))
    told = said.sentence % names
    return f"{told[:1].upper()}{told[1:]}{f' ({more})' if more else ''}."


def label(kind: str) -> str:
    """Say what a kind of event is called in a list."""
    said = kinds().get(kind)
    return kind.replace("_", " ").capitalize() if said is None else said.label


def who_acted(found: Found) -> str:
    """Say who acted."""
    if found.actor is not None:
        return name_of(found.actor)
    others = {
        "user": _("A user who is gone"),
        "operator": _("An operator key"),
        "console": _("The command line"),
        "system": _("Twofold"),
    }
    return others.get(found.event.actor_kind, _("Somebody"))


def whom(found: Found) -> str:
    """Say whom an event is about."""
    if found.subject is not None:
        return name_of(found.subject)
    return _("somebody unknown") if found.event.subject_id is None else _("a user who is gone")


def name_of(who: NamedUser) -> str:
    """Say who somebody is; a support agent is said to be one."""
    return _("%(name)s (support)") % {"name": who.name} if who.role == "support" else who.name


def result(text: str) -> str:
    """Say how an event ended; empty where it was done."""
    return {"done": "", "refused": _("Refused")}.get(text, text.replace("_", " ").capitalize())


def _of_sign_ins() -> dict[str, Description]:
    return {
        "signed_in": Description(_("Signed in"), _("%(who)s signed in")),
        "signed_out": Description(_("Signed out"), _("%(who)s signed out")),
        "sign_in_refused": Description(_("Sign-in refused"), _("A sign-in as %(whom)s was refused")),
        "second_factor_wrong": Description(_("Wrong code"), _("Somebody entered a wrong code for %(whom)s")),
        "locked": Description(_("Locked"), _("Wrong codes locked %(whom)s")),
        "unlocked": Description(_("Unlocked"), _("%(who)s unlocked %(whom)s")),
        "mailbox_proved": Description(_("Code from the email accepted"), _("%(who)s entered the code from the email")),
        "mailed_code_wrong": Description(
            _("Wrong code from the email"), _("A wrong code from an email was entered for %(whom)s")
        ),
        "stepped_down": Description(
            _("Set-up required"), _("%(who)s was asked to set up two-factor authentication first")
        ),
        "stepped_up": Description(_("Identity confirmed"), _("%(who)s confirmed their identity again")),
        "browser_link_asked": Description(
            _("Browser link asked for"), _("Somebody asked for a link that lets %(whom)s sign in without waiting")
        ),
        "browser_known_by_mail": Description(
            _("Browser known from an email"), _("%(who)s made a browser known with the link from an email")
        ),
        "frozen": Description(_("Frozen"), _('"This was not me": %(who)s froze their own account')),
        "unfrozen": Description(_("Unfrozen"), _("%(who)s unfroze %(whom)s")),
    }


def _of_factors() -> dict[str, Description]:
    return {
        "two_factor_set_up": Description(_("Two-factor set up"), _("%(who)s set up two-factor authentication")),
        "two_factor_added": Description(_("Authenticator added"), _("%(who)s added an authenticator")),
        "two_factor_replaced": Description(_("Authenticator replaced"), _("%(who)s replaced an authenticator")),
        "two_factor_removed": Description(_("Two-factor removed"), _("%(who)s removed two-factor authentication")),
        "authenticator_removed": Description(_("Authenticator removed"), _("%(who)s removed an authenticator")),
        "authenticator_renamed": Description(
            _("Authenticator or passkey renamed"), _("%(who)s renamed an authenticator or a passkey")
        ),
        "passkey_added": Description(_("Passkey added"), _("%(who)s added a passkey")),
        "passkey_removed": Description(_("Passkey removed"), _("%(who)s removed a passkey")),
        "passkey_refused": Description(_("Passkey refused"), _("A passkey was refused for %(whom)s")),
        "passkey_counter_went_back": Description(
            _("Passkey perhaps copied"), _("The counter of a passkey of %(whom)s went back: it may have been copied")
        ),
        "secret_unreadable": Description(
            _("Secret unreadable"), _("The secret of an authenticator of %(whom)s could not be decrypted")
        ),
        "backup_code_used": Description(_("Backup code used"), _("%(who)s used the backup code")),
        "backup_code_regenerated": Description(_("Backup code regenerated"), _("%(who)s regenerated the backup code")),
    }


def _of_resets() -> dict[str, Description]:
    return {
        "help_asked": Description(
            _("Reset asked for at a sign-in"), _("At a sign-in of %(whom)s a reset was asked for")
        ),
        "reset_asked": Description(
            _("Reset asked for"), _("%(who)s asked to switch off two-factor authentication for %(whom)s")
        ),
        "reset_sent": Description(_("Reset link sent"), _("%(who)s mailed a reset link to %(whom)s")),
        "reset_sent_again": Description(_("Reset sent again"), _("%(who)s sent the reset of %(whom)s again")),
        "reset_approved": Description(_("Reset approved"), _("%(who)s approved the reset of %(whom)s")),
        "reset_cancelled": Description(_("Reset cancelled"), _("%(who)s cancelled the reset of %(whom)s")),
        "reset_superseded": Description(
            _("Reset replaced by a newer one"), _("%(who)s started the reset of %(whom)s again")
        ),
        "reset_password_wrong": Description(
            _("Wrong password on a reset link"), _("A wrong password was entered on the reset link of %(whom)s")
        ),
        "reset_confirmed": Description(
            _("Reset confirmed"), _("%(whom)s confirmed the reset: two-factor authentication is off")
        ),
        "reset_refused": Description(_("Reset refused"), _("%(whom)s refused the reset")),
        "reset_closed": Description(_("Reset closed"), _("The reset of %(whom)s was closed")),
        "reset_done_on_the_server": Description(
            _("Reset on the server"), _("%(who)s switched off two-factor authentication for %(whom)s")
        ),
    }


def _of_passwords() -> dict[str, Description]:
    return {
        "password_changed": Description(_("Password changed"), _("%(who)s changed their password")),
        "password_link_asked": Description(
            _("Password link asked for"), _("Somebody asked for a link to choose a new password for %(whom)s")
        ),
        "password_link_sent": Description(
            _("Password link sent"), _("%(who)s mailed %(whom)s a link to choose a password")
        ),
        "password_set_by_mail": Description(
            _("Password set from an email"), _("%(who)s chose a password with the link from an email")
        ),
    }  # fmt: skip


def _of_people() -> dict[str, Description]:
    return {
        "user_created": Description(_("User added"), _("%(who)s added %(whom)s")),
        "user_changed": Description(_("User changed"), _("%(who)s changed %(whom)s")),
        "invited": Description(_("Invited"), _("%(who)s invited %(whom)s")),
    }


def _of_accounts() -> dict[str, Description]:
    return {
        "account_created": Description(_("Account created"), _("%(who)s created the account")),
        "account_changed": Description(_("Account changed"), _("%(who)s changed the account")),
        "policy_changed": Description(_("Policy changed"), _("%(who)s changed the two-factor policy")),
        "reminders_sent": Description(
            _("Reminders sent"), _("%(who)s reminded people to set up two-factor authentication")
        ),
        "audit_exported": Description(_("Audit log exported"), _("%(who)s exported the audit log")),
        "operator_key_created": Description(_("Operator key created"), _("%(who)s created an operator key")),
        "operator_key_revoked": Description(_("Operator key revoked"), _("%(who)s revoked an operator key")),
        "network_blocked": Description(_("Network blocked"), _("%(who)s blocked a network")),
        "network_unblocked": Description(_("Network unblocked"), _("%(who)s unblocked a network")),
        "keys_rotated": Description(_("Encryption keys rotated"), _("%(who)s rotated the encryption keys")),
        "restored": Description(_("Backup restored"), _("%(who)s restored a backup: everything in progress is void")),
    }
