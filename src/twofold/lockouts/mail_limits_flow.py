"""Limits of what is mailed: letters that anybody can ask for, and the code that proves a mailbox."""

import math
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from twofold.directory.email_address import email_key
from twofold.directory.user import User
from twofold.kit.crypto.tokens import digest
from twofold.lockouts import password_records, records
from twofold.lockouts.budget import MAIL_WINDOW, MAILBOX_CLOSED, MAILBOX_TRIES, MAILS_AN_HOUR
from twofold.lockouts.flow import Wait, wait_until


class MailsLeft(NamedTuple):
    """How many mails with a code may still go out, and from when on it is three again."""

    number: int
    renewed_at: datetime


def charge_letter(connection: sa.Connection, email: str, at: datetime) -> Wait | None:
    """Charge one letter that anybody can ask for to the address they typed, known or not; three an hour go out."""
    key = digest(f"letter:{email_key(email)}")
    if password_records.charge_letter(connection, key, at):
        return None
    return wait_until(password_records.letters_until(connection, key), at)


def charge_browser_link(connection: sa.Connection, email: str, at: datetime) -> Wait | None:
    """Charge one letter with a link for a browser to the address that was typed; one in 20 minutes goes out.

    Three an hour, but not at once: whoever asks for all of them leaves the owner a link that works most of the time,
    and a new one within five minutes.
    """
    key = digest(f"browser-link:{email_key(email)}")
    if password_records.charge_browser_link(connection, key, at):
        return None
    return wait_until(password_records.letters_until(connection, key), at)


def charge_mail(connection: sa.Connection, user: User, at: datetime) -> Wait | None:
    """Charge one mail with a code; three an hour go out."""
    if records.charge_mail(connection, user.id, user.account_id, at):
        return None
    state = records.mailbox_state(connection, user.id)
    since = at if state is None else state.mails_since
    return Wait(max(1, math.ceil((since + MAIL_WINDOW - at).total_seconds())))


def charge_mailed_code(connection: sa.Connection, user: User, at: datetime) -> int | Wait:
    """Charge one try at a mailed code, across attempts and resends; return how many are left, or the wait."""
    tries = records.charge_mailbox(connection, user.id, at)
    if tries is not None:
        return MAILBOX_TRIES - tries
    state = records.mailbox_state(connection, user.id)
    until = at + MAILBOX_CLOSED if state is None or state.closed_until is None else state.closed_until
    return Wait(max(1, math.ceil((until - at).total_seconds())))


def mailbox_closed(connection: sa.Connection, user: User, at: datetime) -> Wait | None:
    """Tell whether mailed codes are blocked for this user, and for how many seconds."""
    state = records.mailbox_state(connection, user.id)
    if state is None or state.closed_until is None or state.closed_until <= at:
        return None
    return Wait(math.ceil((state.closed_until - at).total_seconds()))


def mails_left(connection: sa.Connection, user: User, at: datetime) -> MailsLeft:
    """Tell how many mails with a code may still go out within the hour."""
    state = records.mailbox_state(connection, user.id)
    if state is None or state.mails_since + MAIL_WINDOW <= at:
        return MailsLeft(MAILS_AN_HOUR, at)
    return MailsLeft(MAILS_AN_HOUR - state.mails, state.mails_since + MAIL_WINDOW)


def mailed_code_right(connection: sa.Connection, user: User) -> None:
    """Forget the wrong mailed codes: a right one came."""
    records.clear_mailbox(connection, user.id)
