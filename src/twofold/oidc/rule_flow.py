"""What administrators see of the applications of their account, and the rule that they set for one."""

from typing import NamedTuple
from uuid import UUID

import msgspec

from twofold.audit import flow as audit
from twofold.directory import accounts_flow
from twofold.directory import flow as directory
from twofold.directory.rules import Fault
from twofold.events import application_kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.oidc import application_records, rule_records
from twofold.oidc.application import Application
from twofold.oidc.rule import MINUTE, Rule, read, stricter
from twofold.oidc.rule_records import Usage
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session


class OfAccount(NamedTuple):
    """An application that is for an account: who uses it, and what the account asks of them there."""

    application: Application
    usage: Usage | None
    rule: Rule


class RuleSaved(msgspec.Struct, frozen=True):
    """The rule counts from the next sign-in to the application on."""


class NoLongerAdmin(msgspec.Struct, frozen=True):
    """Whoever asks has just lost the right, or there is no such application for their account."""


def with_rule(context: AppContext, application: Application, session: Session | None) -> Application:
    """Return an application as it is for the account of whoever is signed in."""
    if session is None:
        return application
    with context.db.read() as connection:
        return stricter(application, rule_records.find(connection, session.user.account_id, application.id))


def list_for_account(context: AppContext, account_id: UUID) -> list[OfAccount]:
    """List the applications that the people of an account can sign in to, by name."""
    with context.db.read() as connection:
        registered = application_records.all_applications(connection)
        usage = rule_records.usage(connection, account_id)
        rules = rule_records.of_account(connection, account_id)
    listed = [
        OfAccount(application, usage.get(application.id), rules.get(application.id, Rule()))
        for application in registered
        if not application.accounts or account_id in application.accounts
    ]
    return sorted(listed, key=lambda one: one.application.name.casefold())


def find(context: AppContext, account_id: UUID, application_id: UUID) -> OfAccount | None:
    """Find one of them."""
    listed = list_for_account(context, account_id)
    return next((one for one in listed if one.application.id == application_id), None)


def change(
    context: AppContext, session: Session, application_id: UUID, acr: str, minutes: str, *, origin: Origin
) -> RuleSaved | NoLongerAdmin | Fault:
    """Set what the administrator's account asks for at an application."""
    rule, account_id = read(acr, minutes), session.user.account_id
    if isinstance(rule, Fault):
        return rule
    one = find(context, account_id, application_id)
    if one is None:
        return NoLongerAdmin()
    with context.db.write() as connection:
        account = accounts_flow.lock_account(connection, account_id)
        actor = directory.find_user(connection, session.user.id)
        if account is None or actor is None or not sessions.goes_on(connection, session, actor):
            return NoLongerAdmin()
        before = rule_records.find(connection, account_id, application_id) or Rule()
        if rule != before:
            rule_records.store(connection, account_id, application_id, rule)
            old, new = _facts(before), _facts(rule)
            changed = {name: {"before": old[name], "after": new[name]} for name in new if old[name] != new[name]}
            event = application_kinds.ApplicationRuleChanged(str(application_id), one.application.name, changed)
            audit.record(connection, event, origin=origin.by(acting.user(actor.id)), account_id=account_id)
    return RuleSaved()


def _facts(rule: Rule) -> dict[str, str | int | None]:
    age = rule.second_factor_age
    return {"acr": rule.acr, "second_factor_age": None if age is None else age // MINUTE}
