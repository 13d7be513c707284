import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from tests.audit.recording import ADA, A, B, record
from tests.harness.clock import NOON
from twofold.audit import export_flow, signed_head
from twofold.audit.chain import Head, chain_of, link
from twofold.audit.tables import audit_events, audit_signing_keys
from twofold.audit.verify import Broken, Verified, heads_of, verify_lines
from twofold.kit.context import AppContext
from twofold.kit.crypto.vault import Vault, VaultError
from twofold.setting_values import parse_keys

Tamper = Callable[[list[dict[str, Any]]], Any]


def export(context: AppContext, chain: str | None = str(A), **options: Any) -> list[str]:
    return list(export_flow.complete_lines(context.db, context.vault, chain, NOON, **options))


def key_of(context: AppContext) -> str:
    return export_flow.public_key(context.db, context.vault, NOON)


def tampered(lines: list[str], change: Tamper) -> list[str]:
    """Change what lines say, and write them as the export does."""
    records = [json.loads(line) for line in lines]
    change(records)
    return [export_flow.json_line(record) for record in records]


def broken_at(context: AppContext, lines: list[str], key: str | None = None) -> int:
    outcome = verify_lines(lines, key or key_of(context))
    assert isinstance(outcome, Broken), outcome
    return outcome.position


def why(outcome: Verified | Broken) -> str:
    assert isinstance(outcome, Broken), outcome
    return outcome.why


def test_an_export_holds_the_whole_chain_and_verifies(recorded: AppContext) -> None:
    lines = export(recorded)
    outcome = verify_lines(lines, key_of(recorded))
    assert isinstance(outcome, Verified), outcome
    assert outcome.count == 6
    assert [(head.chain, head.position) for head in outcome.head] == [(str(A), 6)]
    assert (outcome.public_key, outcome.key_given) == (key_of(recorded), True)
    events = [json.loads(line)["event"] for line in lines[1:-1]]
    assert [event["details"]["number"] for event in events] == list(range(6))


def test_what_was_not_sealed_yet_is_sealed_first(recorded: AppContext) -> None:
    export(recorded)
    record(recorded.db)
    outcome = verify_lines(export(recorded), None)
    assert isinstance(outcome, Verified)
    assert outcome.count == 7


def test_an_export_of_everything_holds_every_chain(recorded: AppContext) -> None:
    outcome = verify_lines(export(recorded, None), key_of(recorded))
    assert isinstance(outcome, Verified), outcome
    assert outcome.count == 9
    assert {(head.chain, head.position) for head in outcome.head} == {(str(A), 6), (str(B), 2), ("installation", 1)}
    assert outcome.head[0].chain == "installation"


def test_a_chain_without_events_verifies_as_empty(context: AppContext) -> None:
    outcome = verify_lines(export(context, str(A)), key_of(context))
    assert isinstance(outcome, Verified), outcome
    assert (outcome.count, [head.position for head in outcome.head]) == (0, [0])


def test_an_export_is_read_in_pages(recorded: AppContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_flow, "PAGE", 4)
    outcome = verify_lines(export(recorded, None), key_of(recorded))
    assert isinstance(outcome, Verified), outcome
    assert outcome.count == 9


def test_without_a_key_of_ones_own_it_is_said_that_the_key_came_from_the_file(recorded: AppContext) -> None:
    outcome = verify_lines(export(recorded), None)
    assert isinstance(outcome, Verified)
    assert (outcome.key_given, outcome.public_key) == (False, key_of(recorded))


def test_names_are_there_for_the_reader(recorded: AppContext) -> None:
    lines = export(recorded, names=lambda _connection, people: dict.fromkeys(people & {ADA}, "Ada <ada@acme.example>"))
    assert json.loads(lines[1])["names"] == {"actor": "Ada <ada@acme.example>", "subject": None}
    assert isinstance(verify_lines(lines, key_of(recorded)), Verified)


@pytest.mark.parametrize(
    "field", ["at", "kind", "result", "reason", "actor_id", "subject_id", "address", "browser", "id", "request_id"]
)
def test_a_changed_event_is_found(recorded: AppContext, field: str) -> None:
    lines = tampered(export(recorded), lambda records: records[3]["event"].update({field: "another"}))
    assert broken_at(recorded, lines) == 3


