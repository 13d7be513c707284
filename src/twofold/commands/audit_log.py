"""`twofold audit`: a complete export of the log, heads of it to keep elsewhere, and their verification.

Of an export that needs nothing but the files.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO, TypeVar

import click
import sqlalchemy as sa

from twofold.audit import export_flow
from twofold.audit.chain import INSTALLATION
from twofold.audit.verify import NO_HEADS, Broken, KeptHeads, Verified, heads_of, kept_heads, verify_lines
from twofold.commands.frame import Stop, as_json, id_of, missing, opened, print_json, show
from twofold.directory import accounts_flow
from twofold.kit import clock
from twofold.kit.context import AppContext
from twofold.support import audit_records

T = TypeVar("T")

# The sealer, which runs first, meets what only somebody else can have written.
CANNOT_BE_SEALED = (sa.exc.IntegrityError, RuntimeError)
NOT_SEALED = (
    "What waits to be sealed does not fit the end of its chain: somebody gave an event a place, or moved a head."
)
TWO_LOGS = "--account and --installation are two different logs."


@click.group()
def audit() -> None:
    """Export and verify the audit log."""


@audit.command("export")
@click.option("--account", help="Only the log of this account, by its id.")
@click.option("--installation", is_flag=True, help="Only the log of the installation itself.")
@click.option("--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="A file to write to.")
@as_json
def export(*, account: str | None, installation: bool, output: Path | None, as_json: bool) -> None:
    """Write the whole log, chain by chain, as lines of JSON; the last line is signed."""
    if account is not None and installation:
        raise click.UsageError(TWO_LOGS)
    if as_json and output is None:
        raise click.UsageError("The export itself goes to standard output; --json needs --output.")
    with opened() as context:
        chain = INSTALLATION if installation else account and _chain_of(context, account)
        at = clock.now()
        with _writing(output) as file:
            events, outcome = _exported(context, chain, at, file)
        key = export_flow.public_key(context.db, context.vault, at)
    if as_json:
        told = {"file": str(output), "events": events, "public_key": key, "verified": isinstance(outcome, Verified)}
        print_json(told if isinstance(outcome, Verified) else told | {"position": outcome.position, "why": outcome.why})
    else:
        click.echo(f"{events} events. Signed with the key {key}: keep it elsewhere, to verify with.", err=True)
    if isinstance(outcome, Broken):
        raise Stop(f"The log was tampered with. {outcome.why}")


def _exported(context: AppContext, chain: str | None, at: datetime, file: TextIO) -> tuple[int, Verified | Broken]:
    """Write an export and verify it on the way; return how many events it has, and what came of it."""
    count = 0

    def written() -> Iterator[str]:
        nonlocal count
        for line in export_flow.complete_lines(context.db, context.vault, chain, at, audit_records.names):
            file.write(line)
            count += 1
            yield line

    lines = written()
    try:
        outcome = verify_lines(lines, None)
        for _line in lines:
            pass  # what stands behind a break is exported all the same
    except CANNOT_BE_SEALED:
        outcome = Broken(0, NOT_SEALED)
    return max(count - 2, 0), outcome


@audit.command("head")
@click.option("--account", help="Only the log of this account, by its id.")
@click.option("--installation", is_flag=True, help="Only the log of the installation itself.")
@as_json
def head(*, account: str | None, installation: bool, as_json: bool) -> None:  # noqa: ARG001 - every command takes --json; this one prints nothing else
    """Print how far the log reaches, as a signed line of JSON. To keep away from this server.

    A log that is written anew, by whomever, no longer runs through it: see `twofold audit verify --head`.
    """
    if account is not None and installation:
        raise click.UsageError(TWO_LOGS)
    with opened() as context:
        chain = INSTALLATION if installation else account and _chain_of(context, account)
        try:
            click.echo(export_flow.head_line(context.db, context.vault, chain, clock.now()), nl=False)
        except CANNOT_BE_SEALED as error:
            raise Stop(NOT_SEALED) from error


@audit.command("verify")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--key", "public_key", help="The public key of the installation, as an export showed it.")
@click.option("--earlier", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="An export of before: its events must still be there.")  # fmt: skip
@click.option("--head", "kept", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
              help="Heads that were kept elsewhere, a line each: the log must run through them.")  # fmt: skip
@as_json
def verify(
    *, file: Path | None, public_key: str | None, earlier: Path | None, kept: Path | None, as_json: bool
) -> None:
    """Verify an export, offline; without FILE, the log as the database holds it.

    No event was changed, removed, added or put in another place.
    """
    outcome = _verified(file, public_key, earlier, kept)
    match outcome:
        case Verified():
            _say_verified(outcome, as_json=as_json, with_heads=kept is not None)
        case Broken(position, why):
            if as_json:
                print_json({"verified": False, "position": position, "why": why})
            what = "The log was tampered with." if file is None else "The log was tampered with, or the file was:"
            raise Stop(f"{what} {why}" if position else why)


def _verified(file: Path | None, public_key: str | None, earlier: Path | None, kept: Path | None) -> Verified | Broken:
    before = () if earlier is None else _reading(earlier, heads_of)
    heads: KeptHeads | Broken = (
        NO_HEADS if kept is None else _reading(kept, lambda lines: kept_heads(lines, public_key))
    )
    if isinstance(heads, Broken):
        return heads
    known = heads  # as it is from here on
    if file is not None:
        return _reading(file, lambda lines: verify_lines(lines, public_key, before, known))
    with opened() as context:
        lines = export_flow.complete_lines(context.db, context.vault, None, clock.now())
        try:
            return verify_lines(lines, public_key, before, known)
        except CANNOT_BE_SEALED:
            return Broken(0, NOT_SEALED)


def _say_verified(outcome: Verified, *, as_json: bool, with_heads: bool) -> None:
    told = {"verified": True, "events": outcome.count, "public_key": outcome.public_key, "key_given": outcome.key_given}
    said = f"All {outcome.count} events are as they were sealed."
    if with_heads:
        told |= {"heads": outcome.kept}
        said += f" The log runs through {outcome.kept} kept heads."
    show(told, as_json=as_json, said=said)
    if not outcome.key_given:
        note = (
            f"It says that it was signed with {outcome.public_key}. Whoever made it may have made that key: give the "
            "one you know with --key."
        )
        click.echo(note, err=True)


def _chain_of(context: AppContext, account: str) -> str:
    account_id = id_of(account, "account")
    with context.db.read() as connection:
        if accounts_flow.find_account(connection, account_id) is None:
            raise missing("account", account)
    return str(account_id)


@contextmanager
def _writing(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    with output.open("w", encoding="utf-8", newline="") as file:
        yield file


def _reading(file: Path, read: Callable[[Iterator[str]], T]) -> T:
    if str(file) == "-":
        return read(iter(sys.stdin))
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as lines:
        return read(iter(lines))
