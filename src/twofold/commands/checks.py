"""What `twofold doctor` looks at. Each check says what it found and, where that is not well, what to do."""

import ctypes
import difflib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from twofold import redaction
from twofold.audit import check_flow
from twofold.commands import database_away, env_file, schema_state
from twofold.commands.address_checks import base_url, mail, proxies
from twofold.commands.checked import Checked, Health
from twofold.commands.schema_state import State
from twofold.commands.show_settings import names_of_settings
from twofold.directory import accounts_flow
from twofold.factors.passkeys import flow as passkeys
from twofold.kit import nodes
from twofold.kit.crypto import argon2id, keyring
from twofold.kit.crypto.libsodium import Libsodium
from twofold.kit.crypto.vault import Vault
from twofold.kit.mail import outbox
from twofold.kit.sql.away import what_it_says
from twofold.kit.sql.database import Database
from twofold.operations import health, migrate, rotation
from twofold.setting_values import SettingsError
from twofold.settings import PREFIX, SECRETS, Settings, old_names_in

LONGEST_WAIT = timedelta(minutes=10)
MOST_FOLLOWED = 50_000  # events of the audit log, some seconds
LEAST_SPACE = 200 * 1024 * 1024
OLDEST_POSTGRESQL = 150_000
SECRET_VARIABLES = tuple(f"{PREFIX}{name.upper()}" for name in SECRETS)
TIME_ERROR = 5  # adjtimex(2): the kernel's clock is not synchronised


def all_checks(settings: Settings, environ: Mapping[str, str], at: datetime) -> Iterator[Checked]:
    """Check everything; what needs the database is left out where it cannot be reached."""
    yield from _variables(environ)
    yield from _secret_files(environ)
    yield from _database(settings, at)
    yield from mail(settings)
    yield from base_url(settings, lambda: _is_served(settings, at))
    yield from proxies(settings)
    yield from _support(settings)
    yield _passwords(settings)


def _is_served(settings: Settings, at: datetime) -> bool:
    """Tell whether a server or worker uses the database; of one that is away nobody knows."""
    try:
        if schema_state.revision_of(settings) is None:
            return False
        with closing(Database(settings.database_url)) as db, db.read() as connection:
            return bool(nodes.alive(connection, at))
    except sa.exc.SQLAlchemyError:
        return False


def _variables(environ: Mapping[str, str]) -> Iterator[Checked]:
    old_names = old_names_in(environ)
    known = {*names_of_settings(environ), env_file.VARIABLE, *(old for old, _new in old_names)}
    unknown = sorted(
        name
        for name in environ
        if name.startswith(PREFIX) and name not in known and name.removesuffix("_FILE") not in known
    )
    for name in unknown:
        close = difflib.get_close_matches(name, known, n=1)
        remedy = f"Did you mean {close[0]}?" if close else "Take it away; `twofold settings` lists what there is."
        yield Checked("settings", Health.FINDING, f"{name} is no setting, so it does nothing.", remedy)
    for old, new in old_names:
        yield Checked("settings", Health.NOTE, f"{old} is an old name, which goes on working.", f"Call it {new}.")
    if not unknown:
        yield Checked("settings", Health.OK, "Every TWOFOLD_ variable is a setting.")


def _secret_files(environ: Mapping[str, str]) -> Iterator[Checked]:
    """Look at the files that hold secrets; those of a group may be meant for it, those of everybody never are."""
    for name in (f"{variable}_FILE" for variable in SECRET_VARIABLES):
        if (path := environ.get(name)) and _everybody_can_read(Path(path).resolve()):
            says = f"Every user of this machine can read {path}, which {name} names."
            yield Checked("settings", Health.FINDING, says, f"chmod o= {path}")
    if (taken := env_file.taken()) and _everybody_can_read(taken.path):
        for name in sorted(taken.names & set(SECRET_VARIABLES)):
            if redaction.address(environ[name]) != environ[name]:
                says = f"Every user of this machine can read {taken.path}, in which {name} is secret."
                yield Checked("settings", Health.FINDING, says, f"chmod o= {taken.path}")


def _everybody_can_read(path: Path) -> bool:
    if not path.is_file():  # but a pipe, which is gone
        return False
    return all(folder.stat().st_mode & 0o001 for folder in path.parents) and bool(path.stat().st_mode & 0o004)


def _schema(revision: str | None) -> str:
    if schema_state.state_of(revision) is State.AHEAD:
        return f"It is one ahead ({revision}) of this version ({migrate.newest()}), which works with it."
    return f"It is current ({revision})."


