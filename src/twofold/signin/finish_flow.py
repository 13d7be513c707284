"""The end of a sign-in: a complete attempt becomes a session, once."""

from datetime import datetime
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.person import Person
from twofold.kit.house import House
from twofold.kit.tokens import digest
from twofold.kit.visitor import Visitor
from twofold.lockouts import flow as lockouts
from twofold.lockouts.known_client import KnownClient
from twofold.sessions import flow as sessions
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
    house: House,
    connection: sa.Connection,
    attempt: Attempt,
    methods: tuple[str, ...],
    *,
    client: str | None,
    visitor: Visitor,
    at: datetime,
    new_backup_code: str | None = None,
) -> SignedIn | Expired:
    """Turn a complete attempt into a session, once."""
    if not records.finish(connection, attempt):
        return Expired()
    person = attempt.person
    if person.password_unproven:
        directory.password_proven(connection, person.id, attempt.security_version)
    given = Credentials(person.email, "", client, attempt.channel, attempt.return_to)
    signed_in = enter(
        house, connection, person, given, methods, visitor=visitor, at=at, security_version=attempt.security_version,
        known_client=attempt.known_client,
    )  # fmt: skip
    return Expired() if signed_in is None else msgspec.structs.replace(signed_in, new_backup_code=new_backup_code)


def enter(
    house: House,
    connection: sa.Connection,
    person: Person,
    given: Credentials,
    methods: tuple[str, ...],
    *,
    visitor: Visitor,
    at: datetime,
    security_version: int | None = None,
    known_client: KnownClient | None = None,
) -> SignedIn | None:
    """Go through the one door that makes sessions; None when the user changed meanwhile and must begin again."""
    version = person.security_version if security_version is None else security_version
    started = sessions.start(
        house, connection, person, security_version=version, methods=methods, channel=given.channel,
        visitor=visitor, at=at,
    )  # fmt: skip
    if started is None:
        return None
    client = given.client or house.vault.new_token("client")
    if known_client is None or known_client.token_hash != digest(client) or not known_client.is_current(at):
        lockouts.remember_client(connection, person, client, at, second_factor=methods != ("pwd",))
    audit.record(
        connection, "signed_in", at=at, account_id=person.account_id, actor=audit.user(person.id), subject_id=person.id,
        visitor=visitor, details={"methods": list(methods), "channel": given.channel, "session": str(started.id)},
    )  # fmt: skip
    return SignedIn(started, client, given.return_to)
