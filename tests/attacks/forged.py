"""Headers by which a request may claim to have come to another host: what proxies set, and what some programs trust."""

OWN = "login.acme.example"
EVIL = "evil.example"

Headers = list[tuple[str, str]]


def _one(name: str, *values: str) -> list[Headers]:
    return [[(name, value)] for value in values]


VARIANTS: list[Headers] = [
    *_one(
        "Host", EVIL, f"{EVIL}:443", f"{EVIL}:8000", f"{EVIL}.", EVIL.upper(), f"{OWN}.{EVIL}", f"{OWN}@{EVIL}",
        f"{OWN}:443@{EVIL}", f"{EVIL}#{OWN}", f"{EVIL}/{OWN}", f"{OWN},{EVIL}", f"{OWN} {EVIL}", f"[::1].{EVIL}",
        f"https://{EVIL}", f"{EVIL}\\.{OWN}",
    ),
    [("Host", OWN), ("Host", EVIL)],
    [("Host", EVIL), ("Host", OWN)],
    *_one("X-Forwarded-Host", EVIL, f"{EVIL}:443", f"{OWN}, {EVIL}", f"{EVIL}, {OWN}", f"{OWN}@{EVIL}", f'"{EVIL}"'),
    [("X-Forwarded-Host", OWN), ("X-Forwarded-Host", EVIL)],
    [("X-Forwarded-Host", EVIL), ("X-Forwarded-Proto", "http"), ("X-Forwarded-Port", "80")],
    [("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-Host", EVIL)],
    *_one("X-Forwarded-For", EVIL, f"127.0.0.1, {EVIL}"),
    *_one("X-Forwarded-Proto", "http", f"https://{EVIL}/?", "javascript"),
    *_one("X-Forwarded-Server", EVIL),
    *_one("X-Forwarded-Scheme", f"http://{EVIL}/?"),
    *_one("X-Forwarded-Port", f"443@{EVIL}", "8443"),
    *_one("X-Forwarded-Prefix", f"//{EVIL}", f"/@{EVIL}"),
    *_one("X-Forwarded-Path", f"//{EVIL}/"),
    *_one("X-Forwarded-Uri", f"https://{EVIL}/sign-in"),
    *_one("X-Forwarded-Url", f"https://{EVIL}/sign-in"),
    *_one("X-Script-Name", f"//{EVIL}"),
    *_one("Forwarded", f"host={EVIL}", f'host="{EVIL}:443";proto=http', f"for=127.0.0.1;host={EVIL};proto=https",
          f"host={OWN}, host={EVIL}", f"by={EVIL}"),
    *_one("X-Original-Host", EVIL),
    *_one("X-Original-URL", f"https://{EVIL}/sign-in", f"//{EVIL}/"),
    *_one("X-Original-URI", f"//{EVIL}/"),
    *_one("X-Rewrite-URL", f"https://{EVIL}/sign-in"),
    *_one("X-Host", EVIL),
    *_one("X-HTTP-Host-Override", EVIL),
    *_one("X-HTTP-DestinationURL", f"https://{EVIL}/"),
    *_one("X-Proxy-Host", EVIL),
    *_one("X-Proxy-URL", f"https://{EVIL}/"),
    *_one("Proxy-Host", EVIL),
    *_one("Base-Url", f"https://{EVIL}"),
    *_one("Destination", f"https://{EVIL}/"),
    *_one("Referer", f"https://{EVIL}/forgot-password"),
    *_one("User-Agent", f"https://{EVIL}/", f"{EVIL}/1.0"),
]  # fmt: skip

# What programs trust most often.
COMMON = {
    ("Host", EVIL), ("X-Forwarded-Host", EVIL), ("X-Forwarded-Server", EVIL), ("Forwarded", f"host={EVIL}"),
    ("X-Original-Host", EVIL), ("X-Host", EVIL), ("Referer", f"https://{EVIL}/forgot-password"),
}  # fmt: skip
