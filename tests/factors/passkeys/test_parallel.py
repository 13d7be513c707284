"""One assertion, sent a hundred times to two nodes at the same moment, signs in once."""

import json
from typing import Any

from tests.factors.passkeys.conftest import Holder
from tests.harness.clock import NOON
from tests.harness.contexts import context_on
from tests.harness.parallel import at_once
from tests.harness.passkeys import ORIGIN
from tests.harness.people import CLIENT_INFO
from twofold.factors.outcomes import WrongPasskey
from twofold.factors.passkeys import challenge
from twofold.factors.passkeys import flow as passkeys
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.signin.first_factor import passkey_flow
from twofold.signin.first_factor.passkey_flow import Presented
from twofold.signin.outcomes import SignedIn


def test_one_assertion_to_two_nodes_signs_in_once(holder: Holder, context: AppContext, database_url: str) -> None:
    """Stops: two nodes that take one assertion, each believing that it is the first."""
    party = passkeys.party_of(context.settings)
    assert party is not None
    options = passkeys.request_options(context, party, challenge.SIGN_IN_PAGE, (), NOON, alone=True)
    given = Presented(json.dumps(holder.key.sign(options)), challenge.SIGN_IN_PAGE, None, "page")

    def sent_to(node: AppContext) -> Any:
        return lambda: passkey_flow.submit_passkey(node, given, origin=Origin(NOON, CLIENT_INFO))

    with context_on(database_url, base_url=ORIGIN) as other:
        came = at_once(*[sent_to(node) for node in (context, other)] * 50)
    assert [type(one) for one in came].count(SignedIn) == 1
    assert {one for one in came if not isinstance(one, SignedIn)} == {WrongPasskey("spent")}
