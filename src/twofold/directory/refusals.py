"""Refusals that several features share: each means the same wherever it is answered."""

import msgspec

from twofold.directory.rules import Fault


class NoSuchUser(msgspec.Struct, frozen=True):
    """There is nobody by that id whom the one who acts oversees."""


class NotYourself(msgspec.Struct, frozen=True):
    """Nobody does this to themselves: another one has to."""


class NoMail(msgspec.Struct, frozen=True):
    """This needs a letter, and Twofold has no mail server."""


class Refused(msgspec.Struct, frozen=True):
    """A change of the directory that is not possible: a stable code, the field it is about, and what to do."""

    code: str
    field: str
    why: str


def invalid(fault: Fault) -> Refused:
    """Say that a field cannot be like this."""
    return Refused("invalid_request", fault.field, fault.why)


def email_taken() -> Refused:
    """Say that an address is somebody else's."""
    return Refused("email_taken", "email", "Somebody with this email address exists already.")


def no_seat_left(seats: int) -> Refused:
    """Say that an account has no licence left."""
    return Refused("no_seat_left", "licensed", f"All {seats} licences of this account are in use.")


def sso_has_no_password() -> Refused:
    """Say that no password can be set where an account signs in elsewhere."""
    return invalid(Fault("password", "This account signs in with single sign-on: its users have no password here."))
