"""Secrets that are planted, every form in which they could be written somewhere, and the search for them."""

import base64
import binascii
import hashlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote, quote_plus

import httpx

TOKEN = re.compile(r"tf_[a-z]+_[\w-]{43}")
SHORT = 8  # characters, below which something is found by chance unless it stands alone


class Exchange(NamedTuple):
    """A request, and all of its answer as bytes."""

    number: int
    method: str
    path: str
    status: int
    answer: bytes

    def __str__(self) -> str:
        return f"answer {self.number} ({self.status}) to {self.method} {TOKEN.sub('tf_…', self.path)}"


class Recorder(httpx.BaseTransport):
    """A transport that keeps what comes over it."""

    def __init__(self) -> None:
        self._transport = httpx.HTTPTransport()
        self.exchanges: list[Exchange] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._transport.handle_request(request)
        answer.read()
        head = b"\n".join(b": ".join(pair) for pair in answer.headers.raw)
        path = request.url.raw_path.decode()
        self.exchanges.append(
            Exchange(len(self.exchanges), request.method, path, answer.status_code, head + b"\n\n" + answer.content)
        )
        return answer

    @property
    def last(self) -> Exchange:
        return self.exchanges[-1]

    def close(self) -> None:
        self._transport.close()


@dataclass
class Canary:
    """A secret; `told_in` are the answers that hand it to its owner, `mailed` says that a letter does."""

    kind: str
    text: str
    told_in: set[int] = field(default_factory=set)
    mailed: bool = False

    def needles(self) -> Iterator[tuple[str, bytes]]:
        """Return every form of it, in lower case, by name."""
        raw = self.text.encode()
        yield from _written("", raw)
        if self.kind == "secret":
            key = base64.b32decode(self.text)
            yield from _written("its bytes ", key)
            groups = [self.text[at : at + 4] for at in range(0, len(self.text), 4)]
            yield "in groups", " ".join(groups).encode()
        yield "SHA-256", hashlib.sha256(raw).hexdigest().encode()


def _written(of: str, raw: bytes) -> Iterator[tuple[str, bytes]]:
    yield f"{of}plain", raw
    yield f"{of}hex", binascii.hexlify(raw)
    yield f"{of}base32", base64.b32encode(raw).rstrip(b"=")
    for shift in range(3):  # in the middle of something longer, base64 depends on where it begins
        for alphabet, encode in (("", base64.b64encode), (" urlsafe", base64.urlsafe_b64encode)):
            encoded = encode(b"\0" * shift + raw).rstrip(b"=")
            yield f"{of}base64{alphabet}", encoded[(0, 2, 3)[shift] : len(encoded) - (len(raw) + shift) % 3]
    text = raw.decode("latin-1")
    for name, form in (
        ("urlencoded", quote(text, safe="")),
        ("as a form", quote_plus(text)),
        ("html", html.escape(text)),
        ("JSON", json.dumps(text)[1:-1]),
        ("repr", repr(raw)[2:-1]),
    ):
        yield of + name, form.encode()


class Found(NamedTuple):
    """A secret where it does not belong."""

    kind: str
    form: str
    place: str


class Search:
    """Looks for all secrets, in all their forms."""

    def __init__(self, canaries: list[Canary]) -> None:
        forms: dict[bytes, tuple[Canary, str]] = {}
        for canary in canaries:
            if len(canary.text) >= SHORT:
                for form, needle in canary.needles():
                    forms.setdefault(needle.lower(), (canary, form))
        self._needles = [(canary, form, needle) for needle, (canary, form) in forms.items()]
        # Six digits occur by chance, in times and sizes. Alone between quotes, or as a field, they are no chance.
        digits = [canary for canary in canaries if len(canary.text) < SHORT]
        self._digits = {canary.text.encode(): canary for canary in digits}
        self._alone = re.compile(rb"(?<=[\"'=>])(\d{6})(?=[\"'<&])")

    def through(self, place: str, text: bytes, *, exchange: int | None = None, letter: bool = False) -> list[Found]:
        """Look through a place; what belongs there, because it is handed over there, is no find."""
        lowered = text.lower()
        hits = [(canary, form) for canary, form, needle in self._needles if needle in lowered]
        alone = {match[1] for match in self._alone.finditer(text)}
        hits += [(self._digits[digits], "plain") for digits in alone & self._digits.keys()]
        return [
            Found(canary.kind, form, place)
            for canary, form in hits
            if exchange not in canary.told_in and not (letter and canary.mailed)
        ]
