"""An authenticator of the tests' own, on `cryptography` alone: it makes passkeys, signs, and lies where it is told to.

It knows nothing of the application's code, nor of the library that this reads answers with.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

ORIGIN = "https://id.acme.example"
DOMAIN = "id.acme.example"

PRESENT, VERIFIED, MAY_BE_COPIED, COPIED, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
ES256, EDDSA, RS256 = -7, -8, -257

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
Json = dict[str, Any]


def text(data: bytes) -> str:
    """Write bytes as browsers do."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def data(written: str) -> bytes:
    """Read what browsers write."""
    return base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))


def cbor(value: Any) -> bytes:
    """Write a value in CBOR (RFC 8949): whole numbers, bytes, texts and maps, in the order in which they come."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    assert isinstance(value, dict)
    return _head(5, len(value)) + b"".join(cbor(key) + cbor(one) for key, one in value.items())


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << 8 * size)
    return bytes([major << 5 | 23 + size.bit_length()]) + number.to_bytes(size, "big")


@dataclass
class SoftKey:
    """One passkey. Without `verifies` it asks nobody for a PIN; with `counts` its counter rises, else it stays 0."""

    verifies: bool = True
    counts: bool = True
    synced: bool = False
    algorithm: int = ES256
    model: bytes = bytes(16)
    origin: str = ORIGIN
    domain: str = DOMAIN
    transports: tuple[str, ...] = ("usb",)
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    counter: int = 0
    user_handle: bytes = b""
    key: Any = None

    def __post_init__(self) -> None:
        if self.key is None:
            self.key = _new_key(self.algorithm)

    def make(self, options: Json, **lies: Any) -> Json:
        """Answer what a browser was asked to make (RegistrationResponseJSON)."""
        self.user_handle = data(options["user"]["id"])
        public_key = lies.get("public_key", cose(self.key, self.algorithm))
        made = self.model + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor(public_key)
        authenticator = self._authenticator(ATTESTED, lies) + made
        attestation = lies.get("attestation", {"fmt": "none", "attStmt": {}, "authData": authenticator})
        return self._answer({
            "clientDataJSON": self._client("webauthn.create", options["challenge"], lies),
            "attestationObject": text(lies.get("attestation_object", cbor(attestation))),
            "transports": list(self.transports),
        }, lies)  # fmt: skip

    def sign(self, options: Json, **lies: Any) -> Json:
        """Answer what a browser was asked to sign (AuthenticationResponseJSON)."""
        client = self._client("webauthn.get", options["challenge"], lies)
        authenticator = self._authenticator(0, lies)
        signed = authenticator + hashlib.sha256(data(client)).digest()
        signature = lies.get("signature", sign(lies.get("other_key", self.key), signed))
        return self._answer({
            "clientDataJSON": client,
            "authenticatorData": text(authenticator),
            "signature": text(signature),
            "userHandle": text(lies.get("user_handle", self.user_handle)),
        }, lies)  # fmt: skip

    def _client(self, kind: str, challenge: str, lies: Json) -> str:
        said = {
            "type": lies.get("type", kind), "challenge": lies.get("challenge", challenge),
            "origin": lies.get("origin", self.origin), "crossOrigin": lies.get("cross_origin", False),
        }  # fmt: skip
        return text(json.dumps(said).encode())

    def _authenticator(self, flags: int, lies: Json) -> bytes:
        if self.counts:
            self.counter += 1
        flags |= PRESENT | (VERIFIED if self.verifies else 0) | (MAY_BE_COPIED | COPIED if self.synced else 0)
        domain = hashlib.sha256(lies.get("domain", self.domain).encode()).digest()
        counter = lies.get("counter", self.counter)
        return domain + bytes([lies.get("flags", flags)]) + int(counter).to_bytes(4, "big")

    def _answer(self, response: Json, lies: Json) -> Json:
        named = text(lies.get("credential_id", self.credential_id))
        return {"id": named, "rawId": named, "type": "public-key", "response": response}


def cose(key: Key, algorithm: int) -> dict[int, Any]:
    """Write a public key as COSE has it (RFC 9053)."""
    public = key.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        numbers = public.public_numbers()
        return {1: 2, 3: algorithm, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {1: 1, 3: algorithm, -1: 6, -2: public.public_bytes_raw()}
    modulus = public.public_numbers()
    return {1: 3, 3: algorithm, -1: modulus.n.to_bytes(256, "big"), -2: modulus.e.to_bytes(3, "big")}


def sign(key: Key, message: bytes) -> bytes:
    """Sign as the algorithm of a key has it."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(message, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def _new_key(algorithm: int) -> Key:
    if algorithm == EDDSA:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == RS256:
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())
