"""Putting the house together: the database is opened, the keys are checked, every tool is at hand.

For servers, commands and the process behind the pages alike: nothing of HTTP is imported here.
"""

from twofold import jobs
from twofold.kit import keyring, tracing
from twofold.kit.house import House
from twofold.kit.outbox import Outbox
from twofold.kit.vault import Vault
from twofold.settings import Settings


def build_house(settings: Settings, processes: int = 1) -> House:
    """Open the database and put the tools together; the keys are checked against what rests in the database.

    So many processes that serve share the cores of this machine.

    Raises:
        SettingsError: a key is missing or wrong.

    """
    tools = tracing.tools(settings)
    db = tools.database(settings.database_url, pool_size=settings.pool_size, patience=settings.database_patience)
    try:
        vault = Vault(keyring.keys_of(settings))
        keyring.check(db, vault)
    except BaseException:
        db.close()
        raise
    hasher = tools.hasher(settings.argon2_memory_kib, settings.argon2_passes, processes=processes)
    return House(settings, db, vault, hasher, outbox_of(settings))


def outbox_of(settings: Settings) -> Outbox:
    """Return where letters are dropped, each with the turn of its kind."""
    return Outbox(configured=settings.smtp_url is not None or settings.demo, turns=jobs.TURNS)
