"""An application that others wrote signs somebody in: openid-client on Node, at a server as an operator runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, KeySet

from tests.conftest import Serve
from tests.harness.contexts import context_on
from tests.harness.pages import WebClient
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.wire import client_to
from tests.oidc.applications import CALLBACK, register
from tests.oidc.relying_party import led_to

HOME = Path(sys.prefix) / "openid-client"  # where `make test` installs it
KEY = ECKey.generate_key("P-256", {"kid": "one"})


@pytest.mark.slow
@pytest.mark.parametrize("keyed", [False, True], ids=["secret", "private_key_jwt"])
def test_openid_client_pushes_signs_somebody_in_refreshes_and_revokes(
    serve: Serve, database_url: str, *, keyed: bool
) -> None:
    said = {"jwks": json.dumps(KeySet([KEY]).as_dict(private=False)), "assertion_algorithm": "ES256"} if keyed else {}
    with context_on(database_url) as context:
        ada = People(context).user(ADA)
        made = register(context, algorithm="RS256", jwt_access_tokens=keyed, **said)
    server = serve(database_url)
    is_told = {
        "issuer": server.url, "clientId": str(made.application.id), "secret": made.secret, "redirectUri": CALLBACK,
        "key": KEY.as_dict(private=True) if keyed else None, "scope": "openid email offline_access",
    }  # fmt: skip
    node = next(HOME.glob("node_modules/node-linux-*/bin/node"))
    with subprocess.Popen(
        [node, HOME / "sign_in.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as app:
        assert app.stdin is not None
        assert app.stdout is not None
        print(json.dumps(is_told), file=app.stdin, flush=True)
        address = json.loads(app.stdout.readline())["address"]
        assert "request_uri=" in address
        assert "state=" not in address
        with client_to(server.url) as http:
            browser = WebClient(http)
            page = browser.submit(browser.get(address), "Sign in", email=ADA, password=PASSWORD)
            print(led_to(page), file=app.stdin, flush=True)
        learned = json.loads(app.stdout.readline())
    assert learned["claims"]["sub"] == str(ada.id)
    assert learned["userinfo"]["email"] == ADA
    assert learned["rotated"]
    assert learned["active"] == [True, False]
