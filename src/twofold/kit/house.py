"""What every flow needs at hand, put together once by `app.py` and passed down."""

from dataclasses import dataclass

from twofold.kit.db import Database
from twofold.kit.hashing import Hasher
from twofold.kit.outbox import Outbox
from twofold.kit.vault import Vault
from twofold.settings import Settings


@dataclass(frozen=True, slots=True)
class House:
    """The settings and the four tools that touch the world: database, vault, password hasher, mail outbox."""

    settings: Settings
    db: Database
    vault: Vault
    hasher: Hasher
    outbox: Outbox
