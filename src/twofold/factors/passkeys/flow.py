"""Passkeys: an assertion counts once, and says more than a code: what kind of key it is, and who held it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from twofold.directory.user import User
from twofold.factors.passkeys import aaguids, ceremony, challenge, records
from twofold.factors.passkeys.ceremony import BadAnswer, Created, Owner, RelyingParty
from twofold.factors.passkeys.passkey import (
    HARDWARE_KEY,
    SOFTWARE_KEY,
    USER_VERIFIED,
    Assertion,
    Passkey,
    Registration,
)
from twofold.factors.passkeys.records import Use
from twofold.factors.verdicts import Factor, Refused, Right, Verdict
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_id, random_bytes
from twofold.settings import Settings

HANDLE_BYTES = 32  # at most 64 (WebAuthn Level 3 section 5.4.3)
CHALLENGE_BYTES = 32


class Passkeys:
    """The kind: a key pair in a phone, a computer or a security key (WebAuthn Level 3)."""

    name, method, stands_in, guessable = "passkey", "passkey", False, False

    def read(self, _text: str) -> None:
        """Read nothing: nobody types a signature."""

    def load(self, connection: sa.Connection, user: User) -> list[Passkey]:
        return records.passkeys_of(connection, user.id)

    def verify(
        self,
        context: AppContext,
        connection: sa.Connection,
        user: User,
        proof: Assertion,
        loaded: Sequence[Passkey],
        at: datetime,
    ) -> Verdict:
        party, answer = party_of(context.settings), ceremony.read_answer(proof.credential)
        if isinstance(answer, BadAnswer):
            return Refused(answer.why)
        passkey = next((own for own in loaded if own.credential_id == answer.credential_id), None)
        if party is None or passkey is None:
            return Refused("unknown")
        until = challenge.expiry(answer.client.challenge, proof.holder, context.vault.issued)
        if until is None or until <= at:
            return Refused("challenge")
        handle = records.handle_of(connection, user.id)
        asserted = ceremony.check_answer(party, answer, passkey, handle, verified=proof.alone)
        if isinstance(asserted, BadAnswer):
            return Refused(asserted.why)
        if not records.spend(connection, digest(answer.client.challenge.hex()), until):
            return Refused("spent")
        use = records.use(connection, passkey.id, asserted.counter, at)
        if use is Use.GONE:
            return Refused("unknown")
        return Right(amr_values=amr_values_of(passkey, verified=asserted.verified), suspect=_named(passkey, use))

    def show(self, connection: sa.Connection, user_id: UUID) -> list[Factor]:
        return [
            Factor(self.name, own.id, own.name, own.created_at, own.last_used_at)
            for own in records.passkeys_of(connection, user_id)
        ]

    def hold(self, connection: sa.Connection, user_id: UUID) -> None:
        records.hold(connection, user_id)

    def rename(self, connection: sa.Connection, user_id: UUID, factor: UUID, name: str) -> bool:
        return records.rename(connection, user_id, factor, name)

    def remove(self, connection: sa.Connection, user_id: UUID, factor: UUID) -> bool:
        return records.delete(connection, user_id, factor)

    def delete_all(self, connection: sa.Connection, user_id: UUID) -> None:
        records.delete_all(connection, user_id)

    def forget_over(self, connection: sa.Connection, at: datetime) -> int:
        return records.forget_over(connection, at)


def party_of(settings: Settings) -> RelyingParty | None:
    """Say who asks for passkeys; None where no browser would take the domain for one."""
    domain = settings.passkey_domain
    if domain is None:
        return None
    own = ceremony.origin_of(settings.base_url)
    return RelyingParty(domain, settings.product_name, frozenset({own, *settings.passkey_origins}))


def request_options(
    context: AppContext,
    party: RelyingParty,
    holder: str,
    known: Sequence[Passkey],
    at: datetime,
    *,
    alone: bool = False,
) -> dict[str, Any]:
    """Return what a browser is asked to sign for a holder; changes nothing."""
    asked = challenge.new(random_bytes(challenge.RANDOM_BYTES), holder, at, context.vault.mark)
    return ceremony.request_options(party, asked, known, verified=alone)


def ask(context: AppContext, user: User, holder: str, at: datetime, *, verified: bool = False) -> dict[str, Any] | None:
    """Return what a browser is asked to sign with one of a user's passkeys; None where there is none to ask for.

    `verified`: it has to verify its user.
    """
    party = party_of(context.settings)
    if party is None or not user.has_passkey:
        return None
    with context.db.read() as connection:
        known = records.passkeys_of(connection, user.id)
    return request_options(context, party, holder, known, at, alone=verified)


def ask_anybody(context: AppContext, holder: str, at: datetime) -> dict[str, Any] | None:
    """Return what a browser is asked to sign with a passkey of whoever sits before it; None where that is not on."""
    party = party_of(context.settings)
    if party is None or not context.settings.passkey_sign_in:
        return None
    return request_options(context, party, holder, (), at, alone=True)


def owner_of(context: AppContext, credential: str) -> UUID | None:
    """Return whose passkey an answer names; nothing of it is checked yet."""
    answer = ceremony.read_answer(credential)
    if isinstance(answer, BadAnswer):
        return None
    with context.db.read() as connection:
        return records.owner_of(connection, answer.credential_id)


def bound_elsewhere(connection: sa.Connection, settings: Settings) -> int:
    """Count the passkeys that are of no use under the domain of these settings."""
    return records.bound_elsewhere(connection, settings.passkey_domain or "")


def accepted(connection: sa.Connection, settings: Settings, user_id: UUID) -> dict[str, Any] | None:
    """Return what tells a browser which passkeys of a user there are (WebAuthn Level 3 section 5.1.10)."""
    handle, party = records.handle_of(connection, user_id), party_of(settings)
    if handle is None or party is None:
        return None
    return ceremony.accepted(party, handle, records.passkeys_of(connection, user_id))


def unknown_credential(context: AppContext, credential: str) -> dict[str, Any] | None:
    """Return what tells a browser that nobody has the passkey of an answer (WebAuthn Level 3 section 5.1.10).

    None where somebody has it, whether they may sign in today or not: its keeper would delete it for good.
    """
    answer, party = ceremony.read_answer(credential), party_of(context.settings)
    if isinstance(answer, BadAnswer) or party is None:
        return None
    with context.db.read() as connection:
        if records.owner_of(connection, answer.credential_id) is not None:
            return None
    return ceremony.unknown(party, answer.credential_id)


def open_registration(
    connection: sa.Connection,
    user: User,
    opener: str,
    *,
    new_backup_code: bool,
    expires_at: datetime,
) -> Registration:
    """Open a registration, in the place of any that is open."""
    opened = Registration(
        new_id(), random_bytes(CHALLENGE_BYTES), user.security_version, new_backup_code, expires_at,
    )  # fmt: skip
    handle = {"user_id": user.id, "account_id": user.account_id, "handle": random_bytes(HANDLE_BYTES)}
    records.give_handle(connection, handle)
    records.open_registration(
        connection,
        {
            "user_id": user.id,
            "account_id": user.account_id,
            "opener": opener,
            **opened._asdict(),
        },
    )
    return opened


def creation_options(
    connection: sa.Connection, party: RelyingParty, user: User, registration: Registration
) -> dict[str, Any]:
    """Return what a browser is asked to make for an open registration."""
    handle = records.handle_of(connection, user.id) or b""
    owner = Owner(handle, user.email, user.name)
    known = records.passkeys_of(connection, user.id)
    return ceremony.creation_options(party, owner, registration.challenge, known, verified=False)


def store(
    connection: sa.Connection, user: User, party: RelyingParty, created: Created, name: str, at: datetime
) -> str | None:
    """Store a passkey that was made just now, and return its name; None where it is registered already."""
    called = name or aaguids.first_name(created.model, created.transports)
    stored = records.insert(
        connection,
        {
            "id": new_id(),
            "user_id": user.id,
            "account_id": user.account_id,
            "name": called,
            "credential_id": created.credential_id,
            "public_key": created.public_key,
            "counter": created.counter,
            "synced": created.synced,
            "transports": created.transports,
            "domain": party.domain,
            "created_at": at,
            "last_used_at": None,
        },
    )
    return called if stored else None


def amr_values_of(passkey: Passkey | Created, *, verified: bool) -> tuple[str, ...]:
    """Return what a passkey proves beside that somebody has it, as RFC 8176 names it."""
    key = SOFTWARE_KEY if passkey.synced else HARDWARE_KEY
    return (key, USER_VERIFIED) if verified else (key,)


def _named(passkey: Passkey, use: Use) -> str | None:
    return passkey.name if use is Use.WENT_BACK else None
