"""`twofold doctor`: whether this installation is as it should be."""

import click

from twofold import redaction
from twofold.commands.checked import Checked, Health
from twofold.commands.checks import all_checks
from twofold.commands.frame import as_json, environment, print_json, quiet_logs, settings
from twofold.kit import clock

COLOURS = {Health.OK: "green", Health.NOTE: "yellow", Health.FINDING: "red"}


@click.command()
@click.pass_context
@as_json
def doctor(context: click.Context, *, as_json: bool) -> None:
    """Say what is not as it should be.

    Looks at settings, database, schema, keys, clock, audit log, mail, base URL and proxies, and says what to do; exits
    1 when something must be seen to.
    """
    quiet_logs()
    checked = [_without_secrets(one) for one in all_checks(settings(), environment(), clock.now())]
    findings = sum(one.health is Health.FINDING for one in checked)
    if as_json:
        print_json({"ok": findings == 0, "checks": [one._asdict() for one in checked]})
    else:
        for one in checked:
            _print(one)
        click.echo(_in_all(findings, notes=sum(one.health is Health.NOTE for one in checked)))
    context.exit(1 if findings else 0)


def _in_all(findings: int, notes: int) -> str:
    if findings:
        return f"{findings} to see to."
    return f"Nothing to see to, {notes} to know." if notes else "All is well."


def _without_secrets(one: Checked) -> Checked:
    """Mail servers and databases say what they like, and somebody will paste it into a ticket."""
    return one._replace(says=redaction.text(one.says), remedy=one.remedy and redaction.text(one.remedy))


def _print(one: Checked) -> None:
    click.secho(f"{one.health.value:8}", fg=COLOURS[one.health], nl=False)
    click.echo(f"{one.check:10}{one.says}")
    if one.remedy:
        click.echo(f"{'':18}-> {one.remedy}")
