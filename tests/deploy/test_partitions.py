"""What makes it possible to spread the database by account: the account stands on every row that grows with its people.

docs/scaling.md says which tables are the exceptions, and why.
"""

from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from tests.harness.api import Api
from tests.harness.pages import WebClient
from tests.harness.people import ADA, PASSWORD
from tests.resets.helpdesk import Helpdesk
from twofold.schema import metadata

SCALING = Path(__file__).parents[2] / "docs" / "scaling.md"

# Tables without the account, and what is known of them instead.
WITHOUT_ACCOUNT = {
    "accounts": "its own id is the account",
    "application_secrets": "two rows an application at most",
    "applications": "registered by the operator",
    "audit_chains": "one row an account, and its key is the account",
    "audit_signing_keys": "one row, of the installation",
    "authorizations": "kept before anybody is known; 1,000 of a network and 20,000 in all, for an hour",
    "blocked_networks": "a handful, of the installation",
    "client_assertions": "an application's, and no account's; kept for an hour",
    "destinations": "kept before anybody is known; 1,000 of a network and 20,000 in all, for an hour",
    "encryption_keys": "one row a key of the ring",
    "leases": "one row a job",
    "oidc_keys": "two rows a rotation",
    "operator_keys": "one row a program of the operator",
    "password_throttles": "an address that nobody has belongs to no account; kept for a day after the last wrong try",
    "spent_challenges": "answered before anybody is known; for ten minutes",
    "refusal_counts": "counted before anybody is known; a row an hour and network, kept for 30 days",
}
# The installation's own events belong to nobody.
MAY_BE_NULL = {"audit_events"}


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: str(table.name))
def test_every_table_that_grows_has_its_account_on_each_row(table: sa.Table) -> None:
    if table.name in WITHOUT_ACCOUNT:
        assert "account_id" not in table.c
        assert "user_id" not in table.c
        assert f"`{table.name}`" in SCALING.read_text(), "docs/scaling.md does not say why"
    else:
        assert "account_id" in table.c, "a new table without account_id, and not one of the exceptions"
        assert table.c.account_id.nullable is (table.name in MAY_BE_NULL)


def test_no_exception_is_one_of_a_table_that_is_gone() -> None:
    assert WITHOUT_ACCOUNT.keys() | MAY_BE_NULL <= metadata.tables.keys()


def test_no_foreign_key_leads_from_one_account_to_another() -> None:
    """Rows of one account refer to rows of it alone, so that all of them can lie on one node."""
    to_others = {
        f"{key.parent.table.name}.{key.parent.name}"
        for table in metadata.sorted_tables
        for key in table.foreign_keys
        if key.column is not metadata.tables["accounts"].c.id
    }
    assert to_others == set()


def test_the_account_on_a_row_is_that_of_its_user(helpdesk: Helpdesk, api: Api, http: httpx.Client) -> None:
    agent, _ = helpdesk.people.agent()
    helpdesk.people.attempt(helpdesk.ada)
    helpdesk.sent(actor=agent)  # somebody of another account acts
    api.sign_in(helpdesk.grace.email, PASSWORD)
    api.post("/two-factor/enrolments", password=PASSWORD)
    WebClient(http).submit(WebClient(http).get("/forgot-password"), "Send link", email=ADA)
    users, met = metadata.tables["users"], set()
    with helpdesk.context.db.read() as connection:
        for table in metadata.sorted_tables:
            if "user_id" in table.c:
                query = sa.select(table.c.account_id, users.c.account_id).join(users, users.c.id == table.c.user_id)
                pairs = connection.execute(query.select_from(table)).all()
                assert {theirs == ours for theirs, ours in pairs} <= {True}, table.name
                met |= {table.name} if pairs else set()
    assert met >= {
        "authenticators", "backup_codes", "enrolments", "known_clients", "not_me_links", "outbox", "password_links",
        "reset_cases", "second_factor_budgets", "sessions", "sign_in_attempts",
    }  # fmt: skip
