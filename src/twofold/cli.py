"""The command line: what there is to say, and where each command lives."""

from importlib import metadata

import click

from twofold.commands import env_file
from twofold.commands.abuse import abuse
from twofold.commands.accounts import accounts
from twofold.commands.applications import applications
from twofold.commands.audit_log import audit
from twofold.commands.break_glass import reset, unfreeze, unlock
from twofold.commands.demonstration import demo
from twofold.commands.doctor import doctor
from twofold.commands.frame import Program
from twofold.commands.keys import keys
from twofold.commands.moving import copy, restored
from twofold.commands.oidc_keys import oidc_keys
from twofold.commands.operator_keys import operator_keys
from twofold.commands.serving import migrate_, serve, worker
from twofold.commands.show_settings import show_settings
from twofold.commands.standing import locked, reset_cases
from twofold.commands.users import users


@click.group(cls=Program)
@click.version_option(metadata.version("twofold"), prog_name="twofold")
def main() -> None:
    """Twofold: a sign-in service with two-factor authentication.

    Commands work beside a running server (but for copy-database), print JSON with --json, and exit 0 when they are
    done, 1 when they are refused, 2 when they were called wrongly or a setting is wrong.
    """


for command in (
    demo, serve, worker, migrate_, accounts, users, applications, operator_keys, keys, oidc_keys, audit, doctor,
    show_settings, unlock, unfreeze, reset, locked, reset_cases, abuse, copy, restored,
):  # fmt: skip
    main.add_command(command)
env_file.add_option(main, but=demo)
