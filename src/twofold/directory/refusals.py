"""Refusals that several features share: each means the same wherever it is answered."""

import msgspec


class NoSuchUser(msgspec.Struct, frozen=True):
    """There is nobody by that id whom the one who acts oversees."""


class NotYourself(msgspec.Struct, frozen=True):
    """Nobody does this to themselves: another one has to."""


class NoMail(msgspec.Struct, frozen=True):
    """This needs a letter, and Twofold has no mail server."""
