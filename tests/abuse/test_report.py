"""The report under attack: which networks are refused most, and at whom they aim."""

from datetime import timedelta

import pytest

from tests.harness.clock import NOON, later
from tests.harness.events import recorded
from tests.harness.people import ANONYMOUS, CLIENT_INFO, People
from twofold.abuse import flow as abuse
from twofold.abuse import report_flow
from twofold.abuse.report_flow import NetworkReport, Report
from twofold.audit import flow as audit
from twofold.directory.user import User
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.client_info import ClientInfo

HOUR = timedelta(hours=1)


def refuse(
    people: People, user: User, client_info: ClientInfo, kind: str = "sign_in_refused", *, minutes: float = 0
) -> None:
    with people.context.db.write() as connection:
        audit.record(
            connection,
            recorded(kind),
            origin=Origin(later(minutes=minutes), client_info, acting.NOBODY),
            account_id=user.account_id,
            subject_id=user.id,
            result="refused",
        )


def report(people: People, *, minutes: float = 0) -> Report:
    return report_flow.report(people.context.db, later(minutes=minutes), HOUR)


def test_networks_come_in_the_order_of_what_was_refused(people: People) -> None:
    ada, bob = people.user(), people.user("bob@acme.example")
    for user in (ada, bob):
        refuse(people, user, ANONYMOUS)
    refuse(people, ada, ANONYMOUS, "second_factor_wrong")
    refuse(people, ada, CLIENT_INFO)
    found = report(people, minutes=1)
    assert found.networks == [
        NetworkReport("198.51.100.0/24", 3, {"second_factor_wrong": 1, "sign_in_refused": 2}, 2),
        NetworkReport("192.0.2.0/24", 1, {"sign_in_refused": 1}, 1),
    ]
    assert found.kinds == {"second_factor_wrong": 1, "sign_in_refused": 3}
    assert found.complete


def test_users_are_named_with_the_number_of_networks_that_aim_at_them(people: People) -> None:
    ada, bob = people.user(), people.user("bob@acme.example")
    for client_info in (ANONYMOUS, CLIENT_INFO, CLIENT_INFO):
        refuse(people, ada, client_info)
    refuse(people, bob, CLIENT_INFO)
    told = [(one.email, one.refused, one.networks) for one in report(people, minutes=1).users]
    assert told == [("ada@acme.example", 3, 2), ("bob@acme.example", 1, 1)]


def test_what_nobody_known_was_refused_counts_by_network(people: People) -> None:
    with people.context.db.write() as connection:
        abuse.count_refusal(connection, "unknown_address_sign_in", ANONYMOUS.address, NOON, times=7)
    assert report(people, minutes=1).networks == [
        NetworkReport("198.51.100.0/24", 7, {"unknown_address_sign_in": 7}, 0),
    ]


def test_what_is_older_and_what_is_no_refusal_is_left_out(people: People) -> None:
    ada = people.user()
    refuse(people, ada, ANONYMOUS)
    refuse(people, ada, ANONYMOUS, "signed_in", minutes=59)
    assert report(people, minutes=61).networks == []


def test_the_log_is_read_as_far_back_as_the_span_and_no_further(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = people.user()
    for minute in range(10):
        refuse(people, ada, ANONYMOUS, minutes=minute)
    monkeypatch.setattr(report_flow, "BATCH", 2)
    assert report(people, minutes=10).networks[0].refused == 10
    monkeypatch.setattr(report_flow, "MOST_EVENTS", 4)
    found = report(people, minutes=10)
    assert (found.networks[0].refused, found.complete) == (4, False)
