"""Two refreshes with one token, in a chosen order."""

import httpx

from tests.harness.clock import NOON
from tests.harness.contexts import client_of, context_on, standing_clock
from tests.harness.interleaving import meanwhile
from tests.harness.people import CLIENT_INFO, People
from tests.oidc.relying_party import RelyingParty
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.oidc import token_flow
from twofold.oidc.token_flow import Tokens


def signed_in(context: AppContext, http: httpx.Client) -> tuple[RelyingParty, str]:
    people = People(context)
    crm = RelyingParty.of(context, http)
    token: str = crm.tokens(people.token(people.user()))["refresh_token"]
    return crm, token


def test_a_token_replaced_since_it_was_read_gets_the_same_successor(postgresql_url: str) -> None:
    """Stops: two successors of one token, where whoever stole it goes on beside its owner (CVE-2026-1035)."""
    with context_on(postgresql_url) as one, context_on(postgresql_url) as other, standing_clock():
        with client_of(one) as http:
            crm, token = signed_in(one, http)
        quicker = []

        def refresh(context: AppContext) -> Tokens:
            outcome = token_flow.refresh(
                context, crm.registered.application, token, None, origin=Origin(NOON, CLIENT_INFO)
            )
            assert isinstance(outcome, Tokens), outcome
            return outcome

        with meanwhile(one.db, r"(?s)SELECT.*FROM.*refresh_tokens", lambda: quicker.append(refresh(other))):
            mine = refresh(one)
        assert mine.issued.refresh_token == quicker[0].issued.refresh_token
