"""What the letters about changes, links and freezing tell, asked for when each is delivered."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.directory import flow as directory
from twofold.directory import preference_flow
from twofold.directory.email_address import email_key
from twofold.directory.user import User, stand_in
from twofold.events.notices import Notice
from twofold.kit.context import AppContext
from twofold.kit.mail.letters import READER, Composer
from twofold.kit.mail.outbox import Entry
from twofold.lockouts import flow as lockouts
from twofold.lockouts import invitation_flow as invitations
from twofold.recovery import browser_flow, not_me_flow, password_flow, records, words
from twofold.recovery.password_link import quiet_until


def with_reader(composer: Composer) -> Composer:
    """Add the name of whoever a letter goes to, and how they read moments."""

    def compose(context: AppContext, connection: sa.Connection, entry: Entry, at: datetime) -> dict[str, Any] | None:
        told = composer(context, connection, entry, at)
        if told is None:
            return None
        told[READER] = preference_flow.reader_of_mail(connection, entry.user_id)
        reader = directory.find_user(connection, entry.user_id)
        if reader is not None and reader.is_placeholder:  # their name is what somebody in another account called them
            return told if entry.kind == "invitation" else None
        return told if reader is None else {**told, "reader": reader.name}

    return compose


def with_not_me(composer: Composer) -> Composer:
    """Add the link "this wasn't me" to what a letter about a change tells its user; a frozen user needs none."""

    def compose(context: AppContext, connection: sa.Connection, entry: Entry, at: datetime) -> dict[str, Any] | None:
        user, told = directory.find_user(connection, entry.user_id), composer(context, connection, entry, at)
        if told is None or user is None or user.frozen_at is not None:
            return told
        token = not_me_flow.mint(connection, entry, user, at)
        return {**told, "not_me_url": f"{context.settings.base_url}/not-me/{token}"}

    return compose


def change(_context: AppContext, connection: sa.Connection, entry: Entry, _at: datetime) -> dict[str, Any] | None:
    """Tell a user what changed, when, and from where."""
    user = directory.find_user(connection, entry.user_id)
    return None if user is None else _told(entry, user)


def locked(_context: AppContext, connection: sa.Connection, entry: Entry, _at: datetime) -> dict[str, Any] | None:
    """Tell a user that wrong codes have locked them, and who can help."""
    user = directory.find_user(connection, entry.user_id)
    return None if user is None else _told(entry, user) | _helpers(connection, user)


def frozen(_context: AppContext, connection: sa.Connection, entry: Entry, _at: datetime) -> dict[str, Any] | None:
    """Tell a user that they are frozen now, and who can unfreeze them; None when that has happened already."""
    user = directory.find_user(connection, entry.user_id)
    if user is None or user.frozen_at is None:
        return None
    return _told(entry, user) | _helpers(connection, user)


def password_link(context: AppContext, connection: sa.Connection, entry: Entry, at: datetime) -> dict[str, Any] | None:
    """Bring the link that was asked for, or say why there is none; None when it is out of date.

    For a decoy the same is done, by the same statements; whoever delivers rolls it back and sends nothing.
    """
    user = directory.find_user(connection, entry.user_id)
    if user is None and entry.is_decoy:
        user = stand_in(entry.user_id, entry.account_id)
    if user is None or not user.active or user.email_key != email_key(entry.recipient):
        return None
    told = _told(entry, user) | _helpers(connection, user)
    if user.frozen_at is not None:
        return told | {"why": "frozen"}
    if user.sso:
        return told | {"why": "sso", "url": user.sso_url}
    until = quiet_until(user, at)
    if until is not None:
        promised = records.promised(connection, user.id, at) is not None
        return told | {"why": "too_soon", "until": until, "promised": promised}
    return _with_link(context, connection, entry, user, at, told | {"why": ""})


def browser_link(context: AppContext, connection: sa.Connection, entry: Entry, at: datetime) -> dict[str, Any] | None:
    """Bring the link that makes a browser known; None when it is out of date. Decoys as for a password's."""
    user = directory.find_user(connection, entry.user_id)
    if user is None and entry.is_decoy:
        user = stand_in(entry.user_id, entry.account_id)
    minted = None if user is None else browser_flow.mint(connection, entry, user, at)
    if user is None or minted is None:
        return None
    token, until = minted
    url = f"{context.settings.base_url}/known-browser/{token}"
    return _told(entry, user) | {"url": url, "valid_until": until}


def invitation(context: AppContext, connection: sa.Connection, entry: Entry, at: datetime) -> dict[str, Any] | None:
    """Bring an invitation; None when the user has a password by now, or cannot be invited any more."""
    user = directory.find_user(connection, entry.user_id)
    if user is None:
        return None
    if user.is_placeholder:
        return _invited_elsewhere(connection, user, entry, at)
    by = directory.find_user(connection, UUID(entry.facts["by"])) if entry.facts["by"] else None
    stands = user.eligibility(context.settings.two_factor_editions, at)
    told = _told(entry, user) | {
        "by": "" if by is None else by.name, "elsewhere": False, "offered": stands.offered,
        "required": stands.required or stands.required_from is not None,
    }  # fmt: skip
    return _with_link(context, connection, entry, user, at, told)


