"""Email addresses: how they are checked and how two of them are compared."""

import unicodedata

LONGEST = 254  # characters (RFC 5321 section 4.5.3.1.3: a path of 256, with its angle brackets)


def email_key(address: str) -> str:
    """Return the form under which an address is compared: without surrounding blanks, NFC, case folded."""
    return unicodedata.normalize("NFC", address.strip()).casefold()


def domain_key(domain: str) -> str:
    """Return the form under which a domain by itself is compared: that of the domains of addresses."""
    return email_key(domain)


def domain_of(address: str) -> str:
    """Return the folded domain of an address, or an empty string when it has none."""
    return email_key(address).rpartition("@")[2]


def placeholder_key(address: str, unguessable: str) -> str:
    """Return a compared form for a placeholder: it takes no address away from anybody, and nobody can type it.

    It begins like that of the address, so that it is found by it; no address has a space.
    """
    return f"{email_key(address)} {unguessable}"


def is_placeholder_key(key: str) -> bool:
    """Tell whether a compared form is one of those."""
    return " " in key


def usable(address: str) -> bool:
    """Tell whether mail could be sent to this address: one @, a domain with a dot, nothing invisible."""
    text = address.strip()
    name, at, domain = text.rpartition("@")
    return (
        bool(name and at and domain)
        and len(text) <= LONGEST
        and "@" not in name
        and text.isprintable()
        and not any(mark in text for mark in ' ,;<>()[]\\"')
        and ".." not in text
        and not domain.startswith(("-", "."))
        and not domain.endswith(("-", "."))
        and "." in domain
    )


def masked(address: str) -> str:
    """Return an address as a reminder to its owner that tells others little: a•••@acme.example."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}•••@{domain}"
