"""One code in the forms in which it may be typed: those that are the code, and those that only look like it."""

from collections.abc import Callable

# The same code as somebody types or pastes it: all of these are six digits, so all of them are used up together.
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "blank in the middle": lambda code: f"{code[:3]} {code[3:]}",
    "blanks everywhere": " ".join,
    "blanks around it": lambda code: f"  {code}\t",
    "line end": lambda code: f"{code}\r\n",
    "no-break blank": lambda code: f"{code[:3]}\u00a0{code[3:]}",
    "wide blank": lambda code: f"{code[:3]}\u3000{code[3:]}",
    "leading dashes": lambda code: f"--{code}",
    "trailing dash": lambda code: f"{code}-",
    "dashes everywhere": "-".join,
    "printer's dashes": lambda code: f"–{code[:3]}—{code[3:]}‑",
}


def in_digits_from(zero: str) -> Callable[[str], str]:
    """Write a code in the digits of another script."""
    return lambda code: "".join(chr(ord(zero) + int(digit)) for digit in code)


# The same code in forms that are no six digits of ours, although Python's `int` reads most of them: refused, and never
# read as the code by one operation and as another text by the next.
NO_FORMS: dict[str, Callable[[str], str]] = {
    "full-width digits": in_digits_from("\uff10"),
    "Arabic-Indic digits": in_digits_from("\u0660"),
    "Persian digits": in_digits_from("\u06f0"),
    "Devanagari digits": in_digits_from("\u0966"),
    "mathematical digits": in_digits_from("\U0001d7ce"),
    "one digit of another script": lambda code: in_digits_from("\uff10")(code[0]) + code[1:],
    "plus": lambda code: f"+{code}",
    "minus sign": lambda code: f"\u2212{code}",
    "underscore": lambda code: f"{code[:3]}_{code[3:]}",
    "zero-width blank": lambda code: f"{code[:3]}\u200b{code[3:]}",
    "word joiner": lambda code: f"{code}\u2060",
    "right-to-left mark": lambda code: f"\u200f{code}",
    "leading zero": lambda code: f"0{code}",
    "decimal point": lambda code: f"{code}.0",
    "twice": lambda code: f"{code}{code}",
    "zero byte": lambda code: f"{code}\0",
}
