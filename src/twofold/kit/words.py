"""Text for people, through gettext: English is the source, translations are looked up in `locale/`."""

import gettext as _gettext
from functools import cache
from importlib.resources import files


@cache
def translations(language: str = "en") -> _gettext.NullTranslations:
    """Return the translations of a language; English is its own."""
    folder = str(files("twofold").joinpath("locale"))
    return _gettext.translation("twofold", folder, languages=[language], fallback=True)


def gettext(message: str) -> str:
    """Return a text in the reader's language."""
    return translations().gettext(message)


def ngettext(singular: str, plural: str, number: int) -> str:
    """Return the form of a text that fits a number."""
    return translations().ngettext(singular, plural, number)