def test_an_event_with_more_or_less_in_it_is_found(recorded: AppContext) -> None:
    assert broken_at(recorded, tampered(export(recorded), lambda r: r[3]["event"].update(more=1))) == 3
    assert broken_at(recorded, tampered(export(recorded), lambda r: r[3]["event"].pop("reason"))) == 3
    assert broken_at(recorded, tampered(export(recorded), lambda r: r[3]["event"]["details"].update(number=9))) == 3


def test_a_changed_event_with_a_new_hash_of_its_own_is_found_at_the_next(recorded: AppContext) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        records[3]["event"]["reason"] = "another"
        records[3]["hash"] = link(bytes.fromhex(records[2]["hash"]), records[3]["event"]).hex()

    assert broken_at(recorded, tampered(export(recorded), change)) == 4


def test_a_chain_that_was_linked_anew_to_its_end_is_found_by_the_signed_head(recorded: AppContext) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        records[3]["event"]["reason"] = "another"
        for index in range(3, 7):
            records[index]["hash"] = link(bytes.fromhex(records[index - 1]["hash"]), records[index]["event"]).hex()

    outcome = verify_lines(tampered(export(recorded), change), key_of(recorded))
    assert "not the one that was signed" in why(outcome)


def test_a_removed_event_is_found(recorded: AppContext) -> None:
    for index in (1, 3, 5):
        lines = export(recorded)
        del lines[index]
        outcome = verify_lines(lines, key_of(recorded))
        assert isinstance(outcome, Broken)
        assert (outcome.position, "missing" in outcome.why) == (index, True)


def test_events_removed_from_the_end_are_found(recorded: AppContext) -> None:
    lines = export(recorded)
    outcome = verify_lines([*lines[:5], lines[-1]], key_of(recorded))
    assert isinstance(outcome, Broken)
    assert (outcome.position, "events 5 to 6 are missing" in outcome.why) == (5, True)


def test_reordered_events_are_found(recorded: AppContext) -> None:
    lines = export(recorded)
    lines[2], lines[4] = lines[4], lines[2]
    assert broken_at(recorded, lines) == 2


def test_a_repeated_event_is_found(recorded: AppContext) -> None:
    lines = export(recorded)
    lines.insert(3, lines[2])
    outcome = verify_lines(lines, key_of(recorded))
    assert isinstance(outcome, Broken)
    assert (outcome.position, "repeated" in outcome.why) == (3, True)


def test_an_event_of_another_chain_is_found(recorded: AppContext) -> None:
    lines, others = export(recorded), export(recorded, str(B))
    lines.insert(3, others[1])
    assert "6 events, but there are 7" in why(verify_lines(lines, key_of(recorded)))


def test_a_chain_that_was_taken_out_of_an_export_of_everything_is_found(recorded: AppContext) -> None:
    lines = [line for line in export(recorded, None) if f'"chain":"{B}"' not in line or '"head"' in line]
    assert "events 1 to 2 are missing" in why(verify_lines(lines, key_of(recorded)))


@pytest.mark.parametrize("kept", range(8))
def test_an_export_that_was_cut_off_is_found(recorded: AppContext, kept: int) -> None:
    assert isinstance(verify_lines(export(recorded)[:kept], key_of(recorded)), Broken)


