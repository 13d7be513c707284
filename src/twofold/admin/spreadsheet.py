"""Tables as CSV (RFC 4180) that a spreadsheet opens without running anything that is in them."""

from collections.abc import Iterable

# What begins so is a formula to a spreadsheet (OWASP, "CSV Injection").
FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv(rows: Iterable[Iterable[str]]) -> str:
    """Write rows as CSV."""
    return "".join(line(row) for row in rows)


def line(fields: Iterable[str]) -> str:
    """Write one row, with its line end."""
    return ",".join(_quoted(_harmless(field)) for field in fields) + "\r\n"


def _harmless(field: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula, so that it shows it as text."""
    return f"'{field}" if field.startswith(FORMULA_MARKS) else field


def _quoted(field: str) -> str:
    if any(mark in field for mark in ',"\r\n'):
        return '"' + field.replace('"', '""') + '"'
    return field
