"""The answer to an authorization request: where it goes, how, and what it says. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Self
from urllib.parse import urlencode


class Mode(StrEnum):
    """How an answer travels (OAuth 2.0 Form Post Response Mode; the query is RFC 6749's own)."""

    QUERY = "query"
    FORM_POST = "form_post"


class Answer(NamedTuple):
    """What an application is answered, through the browser."""

    uri: str
    mode: Mode
    fields: Mapping[str, str]

    @classmethod
    def of(cls, uri: str, mode: Mode, state: str | None, issuer: str, fields: Mapping[str, str]) -> Self:
        """Make an answer: `state` as it came, and who answers (`iss`, RFC 9207)."""
        given = {} if state is None else {"state": state}
        return cls(uri, mode, {**fields, **given, "iss": issuer})

    @property
    def address(self) -> str:
        """Where the browser goes with it: the redirect address, its own query kept (RFC 6749 section 3.1.2)."""
        return with_query(self.uri, self.fields)


def with_query(uri: str, fields: Mapping[str, str]) -> str:
    """Add parameters to the query of an address that has no fragment."""
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode(fields)}" if fields else uri
