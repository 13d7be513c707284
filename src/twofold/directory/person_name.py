"""Names: how two of them are sorted and how they are searched."""

import unicodedata


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
