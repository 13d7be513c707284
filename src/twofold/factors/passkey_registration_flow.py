"""Registering a passkey: opened with password (and code, where a factor exists), completed by what a browser makes.

A registration belongs to whoever opened it, a session or a sign-in attempt: nobody else sees or completes it.
"""

from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import sqlalchemy as sa

from twofold.directory.user import User
from twofold.factors import flow as factors
from twofold.factors import kinds_flow
from twofold.factors.factor_name import readable
from twofold.factors.opening_flow import LIFE, SetUp, opener_of, why_not_offered, with_set_up_proofs
from twofold.factors.outcomes import Changed, Confirmed, Locked, NotOffered, Passed
from twofold.factors.passkeys import ceremony, records
from twofold.factors.passkeys import flow as passkeys
from twofold.factors.passkeys.ceremony import BadAnswer, RelyingParty
from twofold.factors.passkeys.passkey import MOST_PASSKEYS, Registration
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason
from twofold.sessions.methods import Method
from twofold.sessions.session import Session


class Registering(NamedTuple):
    """A registration is open: what a browser is asked to make, within 15 minutes."""

    id: UUID
    options: dict[str, Any]
    new_backup_code: str | None  # the successor, where the backup code proved the way here


class NoPasskeysHere(msgspec.Struct, frozen=True):
    """The address of this installation is an IP address, to which no browser binds a passkey."""


class TooManyPasskeys(msgspec.Struct, frozen=True):
    """Ten passkeys are the most."""


class RegistrationExpired(msgspec.Struct, frozen=True):
    """No such registration is open for this session: expired, replaced by a newer one, or somebody else's."""


class AlreadyRegistered(msgspec.Struct, frozen=True):
    """This passkey is registered already."""


class Registered(NamedTuple):
    """A passkey protects its user from now on; `method` is what its making has proved."""

    confirmed: Confirmed
    method: Method


OpenRefused = factors.ProofsRefused | NotOffered | NoPasskeysHere | TooManyPasskeys
CompletionRefused = BadAnswer | RegistrationExpired | AlreadyRegistered | TooManyPasskeys | NoPasskeysHere


def open_in_session(
    context: AppContext, session: Session, asked: SetUp, *, origin: Origin
) -> Registering | OpenRefused:
    """Open a registration from the profile, once enough is proved."""
    party = passkeys.party_of(context.settings)
    if party is None:
        return NoPasskeysHere()

    def why_not(connection: sa.Connection, user: User) -> NotOffered | TooManyPasskeys | None:
        refused = why_not_offered(context, user, origin.at)
        return refused or (TooManyPasskeys() if _is_full(connection, user) else None)

    def begin(connection: sa.Connection, user: User, passed: Passed) -> Registering:
        return open_for(connection, party, user, opener_of(session), origin, spent=passed.new_backup_code)

    return with_set_up_proofs(context, session, asked, begin, why_not, origin=origin)


def open_for(
    connection: sa.Connection,
    party: RelyingParty,
    user: User,
    opener: str,
    origin: Origin,
    *,
    spent: str | None = None,
) -> Registering:
    """Open a registration for an opener who has proved enough; a newer one takes the place of an older.

    `spent` is the successor of a backup code that proved the way here; the completion then issues a new one.
    """
    new_backup_code = not user.has_second_factor or spent is not None
    registration = passkeys.open_registration(
        connection, user, opener, new_backup_code=new_backup_code, expires_at=origin.at + LIFE,
    )  # fmt: skip
    return _shown(connection, party, user, registration, spent)


def find(context: AppContext, connection: sa.Connection, user: User, opener: str, origin: Origin) -> Registering | None:
    """Show an open registration again, on reload, to the one who opened it."""
    party = passkeys.party_of(context.settings)
    registration = records.find_registration(connection, user.id, opener, origin.at)
    if party is None or registration is None or registration.security_version != user.security_version:
        return None
    return _shown(connection, party, user, registration, None)


def complete_in_session(
    context: AppContext, session: Session, registration: UUID, credential: str, name: str, *, origin: Origin
) -> Changed | CompletionRefused | Locked:
    """Complete a registration from the profile; the session goes on under a new token, all others end."""
    with context.db.write() as connection:
        user = sessions.hold_user(connection, session)
        if user is None:
            return RegistrationExpired()
        counts = factors.hold(connection, user.id)
        if counts.locked:
            return Locked(counts.final)
        outcome = complete(
            context, connection, user, opener_of(session), registration, credential, name, origin=origin,
        )  # fmt: skip
        if not isinstance(outcome, Registered):
            return outcome
        renewed = sessions.renew(
            context, connection, session, security_version=outcome.confirmed.security_version,
            ends_others=EndReason.FACTORS_CHANGED, origin=origin, proved=(outcome.method,),
        )  # fmt: skip
        return Changed(renewed.token, outcome.confirmed.backup_code, outcome.confirmed.change)


def complete(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    opener: str,
    registration: UUID,
    credential: str,
    name: str,
    *,
    origin: Origin,
) -> Registered | CompletionRefused:
    """Complete a registration with what a browser made: from here on the passkey protects its user.

    The caller holds the user. What is refused may be sent again until the registration is over: nothing can be guessed.
    """
    party, found = (
        passkeys.party_of(context.settings),
        records.find_registration(connection, user.id, opener, origin.at),
    )
    if party is None:
        return NoPasskeysHere()
    if found is None or found.id != registration or found.security_version != user.security_version:
        return RegistrationExpired()
    created = ceremony.check_created(party, credential, found.challenge)
    if isinstance(created, BadAnswer):
        return created
    factors.hold(connection, user.id)
    if _is_full(connection, user):
        return TooManyPasskeys()
    called = passkeys.store(connection, user, party, created, readable(name), origin.at)
    if called is None:
        return AlreadyRegistered()
    records.close_registration(connection, user.id)
    confirmed = factors.protect(
        context, connection, user, kinds_flow.PASSKEY, called, replaces=False, new_backup_code=found.new_backup_code,
        origin=origin,
    )  # fmt: skip
    amr_values = passkeys.amr_values_of(created, verified=created.verified)
    return Registered(confirmed, Method(kinds_flow.PASSKEY.method, origin.at, second=True, amr_values=amr_values))


def _is_full(connection: sa.Connection, user: User) -> bool:
    return len(records.passkeys_of(connection, user.id)) >= MOST_PASSKEYS


def _shown(
    connection: sa.Connection, party: RelyingParty, user: User, registration: Registration, spent: str | None
) -> Registering:
    options = passkeys.creation_options(connection, party, user, registration)
    return Registering(registration.id, options, spent)
