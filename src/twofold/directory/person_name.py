"""Names: what can be one, how two of them are sorted and how they are searched.

Names reach letters, and whoever types one need not be trusted: none carries an address or a line of its own.
"""

import unicodedata

from twofold.kit.plain_text import is_one_visible_line, looks_like_domain, looks_like_link

LONGEST = 120  # characters


def is_label(text: str) -> bool:
    """Tell whether a text can be what something is called where letters never show it: one visible line."""
    return 1 <= len(text.strip()) <= LONGEST and is_one_visible_line(text)


def is_company_name(text: str) -> bool:
    """Tell whether a text can be an organisation's name: some are called like their domain, which letters set apart."""
    return is_label(text) and not looks_like_link(text)


def is_person_name(text: str) -> bool:
    """Tell whether a text can be a person's name: in any script, without links, addresses or tricks."""
    return is_company_name(text) and not looks_like_domain(text)


def name_key(name: str) -> str:
    """Return the form in which a name is sorted and searched: without accents, case folded, with single blanks."""
    apart = unicodedata.normalize("NFKD", name)
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    return " ".join(bare.casefold().split())


def surname_key(name: str) -> str | None:
    """Return the last word of a name in the same form, so that it is found as well; None when it has only one."""
    words = name_key(name).split()
    return words[-1] if len(words) > 1 else None


def name_values(name: str) -> dict[str, str | None]:
    """Return the columns of a user that follow from a name."""
    return {"name": name.strip(), "name_key": name_key(name), "surname_key": surname_key(name)}