def _database(settings: Settings, at: datetime) -> Iterator[Checked]:
    shown = redaction.address(settings.database_url)
    if settings.on_sqlite and (cannot := _cannot_write(Path(sa.make_url(settings.database_url).database or ""))):
        yield Checked("database", Health.FINDING, f"{cannot} cannot be written.", "Run as the user who owns it.")
        return
    try:
        revision = schema_state.revision_of(settings)
    except sa.exc.SQLAlchemyError as error:
        says = f"{shown} cannot be reached: {what_it_says(error)}"
        yield Checked("database", Health.FINDING, says, database_away.remedy(error))
        return
    if why := schema_state.why_not(revision):
        if schema_state.state_of(revision) is not State.EMPTY or not settings.on_sqlite:
            yield Checked("database", Health.OK, f"{shown} answers.")
        what, _, remedy = why.rpartition(". ")
        yield Checked("schema", Health.FINDING, f"{what}.", remedy)
        return
    db = Database(settings.database_url)
    try:
        yield from _sqlite(settings, shown) if settings.on_sqlite else _postgresql(db, shown)
        yield Checked("schema", Health.OK, _schema(revision))
        yield from _keys(settings, db)
        yield from _clock(db)
        yield from _letters(db, at)
        yield from _domains(db)
        yield from _passkeys(settings, db)
        yield _log(db)
    finally:
        db.close()


def _cannot_write(path: Path) -> Path | None:
    """Return which of a database file and its folder this user may not write; what is not there yet can be made."""
    return next((one for one in (path, path.parent) if one.exists() and not os.access(one, os.W_OK)), None)


def _sqlite(settings: Settings, shown: str) -> Iterator[Checked]:
    path = Path(sa.make_url(settings.database_url).database or "")
    if shutil.disk_usage(path.parent).free < LEAST_SPACE:
        yield Checked("database", Health.FINDING, f"The disk of {path} is nearly full.", "Make room on it.")
    else:
        yield Checked("database", Health.OK, f"{shown} can be read and written.")
    if path.stat().st_mode & path.parent.stat().st_mode & 0o007:
        remedy = f"chmod 700 {path.parent}"
        yield Checked("database", Health.NOTE, "Other users of this machine can read the database.", remedy)


def _postgresql(db: Database, shown: str) -> Iterator[Checked]:
    with db.read() as connection:
        version = health.postgresql_version(connection)
    if version < OLDEST_POSTGRESQL:
        says = f"PostgreSQL {version // 10_000} is older than what Twofold is tested with."
        yield Checked("database", Health.NOTE, says, "Bring it to PostgreSQL 15 or newer.")
    yield Checked("database", Health.OK, f"{shown} answers (PostgreSQL {version // 10_000}).")


def _passkeys(settings: Settings, db: Database) -> Iterator[Checked]:
    with db.read() as connection:
        elsewhere = passkeys.bound_elsewhere(connection, settings)
    if elsewhere:
        here = settings.passkey_domain or "an IP address"
        says = f"{elsewhere} passkeys are bound to another domain than {here}, so nobody can use them."
        remedy = "Set TWOFOLD_PASSKEY_DOMAIN to the domain of before, or have their owners register new ones."
        yield Checked("passkeys", Health.FINDING, says, remedy)


def _keys(settings: Settings, db: Database) -> Iterator[Checked]:
    path = keyring.path_of(settings)
    if not settings.keys and not path.exists():
        says = f"The key file {path} is missing: no second factor opens without it."
        yield Checked("keys", Health.FINDING, says, "Restore it from your backup, or set TWOFOLD_KEYS.")
        return
    try:
        vault = Vault(keyring.keys_of(settings))
        keyring.check(db, vault)
    except SettingsError as error:
        yield Checked("keys", Health.FINDING, str(error), "Put the right key back into the ring.")
        return
    if not settings.keys and path.stat().st_mode & 0o077:
        yield Checked("keys", Health.FINDING, f"Others can read the key file {path}.", f"chmod 600 {path}")
    with db.read() as connection:
        used = rotation.key_ids_in_use(connection)
    if lost := sorted(used - vault.key_ids):
        says = f"Secrets are sealed with keys that the ring lacks: {', '.join(lost)}."
        yield Checked("keys", Health.FINDING, says, "Put them back into the ring, behind the active one.")
        return
    yield Checked("keys", Health.OK, f"Every key that is needed is there; {vault.active} is the active one.")
    if old := sorted((vault.key_ids & used) - {vault.active}):
        says = f"Secrets are still sealed with the older {', '.join(old)}."
        yield Checked("keys", Health.NOTE, says, "Run `twofold keys rotate` when every server has the new key.")


