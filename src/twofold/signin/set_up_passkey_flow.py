"""The forced set-up by a passkey: the same steps as by an app, the mailbox first."""

from uuid import UUID

from twofold.factors import passkey_registration_flow as registrations
from twofold.factors.passkey_registration_flow import (
    CompletionRefused,
    NoPasskeysHere,
    Registered,
    Registering,
)
from twofold.factors.passkeys import flow as passkeys
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.signin.attempt import Attempt, Expired, OutOfOrder, Step
from twofold.signin.outcomes import Due, SignedIn
from twofold.signin.set_up_flow import finish_set_up, opener_of
from twofold.signin.take_flow import take_with_user


def open_registration(
    context: AppContext, sign_in: str, *, channel: str, origin: Origin
) -> Registering | NoPasskeysHere | Expired | OutOfOrder:
    """Open the registration of a forced set-up, in the place of any before it."""
    party = passkeys.party_of(context.settings)
    if party is None:
        return NoPasskeysHere()
    with context.db.write() as connection:
        attempt = take_with_user(connection, sign_in, channel, Step.SET_UP, origin.at)
        if not isinstance(attempt, Attempt):
            return attempt
        return registrations.open_for(connection, party, attempt.user, opener_of(attempt), origin)


def find(context: AppContext, attempt: Attempt, origin: Origin) -> Registering | None:
    """Show the open registration of an attempt, as a reloaded page does; changes nothing."""
    with context.db.read() as connection:
        return registrations.find(context, connection, attempt.user, opener_of(attempt), origin)


def complete(
    context: AppContext,
    sign_in: str,
    registration: UUID,
    credential: str,
    *,
    channel: str,
    client: str | None,
    origin: Origin,
) -> SignedIn | Due | CompletionRefused | Expired | OutOfOrder:
    """Complete a forced set-up with what a browser made; the backup code is next, as after an app."""
    with context.db.write() as connection:
        attempt = take_with_user(connection, sign_in, channel, Step.SET_UP, origin.at)
        if not isinstance(attempt, Attempt):
            return attempt
        outcome = registrations.complete(
            context, connection, attempt.user, opener_of(attempt), registration, credential, "", origin=origin,
        )  # fmt: skip
        if not isinstance(outcome, Registered):
            return outcome
        return finish_set_up(
            context, connection, attempt, sign_in, outcome.confirmed, outcome.method, client=client, origin=origin,
        )  # fmt: skip
