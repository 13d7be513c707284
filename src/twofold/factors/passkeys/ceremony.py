"""The two ceremonies of WebAuthn Level 3: what a browser is asked, and what of its answer is checked. Pure.

fido2 takes the answers apart and verifies signatures. In what order they are judged, and against what, is here.
"""

import json
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from fido2 import cbor
from fido2.cose import ES256, RS256, CoseKey, EdDSA
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import AttestationObject, AuthenticatorData, CollectedClientData

from twofold.factors.passkeys.passkey import Passkey

# In the order in which we like them best; every authenticator knows the first or the last (WebAuthn section 5.8.5).
ALGORITHMS: tuple[int, ...] = (ES256.ALGORITHM, EdDSA.ALGORITHM, RS256.ALGORITHM)
LONGEST_ANSWER = 8192  # characters; a public key of RSA and our challenge take a quarter of it
LONGEST_CREDENTIAL_ID = 1023  # bytes (section 4)
TIMEOUT = 5 * 60 * 1000  # milliseconds, which a browser shows its dialog for (section 15.1)
TRANSPORTS = frozenset({"ble", "hybrid", "internal", "nfc", "smart-card", "usb"})

_JUNK = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError, struct.error)


class RelyingParty(NamedTuple):
    """Who asks for passkeys: the domain they are bound to, the product's name, and from where pages may ask."""

    domain: str
    name: str
    origins: frozenset[str]


class Owner(NamedTuple):
    """Whose a passkey is to be: a random handle that says nothing about them, and how their device names it."""

    handle: bytes
    email: str
    name: str


class BadAnswer(msgspec.Struct, frozen=True):
    """What a browser or a program sent is no passkey of this user for this request; `why` is a stable word."""

    why: str


class Created(NamedTuple):
    """A passkey that was made just now; `model` is its AAGUID, sixteen zero bytes where it does not tell."""

    credential_id: bytes
    public_key: bytes
    counter: int
    synced: bool
    verified: bool
    transports: str
    model: bytes


class Answer(NamedTuple):
    """An assertion, taken apart and not yet judged."""

    credential_id: bytes
    client: CollectedClientData
    data: AuthenticatorData
    signature: bytes
    user_handle: bytes | None


class Asserted(NamedTuple):
    """An assertion that is right, its counter, and whether it verified its user and not only their presence."""

    counter: int
    verified: bool


