"""A head that is kept elsewhere: what it says, who signed it, and that a rewritten chain does not run through it."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from tests.audit.recording import A, B, record
from tests.harness.clock import NOON
from tests.harness.contexts import context_on
from twofold.audit import export_flow, records, signed_head
from twofold.audit.chain import Event, Head, append, chain_of, empty
from twofold.audit.tables import audit_chains, audit_events
from twofold.audit.verify import Broken, KeptHeads, Verified, kept_heads, verify_lines
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import new_id


def head(context: AppContext, chain: str | None = None) -> str:
    return export_flow.head_line(context.db, context.vault, chain, NOON)


def kept(*lines: str, key: str | None = None) -> KeptHeads:
    read = kept_heads(lines, key)
    assert isinstance(read, KeptHeads), read
    return read


def verified(context: AppContext, heads: KeptHeads, chain: str | None = None) -> Verified | Broken:
    lines = export_flow.complete_lines(context.db, context.vault, chain, NOON)
    return verify_lines(lines, None, kept=heads)


def why(outcome: KeptHeads | Verified | Broken) -> str:
    assert isinstance(outcome, Broken), outcome
    return outcome.why


def as_owner(context: AppContext, change: Callable[[sa.Connection], object]) -> None:
    """Do something with the rights of the database's owner, to whom triggers are no hindrance."""
    with context.db.write() as connection:
        if connection.dialect.name == "postgresql":
            for table in ("audit_events", "audit_chains"):
                connection.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        else:
            for name in connection.execute(sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars():
                connection.execute(sa.text(f"DROP TRIGGER {name}"))
        change(connection)


def write_anew(context: AppContext, account: Any, events: Sequence[Event]) -> None:
    """Put other events into the place of a chain, linked as the sealer would, with a head that fits them."""

    def change(connection: sa.Connection) -> None:
        connection.execute(audit_events.delete().where(audit_events.c.account_id == account))
        reached = empty(chain_of(account))
        for event in events:
            reached = append(reached, event)
            place = {"account_id": account, "position": reached.position, "hash": reached.hash}
            connection.execute(audit_events.insert().values(event._asdict() | place))
        values = {"position": reached.position, "hash": reached.hash}
        connection.execute(audit_chains.update().where(audit_chains.c.chain == reached.chain).values(values))

    as_owner(context, change)


def events_of(context: AppContext, account: Any) -> list[Event]:
    with context.db.read() as connection:
        return [one.event for one in records.events_of_chain(connection, Head(chain_of(account), 99, b""), 0, 99)]


def test_a_head_says_how_far_every_chain_reaches(recorded: AppContext) -> None:
    said = json.loads(head(recorded))
    assert {(one["chain"], one["position"]) for one in said["head"]["chains"]} == {
        (str(A), 6), (str(B), 2), ("installation", 1),
    }  # fmt: skip
    assert said["head"]["at"] == "2026-03-03T12:00:00.000000Z"
    assert said["public_key"] == export_flow.public_key(recorded.db, recorded.vault, NOON)
    assert [one["chain"] for one in json.loads(head(recorded, str(B)))["head"]["chains"]] == [str(B)]


def test_a_log_that_went_on_runs_through_it(recorded: AppContext) -> None:
    first = head(recorded)
    record(recorded.db, 3)
    heads = kept(first, head(recorded), head(recorded, str(B)))
    outcome = verified(recorded, heads)
    assert isinstance(outcome, Verified), outcome
    assert outcome.kept == 7


def test_a_chain_that_its_owner_wrote_anew_does_not(recorded: AppContext) -> None:
    """Stops: whoever owns database and key: every other check passes, as the first assertion says."""
    heads = kept(head(recorded))
    events = events_of(recorded, A)
    write_anew(recorded, A, [events[0], events[1]._replace(reason="nothing to see"), *events[2:]])
    assert isinstance(verified(recorded, kept(head(recorded, str(B)))), Verified)
    outcome = verified(recorded, heads)
    assert isinstance(outcome, Broken)
    assert outcome.position == 6
    assert "the chain was written anew" in outcome.why
    assert str(A) in outcome.why


def test_a_chain_that_became_shorter_or_is_gone_does_not(recorded: AppContext) -> None:
    heads = kept(head(recorded))
    write_anew(recorded, A, events_of(recorded, A)[:4])
    assert f"Chain {A} ends before event 6, which the head kept at" in why(verified(recorded, heads))
    write_anew(recorded, A, [])
    for chain in (None, str(A)):
        assert "ends before event 6" in why(verified(recorded, heads, chain))


def test_a_chain_that_is_longer_than_before_and_another_does_not(recorded: AppContext) -> None:
    heads = kept(head(recorded, str(A)))
    events = events_of(recorded, A)
    write_anew(recorded, A, [*events[1:], *(event._replace(id=new_id()) for event in events)])
    assert "written anew" in why(verified(recorded, heads))


def test_of_two_heads_that_contradict_each_other_one_is_found(recorded: AppContext) -> None:
    """Stops: a head of after the rewriting, that takes the place of the one of before."""
    before = head(recorded)
    events = events_of(recorded, A)
    write_anew(recorded, A, [*events[:5], events[5]._replace(kind="other")])
    after = head(recorded)
    for order in ((before, after), (after, before)):
        assert "written anew" in why(verified(recorded, kept(*order)))


def test_a_head_of_no_chain_that_is_here_says_nothing(recorded: AppContext) -> None:
    """Stops: "verified", where the file that was given has nothing to do with the log."""
    assert "None of the kept heads" in why(verified(recorded, kept(head(recorded, str(A))), str(B)))


# --- whose it is


def test_a_head_is_signed(recorded: AppContext) -> None:
    line, key = head(recorded), export_flow.public_key(recorded.db, recorded.vault, NOON)
    assert kept(line, key=key).public_keys == {key}
    other = signed_head.signer_of(bytes(32))
    forged = json.loads(line)
    forged["head"]["chains"][0]["hash"] = "00" * 32
    assert "signature of the kept head in line 1" in why(kept_heads([json.dumps(forged)], None))
    assert "signature of the kept head in line 2" in why(
        kept_heads([line, json.dumps(signed_head.kept_line(other, NOON, []))], key)
    )
    assert "is none" in why(kept_heads([line], "nonsense"))


def test_a_head_of_another_installation_is_not_taken(recorded: AppContext, context: AppContext) -> None:
    other = signed_head.signer_of(bytes(32))
    line = json.dumps(signed_head.kept_line(other, NOON, [Head(str(A), 0, bytes(32))]))
    assert "another key" in why(verified(recorded, kept(line)))


def test_an_end_of_an_export_is_no_head_and_a_head_is_no_end(recorded: AppContext) -> None:
    """Stops: a signature that was given for one thing and is shown for another."""
    lines = list(export_flow.complete_lines(recorded.db, recorded.vault, None, NOON))
    end, line = json.loads(lines[-1]), json.loads(head(recorded))
    assert "is no head" in why(kept_heads([lines[-1]], None))
    assert "malformed" in why(verify_lines([*lines[:-1], json.dumps(line)], None))
    end["head"] = {name: end["head"][name] for name in ("at", "chains")}
    assert "signature" in why(kept_heads([json.dumps(end)], None))
    line["head"] |= {"records": 0, "digest": ""}
    assert "signature" in why(verify_lines([lines[0], json.dumps(line)], None))


@pytest.mark.parametrize("nonsense", ["[]", "{}", "no JSON", '{"head": 1}', '{"head": {"at": "", "chains": [1]}}'])
def test_what_is_no_head_is_said_to_be_none(recorded: AppContext, nonsense: str) -> None:
    assert "Line 2 of the kept heads is no head" in why(kept_heads([head(recorded), nonsense], None))


def test_a_head_that_says_more_is_none(recorded: AppContext) -> None:
    line = json.loads(head(recorded))
    line["head"]["more"] = 1
    assert "is no head" in why(kept_heads([json.dumps(line)], None))


def test_an_empty_file_verifies_nothing() -> None:
    """Stops: a timer that has written nothing for a year, and a verification that says all is well."""
    assert "no kept head" in why(kept_heads(["\n", " "], None))


def test_one_account_whose_chain_was_wiped_out_does_not_fit_an_earlier_export(database_url: str) -> None:
    """Stops: an export of one account that has no event left, and so nothing to compare."""
    with context_on(database_url) as context:
        record(context.db, 2)
        earlier = [Head(str(A), 2, bytes(32))]
        write_anew(context, A, [])
        lines = export_flow.complete_lines(context.db, context.vault, str(A), NOON)
        assert "earlier export" in why(verify_lines(lines, None, earlier))
