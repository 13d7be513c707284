"""Sending static files: compressed where the browser takes that, and kept by it for ever under the right address."""

from litestar import Response, get
from litestar.exceptions import NotFoundException

from twofold.kit.http.compression import ENCODING, accepts_gzip
from twofold.kit.http.requests import AnyRequest, AnyResponse
from twofold.kit.static_files import StaticFiles

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


@get("/static/{name:str}", sync_to_thread=False, include_in_schema=False)
def static_file(request: AnyRequest, name: str) -> AnyResponse:
    """Send a file.

    An address with another digest, or none, is that of a file which this version may not have: a node that is older or
    newer must not be remembered for ever in its place.
    """
    files: StaticFiles = request.app.state.files
    file = files.by_name.get(name)
    if file is None:
        raise NotFoundException
    compressed = file.compressed if accepts_gzip(request.headers.get("accept-encoding", "")) else None
    tag = f'"{file.digest}"' if compressed is None else f'"{file.digest}-gzip"'
    headers = {
        "Cache-Control": FOR_EVER if request.query_params.get("v") == file.digest else ASK_AGAIN,
        "ETag": tag,
    }
    if file.compressed is not None:
        headers["Vary"] = "Accept-Encoding"
    if name in (files.logo, files.logo_dark):
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # a letter is read on somebody else's page
    if _names(request.headers.get("if-none-match", ""), tag):
        return Response(b"", status_code=304, headers=headers, media_type=file.media_type)
    if compressed is not None:
        headers |= ENCODING
    return Response(compressed or file.content, headers=headers, media_type=file.media_type)


def _names(if_none_match: str, tag: str) -> bool:
    """Tell whether a browser has this already (RFC 9110 section 13.1.2); a proxy may have weakened the tag."""
    tags = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return tag in tags or tags == ["*"]