def test_an_export_that_was_cut_off_within_a_line_is_found(recorded: AppContext) -> None:
    whole = "".join(export(recorded))
    for end in (10, len(whole) // 2, len(whole) - 2):
        assert isinstance(verify_lines(whole[:end].splitlines(), key_of(recorded)), Broken)


def test_an_end_that_states_less_is_forged(recorded: AppContext) -> None:
    def change(records: list[dict[str, Any]]) -> None:
        records[-1]["head"]["chains"][0].update(position=4, hash=records[4]["hash"])
        records[-1]["head"]["records"] = 4
        del records[5:7]

    assert "signature" in why(verify_lines(tampered(export(recorded), change), key_of(recorded)))


def test_an_end_signed_with_a_forgers_own_key_is_found_where_the_right_one_is_given(
    recorded: AppContext,
) -> None:
    lines = export(recorded)[:5]
    forger = signed_head.signer_of(bytes(32))
    digest = hashlib.sha256(b"".join(line.encode() for line in lines)).digest()
    head = Head(str(A), 4, bytes.fromhex(json.loads(lines[4])["hash"]))
    end = signed_head.signed_line(forger, signed_head.contents(NOON, [head], 4, digest))
    forged = [*lines, export_flow.json_line(end)]
    assert "signature" in why(verify_lines(forged, key_of(recorded)))
    alone = verify_lines(forged, None)
    assert isinstance(alone, Verified)
    assert not alone.key_given
    assert alone.public_key != key_of(recorded), "all that is left is to compare the key"


def test_a_signature_over_something_else_is_no_signature_of_a_head(recorded: AppContext) -> None:
    lines = export(recorded)
    end = json.loads(lines[-1])
    end["signature"] = base64.b64encode(bytes(64)).decode()
    assert "signature" in why(verify_lines([*lines[:-1], json.dumps(end)], key_of(recorded)))
    end.pop("signature")
    assert "signature" in why(verify_lines([*lines[:-1], json.dumps(end)], key_of(recorded)))


@pytest.mark.parametrize("missing", ["at", "chains", "records", "digest"])
def test_an_end_that_lacks_something_is_malformed(recorded: AppContext, missing: str) -> None:
    lines = tampered(export(recorded), lambda records: records[-1]["head"].pop(missing))
    assert "malformed" in why(verify_lines(lines, key_of(recorded)))


def test_an_end_that_says_more_is_malformed(recorded: AppContext) -> None:
    lines = tampered(export(recorded), lambda records: records[-1]["head"].update(more=1))
    assert "malformed" in why(verify_lines(lines, key_of(recorded)))


def test_changed_names_are_found(recorded: AppContext) -> None:
    lines = export(recorded, names=lambda _connection, people: dict.fromkeys(people, "Ada"))
    lines = tampered(lines, lambda records: records[3]["names"].update(actor="Bob"))
    assert "names" in why(verify_lines(lines, key_of(recorded)))


def test_a_changed_first_line_is_found(recorded: AppContext) -> None:
    lines = tampered(export(recorded), lambda records: records[0].update(at="2020-01-01T00:00:00.000000Z"))
    assert "first line" in why(verify_lines(lines, key_of(recorded)))


def test_a_filtered_export_says_that_it_cannot_be_verified(recorded: AppContext) -> None:
    lines = [export_flow.header(NOON, complete=False), *export(recorded)[1:]]
    assert "filtered" in why(verify_lines(lines, key_of(recorded)))


def test_a_filtered_export_that_claims_to_be_complete_does_not_verify(recorded: AppContext) -> None:
    lines = export(recorded)
    claimed = [lines[0], *[line for line in lines[1:-1] if '"number":3' in line or '"number":5' in line]]
    assert isinstance(verify_lines(claimed, key_of(recorded)), Broken)


@pytest.mark.parametrize("text", ["", "\n", "no JSON\n", "[]\n", '{"complete": true}\n', '{"twofold_audit_export": 2}'])
def test_what_is_no_export_is_said_to_be_none(text: str) -> None:
    assert "Line 1" in why(verify_lines([text] if text else [], None))


@pytest.mark.parametrize(
    "line", ["", "no JSON", "[1]", "{}", '{"event": 1, "hash": "00"}', '{"event": {"chain": 1}}', "[" * 100_000,
             '{"event": {"chain": "x", "position": 1, "reason": "\\ud800"}, "hash": "00"}',
             '{"event": {"chain": "x", "position": NaN}, "hash": "zz"}'],
)  # fmt: skip
def test_lines_that_nobody_wrote_break_the_export_and_not_the_program(recorded: AppContext, line: str) -> None:
    lines = export(recorded)
    assert isinstance(verify_lines([*lines[:3], line, *lines[3:]], key_of(recorded)), Broken)


def test_lines_behind_the_end_are_found(recorded: AppContext) -> None:
    lines = export(recorded)
    assert "behind the signed end" in why(verify_lines([*lines, lines[1]], key_of(recorded)))
    assert isinstance(verify_lines([*lines, "\n"], key_of(recorded)), Verified)


def test_other_line_ends_do_not_matter(recorded: AppContext) -> None:
    lines = [line.replace("\n", "\r\n") for line in export(recorded)]
    assert isinstance(verify_lines(lines, key_of(recorded)), Verified)


@pytest.mark.parametrize("key", ["", "no key", "AAAA", "=" * 44])
def test_a_key_that_is_none_verifies_nothing(recorded: AppContext, key: str) -> None:
    assert "public key" in why(verify_lines(export(recorded), key))


def test_a_later_export_runs_through_the_end_of_an_earlier_one(recorded: AppContext) -> None:
    earlier = heads_of(export(recorded, None))
    assert len(earlier) == 3
    record(recorded.db, 2)
    for chain in (None, str(A)):
        assert isinstance(verify_lines(export(recorded, chain), key_of(recorded), earlier), Verified)


def test_a_chain_rewritten_and_signed_again_does_not_run_through_an_earlier_end(recorded: AppContext) -> None:
    """Somebody with the database and the keys can make a chain of their own, but not one that was exported before."""
    earlier = [Head(str(A), 4, bytes(32))]
    outcome = verify_lines(export(recorded), key_of(recorded), earlier)
    assert isinstance(outcome, Broken)
    assert outcome.position == 4


def test_a_chain_that_became_shorter_than_an_earlier_export_is_found(recorded: AppContext) -> None:
    earlier = [Head(str(A), 9, bytes(32))]
    assert "earlier export" in why(verify_lines(export(recorded), key_of(recorded), earlier))
    gone = [Head("another chain", 1, bytes(32))]
    assert isinstance(verify_lines(export(recorded), key_of(recorded), gone), Verified), "this one is of one chain"
    assert "earlier export" in why(verify_lines(export(recorded, None), key_of(recorded), gone))


def test_the_signing_key_is_made_once_and_rests_sealed(recorded: AppContext) -> None:
    assert key_of(recorded) == key_of(recorded)
    with recorded.db.read() as connection:
        row = connection.execute(sa.select(audit_signing_keys)).one()
    private = export_flow.signer(recorded.db, recorded.vault, NOON).private
    assert private not in bytes(row.box)
    assert signed_head.signer_of(private).public == row.public_key


def test_another_key_ring_cannot_sign(recorded: AppContext) -> None:
    key_of(recorded)
    other = Vault(parse_keys("test:" + base64.b64encode(bytes(32)).decode()))
    with pytest.raises(VaultError):
        export_flow.signer(recorded.db, other, NOON)


def test_the_state_of_a_chain_is_its_head(recorded: AppContext) -> None:
    assert export_flow.seal_state(recorded.db, chain_of(A)).head.position == 0
    end = heads_of(export(recorded))
    state = export_flow.seal_state(recorded.db, chain_of(A))
    assert (state.head, state.sealed_at) == (end[0], NOON)


def test_an_event_that_was_changed_in_the_database_is_found(recorded: AppContext) -> None:
    """Somebody with the rights of the database's owner takes the triggers away first."""
    export(recorded)
    with recorded.db.write() as connection:
        on = " ON audit_events" if connection.dialect.name == "postgresql" else ""
        connection.execute(sa.text(f"DROP TRIGGER audit_events_refuses_update{on}"))
        connection.execute(sa.text(f"DROP TRIGGER audit_events_refuses_delete{on}"))
        own = (audit_events.c.account_id == A) & (audit_events.c.position == 4)
        connection.execute(audit_events.update().where(own).values(reason="nothing to see"))
    assert broken_at(recorded, export(recorded)) == 4
    with recorded.db.write() as connection:
        connection.execute(audit_events.delete().where(own))
    assert "missing" in why(verify_lines(export(recorded), key_of(recorded)))
