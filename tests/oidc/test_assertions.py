"""Applications that prove themselves by keys: private_key_jwt, by the sections of RFC 7523."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from tests.harness.clock import NOON, later
from tests.harness.contexts import context_on
from tests.harness.parallel import at_once
from tests.harness.people import People
from tests.oidc.applications import AT_NOON, register, registration
from tests.oidc.relying_party import ISSUER, RelyingParty, refused
from twofold.directory.refusals import Refused
from twofold.kit.context import AppContext
from twofold.oidc import assertion_flow, client_keys, registration_flow
from twofold.oidc.application import Application
from twofold.oidc.application_flow import BadClient, authenticate
from twofold.oidc.application_tables import application_secrets, client_assertions
from twofold.oidc.assertion import TYPE
from twofold.operations import jobs

OTHER = ECKey.generate_key("P-256", {"kid": "other"})
KEY = ECKey.generate_key("P-256", {"kid": "one"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
HERE = (ip_network("127.0.0.0/8"),)


def key_set(*keys: Any) -> str:
    return json.dumps(KeySet(list(keys)).as_dict(private=False))


@pytest.fixture
def keyed(context: AppContext, http: httpx.Client) -> RelyingParty:
    """Be an application with keys."""
    return RelyingParty.of(context, http, jwks=key_set(KEY, RSA), assertion_algorithm="ES256")


def signed(client_id: str, *, key: Any = KEY, alg: str = "ES256", at: datetime = NOON, **said: Any) -> str:
    """Sign an assertion; what is told as None is left out."""
    claims = {
        "iss": client_id, "sub": client_id, "aud": ISSUER, "jti": str(uuid4()), "iat": int(at.timestamp()),
        "exp": int((at + timedelta(minutes=5)).timestamp()), **said,
    }  # fmt: skip
    header = {"alg": alg, "kid": key.kid} if key.kid else {"alg": alg}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(header, claims, key, algorithms=[alg, "none"])


def called(app: RelyingParty, assertion: str, **form: str) -> httpx.Response:
    """Ask about a token that is none: 200 for whoever proved to be an application."""
    proof = {"client_assertion_type": TYPE, "client_assertion": assertion}
    return app.call("/oidc/introspect", {"token": "x", **proof, **form}, auth=None)


def test_an_application_proves_itself_by_its_key_at_every_endpoint(keyed: RelyingParty, session: str) -> None:
    """RFC 7523 section 2.2, RFC 9126 section 2."""

    def proof() -> dict[str, str]:
        return {"client_assertion_type": TYPE, "client_assertion": signed(keyed.client_id)}

    pushed = keyed.call("/oidc/par", {**keyed.asking(), **proof()}, auth=None)
    assert pushed.status_code == 201
    body = keyed.exchange(keyed.code(session, scope="openid offline_access"), auth=None, **proof()).json()
    assert keyed.claims(body["id_token"])["aud"] == keyed.client_id
    form = {"token": body["access_token"], **proof()}
    assert keyed.call("/oidc/introspect", form, auth=None).json()["active"]
    again = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"], **proof()}
    assert keyed.call("/oidc/token", again, auth=None).status_code == 200
    assert keyed.call("/oidc/revoke", {**form, **proof()}, auth=None).status_code == 200


@pytest.mark.parametrize("audience", [ISSUER, f"{ISSUER}/oidc/token", f"{ISSUER}/oidc/par", [ISSUER]], ids=str)
def test_an_assertion_is_for_the_issuer_or_an_endpoint(keyed: RelyingParty, audience: Any) -> None:
    """RFC 7523 section 3, point 3; RFC 9126 section 2."""
    assert called(keyed, signed(keyed.client_id, aud=audience)).status_code == 200


@pytest.mark.parametrize(
    "said",
    [
        {"iss": None}, {"iss": "other"},
        {"sub": None}, {"sub": "other"}, {"sub": 1},
        {"aud": None}, {"aud": []}, {"aud": "https://evil.example"}, {"aud": [ISSUER, "https://evil.example"]},
        {"aud": f"{ISSUER}/"},
        {"exp": None}, {"exp": "soon"}, {"exp": 1e400}, {"exp": int(NOON.timestamp())},
        {"exp": int(later(minutes=6).timestamp())},
        {"nbf": int(later(minutes=1).timestamp())}, {"iat": int(later(minutes=1).timestamp())}, {"iat": "now"},
        {"jti": None}, {"jti": ""}, {"jti": 7}, {"jti": "j" * 256},
    ],
    ids=str,
)  # fmt: skip
def test_an_assertion_that_is_not_in_order_is_refused(keyed: RelyingParty, said: dict[str, Any]) -> None:
    """RFC 7523 section 3, points 1 to 7."""
    assert refused(called(keyed, signed(keyed.client_id, **said))) == (401, "invalid_client")


def test_an_assertion_counts_once(keyed: RelyingParty, people: People) -> None:
    """RFC 7523 section 3, point 7; OpenID Connect Core 9. Stops: whoever reads one in a log."""
    once = signed(keyed.client_id, jti="once")
    assert called(keyed, once).status_code == 200
    assert refused(called(keyed, once)) == (401, "invalid_client")
    assert refused(called(keyed, signed(keyed.client_id, jti="once"))) == (401, "invalid_client")
    assert people.count(client_assertions) == 1


def test_an_assertion_counts_once_on_all_nodes_together(database_url: str) -> None:
    with context_on(database_url) as one:
        app = register(one, jwks=key_set(KEY), assertion_algorithm="ES256").application
        given = signed(str(app.id))

        def prove() -> Application | BadClient:
            return assertion_flow.authenticate(one, given, "", NOON)

        assert sum(isinstance(outcome, Application) for outcome in at_once(*[prove] * 20)) == 1
    with context_on(database_url) as other:
        assert assertion_flow.authenticate(other, given, "", NOON) == BadClient()


def test_two_applications_may_use_the_same_jti(keyed: RelyingParty, context: AppContext, http: httpx.Client) -> None:
    other = RelyingParty.of(context, http, jwks=key_set(KEY), assertion_algorithm="ES256")
    for app in (keyed, other):
        assert called(app, signed(app.client_id, jti="same")).status_code == 200


def test_only_the_algorithm_that_was_registered_counts(keyed: RelyingParty) -> None:
    """RFC 8725 section 3.1. Stops: a signature by another algorithm than its owner chose, or by none."""
    client_id = keyed.client_id
    assert refused(called(keyed, signed(client_id, key=RSA, alg="RS256"))) == (401, "invalid_client")
    assert refused(called(keyed, signed(client_id, key=OTHER))) == (401, "invalid_client")
    public = OctKey.import_key(json.dumps(KEY.as_dict(private=False)).encode(), {"kid": "one"})
    assert refused(called(keyed, signed(client_id, key=public, alg="HS256"))) == (401, "invalid_client")
    head, claims, signature = signed(client_id).split(".")
    none = "eyJhbGciOiJub25lIn0"
    for given in (f"{none}.{claims}.", f"{none}.{claims}.{signature}", f"{head}.{claims}.", f"{head}.{claims}", "a.b"):
        assert refused(called(keyed, given)) == (401, "invalid_client")


def test_another_algorithm_of_the_same_key_counts_for_nothing(context: AppContext, http: httpx.Client) -> None:
    app = RelyingParty.of(context, http, jwks=key_set(RSA))
    assert called(app, signed(app.client_id, key=RSA, alg="RS256")).status_code == 200
    assert refused(called(app, signed(app.client_id, key=RSA, alg="PS256"))) == (401, "invalid_client")


def test_a_key_in_the_header_counts_for_nothing(keyed: RelyingParty) -> None:
    """RFC 8725 section 3.10. Stops: whoever brings the key that fits."""
    claims = jwt.decode(signed(keyed.client_id), KEY).claims
    header = {"alg": "ES256", "jwk": OTHER.as_dict(private=False)}
    assert refused(called(keyed, jwt.encode(header, claims, OTHER))) == (401, "invalid_client")


def test_whoever_is_named_in_one_way_proves_it_in_one_way(keyed: RelyingParty, crm: RelyingParty) -> None:
    """RFC 6749 section 2.3, RFC 7521 section 4.2."""
    client_id = keyed.client_id
    assert called(keyed, signed(client_id), client_id=client_id).status_code == 200
    assert refused(called(keyed, signed(client_id), client_id=crm.client_id)) == (401, "invalid_client")
    assert refused(called(keyed, signed(client_id), client_secret="x")) == (400, "invalid_request")
    assert refused(called(keyed, signed(client_id), client_assertion_type="jwt")) == (400, "invalid_request")
    assert refused(called(keyed, "")) == (400, "invalid_request")
    both = {"token": "x", "client_assertion_type": TYPE, "client_assertion": signed(client_id)}
    assert refused(crm.call("/oidc/introspect", both)) == (400, "invalid_request")


def test_keys_prove_nothing_for_an_application_without(keyed: RelyingParty, crm: RelyingParty) -> None:
    assert refused(called(crm, signed(crm.client_id))) == (401, "invalid_client")
    assert refused(called(keyed, signed(str(uuid4())))) == (401, "invalid_client")


# --- registered


def test_an_application_with_keys_has_no_secret(people: People, context: AppContext) -> None:
    made = register(context, jwks=key_set(KEY), assertion_algorithm="ES256")
    assert made.secret is None
    assert isinstance(registration_flow.rotate_secret(context, made.application.id, origin=AT_NOON), Refused)
    assert people.count(application_secrets) == 0


def test_an_application_that_gets_keys_loses_its_secrets(context: AppContext) -> None:
    """Stops: a secret that leaked, and that works again once the keys are taken away."""
    made = register(context)
    client_id, application = str(made.application.id), made.application.id
    given = {"jwks": key_set(KEY), "assertion_algorithm": "ES256"}
    for change in (given, {"jwks": None}):
        assert isinstance(registration_flow.change(context.db, application, change, origin=AT_NOON), Application)
        assert authenticate(context.db, client_id, made.secret) == BadClient()
        assert authenticate(context.db, client_id, None) == BadClient()


@pytest.mark.parametrize(
    "said",
    [
        {"jwks": "{}"}, {"jwks": "[]"}, {"jwks": "no"}, {"jwks": '{"keys": []}'}, {"jwks": '{"keys": [1]}'},
        {"jwks": json.dumps({"keys": [KEY.as_dict(private=True)]}), "assertion_algorithm": "ES256"},
        {"jwks": key_set(KEY), "assertion_algorithm": "RS256"},
        {"jwks": key_set(RSA), "assertion_algorithm": "ES256"},
        {"jwks": key_set(RSA), "assertion_algorithm": "none"},
        {"jwks": key_set(RSA), "assertion_algorithm": "HS256"},
        {"jwks": json.dumps({"keys": [{"kty": "RSA", "e": "AQAB", "n": "_" * 170}]})},
        {"jwks": key_set(*[KEY] * 11), "assertion_algorithm": "ES256"},
        {"jwks": json.dumps({"keys": [{"kty": "oct", "k": "AAAA"}]})},
        {"jwks": f"{key_set(RSA)}{' ' * client_keys.MOST_BYTES}"},
        {"jwks": key_set(RSA), "jwks_uri": "https://crm.example/jwks.json"},
        {"jwks": key_set(RSA), "public": True},
        {"jwks_uri": "http://crm.example/jwks.json"}, {"jwks_uri": "file:///etc/passwd"}, {"jwks_uri": ""},
    ],
)  # fmt: skip
def test_keys_that_prove_nothing_are_refused(context: AppContext, said: dict[str, Any]) -> None:
    assert isinstance(registration_flow.create(context, registration(**said), origin=AT_NOON), Refused)


# --- keys at an address


class Keys:
    """A server that hands out an application's keys, or something else."""

    def __init__(self) -> None:
        self.body, self.status, self.asked, self.hang = key_set(KEY).encode(), 200, 0, threading.Event()
        self.hang.set()
        keys = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                keys.asked += 1
                keys.hang.wait(30)
                self.send_response(keys.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(keys.body)

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks.json"


@pytest.fixture
def keys() -> Iterator[Keys]:
    keys = Keys()
    threading.Thread(target=keys.server.serve_forever, daemon=True).start()
    yield keys
    keys.hang.set()
    keys.server.shutdown()
    keys.server.server_close()


@pytest.fixture
def inside(sqlite_url: str) -> Iterator[AppContext]:
    """Open an application that may ask those on this machine."""
    with context_on(sqlite_url, logout_networks=HERE) as context:
        yield context


def proves(context: AppContext, keys: Keys, key: Any = KEY, *, at: datetime = NOON) -> bool:
    """Register an application with keys at an address, unless it is; tell whether it proves to be it."""
    registered = registration_flow.list_applications(context.db)
    said = {"jwks_uri": keys.url, "assertion_algorithm": "ES256"}
    application = registered[0].application if registered else register(context, **said).application
    given = signed(str(application.id), key=key, at=at)
    return isinstance(assertion_flow.authenticate(context, given, "", at), Application)


def test_keys_at_an_address_are_read_once_in_a_while(inside: AppContext, keys: Keys) -> None:
    assert proves(inside, keys)
    assert proves(inside, keys, at=later(minutes=4))
    assert keys.asked == 1
    assert proves(inside, keys, at=later(minutes=5))
    assert keys.asked == 2


def test_a_key_that_is_new_is_read_at_once(inside: AppContext, keys: Keys) -> None:
    """OpenID Connect Core 10.1.1: keys are rotated without anybody being told."""
    assert proves(inside, keys)
    keys.body = key_set(OTHER).encode()
    assert not proves(inside, keys, OTHER, at=later(seconds=29)), "asked for half a minute ago"
    assert proves(inside, keys, OTHER, at=later(seconds=30))
    assert not proves(inside, keys, KEY, at=later(seconds=31)), "it is not among them any more"
    assert keys.asked == 2


def test_keys_that_can_be_read_no_more_are_believed_for_an_hour(inside: AppContext, keys: Keys) -> None:
    assert proves(inside, keys)
    keys.status = 500
    assert proves(inside, keys, at=later(minutes=60))
    assert not proves(inside, keys, at=later(minutes=61))


@pytest.mark.parametrize("wrong", ["redirect", "long", "text", "bytes"])
def test_what_is_no_set_of_keys_proves_nothing(inside: AppContext, keys: Keys, wrong: str) -> None:
    """Stops: an address that leads elsewhere, or never ends."""
    keys.status = 302 if wrong == "redirect" else 200
    more = {"long": keys.body + b" " * client_keys.MOST_BYTES, "text": b"no", "bytes": b"\xff"}
    keys.body = more.get(wrong, keys.body)
    assert not proves(inside, keys)
    assert keys.asked == 1


def test_a_server_that_hangs_holds_nobody_up_for_long(
    inside: AppContext, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assertion_flow, "SECONDS", 0.2)
    keys.hang.clear()
    assert not any(at_once(*[lambda: proves(inside, keys)] * 1))
    assert not any(at_once(*[lambda: proves(inside, keys)] * 5))
    assert keys.asked == 1, "whoever waited asks no second time"


def test_keys_inside_the_operator_s_network_are_not_asked_for(sqlite_url: str, keys: Keys) -> None:
    """Stops: an application's address by which somebody reads what only the server reaches."""
    with context_on(sqlite_url) as context:
        assert not proves(context, keys)
    assert keys.asked == 0


def test_the_clean_up_deletes_assertions_that_are_over(keyed: RelyingParty, people: People) -> None:
    assert called(keyed, signed(keyed.client_id)).status_code == 200
    for hours, left in ((1, 1), (2, 0)):
        with people.context.db.write() as connection:
            assertion_flow.forget_over(connection, later(hours=hours))
        assert people.count(client_assertions) == left
    assert assertion_flow.forget_over in jobs.FORGET
