"""What was proved in a session, and when; and what it adds up to, as OpenID Connect names it. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

ONE_FACTOR = "urn:twofold:1fa"
TWO_FACTORS = "urn:twofold:2fa"
PHISHING_RESISTANT = "phr"  # OpenID Connect Extended Authentication Profile ACR Values 1.0, section 4

USER_VERIFIED = "user"  # a mark of a passkey that has verified its user (RFC 8176 section 2)

# RFC 8176 section 2. It has no value for a backup code; `mfa` still says that there were two factors.
AMR = {"pwd": "pwd", "otp": "otp"}


class Method(NamedTuple):
    """An authentication method that was proved: `pwd`, `sso`, `otp`, `backup_code` or that of another kind of factor.

    `second` tells a second factor from a first one: whoever proved it knows, so no name has to. `amr_values` say what
    it proves beside possession, by their names in RFC 8176: `hwk` or `swk` of a passkey, and `user` where that verified
    its user.
    """

    name: str
    at: datetime
    second: bool = False
    amr_values: tuple[str, ...] = ()

    @property
    def first(self) -> bool:
        """Whether it is a first factor; a passkey that verifies its user is both."""
        return not self.second or USER_VERIFIED in self.amr_values


Methods = tuple[Method, ...]


def proved_now(at: datetime, *, second_factor: str, amr_values: tuple[str, ...] = (), password: bool = True) -> Methods:
    """Return what was proved at one moment: the password, a second factor by this method (empty: none), or both."""
    first = (Method("pwd", at),) if password else ()
    return (*first, Method(second_factor, at, second=True, amr_values=amr_values)) if second_factor else first


def with_proved(methods: Methods, proved: Iterable[Method]) -> Methods:
    """Add what was proved now; a method that was there keeps its place, under the later time."""
    by_name = {method.name: method for method in methods}
    for method in proved:
        by_name[method.name] = max(by_name.get(method.name, method), method, key=lambda each: each.at)
    return tuple(by_name.values())


def first_factors(methods: Methods) -> Methods:
    """Return the first factors among the methods."""
    return tuple(method for method in methods if method.first)


def names(methods: Methods) -> list[str]:
    """Name what was proved, in the order in which it was first."""
    return [method.name for method in methods]


def authenticated_at(methods: Methods) -> datetime:
    """Return when the first factor was proved last: `auth_time` (OpenID Connect Core section 2).

    A second factor alone does not move it: who is asked to sign in again proves who they are again.

    Raises:
        ValueError: no first factor was proved, so there can be no session.

    """
    return max(method.at for method in methods if method.first)


def second_factor_at(methods: Methods) -> datetime | None:
    """Return when a second factor was proved last, of whatever kind; None where none was."""
    return max((method.at for method in methods if method.second), default=None)


def has_second_factor(methods: Methods) -> bool:
    """Tell whether a second factor is among the methods, of whatever kind."""
    return any(method.second for method in methods)


def acr(methods: Methods) -> str:
    """Return the assurance that the methods add up to (`acr`, OpenID Connect Core section 2)."""
    if any(USER_VERIFIED in method.amr_values for method in methods):
        return PHISHING_RESISTANT
    return TWO_FACTORS if has_second_factor(methods) else ONE_FACTOR


def amr(methods: Methods) -> list[str]:
    """Return the methods by their names in RFC 8176, and `mfa` where there were two factors."""
    named = [AMR[method.name] for method in methods if method.name in AMR]
    amr_values = [mark for method in methods for mark in method.amr_values]
    return [*named, *amr_values, "mfa"] if has_second_factor(methods) else named


def stored(methods: Methods) -> str:
    """Return the methods as one text, which `read` reads: name, moment, factor, `amr_values`; a line each."""
    return "\n".join(
        " ".join((method.name, method.at.isoformat(), "2" if method.second else "1", *method.amr_values))
        for method in methods
    )


def columns(methods: Methods) -> dict[str, str]:
    """Return the two columns of a row that keep the methods, which `read` reads."""
    return {"methods": " ".join(names(methods)), "proved": stored(methods)}


def read(named: str, proved: str | None, at: datetime) -> Methods:
    """Read the methods that are `named` (`pwd otp`), with what `stored` kept of them.

    A node of the version before names methods alone: those of which nothing is kept count as proved `at`.

    Raises:
        ValueError: `proved` is nothing that `stored` returned.

    """
    kept = {}
    for line in (proved or "").splitlines():
        name, moment, factor, *amr_values = line.split(" ")
        kept[name] = Method(name, datetime.fromisoformat(moment), factor == "2", tuple(amr_values))
    return tuple(kept.get(name) or Method(name, at, second=name in ("otp", "backup_code")) for name in named.split())