def origin_of(base_url: str) -> str:
    """Return the origin of an address as browsers write it."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def creation_options(
    party: RelyingParty, owner: Owner, challenge: bytes, known: Sequence[Passkey], *, verified: bool
) -> dict[str, Any]:
    """Return what a browser is asked to make (PublicKeyCredentialCreationOptionsJSON, section 5.1.9)."""
    return {
        "rp": {"id": party.domain, "name": party.name},
        "user": {"id": websafe_encode(owner.handle), "name": owner.email, "displayName": owner.name},
        "challenge": websafe_encode(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
        "timeout": TIMEOUT,
        "excludeCredentials": [_descriptor(passkey) for passkey in known],
        "authenticatorSelection": {
            "residentKey": "preferred",
            "userVerification": "required" if verified else "preferred",
        },
        "attestation": "none",
        "extensions": {"credProps": True},
    }


def request_options(
    party: RelyingParty, challenge: bytes, known: Sequence[Passkey], *, verified: bool
) -> dict[str, Any]:
    """Return what a browser is asked to sign (PublicKeyCredentialRequestOptionsJSON); none `known`: any of its own."""
    return {
        "challenge": websafe_encode(challenge),
        "timeout": TIMEOUT,
        "rpId": party.domain,
        "allowCredentials": [_descriptor(passkey) for passkey in known],
        "userVerification": "required" if verified else "preferred",
    }


def check_created(party: RelyingParty, credential: str, challenge: bytes) -> Created | BadAnswer:
    """Judge a new passkey (section 7.1). Attestation is not asked for, and ignored where it comes."""
    try:
        sent = _parsed(credential)
        response = sent["response"]
        client = CollectedClientData(_bytes(response["clientDataJSON"]))
        data = AttestationObject(_bytes(response["attestationObject"])).auth_data
        raw_id, made = _bytes(sent["rawId"]), data.credential_data
        transports = sorted(TRANSPORTS & {str(name) for name in response.get("transports") or ()})
    except _JUNK:
        return BadAnswer("malformed")
    if (wrong := _why_not(party, client, data, CollectedClientData.TYPE.CREATE)) is not None:
        return wrong
    if client.challenge != challenge:
        return BadAnswer("challenge")
    if made is None or made.credential_id != raw_id or not 1 <= len(raw_id) <= LONGEST_CREDENTIAL_ID:
        return BadAnswer("malformed")
    if made.public_key.get(3) not in ALGORITHMS or not _usable(made.public_key):
        return BadAnswer("algorithm")
    return Created(
        raw_id, cbor.encode(made.public_key), data.counter, data.is_backup_eligible(), data.is_user_verified(),
        " ".join(transports), bytes(made.aaguid),
    )  # fmt: skip


def read_answer(credential: str) -> Answer | BadAnswer:
    """Take an assertion apart (AuthenticationResponseJSON, section 5.1.8)."""
    try:
        sent = _parsed(credential)
        response = sent["response"]
        handle = response.get("userHandle")
        return Answer(
            _bytes(sent["rawId"]),
            CollectedClientData(_bytes(response["clientDataJSON"])),
            AuthenticatorData(_bytes(response["authenticatorData"])),
            _bytes(response["signature"]),
            _bytes(handle) if handle else None,
        )
    except _JUNK:
        return BadAnswer("malformed")


def check_answer(
    party: RelyingParty, answer: Answer, passkey: Passkey, handle: bytes | None, *, verified: bool
) -> Asserted | BadAnswer:
    """Judge an assertion of a passkey (section 7.2), but for its challenge, which is the caller's to judge and spend.

    `verified`: it has to verify its user, as where it signs in alone. `handle` is that of the passkey's user.
    """
    if (wrong := _why_not(party, answer.client, answer.data, CollectedClientData.TYPE.GET)) is not None:
        return wrong
    if answer.user_handle is not None and answer.user_handle != handle:
        return BadAnswer("user_handle")
    if verified and not answer.data.is_user_verified():
        return BadAnswer("user_verification")
    try:
        key = CoseKey.parse(cbor.decode(passkey.public_key))  # type: ignore[arg-type]
        key.verify(bytes(answer.data) + sha256(bytes(answer.client)), answer.signature)
    except (InvalidSignature, UnsupportedAlgorithm, *_JUNK):
        return BadAnswer("signature")
    return Asserted(answer.data.counter, answer.data.is_user_verified())


def accepted(party: RelyingParty, handle: bytes, known: Sequence[Passkey]) -> dict[str, Any]:
    """Return what tells a browser which passkeys a user has (AllAcceptedCredentialsOptions, section 5.1.10)."""
    ids = [websafe_encode(passkey.credential_id) for passkey in known]
    return {"rpId": party.domain, "userId": websafe_encode(handle), "allAcceptedCredentialIds": ids}


def unknown(party: RelyingParty, credential_id: bytes) -> dict[str, Any]:
    """Return what tells a browser that nobody has a passkey (UnknownCredentialOptions, section 5.1.10)."""
    return {"rpId": party.domain, "credentialId": websafe_encode(credential_id)}


def _why_not(party: RelyingParty, client: CollectedClientData, data: AuthenticatorData, kind: str) -> BadAnswer | None:
    """Refuse what was made for another purpose, in another place, or with nobody there; the order is the standard's."""
    if client.type != kind:
        return BadAnswer("type")
    if str(client.origin) not in party.origins:
        return BadAnswer("origin")
    if client.cross_origin:
        return BadAnswer("cross_origin")
    if data.rp_id_hash != sha256(party.domain.encode()):
        return BadAnswer("domain")
    if not data.is_user_present():
        return BadAnswer("user_presence")
    if data.is_backed_up() and not data.is_backup_eligible():
        return BadAnswer("malformed")
    return None


def _usable(key: CoseKey) -> bool:
    """Tell whether a public key is one: it says no to an empty signature instead of failing."""
    try:
        key.verify(b"", b"")
    except InvalidSignature:
        return True
    except (UnsupportedAlgorithm, *_JUNK):
        return False
    return False


def _parsed(credential: str) -> dict[str, Any]:
    if len(credential) > LONGEST_ANSWER:
        raise ValueError("too long")
    sent = json.loads(credential)
    if sent["type"] != "public-key" or sent["id"] != sent["rawId"]:
        raise ValueError("no public key")
    return dict(sent)


def _bytes(text: str) -> bytes:
    return bytes(websafe_decode(text))


def _descriptor(passkey: Passkey) -> dict[str, Any]:
    named: dict[str, Any] = {"type": "public-key", "id": websafe_encode(passkey.credential_id)}
    if passkey.transports:
        named["transports"] = passkey.transports.split()
    return named
