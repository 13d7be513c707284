"""Every table of every room, gathered for migrations and checks."""

from twofold.audit import tables as audit
from twofold.directory import tables as directory
from twofold.factors import tables as factors
from twofold.kit import keyring, outbox
from twofold.kit.db import metadata
from twofold.lockouts import tables as lockouts
from twofold.sessions import tables as sessions
from twofold.signin import tables as signin

ROOMS = (audit, directory, factors, keyring, lockouts, outbox, sessions, signin)

__all__ = ["ROOMS", "metadata"]
