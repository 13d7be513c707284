"""Whatever an authenticator, a page or a program makes up of a passkey is refused by its own word and locks nobody."""

import json
from typing import Any

import pytest

from tests.factors.passkeys.conftest import Holder, begin, complete, open_registration, prove, register
from tests.harness.api import Api
from tests.harness.contexts import FrozenClock
from tests.harness.parallel import at_once
from tests.harness.passkeys import COPIED, EDDSA, ES256, PRESENT, RS256, VERIFIED, SoftKey, cose, text
from tests.harness.people import PASSWORD, People
from twofold.lockouts import flow as lockouts

SIGNING_LIES: dict[str, tuple[str, dict[str, Any]]] = {
    "another_site": ("origin", {"origin": "https://login.evil.example"}),
    "another_port": ("origin", {"origin": "https://id.acme.example:8443"}),
    "no_origin": ("origin", {"origin": None}),
    "another_domain": ("domain", {"domain": "evil.example"}),
    "a_registration": ("type", {"type": "webauthn.create"}),
    "another_challenge": ("challenge", {"challenge": text(bytes(46))}),
    "no_challenge": ("challenge", {"challenge": ""}),
    "a_frame": ("cross_origin", {"cross_origin": True}),
    "nobody_there": ("user_presence", {"flags": 0}),
    "copied_and_no_copy": ("malformed", {"flags": PRESENT | COPIED}),
    "somebody_elses_handle": ("user_handle", {"user_handle": b"somebody else"}),
    "no_signature": ("signature", {"signature": b""}),
    "a_cut_signature": ("signature", {"signature": b"\x30\x44\x02\x20"}),
    "another_key": ("signature", {"other_key": SoftKey().key}),
    "an_unknown_credential": ("unknown", {"credential_id": b"nobody's"}),
}


@pytest.mark.parametrize("lie", SIGNING_LIES)
def test_a_false_assertion_is_refused_and_charges_nobody(api: Api, holder: Holder, people: People, lie: str) -> None:
    why, lies = SIGNING_LIES[lie]
    for asked in (begin(api, holder.user), api.post("/sign-ins/passkey/options")):
        refused = prove(api, asked, holder.key, **lies)
        assert (refused.refusal, refused["why"]) == ((401, "invalid_credential"), why)
    with people.context.db.read() as connection:
        assert lockouts.counts(connection, holder.user.id) == (0, 0)


@pytest.mark.parametrize(
    "credential",
    [
        {}, {"id": "AA", "rawId": "AA", "type": "public-key"}, {"id": "AA", "rawId": "AB", "type": "public-key"},
        {"id": "AA", "rawId": "AA", "type": "password", "response": {}},
        {"id": 1, "rawId": 1, "type": "public-key", "response": {}},
        {"id": "AA", "rawId": "AA", "type": "public-key", "response": []},
        {
            "id": "AA", "rawId": "AA", "type": "public-key",
            "response": {"clientDataJSON": "e30", "authenticatorData": "AA", "signature": "AA"},
        },
    ],
)  # fmt: skip
def test_what_is_no_assertion_at_all_is_refused(api: Api, holder: Holder, credential: dict[str, Any]) -> None:
    for asked in (begin(api, holder.user), api.post("/sign-ins/passkey/options")):
        refused = api.post("/sign-ins/passkey", sign_in=asked["sign_in"], credential=credential)
        assert refused.refusal == (401, "invalid_credential")


def test_an_assertion_counts_once(api: Api, holder: Holder) -> None:
    """Stops: whoever recorded an assertion sends it again."""
    asked = api.post("/sign-ins/passkey/options")
    credential = holder.key.sign(asked["options"])
    assert api.post("/sign-ins/passkey", sign_in=asked["sign_in"], credential=credential).status == 200
    again = api.post("/sign-ins/passkey", sign_in=asked["sign_in"], credential=credential)
    assert (again.refusal, again["why"]) == ((401, "invalid_credential"), "spent")


def test_the_same_assertion_at_the_same_moment_counts_once(api: Api, holder: Holder) -> None:
    """Stops: two nodes that take one assertion at once."""
    asked = api.post("/sign-ins/passkey/options")
    credential = holder.key.sign(asked["options"], counter=0)
    holder.key.counts = False

    def send() -> int:
        return api.post("/sign-ins/passkey", sign_in=asked["sign_in"], credential=credential).status

    assert sorted(at_once(*[send] * 8)) == [200, *[401] * 7]


