"""A logo: an SVG or PNG file of the operator's, read and checked once, since it is then served to everybody.

An SVG is a document that can run scripts and load what it likes once somebody opens it by its own address. Of what SVG
knows, only shapes, colours and words pass here; what is not known is refused.
"""

import re
import struct
import zlib
from pathlib import Path
from xml.parsers import expat

import msgspec

from twofold.setting_values import SettingsError

LARGEST = 64 * 1024  # bytes
WIDEST = 2048  # pixels
SVG = "http://www.w3.org/2000/svg"
PNG_BEGINS = b"\x89PNG\r\n\x1a\n"
CHUNK = struct.Struct(">I4s")  # length and kind, before the data and its checksum (PNG section 5.3)

ELEMENTS = frozenset({
    "circle", "clipPath", "defs", "desc", "ellipse", "g", "line", "linearGradient", "mask", "metadata", "path",
    "pattern", "polygon", "polyline", "radialGradient", "rect", "stop", "svg", "symbol", "text", "title", "tspan",
    "use", "filter", "feBlend", "feColorMatrix", "feComposite", "feFlood", "feGaussianBlur", "feMerge", "feMergeNode",
    "feOffset",
})  # fmt: skip
# Attributes are read as CSS, where a backslash spells any letter: what could name another place in any spelling.
_FOREIGN = re.compile(r"//|\\|data:|javascript:|url\(\s*(?!['\"]?#)|image-set|@import", re.IGNORECASE)


class Logo(msgspec.Struct, frozen=True):
    """A logo as it was read."""

    path: Path
    suffix: str
    content: bytes

    def __repr__(self) -> str:
        """Show where it came from."""
        return f"Logo({str(self.path)!r})"

    def __str__(self) -> str:
        """Write it as it is set."""
        return str(self.path)


class _Unfit(Exception):
    """The file cannot be a logo; the message says why."""


def read_logo(variable: str, text: str) -> Logo | None:
    """Read the file that a setting names.

    Raises:
        SettingsError: it cannot be read, is larger than 64 KiB, no SVG or PNG, or an SVG with more than shapes in it.

    """
    if not text:
        return None
    path = Path(text)
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        msg = f"{variable} names a file that cannot be read: {text}."
        raise SettingsError(msg) from error
    try:
        return Logo(path, _checked(content), content)
    except _Unfit as why:
        msg = f"{variable} must name an SVG or PNG file of at most {LARGEST // 1024} KiB; in {text} {why}."
        raise SettingsError(msg) from None


def _checked(content: bytes) -> str:
    """Return the suffix of the kind of picture that a file is."""
    if len(content) > LARGEST:
        raise _Unfit("there is more than that")
    if content.startswith(PNG_BEGINS):
        _check_png(content)
        return "png"
    if not content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
        raise _Unfit("there is neither")
    _SvgCheck().feed(content)
    return "svg"


def _check_png(content: bytes) -> None:
    """Follow the chunks to the end, so that nothing else hides behind the picture."""
    at = len(PNG_BEGINS)
    kinds: list[bytes] = []
    while at + CHUNK.size <= len(content):
        length, kind = CHUNK.unpack_from(content, at)
        data, at = content[at + CHUNK.size : at + CHUNK.size + length], at + CHUNK.size + length + 4
        if at > len(content) or zlib.crc32(kind + data) != int.from_bytes(content[at - 4 : at]):
            raise _Unfit("the picture is damaged")
        if not kinds and (
            kind != b"IHDR" or not all(0 < side <= WIDEST for side in struct.unpack(">II", data[:8].ljust(8, b"\0")))
        ):
            raise _Unfit(f"the picture has sides of more than {WIDEST} pixels, or none")
        kinds.append(kind)
        if kind == b"IEND":
            break
    if not kinds or kinds[-1] != b"IEND" or at != len(content):
        raise _Unfit("the picture does not end where the file does")


class _SvgCheck:
    """Reads an SVG and refuses what it does not know to be harmless, with the line on which it stands."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        self._parser.StartElementHandler = self._element
        self._parser.StartDoctypeDeclHandler = lambda *_: self._refuse("a document type")
        self._parser.ProcessingInstructionHandler = lambda *_: self._refuse("an instruction to programs")
        self._is_root = True

    def feed(self, content: bytes) -> None:
        """Read a whole file.

        Raises:
            _Unfit: it is no SVG (XML in UTF-8), or holds what an SVG must not hold here.

        """
        if b"\0" in content:  # UTF-16, which expat finds out by itself, whatever it was told
            raise _Unfit("the SVG cannot be read as XML in UTF-8")
        try:
            self._parser.Parse(content, True)
        except expat.ExpatError as error:
            raise _Unfit(f"the SVG cannot be read as XML in UTF-8 (line {error.lineno})") from None

    def _element(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if namespace != SVG or local not in ELEMENTS or (self._is_root and local != "svg"):
            self._refuse(f"the element <{local}>")
        self._is_root = False
        for attribute, value in attributes.items():
            own = attribute.rpartition(" ")[2].lower()
            if own.startswith("on"):
                self._refuse(f"the event handler {own}")
            if own == "style":
                self._refuse("an inline style, which our pages' policy forbids")
            if own == "base" or (own == "href" and not value.startswith("#")) or _FOREIGN.search(value):
                self._refuse(f"a reference to another place in {own}")

    def _refuse(self, what: str) -> None:
        raise _Unfit(f"the SVG has {what} (line {self._parser.CurrentLineNumber})")
