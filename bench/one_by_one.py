"""The server as it would be without pipelines: every statement goes to PostgreSQL in a round trip of its own.

    python -m bench.one_by_one --host H --port P --workers 1

With BENCH_PIPELINES=on it is the server as it is, started in the same way.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

import uvicorn
from litestar.types import ASGIApp

from twofold.app import from_environment as as_it_is
from twofold.kit.sql.query_pipeline import COMMIT, Answer, QueryPipeline, Text

PIPELINES = "BENCH_PIPELINES"


def from_environment() -> ASGIApp:
    """Build the application as the server does; then let each statement be sent as soon as it is taken."""
    application = as_it_is()
    if os.environ.get(PIPELINES) != "on":
        take = QueryPipeline.take

        def take_and_send(self: QueryPipeline, text: Text, values: Sequence[Any] = ()) -> Answer:
            answer = take(self, text, values)
            if text is not COMMIT:  # which sends by itself
                self.send()
            return answer

        QueryPipeline.take = take_and_send  # type: ignore[method-assign] # the bench compares with what this takes away
    return application


if __name__ == "__main__":
    arguments = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    uvicorn.run(
        "bench.one_by_one:from_environment", factory=True, host=arguments["--host"], port=int(arguments["--port"]),
        access_log=False,
    )  # fmt: skip
