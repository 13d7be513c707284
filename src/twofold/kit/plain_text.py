"""Words that somebody wrote, beside words of our own: nothing that pretends to be a line, a link or an address of ours.

Mail programs turn what looks like an address into a link by themselves, whatever the letter's author meant.
"""

import re
import unicodedata

JOINERS = frozenset("\u200c\u200d")  # ZWNJ, ZWJ
VIRAMA = 9  # its combining class
# They show nothing, and count as letters or symbols: fillers of Hangul, the blank of Braille, the joiner of graphemes.
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# What browsers take for the dot of a domain (UTS 46), and the one that only looks like it.
DOT = "[.\u2024\u3002\uff0e\uff61]"

_SCHEME = re.compile(r"://|\bwww\b|\bhttps?\b|\bmailto:", re.IGNORECASE)
_DOT_IN_WORD = re.compile(rf"(?<=[^\s.]){DOT}(?=([^\W_][\w-]*))")
_FOUR_NUMBERS = re.compile(rf"\d{{1,3}}(?:{DOT}\d{{1,3}}){{3}}")
_BEFORE_SLASHES = re.compile("[:\uff1a](?=[/\uff0f])")


def is_one_visible_line(text: str) -> bool:
    """Tell whether a text is one line without anything that is invisible or turns its direction.

    The two joiners are part of how Persian and the scripts of India are written: after a virama, or between letters of
    the Arabic script (RFC 5892, appendix A.1 and A.2, as far as names need it).
    """
    return all(_is_visible(letter) or _is_joiner_in_place(text, place) for place, letter in enumerate(text))


def looks_like_domain(text: str) -> bool:
    """Tell whether a word of a text looks like a domain, as in evil.example but not in "J.R.R.", or like 192.0.2.7."""
    plain = _compatible(text)
    return bool(_FOUR_NUMBERS.search(plain)) or any(map(_leads_to_domain, _DOT_IN_WORD.finditer(plain)))


def looks_like_link(text: str) -> bool:
    """Tell whether a text holds an address of mail, or the beginning of one of the web."""
    plain = _compatible(text)
    return "@" in plain or bool(_SCHEME.search(plain))


def unlinked(text: str) -> str:
    """Return a text as letters show it: one visible line, and a space wherever a mail program would see a link.

    What passes the rules above stays as it is, so that names are greeted as they are written.
    """
    kept = "".join(" " if _is_space(letter) else letter for letter in text if _may_stay(letter))
    visible = "".join(
        letter for place, letter in enumerate(kept) if _is_visible(letter) or _is_joiner_in_place(kept, place)
    )
    apart = _FOUR_NUMBERS.sub(lambda found: re.sub(f"({DOT})", r"\1 ", found[0]), visible)
    apart = _DOT_IN_WORD.sub(lambda found: f"{found[0]} " if _leads_to_domain(found) else found[0], apart)
    return " ".join(_BEFORE_SLASHES.sub(r"\g<0> ", apart).split())


def _leads_to_domain(found: re.Match[str]) -> bool:
    """Tell whether what follows a dot is a label of two letters or digits at least, of which one is a letter."""
    label = found[1]
    return len(label) > 1 and any(letter.isalpha() for letter in label)


def _compatible(text: str) -> str:
    """Return a text with wide and other forms of letters and signs as plain ones: a wide @ is one as well."""
    return unicodedata.normalize("NFKC", text)


def _is_visible(letter: str) -> bool:
    return letter.isprintable() and letter not in INVISIBLE


def _is_space(letter: str) -> bool:
    return letter.isspace()  # line separators as well


def _may_stay(letter: str) -> bool:
    return _is_visible(letter) or _is_space(letter) or letter in JOINERS


def _is_joiner_in_place(text: str, place: int) -> bool:
    if text[place] not in JOINERS or place == 0:
        return False
    before, after = text[place - 1], text[place + 1 : place + 2]
    between_arabic = after != "" and unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL"
    return unicodedata.combining(before) == VIRAMA or between_arabic