def test_a_challenge_holds_ten_minutes(api: Api, holder: Holder, frozen_clock: FrozenClock) -> None:
    asked = api.post("/sign-ins/passkey/options")
    frozen_clock.forward(minutes=10)
    refused = prove(api, asked, holder.key)
    assert (refused.refusal, refused["why"]) == ((401, "invalid_credential"), "challenge")


def test_a_challenge_is_for_the_sign_in_that_asked(api: Api, holder: Holder) -> None:
    """Stops: an assertion for one sign-in that is sent into another, or that signs in alone."""
    asked, other, alone = begin(api, holder.user), begin(api, holder.user), api.post("/sign-ins/passkey/options")
    for mine, theirs in ((asked, other), (alone, asked), (asked, alone)):
        credential = holder.key.sign(theirs["options"])
        refused = api.post("/sign-ins/passkey", sign_in=mine["sign_in"], credential=credential)
        assert (refused.refusal, refused["why"]) == ((401, "invalid_credential"), "challenge")


def test_a_registration_is_answered_by_no_assertion(api: Api, holder: Holder) -> None:
    api.keep(prove(api, api.post("/sign-ins/passkey/options"), holder.key))
    opened = open_registration(api)
    signed = holder.key.sign({"challenge": opened["options"]["challenge"]})
    refused = api.post("/two-factor/passkeys", registration=opened["registration"], credential=signed)
    assert (refused.refusal, refused["why"]) == ((400, "invalid_credential"), "malformed")


def test_a_passkey_of_somebody_else_is_unknown(api: Api, holder: Holder, people: People) -> None:
    """Stops: an attacker who knows Mia's password proves her second factor by a passkey of their own."""
    attacker, key = people.user("max@acme.example"), SoftKey()
    api.sign_in(attacker.email, PASSWORD)
    register(api, key)
    api.token = None
    refused = prove(api, begin(api, holder.user), key)
    assert (refused.refusal, refused["why"]) == ((401, "invalid_credential"), "unknown")


def test_a_passkey_that_verifies_nobody_signs_nobody_in_alone(api: Api, holder: Holder) -> None:
    holder.key.verifies = False
    refused = prove(api, api.post("/sign-ins/passkey/options"), holder.key)
    assert (refused.refusal, refused["why"]) == ((401, "invalid_credential"), "user_verification")
    assert prove(api, begin(api, holder.user), holder.key).status == 200, "behind a password it does"


def test_a_counter_that_goes_back_is_noted_and_mailed_and_lets_in(api: Api, holder: Holder, people: People) -> None:
    for _ in range(3):
        assert prove(api, api.post("/sign-ins/passkey/options"), holder.key).status == 200
    assert people.events("passkey_counter_went_back") == []
    asked = api.post("/sign-ins/passkey/options")
    assert prove(api, asked, holder.key, counter=2).status == 200
    assert [event.subject_id for event in people.events("passkey_counter_went_back")] == [holder.user.id]
    assert len(people.letters("passkey_counter_went_back")) == 1


def test_a_counter_that_stays_at_nothing_is_no_alarm(api: Api, people: People) -> None:
    user, key = people.user(), SoftKey(counts=False, synced=True)
    api.sign_in(user.email, PASSWORD)
    register(api, key)
    for _ in range(2):
        assert prove(api, api.post("/sign-ins/passkey/options"), key).status == 200
    assert people.events("passkey_counter_went_back") == []


MAKING_LIES: dict[str, tuple[str, dict[str, Any]]] = {
    "another_site": ("origin", {"origin": "https://login.evil.example"}),
    "another_domain": ("domain", {"domain": "evil.example"}),
    "an_assertion": ("type", {"type": "webauthn.get"}),
    "another_challenge": ("challenge", {"challenge": text(bytes(32))}),
    "a_frame": ("cross_origin", {"cross_origin": True}),
    "nobody_there": ("user_presence", {"flags": VERIFIED | 0x40}),
    "another_id": ("malformed", {"credential_id": b"another"}),
    "no_key": ("malformed", {"flags": PRESENT}),
    "junk": ("malformed", {"attestation_object": b"\xff" * 100}),
    "nothing": ("malformed", {"attestation_object": b""}),
    "nested_without_end": ("malformed", {"attestation_object": b"\x81" * 5000}),
    "a_list_of_everything": ("malformed", {"attestation_object": b"\x9b" + b"\xff" * 8}),
    "an_algorithm_that_was_not_asked": ("algorithm", {"public_key": cose(SoftKey().key, -37)}),
    "an_algorithm_of_another_key": ("algorithm", {"public_key": cose(SoftKey().key, RS256)}),
    "a_point_off_the_curve": ("algorithm", {"public_key": cose(SoftKey().key, ES256) | {-2: bytes(32)}}),
}


