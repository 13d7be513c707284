"""What every flow needs at hand, put together once by `operations/assembly.py` and passed down."""

from dataclasses import dataclass

from twofold.kit.crypto.hashing import Hasher
from twofold.kit.crypto.vault import Vault
from twofold.kit.mail.outbox import Outbox
from twofold.kit.sql.database import Database
from twofold.settings import Settings


@dataclass(frozen=True, slots=True)
class AppContext:
    """The settings, and the four objects that every flow works with: database, vault, password hasher, mail outbox."""

    settings: Settings
    db: Database
    vault: Vault
    hasher: Hasher
    outbox: Outbox
