"""Telling applications that a session has ended (OpenID Connect Back-Channel Logout 1.0)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from twofold.kit import outbound
from twofold.kit.context import AppContext
from twofold.oidc import application_flow, claims, key_flow
from twofold.oidc import logout_records as records
from twofold.oidc.logout_records import Delivery
from twofold.sessions.ending import Ending

SECONDS = 5.0  # for an application to answer
CLAIM = timedelta(seconds=60)
WAITS = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 300, 3600))  # and an hour from then on
MOST_ATTEMPTS = len(WAITS) + 23  # a day
KEPT = timedelta(days=7)  # for whoever asks why an application did not learn of it
ACCEPTED = (200, 204)  # section 2.8

log = structlog.get_logger("twofold.logout")


def subscriber(context: AppContext, connection: sa.Connection, endings: Sequence[Ending], at: datetime) -> None:
    """Store what applications are to be told, in the transaction that notes that it was."""
    del context
    records.plan(connection, [ending.session_id for ending in endings], at)


def deliver(context: AppContext, at: datetime) -> bool:
    """Tell one application of one session; tell whether there may be more to do. For several threads at once."""
    with context.db.read() as connection:
        if not records.is_due(connection, at):
            return False
    with context.db.write() as connection:
        delivery = records.claim(connection, at, at + CLAIM)
    if delivery is None:
        return False
    error = _sent(context, delivery, at)
    with context.db.write() as connection:
        if error is None:
            records.settle(connection, delivery.id, at, None)
        elif delivery.attempts + 1 >= MOST_ATTEMPTS:
            log.warning("an application was not told of a sign-out", application=str(delivery.application_id))
            records.settle(connection, delivery.id, at, error)
        else:
            wait = WAITS[min(delivery.attempts, len(WAITS) - 1)]
            records.put_off(connection, delivery.id, delivery.attempts + 1, at + wait, error)
    return True


def forget_settled(connection: sa.Connection, at: datetime) -> int:
    """Delete what was settled a week ago; for the clean-up."""
    return records.forget_settled(connection, at - KEPT)


def _sent(context: AppContext, delivery: Delivery, at: datetime) -> str | None:
    """Send a logout token; return why it did not arrive. Whoever is not to be told any more was told."""
    application = application_flow.find(context.db, str(delivery.application_id))
    if application is None or application.backchannel_logout_uri is None:
        return None
    told = claims.logout_token(
        issuer=context.settings.base_url, application_id=application.id, user_id=delivery.user_id,
        session_id=delivery.session_id, token_id=delivery.id, at=at,
    )  # fmt: skip
    token = key_flow.sign(context, told, application.algorithm, at, typ="logout+jwt")
    try:
        status = outbound.post_form(
            application.backchannel_logout_uri, {"logout_token": token},
            allowed=context.settings.logout_networks, seconds=SECONDS,
        )  # fmt: skip
    except outbound.NotSent as error:
        return str(error)
    return None if status in ACCEPTED else f"answered {status}"