@pytest.mark.parametrize("lie", MAKING_LIES)
def test_a_false_registration_is_refused_and_changes_nothing(api: Api, people: People, lie: str) -> None:
    why, lies = MAKING_LIES[lie]
    user = people.user()
    api.sign_in(user.email, PASSWORD)
    refused = register(api, SoftKey(), **lies)
    assert (refused.refusal, refused["why"]) == ((400, "invalid_credential"), why)
    assert not people.look_up(user).has_second_factor


def test_a_long_answer_is_refused_before_it_is_taken_apart(api: Api, people: People) -> None:
    """Stops: CBOR that costs the square of its length to take apart."""
    api.sign_in(people.user().email, PASSWORD)
    opened = open_registration(api)
    made = SoftKey().make(opened["options"]) | {"clientExtensionResults": {"large": "a" * 8192}}
    refused = api.post("/two-factor/passkeys", registration=opened["registration"], credential=made)
    assert (refused.refusal, refused["why"]) == ((400, "invalid_credential"), "malformed")


@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
def test_each_algorithm_that_is_asked_for_is_verified(api: Api, people: People, algorithm: int) -> None:
    user, key = people.user(), SoftKey(algorithm=algorithm)
    api.sign_in(user.email, PASSWORD)
    assert register(api, key).status == 201
    assert prove(api, api.post("/sign-ins/passkey/options"), key).status == 200
    asked = api.post("/sign-ins/passkey/options")
    assert prove(api, asked, key, other_key=SoftKey(algorithm=algorithm).key)["why"] == "signature"


def test_any_attestation_and_extension_is_ignored(api: Api, people: People) -> None:
    api.sign_in(people.user().email, PASSWORD)
    opened, key = open_registration(api), SoftKey()
    made = key.make(opened["options"])
    made["clientExtensionResults"] = {"credProps": {"rk": True}, "of_the_future": [1, 2]}
    made["authenticatorAttachment"] = "cross-platform"
    added = api.post("/two-factor/passkeys", registration=opened["registration"], credential=made)
    assert added.status == 201, json.dumps(added.body)


def test_a_passkey_is_registered_once(api: Api, people: People) -> None:
    key, user = SoftKey(), people.user()
    api.sign_in(user.email, PASSWORD)
    assert register(api, key).status == 201
    assert register(api, key).refusal == (409, "already_registered")
    other = Api(api.http)
    other.sign_in(people.user("eve@acme.example").email, PASSWORD)
    assert register(other, key).refusal == (409, "already_registered")


def test_ten_are_the_most(api: Api, people: People) -> None:
    api.sign_in(people.user().email, PASSWORD)
    for _ in range(10):
        assert register(api, SoftKey()).status == 201
    eleventh = api.post("/two-factor/passkeys/options", password=PASSWORD)
    assert eleventh.refusal == (409, "too_many_passkeys")


def test_a_registration_is_that_of_the_session_that_opened_it(api: Api, people: People) -> None:
    user = people.user()
    api.sign_in(user.email, PASSWORD)
    opened, other = open_registration(api), Api(api.http)
    other.sign_in(user.email, PASSWORD)
    credential = SoftKey().make(opened["options"])
    refused = other.post("/two-factor/passkeys", registration=opened["registration"], credential=credential)
    assert refused.refusal == (410, "registration_expired")


def test_the_newest_registration_is_the_one_that_counts(api: Api, people: People, frozen_clock: FrozenClock) -> None:
    api.sign_in(people.user().email, PASSWORD)
    first, second = open_registration(api), open_registration(api)
    assert complete(api, first).refusal == (410, "registration_expired")
    api.keep(complete(api, second))
    third = open_registration(api)
    frozen_clock.forward(minutes=15)
    assert complete(api, third).refusal == (410, "registration_expired")
