"""What applications ask of the database: each statement costs the time of everybody who signs in."""

import pytest

from tests.harness.statements import counted
from tests.oidc.relying_party import RelyingParty
from twofold.kit.context import AppContext


@pytest.mark.parametrize(("scope", "statements"), [("openid", 6), ("openid offline_access", 7)])
def test_an_exchange_is_a_read_and_one_short_transaction(
    context: AppContext, crm: RelyingParty, session: str, scope: str, statements: int
) -> None:
    crm.tokens(session)  # the keys are read
    code = crm.code(session, scope=scope)
    with counted(context.db) as heard:
        assert crm.exchange(code).status_code == 200
    assert (len(heard) - heard.count("COMMIT"), heard.count("COMMIT")) == (statements, 1), heard


def test_a_refresh_is_five_statements(context: AppContext, crm: RelyingParty, session: str) -> None:
    token = crm.tokens(session)["refresh_token"]
    with counted(context.db) as heard:
        assert crm.refresh(token).status_code == 200
    assert (len(heard) - heard.count("COMMIT"), heard.count("COMMIT")) == (5, 1), heard


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_introspection_is_two_reads_and_userinfo_one(
    context: AppContext, crm: RelyingParty, session: str, kind: str
) -> None:
    body = crm.tokens(session)
    with counted(context.db) as heard:
        assert crm.call("/oidc/introspect", {"token": body[kind]}).json()["active"]
    assert heard == ["SELECT"] * 2
    with counted(context.db) as heard:
        assert crm.userinfo(body["access_token"]).status_code == 200
    assert heard == ["SELECT"]
