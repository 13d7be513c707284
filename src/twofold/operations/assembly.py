"""Building the application context: the database is opened, the keys are checked, every tool is at hand.

For servers, commands and the process behind the pages alike: nothing of HTTP is imported here.
"""

from twofold.kit import tracing
from twofold.kit.context import AppContext
from twofold.kit.crypto import keyring
from twofold.kit.crypto.hashing import NoHasher
from twofold.kit.crypto.vault import Vault
from twofold.kit.mail.outbox import Outbox
from twofold.operations import jobs
from twofold.settings import Settings


def build_context(settings: Settings, processes: int = 1, *, hashes: bool = True) -> AppContext:
    """Open the database and put the tools together; the keys are checked against what rests in the database.

    `processes` is how many serving processes share the cores of this machine; one that never `hashes` a password does
    not measure how it is done best.

    Raises:
        SettingsError: a key is missing, malformed or wrong, or traces are on without OpenTelemetry.
        OSError: the data folder, its key file or the lock file of SQLite cannot be made or read.

    """
    tools = tracing.tools(settings)
    db = tools.database(settings.database_url, pool_size=settings.pool_size, timeout=settings.database_timeout)
    try:
        vault = Vault(keyring.keys_of(settings))
        keyring.check(db, vault)
    except BaseException:
        db.close()
        raise
    parameters = settings.argon2_memory_kib, settings.argon2_passes
    hasher = tools.hasher(*parameters, processes=processes) if hashes else NoHasher()
    return AppContext(settings, db, vault, hasher, outbox_of(settings))


def outbox_of(settings: Settings) -> Outbox:
    """Return the outbox, which gives each letter the priority of its kind."""
    return Outbox(configured=settings.smtp_url is not None or settings.demo, priorities=jobs.PRIORITIES)
