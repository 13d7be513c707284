"""The ring of encryption keys: where it comes from, and whether it opens what rests in the database."""

import base64
import os
from pathlib import Path

import sqlalchemy as sa

from twofold.kit.crypto.tokens import random_bytes
from twofold.kit.crypto.vault import Sealed, Vault, VaultError
from twofold.kit.sql.database import INSERTS, Database, metadata
from twofold.setting_values import KEY_BYTES, Key, SettingsError, parse_keys
from twofold.settings import Settings

CHECK = b"twofold"

# One sealed word for each key, so that a wrong key is found at the start and not at somebody's sign-in.
encryption_keys = sa.Table(
    "encryption_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("check_box", sa.LargeBinary, nullable=False),
)
_note = {name: insert(encryption_keys).on_conflict_do_nothing() for name, insert in INSERTS.items()}


def keys_of(settings: Settings) -> tuple[Key, ...]:
    """Return the keys of the settings; for SQLite without any, those of the data folder, made at the first start.

    Raises:
        SettingsError: the key file is malformed; the message names it.
        OSError: the data folder or the key file cannot be written, or not be read.

    """
    if settings.keys:
        return settings.keys
    path = path_of(settings)
    if not path.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_once(path, new_key())
    return parse_keys(path.read_text(encoding="ascii").strip(), f"the key file {path}")


def path_of(settings: Settings) -> Path:
    """Return where the keys of a data folder lie."""
    return settings.data_dir / "keys"


def new_key() -> str:
    """Make a key of 32 random bytes, as TWOFOLD_KEYS takes it: id:base64."""
    return f"k{random_bytes(3).hex()}:{base64.b64encode(random_bytes(KEY_BYTES)).decode()}"


def check(db: Database, vault: Vault) -> None:
    """Compare the ring with what rests in the database, and note keys that are new.

    Raises:
        SettingsError: a key that secrets were sealed with is missing from the ring, or is another one by that name.

    """
    with db.write() as connection:
        if vault.active not in _check_known(connection, vault):
            ciphertext = vault.seal(CHECK, _identity(vault.active)).ciphertext
            connection.execute(_note[connection.dialect.name], {"id": vault.active, "check_box": ciphertext})
            _check_known(connection, vault)  # a node that started at the same moment may have been the first


def _check_known(connection: sa.Connection, vault: Vault) -> set[str]:
    known = {row.id: row.check_box for row in connection.execute(sa.select(encryption_keys))}
    for key_id, ciphertext in known.items():
        if key_id not in vault.key_ids:
            msg = f"TWOFOLD_KEYS lacks the key with id {key_id!r}, which secrets in the database are sealed with."
            raise SettingsError(msg)
        try:
            vault.open(Sealed(key_id, ciphertext), _identity(key_id))
        except VaultError as error:
            msg = f"TWOFOLD_KEYS holds another key by the id {key_id!r} than the database was sealed with."
            raise SettingsError(msg) from error
    return set(known)


def forget(connection: sa.Connection, key_id: str) -> None:
    """Forget a key that seals nothing any more."""
    connection.execute(encryption_keys.delete().where(encryption_keys.c.id == key_id))


def _identity(key_id: str) -> str:
    return f"encryption_keys:{key_id}"


def _write_once(path: Path, text: str) -> None:
    """Write a new file that only its owner reads; of two processes that start at once, the first one's is kept."""
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