def _clock(db: Database) -> Iterator[Checked]:
    with db.read() as connection:
        difference = health.clock_difference(connection)
    if difference > health.MOST_CLOCK_DIFFERENCE:
        says = f"It differs from the database's by {difference.total_seconds():.1f} seconds."
        yield Checked("clock", Health.FINDING, says, "Synchronise both machines with a time server.")
    elif (synchronised := _kernel_says_synchronised()) is False:
        says = "The kernel says that no time server keeps it right: codes fail when it is a minute off."
        yield Checked("clock", Health.NOTE, says, "Run a time service, such as chrony or systemd-timesyncd.")
    elif synchronised is None:
        says = "It agrees with the database's. Whether a time server keeps it right, the kernel does not tell us."
        yield Checked("clock", Health.OK, says)
    else:
        yield Checked("clock", Health.OK, "It is synchronised.")


def _kernel_says_synchronised() -> bool | None:
    """Ask the kernel; None where it does not answer: another system, or a service that may not touch the clock."""
    timex = ctypes.create_string_buffer(512)  # zeroes ask for the state and change nothing
    try:
        state = int(ctypes.CDLL(None).adjtimex(timex))
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != TIME_ERROR


def _letters(db: Database, at: datetime) -> Iterator[Checked]:
    with db.read() as connection:
        count, oldest = outbox.waiting(connection)
    if oldest is not None and at - oldest > LONGEST_WAIT:
        says = f"{count} letters wait, the oldest since {oldest:%Y-%m-%d %H:%M} UTC."
        yield Checked("mail", Health.FINDING, says, "See that a server or `twofold worker` runs, and read its log.")


def _domains(db: Database) -> Iterator[Checked]:
    """Look for people whom another account's single sign-on takes: databases from before that was refused have them."""
    with db.read() as connection:
        led = accounts_flow.people_led_elsewhere(connection)
    for home, one in led:
        says = (
            f"{home} has single sign-on for {one.domain}, so these active people of {one.account_name} with addresses "
            f"of it cannot sign in: {one.people}."
        )
        remedy = "Change their addresses or deactivate them (twofold users set), or take the domain from the account."
        yield Checked("domains", Health.FINDING, says, remedy)
    if not led:
        yield Checked("domains", Health.OK, "No account's single sign-on takes people of another account.")


def _log(db: Database) -> Checked:
    """Follow the chains of a log that is soon followed; of a longer one say what does."""
    if (events := check_flow.sealed(db)) > MOST_FOLLOWED:
        return Checked("audit log", Health.OK, f"It has {events} events: `twofold audit verify` looks through them.")
    if (broken := check_flow.first_break(db)) is not None:
        says = f"It was tampered with. Chain {broken.chain}: {broken.why}"
        remedy = "Find out who could write to the database. Backups, and heads kept elsewhere, say what it held."
        return Checked("audit log", Health.FINDING, says, remedy)
    return Checked("audit log", Health.OK, f"All {events} events are as they were sealed.")


def _support(settings: Settings) -> Iterator[Checked]:
    if settings.support_email is None:
        says = "People whose administrators cannot help are shown nobody to turn to."
        yield Checked("support", Health.NOTE, says, "Set TWOFOLD_SUPPORT_EMAIL.")


def _passwords(settings: Settings) -> Checked:
    """Say what a password costs here, and in which of the two ways (docs/decisions/0041-argon2-interleaved.md)."""
    memory_kib, passes = settings.argon2_memory_kib, settings.argon2_passes
    way = argon2id.quickest(memory_kib, passes)
    cost = argon2id.cpu_of(way, memory_kib, passes, times=3) * 1000
    says = f"One by itself takes {cost:.0f} ms of CPU to check, by {way.about}."
    if not settings.slow_to_guess:
        says = (
            f"{memory_kib} KiB with {passes} is less than OWASP's least: quickly guessed from a copy of the database."
        )
        remedy = "Take TWOFOLD_ARGON2_MEMORY_KIB and TWOFOLD_ARGON2_PASSES away before anybody is to rely on it."
        return Checked("passwords", Health.NOTE, says, remedy)
    if not isinstance(way, Libsodium):
        return Checked("passwords", Health.OK, says)
    remedy = "On most processors half of it is enough, with twofold[fast]: see README.md, Into production."
    return Checked("passwords", Health.NOTE, f"{says} It is that one because {argon2id.why_libsodium()}.", remedy)
