"""`twofold` with every logger at debug, statements and rows of the database included.

It is what an operator at their wits' end would switch on, for the test that looks for secrets in it.
"""

import logging

import structlog

from twofold import cli
from twofold.kit import logs

_configure = logs.configure


def configure() -> None:
    """Configure the logs as the product does, then let everything through."""
    _configure()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.DEBUG)


if __name__ == "__main__":
    logs.configure = configure
    cli.main()