def _invited_elsewhere(connection: sa.Connection, user: User, entry: Entry, at: datetime) -> dict[str, Any] | None:
    """Tell the owner of an address that another account wanted to invite it, at most once a day.

    They learn which account that was, and nothing that its administrators could have written into the letter.
    """
    owner = directory.find_user_by_email(connection, entry.recipient)
    if owner is None or not user.active or not invitations.charge_letter_to_owner(connection, owner.email, at):
        return None
    return {"account": user.account_name, "email": owner.email, "elsewhere": True}


def unfrozen(context: AppContext, connection: sa.Connection, entry: Entry, at: datetime) -> dict[str, Any] | None:
    """Tell a user that they may come back, with a link to choose a new password."""
    user = directory.find_user(connection, entry.user_id)
    if user is None or not user.active or user.frozen_at is not None:
        return None
    if user.sso:
        return _told(entry, user) | {"url": user.sso_url, "sso": True}
    return _with_link(context, connection, entry, user, at, _told(entry, user) | {"sso": False})


def password_void(context: AppContext, connection: sa.Connection, entry: Entry, at: datetime) -> dict[str, Any] | None:
    """Bring a link to choose a new password, because somebody else knows the old one; None when it is out of date."""
    user = directory.find_user(connection, entry.user_id)
    return None if user is None else _with_link(context, connection, entry, user, at, _told(entry, user))


def to_admin(context: AppContext, connection: sa.Connection, entry: Entry, _at: datetime) -> dict[str, Any] | None:
    """Tell an administrator of somebody else's change, with a link to that person; None when they are none any more."""
    admin = directory.find_user(connection, entry.user_id)
    if admin is None or not admin.active or admin.frozen_at is not None or admin.role == "member":
        return None
    place = "support/users" if admin.role == "support" else "people"
    told = _told(entry, admin) | {"person_url": f"{context.settings.base_url}/{place}/{entry.facts['user_id']}"}
    if "about" not in entry.facts:
        return told
    about, when = words.happened(entry.facts["about"]), datetime.fromisoformat(entry.facts["happened_at"])
    return told | {"about": about, "about_at": when}


def _with_link(
    context: AppContext,
    connection: sa.Connection,
    entry: Entry,
    user: User,
    at: datetime,
    told: dict[str, Any],
) -> dict[str, Any] | None:
    minted = password_flow.mint(connection, entry, user, at)
    if minted is None:
        return None
    token, until = minted
    url = f"{context.settings.base_url}/set-password/{token}"
    return told | {"url": url, "valid_until": until, "life": words.life(until - at)}


def _told(entry: Entry, user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "account": user.account_name,
        "happened_at": entry.created_at,
        "facts": entry.facts,
        "address": entry.facts.get("address", ""),
        "browser": entry.facts.get("browser", ""),
    }


def _helpers(connection: sa.Connection, user: User) -> dict[str, Any]:
    return {"helpers": lockouts.who_can_help(connection, user)}


# Letters about a change of a user's own, or what threatens them, each with the link "this wasn't me".
CHANGES = (
    Notice.TWO_FACTOR_SET_UP,
    Notice.TWO_FACTOR_ADDED,
    Notice.PASSKEY_ADDED,
    Notice.PASSKEY_REMOVED,
    Notice.PASSKEY_COUNTER_WENT_BACK,
    Notice.TWO_FACTOR_REPLACED,
    Notice.TWO_FACTOR_REMOVED,
    Notice.AUTHENTICATOR_REMOVED,
    Notice.BACKUP_CODE_USED,
    Notice.BACKUP_CODE_REGENERATED,
    Notice.UNKNOWN_BROWSER_WRONG_CODE,
    Notice.UNLOCKED,
    Notice.PASSWORD_CHANGED,
    Notice.ADDRESS_CHANGED,
)

COMPOSERS: dict[str, Composer] = {
    **{kind: with_not_me(change) for kind in CHANGES},
    Notice.LOCKED: with_not_me(locked),
    Notice.FROZEN: frozen,
    Notice.PASSWORD_LINK: password_link,
    Notice.BROWSER_LINK: browser_link,
    Notice.INVITATION: invitation,
    Notice.UNFROZEN: unfrozen,
    Notice.PASSWORD_VOID: password_void,
    Notice.MEMBER_LOCKED: to_admin,
    Notice.MEMBER_ASKS_FOR_HELP: to_admin,
    Notice.MEMBER_FROZE: to_admin,
    Notice.MEMBER_UNFROZEN: to_admin,
}
