"""The `twofold` command in the test's own process: what it prints, and how it exits."""

import json
import os
from dataclasses import dataclass
from typing import Any
from unittest import mock

import structlog
from click.testing import CliRunner

from tests.harness.contexts import CHEAP_SERVER, KEYS
from tests.harness.server import variables
from twofold.cli import main

DEFAULTS = variables(keys=KEYS, metrics_listen="off", **CHEAP_SERVER)


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed as JSON; fails where that is not all it printed."""
        return json.loads(self.out)


class Program:
    """Runs `twofold` with settings of its own."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings = DEFAULTS | settings

    def with_settings(self, **chosen: str) -> "Program":
        """Return the same with other settings: names in lower case, without the prefix."""
        return Program(self.settings | variables(**chosen))

    def __call__(self, *arguments: str, stdin: str = "") -> Ran:
        """Run a command that may be refused; one that breaks fails the test."""
        before = structlog.get_config()
        try:
            with mock.patch.dict(os.environ):  # to which --env-file adds
                got = CliRunner().invoke(main, arguments, input=stdin, env=self.settings, catch_exceptions=False)
        finally:
            structlog.configure(**before)  # commands set up a log of their own
        return Ran(got.exit_code, got.stdout, got.stderr)

    def done(self, *arguments: str, stdin: str = "") -> Ran:
        """Run a command that must be done."""
        ran = self(*arguments, stdin=stdin)
        assert ran.code == 0, ran
        return ran

    def refused(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that must be refused; return what it says of it."""
        return self._failed(1, *arguments, stdin=stdin)

    def called_wrongly(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that must be called wrongly, or with wrong settings; return what it says of it."""
        return self._failed(2, *arguments, stdin=stdin)

    def account(self, name: str = "Acme", *options: str) -> str:
        """Make an account; return its id."""
        made = self.done("accounts", "create", "--name", name, *options, "--json").json
        return str(made["id"])

    def user(self, account: str, email: str, *options: str, password: str = "orchard kettle lantern") -> str:
        """Make a user; return their id."""
        name = email.partition("@")[0].title()
        made = self.done(
            "users", "create", "--account", account, "--email", email, "--name", name, "--password-stdin", *options,
            "--json", stdin=password,
        )  # fmt: skip
        return str(made.json["id"])

    def _failed(self, code: int, *arguments: str, stdin: str) -> str:
        ran = self(*arguments, stdin=stdin)
        assert ran.code == code, ran
        assert "Traceback" not in ran.err
        assert ran.out == ""
        return ran.err
