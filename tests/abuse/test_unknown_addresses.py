"""What happens at addresses that nobody has is counted by the hour; the log does not grow by it."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.people import ADA, ANONYMOUS, CLIENT_INFO, PASSWORD, People
from tests.harness.statements import noted
from twofold.abuse import flow as abuse
from twofold.abuse import unknown_flow as unknown
from twofold.abuse.report_flow import report
from twofold.abuse.tables import discarded_events, refusal_counts
from twofold.audit.tables import audit_chains, audit_events
from twofold.events import kinds
from twofold.kit.acting import Origin
from twofold.kit.network import UNKNOWN
from twofold.operations import jobs
from twofold.recovery import password_flow
from twofold.signin.first_factor import password_flow as first_factor
from twofold.signin.first_factor.password_flow import Credentials

NOBODY = "nobody@acme.example"


def sign_in(people: People, email: str, channel: str = "page") -> None:
    submit = first_factor.submit_legacy if channel == "legacy" else first_factor.submit_password
    submit(people.context, Credentials(email, "not it at all", None, channel), origin=Origin(NOON, ANONYMOUS))


def ask_for_letter(people: People, email: str) -> None:
    password_flow.ask(people.context, email, origin=Origin(NOON, ANONYMOUS))


def counted(people: People) -> dict[str, int]:
    with people.context.db.read() as connection:
        rows = connection.execute(sa.select(refusal_counts.c.kind, refusal_counts.c.refused)).all()
    return {kind: refused for kind, refused in rows if refused}


@pytest.mark.parametrize("channel", ["page", "api", "legacy"])
def test_refused_sign_ins_as_nobody_are_a_number_of_the_hour(people: People, channel: str) -> None:
    """Stops: eight gigabytes a day that nobody can ever delete, written by one client."""
    for n in range(20):
        sign_in(people, f"nobody{n}@acme.example", channel)
    assert people.count(audit_events) == 0
    assert counted(people) == {"unknown_address_sign_in": 20}


def test_letters_asked_for_nobody_are_a_number_of_the_hour(people: People) -> None:
    for n in range(20):
        ask_for_letter(people, f"nobody{n}@acme.example")
    assert people.count(audit_events) == 0
    assert counted(people) == {"unknown_address_letter": 20}


def test_what_happens_to_somebody_stands_in_the_log_and_is_not_counted(people: People) -> None:
    ada = people.user()
    sign_in(people, ADA)
    ask_for_letter(people, ADA)
    refused, asked = people.events("sign_in_refused", "password_link_asked")
    assert {refused.subject_id, asked.subject_id} == {ada.id}
    assert (refused.result, refused.details, refused.address) == (
        "refused", '{"why":"password_wrong"}', ANONYMOUS.address,
    )  # fmt: skip
    assert counted(people) == {}
    assert report(people.context.db, later(minutes=1), timedelta(hours=1)).kinds == {
        "password_link_asked": 1, "sign_in_refused": 1,
    }  # fmt: skip


def test_a_row_for_nobody_is_in_as_many_indexes_as_one_of_the_log() -> None:
    """Stops: a stopwatch that tells which of the two was written."""
    at_once = [
        index for index in audit_events.indexes if "position" not in index.columns and "actor_id" not in index.columns
    ]
    assert len(discarded_events.indexes) == len(at_once)
    assert {column.name for column in audit_events.c} - {column.name for column in discarded_events.c} == {
        "position", "hash",
    }  # fmt: skip


def test_it_is_discarded_when_the_log_is_sealed(people: People) -> None:
    for n in range(3):
        sign_in(people, f"nobody{n}@acme.example")
    assert people.count(discarded_events) == 3
    (seal,) = [job for job in jobs.jobs_of(people.context, None) if job.name == "seal"]
    seal.run(people.context, NOON)
    assert people.count(discarded_events) == 0


def test_discarding_takes_the_statements_of_sealing_and_changes_nothing(people: People) -> None:
    """Stops: a look at how quickly others are answered, a moment after a request, that tells whose log it went into."""
    people.user()
    (seal,) = [job for job in jobs.jobs_of(people.context, None) if job.name == "seal"]
    seal.run(people.context, NOON)
    took: list[Counter[str]] = []
    for email in (ADA, NOBODY):
        sign_in(people, email)
        before = chains(people)
        with noted(people.context.db) as heard:
            seal.run(people.context, later(minutes=1))
        took.append(Counter(text.split("WHERE")[0] for text in heard if text.startswith("UPDATE")))
        assert (chains(people) == before) is (email == NOBODY)
    assert took[0] == took[1] != Counter()
    assert people.count(audit_events, audit_events.c.hash.is_(None)) == 0


def chains(people: People) -> list[sa.Row[Any]]:
    with people.context.db.read() as connection:
        return list(connection.execute(sa.select(audit_chains).order_by(audit_chains.c.chain)).all())


def test_who_exists_does_not_show_in_the_row_that_others_wait_for(people: People) -> None:
    """Stops: holding the row of the hour with one's own requests, and watching who waits for it."""
    held = []
    for whose in (None, (people.user().id, people.acme)):
        with people.context.db.write() as connection:
            unknown.record(
                connection, kinds.SignInRefused("frozen"), whose, counted_as="kind", origin=Origin(NOON, CLIENT_INFO)
            )
        with people.context.db.read() as connection:
            held.append(connection.execute(sa.select(refusal_counts.c.network, refusal_counts.c.kind)).all())
    assert held[0] == held[1] == [("192.0.2.0/24", "kind")]


def test_an_hour_has_no_more_rows_than_networks_that_are_counted_apart(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops: an IPv6 prefix of millions of networks, each with a row of its own."""
    monkeypatch.setattr(abuse, "MOST_NETWORKS_AN_HOUR", 5)
    kind = uuid4().hex
    with people.context.db.write() as connection:
        for n in range(20):
            abuse.count_refusal(connection, kind, f"2001:db8:0:{n:x}00::1", later(hours=7))
        abuse.count_refusal(connection, kind, "192.0.2.7", later(hours=8))
    with people.context.db.read() as connection:
        rows = connection.execute(sa.select(refusal_counts.c.network, refusal_counts.c.refused)).all()
    assert len(rows) == 7
    assert (UNKNOWN, 15) in {tuple(row) for row in rows}


def test_the_right_password_of_somebody_is_no_refusal(people: People) -> None:
    people.user()
    first_factor.submit_password(
        people.context, Credentials(ADA, PASSWORD, None, "page"), origin=Origin(NOON, CLIENT_INFO)
    )
    assert counted(people) == {}
    assert people.count(discarded_events) == 0
