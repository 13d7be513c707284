"""What the methods that a session proved add up to."""

from collections.abc import Iterable

FIRST_FACTORS = frozenset({"pwd", "sso"})


def has_second_factor(methods: Iterable[str]) -> bool:
    """Tell whether a second factor is among the methods, of whatever kind."""
    return not FIRST_FACTORS.issuperset(methods)
