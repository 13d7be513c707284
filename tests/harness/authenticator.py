"""A phone with an authenticator app: oathtool computes the codes, and the QR code is read off the screen.

Neither shares a line with Twofold, so that both sides making the same mistake cannot pass for agreement.
"""

import io
import subprocess
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

import zxingcpp
from PIL import Image

STEP = 30  # seconds (RFC 6238)
TOGETHER = 64  # steps


@dataclass(frozen=True)
class Authenticator:
    """One entry in the app."""

    secret: str
    issuer: str = ""
    label: str = ""

    @classmethod
    def scan(cls, screenshot: bytes) -> Self:
        """Point the camera at a screen (PNG) that shows a QR code."""
        return cls.open(read_qr(screenshot))

    @classmethod
    def open(cls, uri: str) -> Self:
        """Tap an otpauth link."""
        parts = urlsplit(uri)
        assert (parts.scheme, parts.netloc) == ("otpauth", "totp"), uri
        parameters = parse_qs(parts.query, strict_parsing=True)
        return cls(parameters["secret"][0], parameters["issuer"][0], unquote(parts.path.removeprefix("/")))

    @classmethod
    def type_in(cls, key: str) -> Self:
        """Copy the key by hand, in groups of four as the page shows it."""
        return cls("".join(key.split()).upper())

    def code(self, at: datetime) -> str:
        """Return the six digits that the app shows at a moment."""
        return code(self.secret, at)

    def wrong_code(self, at: datetime) -> str:
        """Return six digits that the app shows at no moment within a quarter of an hour."""
        shown = codes(self.secret, at - timedelta(minutes=15), 61)
        return next(digits for digits in ("000000", "111111", "222222", "333333") if digits not in shown)


def code(secret: str, at: datetime, *, digits: int = 6, algorithm: str = "SHA1") -> str:
    """Return the time-based code (RFC 6238) of a base32 secret at a moment."""
    return codes(secret, at, 1, digits=digits, algorithm=algorithm)[0]


def codes(secret: str, at: datetime, count: int, *, digits: int = 6, algorithm: str = "SHA1") -> list[str]:
    """Return the codes of a moment and of the steps that follow it, `count` in all."""
    first = int(at.timestamp()) // STEP
    return [
        _codes_from(secret, step - step % TOGETHER, digits, algorithm)[step % TOGETHER]
        for step in range(first, first + count)
    ]


@lru_cache(maxsize=1000)
def _codes_from(secret: str, step: int, digits: int, algorithm: str) -> list[str]:
    """Ask oathtool for the codes of many steps at once: it takes as long for one."""
    done = subprocess.run(
        ["oathtool", f"--totp={algorithm}", "--base32", f"--digits={digits}", f"--now=@{step * STEP}",
         f"--window={TOGETHER - 1}", "-"],
        input=secret,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )  # fmt: skip
    return done.stdout.split()


def read_qr(screenshot: bytes) -> str:
    """Return the text of the one QR code in a picture."""
    with Image.open(io.BytesIO(screenshot)) as picture:
        found = zxingcpp.read_barcodes(
            picture.convert("L"), formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
        )
    assert len(found) == 1, f"{len(found)} QR codes in the picture"
    return str(found[0].text)
