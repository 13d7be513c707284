"""The end of a sign-in: a complete attempt becomes a session, once."""

from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.user import User
from twofold.events import kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest
from twofold.lockouts import flow as lockouts
from twofold.lockouts.known_client import KnownClient
from twofold.sessions import flow as sessions
from twofold.sessions.methods import has_second_factor
from twofold.signin import records
from twofold.signin.attempt import Attempt, Expired
from twofold.signin.outcomes import SignedIn


class Credentials(NamedTuple):
    """What somebody sends to begin: address, password, the client's token if it has one, and where to go afterwards."""

    email: str
    password: str
    client: str | None
    channel: str
    return_to: str = ""


def finish(
    context: AppContext,
    connection: sa.Connection,
    attempt: Attempt,
    methods: tuple[str, ...],
    *,
    client: str | None,
    origin: Origin,
    new_backup_code: str | None = None,
) -> SignedIn | Expired:
    """Turn a complete attempt into a session, once."""
    if not records.finish(connection, attempt):
        return Expired()
    user = attempt.user
    if user.password_unproven:
        directory.password_proven(connection, user.id, attempt.security_version)
    given = Credentials(user.email, "", client, attempt.channel, attempt.return_to)
    signed_in = enter(
        context,
        connection,
        user,
        given,
        methods,
        origin=origin,
        security_version=attempt.security_version,
        known_client=attempt.known_client,
    )
    return Expired() if signed_in is None else msgspec.structs.replace(signed_in, new_backup_code=new_backup_code)


def enter(
    context: AppContext,
    connection: sa.Connection,
    user: User,
    given: Credentials,
    methods: tuple[str, ...],
    *,
    origin: Origin,
    security_version: int | None = None,
    known_client: KnownClient | None = None,
) -> SignedIn | None:
    """Start a session, and record it; None when the user changed meanwhile and must begin again."""
    version = user.security_version if security_version is None else security_version
    started = sessions.start(
        context, connection, user, security_version=version, methods=methods, channel=given.channel,
        origin=origin,
    )  # fmt: skip
    if started is None:
        return None
    client = given.client or context.vault.new_token("client")
    if known_client is None or known_client.token_hash != digest(client) or not known_client.is_current(origin.at):
        lockouts.remember_client(connection, user, client, origin.at, second_factor=has_second_factor(methods))
    audit.record(
        connection,
        kinds.SignedIn(methods=list(methods), channel=given.channel, session=str(started.id)),
        origin=origin.by(acting.user(user.id)),
        account_id=user.account_id,
        subject_id=user.id,
    )
    return SignedIn(started, client, given.return_to)
