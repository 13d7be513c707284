"""The names of the API's bodies in its description: given by hand, so that no move of a class renames them."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

S = TypeVar("S", bound=type[msgspec.Struct])


def schema_name(name: str) -> Callable[[S], S]:
    """Name the schema of a body, such as `Session`; each name is given once (tests/deploy/test_openapi.py)."""

    def give(body: S) -> S:
        body.__qualname__ = name  # what Litestar calls the schema
        body.__name__ = name  # and what it gives it as its title, by which programs that make clients call it
        return body

    return give
