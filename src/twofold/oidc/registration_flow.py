"""What operators do to applications: register, change and delete them, give them secrets."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.audit import flow as audit
from twofold.directory import accounts_flow
from twofold.directory.refusals import Refused, invalid
from twofold.directory.rules import Fault
from twofold.events import application_kinds
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, fingerprint, new_id
from twofold.kit.crypto.vault import Vault
from twofold.kit.sql.database import Database
from twofold.oidc import application_records as records
from twofold.oidc import use_records
from twofold.oidc.application import Application, Registration, fault_of, tidied

SECRETS = 2  # of an application: one in use, and the next, for as long as the change takes


class Registered(NamedTuple):
    """A new application, and its client secret, which is shown now and never again; or none."""

    application: Application
    secret: str | None


class Shown(NamedTuple):
    """An application as operators see it, and since when each of its secrets is valid, the newest first."""

    application: Application
    secrets: list[datetime]


class NewSecret(NamedTuple):
    """A new client secret, which is shown now and never again."""

    secret: str


def create(context: AppContext, registration: Registration, *, origin: Origin) -> Registered | Refused:
    """Register an application."""
    registration = tidied(registration)
    if fault := fault_of(registration):
        return invalid(fault)
    application = Application(new_id(), *registration, created_at=origin.at)
    with context.db.write() as connection:
        if refused := _why_not_accounts(connection, registration):
            return refused
        records.insert(connection, application)
        has_secret = not (registration.public or registration.has_keys)
        secret = _new_secret(context.vault, connection, application.id, origin.at) if has_secret else None
        facts = {"application": str(application.id), **_facts(registration)}
        audit.record(connection, application_kinds.ApplicationCreated(facts), origin=origin, account_id=None)
    return Registered(application, secret)


def change(
    db: Database, application_id: UUID, given: Mapping[str, Any], *, origin: Origin
) -> Application | Refused | None:
    """Change fields of an application, by their names in `Registration`; None: there is no such application.

    Public or not is decided when it is registered. Who gets keys loses every secret.
    """
    with db.write() as connection:
        before = records.hold(connection, application_id)
        if before is None:
            return None
        after = tidied(before.registration._replace(**given))
        if fault := fault_of(after):
            return invalid(fault)
        if refused := _why_not_accounts(connection, after):
            return refused
        old, new = _facts(before.registration), _facts(after)
        changed = {name: {"before": old[name], "after": new[name]} for name in new if old[name] != new[name]}
        if changed:
            records.update(connection, application_id, after)
            if after.has_keys:
                rows = records.secrets(connection, [application_id])
                records.delete_secrets(connection, [row.id for row in rows])
            event = application_kinds.ApplicationChanged(str(application_id), after.name, changed)
            audit.record(connection, event, origin=origin, account_id=None)
    return Application(application_id, *after, created_at=before.created_at)


def rotate_secret(context: AppContext, application_id: UUID, *, origin: Origin) -> NewSecret | Refused | None:
    """Give an application another secret; the newest one before it stays valid, older ones end. None: there is none.

    Who rotates twice has made every secret void that was there before.
    """
    with context.db.write() as connection:
        application = records.hold(connection, application_id)
        if application is None:
            return None
        if application.public:
            return invalid(Fault("public", "A public application has no secret."))
        if application.registration.has_keys:
            return invalid(Fault("jwks", "An application with keys of its own has no secret."))
        older = records.secrets(connection, [application_id])[SECRETS - 1 :]
        records.delete_secrets(connection, [row.id for row in older])
        secret = _new_secret(context.vault, connection, application_id, origin.at)
        event = application_kinds.ApplicationSecretCreated(str(application_id), application.name)
        audit.record(connection, event, origin=origin, account_id=None)
    return NewSecret(secret)


def delete(db: Database, application_id: UUID, *, origin: Origin) -> bool:
    """Delete an application with its secrets; False: there is none."""
    with db.write() as connection:
        use_records.forget_application(connection, application_id)
        application = records.hold(connection, application_id)
        if application is None:
            return False
        records.delete(connection, application_id)
        event = application_kinds.ApplicationDeleted(str(application_id), application.name)
        audit.record(connection, event, origin=origin, account_id=None)
    return True


def find(db: Database, application_id: UUID) -> Shown | None:
    """Find an application by id."""
    with db.read() as connection:
        application = records.find(connection, application_id)
        return None if application is None else _shown(connection, [application])[0]


def list_applications(db: Database) -> list[Shown]:
    """List every application in the order of their making."""
    with db.read() as connection:
        return _shown(connection, records.all_applications(connection))


def _shown(connection: sa.Connection, applications: Sequence[Application]) -> list[Shown]:
    since: dict[UUID, list[datetime]] = {application.id: [] for application in applications}
    for row in records.secrets(connection, list(since)):
        since[row.application_id].append(row.created_at)
    return [Shown(application, since[application.id]) for application in applications]


def _new_secret(vault: Vault, connection: sa.Connection, application_id: UUID, at: datetime) -> str:
    secret = vault.new_token("app")
    records.insert_secret(connection, new_id(), application_id, digest(secret), at)
    return secret


def _why_not_accounts(connection: sa.Connection, registration: Registration) -> Refused | None:
    """Say which account an application is for that does not exist; an account is never deleted."""
    for account_id in sorted(registration.accounts):
        if accounts_flow.find_account(connection, account_id) is None:
            return invalid(Fault("accounts", f"There is no account with the id {account_id}."))
    return None


def _facts(registration: Registration) -> dict[str, Any]:
    """Return what is said of an application as it stands in the log: the age in minutes, keys as a fingerprint."""
    age = registration.second_factor_age
    return {
        **registration._asdict(),
        "second_factor_age": None if age is None else age // timedelta(minutes=1),
        "accounts": sorted(map(str, registration.accounts)),
        "jwks": None if registration.jwks is None else fingerprint(registration.jwks),
    }
