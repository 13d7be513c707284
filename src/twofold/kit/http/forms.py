"""What a page's form sends: each field once, at most so long, or a refusal that says what to do."""

from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl

from twofold.kit.words import gettext as _

MOST_FIELDS = 100
LONGEST_FIELD = 4096  # characters


class BadForm(Exception):
    """The body is no form, or a field came twice or is far too long; the message says which, for the person."""


class Form(Mapping[str, str]):
    """The fields of a form. A missing field is an empty one: forms cannot tell them apart."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        return self._fields.get(name, "")

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def parse_form(body: bytes, content_type: str) -> Form:
    """Read an urlencoded form.

    Raises:
        BadForm: another content type, not UTF-8, more than 100 fields, a field that came twice, one of
            more than 4,096 characters, or one with a NUL.

    """
    if body and content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise BadForm(_("This page expects a form. Go back, reload the page and send it again."))
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=MOST_FIELDS,
        )  # fmt: skip
    except (UnicodeDecodeError, ValueError) as error:
        raise BadForm(_("The form could not be read. Go back, reload the page and send it again.")) from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise BadForm(_("A field of the form came twice. Go back, reload the page and send it again."))
        if len(value) > LONGEST_FIELD or "\0" in value:
            raise BadForm(_("A field of the form is too long or has characters that cannot be used."))
        fields[name] = value
    return Form(fields)
