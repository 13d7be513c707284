"""What a factor is called by its owner. Pure."""

NAME_LENGTH = 40  # characters, at most


def readable(name: str) -> str:
    """Return a name as it is kept: without what cannot be printed, and not too long."""
    return "".join(letter for letter in name.strip() if letter.isprintable())[:NAME_LENGTH]
