"""What an account and a user may be called and how an account signs in: pure rules, each with its sentence."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from twofold.directory.email_address import usable
from twofold.directory.person_name import LONGEST, is_company_name, is_label, is_person_name
from twofold.kit import time_zones

ROLES = ("member", "admin", "support")
EDITION_LENGTH = 60  # characters, at most
MOST_SEATS = 10_000_000


class Fault(NamedTuple):
    """What is wrong with a field, and how to write it instead."""

    field: str
    why: str


def fault_of_email(email: str) -> Fault | None:
    """Say why a text cannot be a user's address."""
    return None if usable(email) else Fault("email", "Enter the address like name@example.com.")


def fault_of_label(name: str) -> Fault | None:
    """Say why a text cannot be what an operator calls something of theirs, such as a key."""
    return None if is_label(name) else Fault("name", f"Give a name of 1 to {LONGEST} characters.")


def fault_of_name(name: str) -> Fault | None:
    """Say why a text cannot be a person's name."""
    if not is_label(name) or is_person_name(name):
        return fault_of_label(name)
    return Fault("name", "Give a name without links or addresses, and with a space after each dot: Dr. J. Smith.")


def fault_of_account_name(name: str) -> Fault | None:
    """Say why a text cannot be an organisation's name."""
    if not is_label(name) or is_company_name(name):
        return fault_of_label(name)
    return Fault("name", "Give a name without links and email addresses.")


def fault_of_account(
    *,
    name: str | None,
    edition: str | None,
    sso: bool | None,
    sso_domains: Sequence[str] | None,
    sso_url: str | None,
    seats: int | None,
    time_zone: str | None,
) -> Fault | None:
    """Say why an account cannot be like this; None stands for what is not said."""
    if name is not None and (fault := fault_of_account_name(name)):
        return fault
    if edition is not None and not (1 <= len(edition) <= EDITION_LENGTH and edition.isprintable()):
        return Fault("edition", "Give the edition's name, such as enterprise or standard.")
    if seats is not None and not 0 <= seats <= MOST_SEATS:
        return Fault("seats", f"Give the number of licences, 0 to {MOST_SEATS}.")
    if sso_url is not None and not _is_https(sso_url):
        return Fault("sso_url", "The sign-in address of the organisation must begin with https://.")
    if sso and not sso_url:
        return Fault("sso_url", "Single sign-on needs the organisation's sign-in address.")
    if sso and not sso_domains:
        return Fault("sso_domains", "Single sign-on needs at least one email domain.")
    if not all(usable(f"name@{domain}") for domain in sso_domains or ()):
        return Fault("sso_domains", "Write a domain like acme.example, without @.")
    return None if time_zone is None else fault_of_time_zone(time_zone)


def fault_of_time_zone(name: str) -> Fault | None:
    """Say why a text cannot be the time zone of an account or a user."""
    if name in time_zones.zones():
        return None
    return Fault("time_zone", "Give a time zone by its name, such as Europe/Berlin or Pacific/Auckland.")


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and url.isprintable() and " " not in url
    except ValueError:
        return False
