"""What pages and letters share: how their templates are found and read."""

import jinja2

from twofold.kit import moments
from twofold.kit.words import translations


def template_environment() -> jinja2.Environment:
    """Build an environment that escapes HTML, is strict about names and puts every text through gettext."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("twofold", "templates"),
        autoescape=jinja2.select_autoescape(("html",), default_for_string=True),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    made.filters.update(
        moment=moments.moment, deadline=moments.deadline, dated=moments.dated, exact=moments.exact, day=moments.day,
        place=moments.place,
    )  # fmt: skip
    made.install_gettext_translations(translations(), newstyle=True)  # type: ignore[attr-defined]  # made by the extension
    return made
