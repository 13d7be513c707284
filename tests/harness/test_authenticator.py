import base64
import io
from datetime import UTC, datetime

import pytest
import segno

from tests.harness.authenticator import Authenticator, code, read_qr

URI = "otpauth://totp/Twofold:ada%40acme.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Twofold&digits=6"


def picture(text: str, *, scale: int = 4) -> bytes:
    png = io.BytesIO()
    segno.make_qr(text).save(png, kind="png", scale=scale)
    return png.getvalue()


@pytest.mark.parametrize(
    ("seconds", "sha1", "sha256", "sha512"),
    [
        (59, "94287082", "46119246", "90693936"),
        (1111111109, "07081804", "68084774", "25091201"),
        (1111111111, "14050471", "67062674", "99943326"),
        (1234567890, "89005924", "91819424", "93441116"),
        (2000000000, "69279037", "90698825", "38618901"),
        (20000000000, "65353130", "77737706", "47863826"),
    ],
)
def test_it_computes_the_codes_of_rfc_6238(seconds: int, sha1: str, sha256: str, sha512: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    for algorithm, length, expected in (("SHA1", 20, sha1), ("SHA256", 32, sha256), ("SHA512", 64, sha512)):
        secret = base64.b32encode((b"1234567890" * 7)[:length]).decode()
        assert code(secret, at, digits=8, algorithm=algorithm) == expected


def test_it_reads_back_the_qr_code_that_segno_draws() -> None:
    assert read_qr(picture(URI)) == URI


def test_a_picture_without_a_qr_code_says_so() -> None:
    blank = io.BytesIO()
    segno.make_qr("x").save(blank, kind="png", scale=4, dark="white")
    with pytest.raises(AssertionError, match="0 QR codes"):
        read_qr(blank.getvalue())


def test_scanning_tapping_and_typing_give_the_same_code() -> None:
    at = datetime.fromtimestamp(59, UTC)
    scanned = Authenticator.scan(picture(URI))
    assert (scanned.issuer, scanned.label) == ("Twofold", "Twofold:ada@acme.example")
    typed = Authenticator.type_in("gezd gnbv gy3t qojq gezd gnbv gy3t qojq")
    assert scanned.code(at) == Authenticator.open(URI).code(at) == typed.code(at) == "287082"
