from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa

from tests.harness.clock import NOON
from tests.harness.people import People
from tests.harness.statements import noted
from tests.oidc.applications import AT_NOON, CALLBACK, register, registration
from twofold.directory.refusals import Refused
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest
from twofold.oidc import registration_flow
from twofold.oidc.application import Application
from twofold.oidc.application_flow import BadClient, authenticate, find
from twofold.oidc.application_tables import application_secrets
from twofold.oidc.registration_flow import NewSecret, Shown


def changed(context: AppContext, application: Application, **given: Any) -> Application | Refused | None:
    return registration_flow.change(context.db, application.id, given, origin=AT_NOON)


def rotated(context: AppContext, application: Application) -> str:
    made = registration_flow.rotate_secret(context, application.id, origin=AT_NOON)
    assert isinstance(made, NewSecret), made
    return made.secret


def test_an_application_is_found_as_it_was_registered(people: People, context: AppContext) -> None:
    account = people.user().account_id
    said = {
        "name": "CRM",
        "redirect_uris": (CALLBACK, "https://crm.example/other"),
        "post_logout_redirect_uris": ("https://crm.example/",),
        "backchannel_logout_uri": "https://crm.example/logout",
        "home_url": "https://crm.example/",
        "algorithm": "ES256",
        "acr": "urn:twofold:2fa",
        "second_factor_age": timedelta(minutes=15),
        "pkce": False,
        "accounts": frozenset({account}),
    }
    made = register(context, **said)
    found = find(context.db, str(made.application.id))
    assert found == made.application
    assert {name: getattr(found, name) for name in said} == said
    assert registration_flow.list_applications(context.db) == [Shown(made.application, [NOON])]


def test_a_client_id_has_one_spelling(context: AppContext) -> None:
    """Stops: a code that is bound to one spelling of a client_id and redeemed under another."""
    made = register(context)
    client_id = str(made.application.id)
    for spelled in (client_id.upper(), client_id.replace("-", ""), f"{{{client_id}}}", f"urn:uuid:{client_id}"):
        assert find(context.db, spelled) is None
        assert authenticate(context.db, spelled, made.secret) == BadClient()


def test_an_unknown_client_id_is_nobody(context: AppContext) -> None:
    made = register(context)
    for client_id in ("", "x", str(uuid4()), "\0", "é", "0" * 36):
        assert find(context.db, client_id) is None
        assert authenticate(context.db, client_id, None) == BadClient()
        assert authenticate(context.db, client_id, made.secret) == BadClient()


def test_an_application_proves_itself_by_its_own_secret_alone(context: AppContext) -> None:
    made, other = register(context), register(context, name="Wiki")
    client_id, secret = str(made.application.id), made.secret
    assert secret is not None
    assert secret.startswith("tf_app_")
    assert context.vault.issued(secret)
    assert authenticate(context.db, client_id, secret) == made.application
    for wrong in (None, "", secret[:-1], f"{secret}x", other.secret, "\ud800"):
        assert authenticate(context.db, client_id, wrong) == BadClient()


def test_a_public_application_has_no_secret_and_sends_none(context: AppContext) -> None:
    made = register(context, public=True)
    client_id = str(made.application.id)
    assert made.secret is None
    assert authenticate(context.db, client_id, None) == made.application
    assert authenticate(context.db, client_id, "") == BadClient()
    assert authenticate(context.db, client_id, register(context).secret) == BadClient()
    assert isinstance(registration_flow.rotate_secret(context, made.application.id, origin=AT_NOON), Refused)


def test_only_the_hash_of_a_secret_rests_in_the_database(context: AppContext) -> None:
    made = register(context)
    with context.db.read() as connection:
        (row,) = connection.execute(sa.select(application_secrets)).all()
    assert row.secret_hash == digest(made.secret or "")
    assert str(made.secret) not in str(tuple(row))


def test_the_secret_before_stays_valid_and_older_ones_end(context: AppContext) -> None:
    made = register(context)
    secrets = [made.secret, rotated(context, made.application), rotated(context, made.application)]
    works = [authenticate(context.db, str(made.application.id), secret) == made.application for secret in secrets]
    assert works == [False, True, True]
    shown = registration_flow.find(context.db, made.application.id)
    assert shown == Shown(made.application, [NOON, NOON])


def test_rotating_leaves_the_secrets_of_others_alone(context: AppContext) -> None:
    made, other = register(context), register(context, name="Wiki")
    rotated(context, made.application)
    rotated(context, made.application)
    assert authenticate(context.db, str(other.application.id), other.secret) == other.application


def test_what_is_not_given_stays(context: AppContext) -> None:
    made = register(context, home_url="https://crm.example/")
    after = changed(context, made.application, algorithm="ES256", home_url=None)
    assert after == made.application._replace(algorithm="ES256", home_url=None)
    assert find(context.db, str(made.application.id)) == after
    assert authenticate(context.db, str(made.application.id), made.secret) == after


def test_a_change_that_is_refused_changes_nothing(context: AppContext) -> None:
    made = register(context)
    refused = changed(context, made.application, name="Other", redirect_uris=("http://crm.example/",))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.field) == ("invalid_request", "redirect_uris")
    assert find(context.db, str(made.application.id)) == made.application


def test_a_public_application_cannot_drop_pkce_later(context: AppContext) -> None:
    refused = changed(context, register(context, public=True).application, pkce=False)
    assert isinstance(refused, Refused)
    assert refused.field == "pkce"


def test_an_application_is_for_accounts_that_exist(context: AppContext) -> None:
    nobodys = frozenset({uuid4()})
    refused = registration_flow.create(context, registration(accounts=nobodys), origin=AT_NOON)
    assert isinstance(refused, Refused)
    assert refused.field == "accounts"
    assert isinstance(changed(context, register(context).application, accounts=nobodys), Refused)


def test_a_deleted_application_is_gone_with_its_secrets(context: AppContext) -> None:
    made, other = register(context), register(context, name="Wiki")
    assert registration_flow.delete(context.db, made.application.id, origin=AT_NOON)
    assert authenticate(context.db, str(made.application.id), made.secret) == BadClient()
    with context.db.read() as connection:
        owners = connection.execute(sa.select(application_secrets.c.application_id)).scalars().all()
    assert owners == [other.application.id]
    assert not registration_flow.delete(context.db, made.application.id, origin=AT_NOON)


def test_there_is_nothing_to_change_where_nothing_is(context: AppContext) -> None:
    gone = UUID(int=7)
    assert registration_flow.change(context.db, gone, {"name": "X"}, origin=AT_NOON) is None
    assert registration_flow.rotate_secret(context, gone, origin=AT_NOON) is None
    assert registration_flow.find(context.db, gone) is None


def test_the_log_tells_what_happened_to_applications(people: People, context: AppContext) -> None:
    made = register(context)
    changed(context, made.application, name="CRM 2", second_factor_age=timedelta(minutes=5))
    changed(context, made.application, name="CRM 2")
    rotated(context, made.application)
    registration_flow.delete(context.db, made.application.id, origin=AT_NOON)
    events = people.events()
    assert [event.kind for event in events] == [
        "application_created", "application_changed", "application_secret_created", "application_deleted",
    ]  # fmt: skip
    assert '"second_factor_age":{"before":null,"after":5}' in events[1].details
    assert not any((made.secret or "") in event.details for event in events)


def test_proving_an_application_takes_one_statement(context: AppContext) -> None:
    made = register(context)
    with noted(context.db) as asked:
        authenticate(context.db, str(made.application.id), made.secret)
    assert len(asked) == 1
