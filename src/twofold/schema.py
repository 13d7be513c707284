"""Every table of every room, gathered for migrations and checks."""

from twofold.abuse import tables as abuse
from twofold.admin import tables as admin
from twofold.audit import tables as audit
from twofold.directory import tables as directory
from twofold.factors import tables as factors
from twofold.kit import keyring, leases, outbox
from twofold.kit.db import metadata
from twofold.lockouts import tables as lockouts
from twofold.provisioning import tables as provisioning
from twofold.recovery import tables as recovery
from twofold.resets import tables as resets
from twofold.sessions import tables as sessions
from twofold.signin import tables as signin

ROOMS = (
    abuse, admin, audit, directory, factors, keyring, leases, lockouts, outbox, provisioning, recovery, resets,
    sessions, signin,
)  # fmt: skip

__all__ = ["ROOMS", "metadata"]
