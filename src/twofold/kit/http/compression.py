"""Compression of what is public."""

ENCODING = {"Content-Encoding": "gzip"}


def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether whoever asks takes gzip (RFC 9110 section 12.5.3)."""
    weights = {}
    for part in accept_encoding.lower().split(","):
        coding, _, parameter = part.partition(";")
        weights[coding.strip()] = parameter.strip().removeprefix("q=").strip() or "1"
    return weights.get("gzip", weights.get("*", "0")).strip("0.") != ""
