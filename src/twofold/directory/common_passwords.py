"""The passwords that everybody guesses first, as a set; NOTICE says where the list comes from."""

from functools import cache
from importlib.resources import files


@cache
def common_passwords() -> frozenset[str]:
    """Return the blocklist: lower case, 8 and more characters."""
    text = files("twofold.directory").joinpath("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(text.split())
