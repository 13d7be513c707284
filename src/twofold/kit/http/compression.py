"""Compression of what is public, and of nothing else.

How much smaller a page becomes tells what stands in it twice. Whoever can make a browser ask for a page with a secret,
with words of their own in it, and see how long the answers are, learns the secret letter by letter (BREACH). So a page
is compressed where its handler says that it is public, and only for a request that carries no token of ours: then there
is nothing of anybody in it.
"""

import gzip
from functools import lru_cache

from twofold.kit.http.requests import AnyRequest, AnyResponse

ENCODING = {"Content-Encoding": "gzip"}
LEAST = 512  # bytes; below that the headers are most of an answer
OUR_COOKIES = "twofold_"
PAGES_KEPT = 64


def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether whoever asks takes gzip (RFC 9110 section 12.5.3)."""
    weights = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameter = part.partition(";")
        weights[coding.strip()] = parameter.strip().removeprefix("q=").strip() or "1"
    return weights.get("gzip", weights.get("*", "0")).strip("0.") != ""


def public(request: AnyRequest, answer: AnyResponse) -> AnyResponse:
    """Compress the answer of a public page, if it is that to this request and whoever asks takes it."""
    answer.headers["Vary"] = "Accept-Encoding, Cookie"
    content = str(answer.content).encode()
    if _is_anonymous(request, answer) and len(content) >= LEAST and _takes_it(request):
        answer.content = _compressed(content)
        answer.headers.update(ENCODING)
    return answer


def _takes_it(request: AnyRequest) -> bool:
    return accepts_gzip(request.headers.get("accept-encoding", ""))


def _is_anonymous(request: AnyRequest, answer: AnyResponse) -> bool:
    """Tell whether neither the request nor the answer has a token."""
    carried = OUR_COOKIES in request.headers.get("cookie", "") or "authorization" in request.headers
    return not carried and not answer.cookies


@lru_cache(PAGES_KEPT)
def _compressed(content: bytes) -> bytes:
    """Compress a page; most of them are the same for everybody, so few are compressed twice."""
    return gzip.compress(content, 6, mtime=0)
