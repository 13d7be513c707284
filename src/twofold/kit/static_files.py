"""The files that pages load: ours, and the operator's in their place; each compressed once, at the start.

A file's address carries the digest of its content, so that browsers may keep it for ever. Nothing of HTTP is here: the
addresses stand in letters as well.
"""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

import msgspec

from twofold.brand.accent import style_sheet
from twofold.settings import Settings

MEDIA_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "png": "image/png",
    # As UTF-8 whatever the file says of itself: it was checked as that (brand.logo).
    "svg": "image/svg+xml; charset=utf-8",
}
COMPRESSED_ALREADY = {"png"}


class StaticFile(msgspec.Struct, frozen=True):
    """A file as it is sent; `compressed` is None where it is that by itself."""

    media_type: str
    content: bytes
    compressed: bytes | None
    digest: str


class StaticFiles(msgspec.Struct, frozen=True):
    """All files by name, and which of them are the operator's own."""

    by_name: Mapping[str, StaticFile]
    logo: str | None = None
    logo_dark: str | None = None
    accent: str | None = None

    def url(self, name: str) -> str:
        """Return the address of a file, which changes with its content.

        Raises:
            KeyError: there is no such file.

        """
        return f"/static/{name}?v={self.by_name[name].digest}"

    @property
    def touch_icon(self) -> str | None:
        """The picture of a bookmark on a phone, which has to be a PNG; ours is none for somebody who has a logo."""
        if self.logo is None:
            return "apple-touch-icon.png"
        return self.logo if self.logo.endswith(".png") else None


def files_of(settings: Settings | None) -> StaticFiles:
    """Return the files of an installation; without settings ours alone."""
    own = dict(_theirs(settings)) if settings is not None else {}
    named = {name.partition(".")[0]: name for name in own}
    made = {name: _made(name, content) for name, content in own.items()}
    return StaticFiles({**_ours(), **made}, named.get("logo"), named.get("logo-dark"), named.get("accent"))


def _theirs(settings: Settings) -> Iterator[tuple[str, bytes]]:
    if settings.accent is not None:
        yield "accent.css", style_sheet(settings.accent).encode()
    if settings.logo is not None:
        yield f"logo.{settings.logo.suffix}", settings.logo.content
    if settings.logo_dark is not None:
        yield f"logo-dark.{settings.logo_dark.suffix}", settings.logo_dark.content


@cache
def _ours() -> dict[str, StaticFile]:
    return {file.name: _made(file.name, file.read_bytes()) for file in files("twofold").joinpath("static").iterdir()}


def _made(name: str, content: bytes) -> StaticFile:
    suffix = name.rpartition(".")[2]
    compressed = None if suffix in COMPRESSED_ALREADY else gzip.compress(content, 9, mtime=0)
    return StaticFile(MEDIA_TYPES[suffix], content, compressed, hashlib.sha256(content).hexdigest()[:12])
