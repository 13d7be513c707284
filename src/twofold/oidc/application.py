"""An application that signs people in through Twofold: what it may be, and where an answer may go. Pure."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from twofold.directory.rules import Fault, fault_of_account_name
from twofold.oidc.client_keys import why_not_keys
from twofold.sessions.methods import PHISHING_RESISTANT, TWO_FACTORS

ALGORITHMS = ("RS256", "ES256")
ASSURANCES = {"2fa": TWO_FACTORS, "phr": PHISHING_RESISTANT}
MOST_ADDRESSES, LONGEST_ADDRESS = 50, 1000  # characters
MOST_ACCOUNTS = 1000
LONGEST_AGE = timedelta(days=30)

_LOOPBACK = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::[0-9]{1,5})?((?:[/?].*)?)")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:/.*")
_ADDRESS = re.compile(r"[A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]+")  # RFC 3986 section 2, without a fragment


class Registration(NamedTuple):
    """What an operator says of an application."""

    name: str
    public: bool  # it cannot keep a secret: a program on somebody's computer or phone, a page of scripts
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    home_url: str | None = None
    algorithm: str = "RS256"
    acr: str | None = None  # that a session must reach
    second_factor_age: timedelta | None = None
    pkce: bool = True
    accounts: frozenset[UUID] = frozenset()  # whose people may sign in; empty: everybody's
    first_party: bool = True  # the operator's own: people are not asked what it may see of them
    jwks: str | None = None  # its public keys, a JWK Set (RFC 7517): they prove it, and it has no secret
    jwks_uri: str | None = None  # or where they are
    assertion_algorithm: str = "RS256"  # that it signs with
    jwt_access_tokens: bool = False  # RFC 9068, in place of opaque ones

    @property
    def has_keys(self) -> bool:
        """Whether it proves itself by keys, in place of a secret."""
        return self.jwks is not None or self.jwks_uri is not None


class Secret(NamedTuple):
    """A secret of an application; only its hash is stored, and never read."""

    id: UUID
    application_id: UUID
    created_at: datetime


class Application(NamedTuple):
    """A registered application; `id` is its client_id."""

    id: UUID
    name: str
    public: bool
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    backchannel_logout_uri: str | None
    home_url: str | None
    algorithm: str
    acr: str | None
    second_factor_age: timedelta | None
    pkce: bool
    accounts: frozenset[UUID]
    first_party: bool
    jwks: str | None
    jwks_uri: str | None
    assertion_algorithm: str
    jwt_access_tokens: bool
    created_at: datetime

    @property
    def registration(self) -> Registration:
        """What was said of it."""
        return Registration(*self[1:-1])


def allows_redirect(application: Application, uri: str) -> bool:
    """Tell whether an answer may be sent to an address: compared letter by letter (RFC 9700 section 4.1.3).

    Programs on somebody's own computer listen on whatever port is free there (RFC 8252 section 7.3).
    """
    if uri in application.redirect_uris:
        return True
    asked = _without_port(uri) if application.public else None
    return asked is not None and any(asked == _without_port(registered) for registered in application.redirect_uris)


def tidied(registration: Registration) -> Registration:
    """Return a registration with its name trimmed and each address once, in the order in which they were given."""
    return registration._replace(
        name=registration.name.strip(),
        redirect_uris=tuple(dict.fromkeys(registration.redirect_uris)),
        post_logout_redirect_uris=tuple(dict.fromkeys(registration.post_logout_redirect_uris)),
    )


def fault_of(registration: Registration) -> Fault | None:
    """Say why an application cannot be like this; that its accounts exist is for others to see to."""
    public = registration.public
    if fault := fault_of_account_name(registration.name):
        return fault
    if not registration.redirect_uris:
        return Fault("redirect_uris", "Give at least one address to which people are sent back.")
    if fault := _fault_of_redirects("redirect_uris", registration.redirect_uris, public=public):
        return fault
    after_logout = registration.post_logout_redirect_uris
    if fault := _fault_of_redirects("post_logout_redirect_uris", after_logout, public=public):
        return fault
    notified, home = registration.backchannel_logout_uri, registration.home_url
    if notified is not None and not _is_web(notified, plain=not public):
        return Fault("backchannel_logout_uri", f"Write an address like https://app.example/logout, not {notified}.")
    if home is not None and not _is_web(home):
        return Fault("home_url", f"Write an address like https://app.example, not {home}.")
    return _fault_of_demands(registration) or fault_of_keys(registration)


def _fault_of_demands(registration: Registration) -> Fault | None:
    age = registration.second_factor_age
    if registration.algorithm not in ALGORITHMS:
        return Fault("algorithm", f"Choose {' or '.join(ALGORITHMS)}.")
    if registration.acr is not None and registration.acr not in ASSURANCES.values():
        return Fault("acr", f"Choose {' or '.join(ASSURANCES.values())}.")
    if age is not None and not timedelta(minutes=1) <= age <= LONGEST_AGE:
        return Fault("second_factor_age", f"Give minutes from 1 to {LONGEST_AGE // timedelta(minutes=1)}.")
    if registration.public and not registration.pkce:
        return Fault("pkce", "A public application always uses PKCE.")
    if len(registration.accounts) > MOST_ACCOUNTS:
        return Fault("accounts", f"Name {MOST_ACCOUNTS} accounts at most.")
    return None


def fault_of_keys(registration: Registration) -> Fault | None:
    """Say why an application cannot prove itself by these keys."""
    keys, address = registration.jwks, registration.jwks_uri
    if registration.assertion_algorithm not in ALGORITHMS:
        return Fault("assertion_algorithm", f"Choose {' or '.join(ALGORITHMS)}.")
    if registration.public and registration.has_keys:
        return Fault("public", "A public application has no keys.")
    if keys is not None and address is not None:
        return Fault("jwks_uri", "Give the keys or their address, not both.")
    if address is not None and not _is_web(address):
        return Fault("jwks_uri", f"Write an address like https://app.example/jwks.json, not {address}.")
    why = None if keys is None else why_not_keys(keys, registration.assertion_algorithm)
    return None if why is None else Fault("jwks", why)


def _fault_of_redirects(field: str, addresses: Iterable[str], *, public: bool) -> Fault | None:
    addresses = tuple(addresses)
    if len(addresses) > MOST_ADDRESSES:
        return Fault(field, f"Give {MOST_ADDRESSES} addresses at most.")
    wrong = next((address for address in addresses if not _can_be_sent_to(address, public=public)), None)
    if wrong is None:
        return None
    example = "https://app.example/callback"
    return Fault(field, f"Write an address like {example}; http only for this machine. It cannot be {wrong}.")


def _can_be_sent_to(address: str, *, public: bool) -> bool:
    """Tell whether a browser may be sent to an address: https, this machine, or a program's own scheme (RFC 8252)."""
    return _is_web(address) or (public and _is_plain(address) and _PRIVATE_SCHEME.fullmatch(address) is not None)


def _is_web(address: str, *, plain: bool = False) -> bool:
    """Tell whether an address is one of https, or of http on this machine, or `plain` of http anywhere."""
    if not _is_plain(address):
        return False
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    schemes = {"https", "http"} if plain or _LOOPBACK.fullmatch(address) else {"https"}
    return usable and "@" not in parts.netloc and address.startswith(tuple(f"{scheme}://" for scheme in schemes))


def _is_plain(address: str) -> bool:
    """Tell whether an address is made of what addresses are made of, without a fragment (RFC 6749 section 3.1.2)."""
    return len(address) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(address) is not None


def _without_port(uri: str) -> tuple[str, str] | None:
    """Return an address of this machine without its port; None for every other."""
    found = _LOOPBACK.fullmatch(uri)
    return None if found is None else (found[1], found[2])
