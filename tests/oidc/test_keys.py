import base64
import hmac
import json
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from joserfc.jws import extract_compact

from tests.harness.clock import NOON, later
from tests.harness.parallel import at_once
from tests.harness.people import People
from tests.harness.statements import noted
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.vault import VaultError
from twofold.oidc import key_flow
from twofold.oidc.key_flow import AlreadyRotating, Rotated, published, sign, state_of, verify
from twofold.oidc.key_tables import oidc_keys

CLAIMS = {"iss": "https://login.example", "sub": "ada"}
ALGORITHMS = ["RS256", "ES256"]
SHA256 = "sha256"


def rotate(context: AppContext, at: datetime, *, now: bool = False) -> Rotated | AlreadyRotating:
    return key_flow.rotate(context, at_once=now, origin=Origin(at, actor=acting.CONSOLE))


def kid_of(token: str) -> str:
    return str(extract_compact(token.encode()).headers()["kid"])


def states(context: AppContext, at: datetime) -> list[str]:
    return [state_of(row, at) for row in key_flow.list_keys(context, at) if row.algorithm == "ES256"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_signed_verifies_with_a_published_key(context: AppContext, algorithm: str) -> None:
    """With the keys as an application reads them, and nothing else of ours."""
    token = sign(context, CLAIMS, algorithm, NOON)
    keys = KeySet.import_key_set({"keys": published(context, NOON)})
    read = jwt.decode(token, keys, algorithms=[algorithm])
    assert read.claims == CLAIMS
    assert read.header == {"alg": algorithm, "typ": "JWT", "kid": kid_of(token)}
    assert verify(context, token, NOON) == CLAIMS


def test_what_is_published_is_public(context: AppContext) -> None:
    keys = published(context, NOON)
    assert sorted(key["alg"] for key in keys) == ["ES256", "RS256"]
    assert all(key["use"] == "sig" and key["kid"] for key in keys)
    assert {name for key in keys for name in key} == {"kty", "kid", "alg", "use", "n", "e", "crv", "x", "y"}
    assert next(key for key in keys if key["kty"] == "EC")["crv"] == "P-256"


def test_private_keys_rest_sealed_each_for_its_row(context: AppContext) -> None:
    """Stops: whoever reads or rewrites the database signs as Twofold."""
    sign(context, CLAIMS, "ES256", NOON)
    with context.db.write() as connection:
        rows = {row.algorithm: row for row in connection.execute(sa.select(oidc_keys))}
        assert b'"d"' not in rows["ES256"].sealed
        moved = oidc_keys.update().where(oidc_keys.c.algorithm == "ES256").values(sealed=rows["RS256"].sealed)
        connection.execute(moved)
    key_flow._known_keys.clear()
    with pytest.raises(VaultError):
        sign(context, CLAIMS, "ES256", NOON)


def test_nodes_that_start_together_make_one_key(context: AppContext) -> None:
    outcomes = at_once(*[lambda: published(context, NOON)] * 4)
    assert all(keys == outcomes[0] for keys in outcomes)
    assert len(outcomes[0]) == 2


def test_the_next_key_is_published_a_day_before_it_signs(context: AppContext) -> None:
    before = kid_of(sign(context, CLAIMS, "ES256", NOON))
    rotated = rotate(context, NOON)
    assert isinstance(rotated, Rotated)
    assert rotated.active_from == later(days=1)
    assert {key["kid"] for key in published(context, NOON)} >= {before, *rotated.kids}
    assert kid_of(sign(context, CLAIMS, "ES256", later(days=1, seconds=-1))) == before
    assert kid_of(sign(context, CLAIMS, "ES256", later(days=1))) in rotated.kids
    assert kid_of(sign(context, CLAIMS, "RS256", later(days=1))) in rotated.kids


def test_a_retired_key_is_published_as_long_as_a_session_may_live(context: AppContext) -> None:
    token = sign(context, CLAIMS, "ES256", NOON)
    rotate(context, NOON)
    last = later(days=31, seconds=-1)
    assert verify(context, token, last) == CLAIMS
    assert kid_of(token) in {key["kid"] for key in published(context, last)}
    assert verify(context, token, later(days=31)) is None
    assert kid_of(token) not in {key["kid"] for key in published(context, later(days=31))}


def test_a_key_says_where_it_stands(context: AppContext) -> None:
    assert states(context, NOON) == ["active"]
    rotate(context, NOON)
    assert states(context, NOON) == ["active", "next"]
    assert states(context, later(days=1)) == ["retiring", "active"]
    assert states(context, later(days=31)) == ["gone", "active"]
    rotate(context, later(days=31))
    assert states(context, later(days=31)) == ["active", "next"]


def test_keys_are_not_rotated_while_the_next_ones_wait(people: People, context: AppContext) -> None:
    rotate(context, NOON)
    assert rotate(context, later(hours=23)) == AlreadyRotating(later(days=1))
    assert states(context, later(hours=23)) == ["active", "next"]
    assert isinstance(rotate(context, later(days=1)), Rotated)
    assert [event.kind for event in people.events()] == ["oidc_keys_rotated"] * 2


def test_of_two_rotations_at_the_same_time_one_counts(context: AppContext) -> None:
    published(context, NOON)
    outcomes = at_once(*[lambda: rotate(context, NOON)] * 2)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyRotating", "Rotated"]
    assert states(context, NOON) == ["active", "next"]


def test_a_leaked_key_is_worth_nothing_at_once(context: AppContext) -> None:
    token = sign(context, CLAIMS, "ES256", NOON)
    rotate(context, NOON)
    rotated = rotate(context, later(minutes=1), now=True)
    assert isinstance(rotated, Rotated)
    assert {key["kid"] for key in published(context, later(minutes=1))} == set(rotated.kids)
    assert kid_of(sign(context, CLAIMS, "ES256", later(minutes=1))) in rotated.kids
    assert verify(context, token, later(minutes=1)) is None


def test_another_process_goes_over_within_a_minute(context: AppContext) -> None:
    before = kid_of(sign(context, CLAIMS, "ES256", NOON))
    kept = key_flow._known_keys[context.vault]
    rotate(context, NOON, now=True)
    key_flow._known_keys[context.vault] = kept
    assert kid_of(sign(context, CLAIMS, "ES256", later(seconds=59))) == before
    assert kid_of(sign(context, CLAIMS, "ES256", later(seconds=60))) != before


def test_a_node_whose_clock_is_behind_signs_with_the_first_key(context: AppContext) -> None:
    sign(context, CLAIMS, "ES256", NOON)
    key_flow._known_keys.clear()
    assert verify(context, sign(context, CLAIMS, "ES256", later(seconds=-5)), NOON) == CLAIMS


def test_a_token_that_has_expired_is_still_ours(context: AppContext) -> None:
    claims = {**CLAIMS, "exp": int(NOON.timestamp())}
    assert verify(context, sign(context, claims, "RS256", NOON), later(days=2)) == claims


def forged(context: AppContext) -> dict[str, str]:
    """Make tokens that others could make of what is public."""
    rsa, elliptic = (next(key for key in published(context, NOON) if key["kty"] == kind) for kind in ("RSA", "EC"))
    head, body, signature = sign(context, CLAIMS, "ES256", NOON).split(".")
    own, public_pem = ECKey.generate_key("P-256"), RSAKey.import_key(rsa).as_pem(private=False)
    for_hmac = f"{_encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': rsa['kid']})}.{body}"

    def made(key: Any, algorithm: str, **header: str) -> str:
        return jwt.encode({"alg": algorithm, "typ": "JWT", **header}, CLAIMS, key, algorithms=[algorithm])

    def renamed(**header: Any) -> str:
        return f"{_encoded({'typ': 'JWT', **header})}.{body}.{signature}"

    return {
        "of another key under our kid": made(own, "ES256", kid=elliptic["kid"]),
        "of an unknown key": made(own, "ES256", kid="x"),
        "without a kid": made(own, "ES256"),
        "by our public key as a secret": f"{for_hmac}.{_in_base64(hmac.digest(public_pem, for_hmac.encode(), SHA256))}",
        "unsigned": f"{_encoded({'alg': 'none', 'typ': 'JWT', 'kid': rsa['kid']})}.{body}.",
        "with another algorithm": renamed(alg="RS256", kid=elliptic["kid"]),
        "with another key": renamed(alg="ES256", kid=rsa["kid"]),
        "with a list for a kid": renamed(alg="ES256", kid=["x"]),
        "changed": f"{head}.{_encoded({**CLAIMS, 'sub': 'eve'})}.{signature}",
        "without a signature": f"{head}.{body}.",
        "a logout token": sign(context, CLAIMS, "ES256", NOON, typ="logout+jwt"),
        "nothing": "",
        "no token": "a.b.c",
        "not ASCII": "é.\ud800.",
        "no object": f"{_encoded([1])}.{body}.{signature}",
    }


def _encoded(value: Any) -> str:
    return _in_base64(json.dumps(value).encode())


def _in_base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def test_nobody_but_us_makes_a_hint(context: AppContext) -> None:
    """Stops: `alg: none`, a public key taken as a secret, a token of another kind, somebody else's key."""
    believed = [what for what, token in forged(context).items() if verify(context, token, NOON) is not None]
    assert believed == []


def test_signing_asks_the_database_once_a_minute(context: AppContext) -> None:
    sign(context, CLAIMS, "ES256", NOON)
    with noted(context.db) as asked:
        for seconds in range(59):
            sign(context, CLAIMS, "ES256", later(seconds=seconds))
    assert asked == []


def test_a_private_key_is_opened_once_a_process(context: AppContext) -> None:
    sign(context, CLAIMS, "ES256", NOON)
    opened = dict(key_flow._known_keys[context.vault].opened)
    sign(context, CLAIMS, "ES256", later(minutes=5))
    assert len(opened) == 1
    assert all(key_flow._known_keys[context.vault].opened[kid] is key for kid, key in opened.items())
