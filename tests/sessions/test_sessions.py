"""Sessions: one function makes them; they end by time, by hand, and by whatever raises their user's version."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.people import ANONYMOUS, CLIENT_INFO, People, proved
from twofold.directory import flow as directory
from twofold.directory.user import User
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import digest
from twofold.lockouts.tables import second_factor_budgets
from twofold.sessions import flow as sessions
from twofold.sessions.ending import EndReason
from twofold.sessions.session import Session, Started
from twofold.sessions.tables import sessions as sessions_table


@pytest.fixture
def user(people: People) -> User:
    return people.user()


def start(people: People, user: User, *, version: int | None = None) -> Started | None:
    with people.context.db.write() as connection:
        return sessions.start(
            people.context, connection, user,
            security_version=user.security_version if version is None else version, methods=proved("pwd", "otp"),
            channel="page", origin=Origin(NOON, CLIENT_INFO),
        )  # fmt: skip


# --- the start


def test_a_session_tells_whose_it_is_and_how_it_was_proved(people: People, user: User) -> None:
    started = start(people, user)
    assert started is not None
    session = people.session(started.token)
    assert session.user == people.look_up(user)
    assert (session.id, session.methods, session.channel) == (started.id, proved("pwd", "otp"), "page")
    assert (session.began_at, session.last_seen_at) == (NOON, NOON)
    assert session.expires_at == started.expires_at == later(hours=24)


def test_only_the_hash_of_a_token_is_stored(people: People, user: User) -> None:
    started = start(people, user)
    assert started is not None
    with people.context.db.read() as connection:
        row = connection.execute(sa.select(sessions_table)).one()
    assert row.token_hash == digest(started.token)
    assert started.token not in str(row)
    assert (row.address, row.browser, row.account_id) == (CLIENT_INFO.address, CLIENT_INFO.browser, user.account_id)


def test_every_session_has_a_token_and_an_id_of_its_own(people: People, user: User) -> None:
    made = [start(people, user) for _ in range(20)]
    assert len({started.token for started in made if started}) == 20
    assert len({started.id for started in made if started}) == 20


@pytest.mark.parametrize("version", [0, 2, 99])
def test_none_is_started_under_another_security_version(people: People, user: User, version: int) -> None:
    assert start(people, user, version=version) is None
    assert people.count(sessions_table) == 0


@pytest.mark.parametrize("values", [{"active": False}, {"frozen_at": NOON}], ids=["deactivated", "frozen"])
def test_none_is_started_for_who_was_frozen_or_deactivated_meanwhile(
    people: People, user: User, values: dict[str, object]
) -> None:
    people.set_user(user, **values)
    assert start(people, user) is None


# --- ends by time


def find(people: People, token: str, **after: float) -> Session | None:
    return people.find_session(token, at=NOON + timedelta(**after))


def test_a_session_left_alone_for_an_hour_is_over(people: People, user: User) -> None:
    token = people.token(user)
    assert find(people, token, minutes=59, seconds=59) is not None
    other = people.token(user)
    assert find(people, other, hours=1) is None


def test_a_session_in_use_goes_on_and_ends_after_24_hours_all_the_same(people: People, user: User) -> None:
    token = people.token(user)
    for half_hours in range(1, 48):
        assert find(people, token, hours=half_hours / 2) is not None
    assert find(people, token, hours=24, microseconds=-1) is not None
    assert find(people, token, hours=24) is None


def test_both_lives_can_be_set(people: People, user: User) -> None:
    short = msgspec.structs.replace(
        people.context.settings, session_idle=timedelta(minutes=10), session_life=timedelta(hours=1)
    )
    token = people.token(user)
    assert sessions.find(people.context.db, short, token, later(minutes=10)) is None
    with people.context.db.write() as connection:
        started = sessions.start(
            replace(people.context, settings=short), connection, user, security_version=1, methods=proved("pwd"),
            channel="page", origin=Origin(NOON, CLIENT_INFO),
        )  # fmt: skip
    assert started is not None
    assert started.expires_at == later(hours=1)


def test_the_last_use_is_written_down_at_most_once_a_minute(people: People, user: User) -> None:
    token = people.token(user)
    seen = []
    for seconds in (10, 59, 60, 61, 119, 120, 121):
        find(people, token, seconds=seconds)
        with people.context.db.read() as connection:
            seen.append((connection.execute(sa.select(sessions_table.c.last_seen_at)).scalar_one() - NOON).seconds)
    assert seen == [0, 0, 60, 60, 60, 120, 120]


# --- ends with its user's version, or with its user


@pytest.mark.parametrize("values", [{"active": False}, {"frozen_at": NOON}], ids=["deactivated", "frozen"])
def test_a_session_counts_no_more_once_its_user_is_frozen_or_deactivated(
    people: People, user: User, values: dict[str, object]
) -> None:
    token = people.token(user)
    people.set_user(user, **values)
    assert people.find_session(token) is None


def test_raising_the_security_version_ends_every_session_at_once(people: People, user: User) -> None:
    tokens = [people.token(user) for _ in range(3)]
    with people.context.db.write() as connection:
        assert directory.end_sessions(connection, user.id) == 2
    assert [people.find_session(token) for token in tokens] == [None] * 3


@pytest.mark.parametrize(
    ("values", "ends"),
    [({"role": "admin"}, True), ({"licensed": False}, False), ({"exception_until": NOON}, False)],
    ids=["role", "licence", "exception"],
)
def test_a_change_that_ends_sessions_raises_the_version_and_another_does_not(
    people: People, user: User, values: dict[str, object], *, ends: bool
) -> None:
    token = people.token(user)
    with people.context.db.write() as connection:
        version = directory.change_user(connection, user.id, values, ends_sessions=ends)
    assert version == (2 if ends else 1)
    assert (people.find_session(token) is None) is ends


def test_lock_licence_and_edition_end_nothing(people: People) -> None:
    user, factor = people.protected()
    token = people.token(user, factor.phone)
    people.set_user(user, licensed=False)
    people.set_account(user.account_id, edition="standard", policy="off")
    with people.context.db.write() as connection:
        connection.execute(second_factor_budgets.update().values(wrong=5, wrong_in_row=100))
    assert people.session(token).user.has_second_factor


def test_somebody_elses_sessions_go_on(people: People, user: User) -> None:
    other = people.user("grace@acme.example")
    token = people.token(other)
    with people.context.db.write() as connection:
        directory.end_sessions(connection, user.id)
    assert people.find_session(token) is not None


# --- going on under a new token


def test_the_session_that_made_a_change_goes_on_under_a_new_token_to_the_same_end(people: People, user: User) -> None:
    token = people.token(user)
    session = people.session(token)
    at = later(hours=3)
    with people.context.db.write() as connection:
        version = directory.end_sessions(connection, user.id) or 0
        started = sessions.renew(
            people.context, connection, session, security_version=version, ends_others=EndReason.FACTORS_CHANGED,
            origin=Origin(at, ANONYMOUS), proved=proved("otp", at=at),
        )  # fmt: skip
    assert people.find_session(token, at=at) is None
    renewed = people.session(started.token, at=at)
    assert started.token != token
    assert renewed.id == session.id
    assert renewed.expires_at == session.expires_at == later(hours=24)
    assert renewed.began_at == NOON
    assert renewed.methods == (*proved("pwd"), *proved("otp", at=at))
    assert renewed.last_seen_at == at


def test_a_method_that_was_proved_before_is_named_once(people: People) -> None:
    user, factor = people.protected()
    session = people.sign_in(user, factor.phone)
    with people.context.db.write() as connection:
        started = sessions.renew(
            people.context,
            connection,
            session,
            security_version=user.security_version,
            ends_others=EndReason.FACTORS_CHANGED,
            origin=Origin(NOON, CLIENT_INFO),
            proved=proved("otp", at=later(minutes=1)),
        )
    assert people.session(started.token).methods == (*proved("pwd"), *proved("otp", at=later(minutes=1)))


def test_no_session_is_renewed_under_a_version_that_is_not_its_users(people: People, user: User) -> None:
    session = people.sign_in(user)

    def renew() -> None:
        with people.context.db.write() as connection:
            sessions.renew(
                people.context, connection, session, security_version=99, ends_others=EndReason.FACTORS_CHANGED,
                origin=Origin(NOON, CLIENT_INFO),
            )  # fmt: skip

    with pytest.raises(RuntimeError):
        renew()


# --- ends by hand


def test_signing_out_ends_this_session_alone(people: People, user: User) -> None:
    one, other = people.token(user), people.token(user)
    sessions.sign_out(people.context.db, people.session(one), origin=Origin(NOON, CLIENT_INFO))
    assert people.find_session(one) is None
    assert people.find_session(other) is not None
    (event,) = people.events("signed_out")
    assert (event.subject_id, event.actor_id, event.address) == (user.id, user.id, CLIENT_INFO.address)


def test_signing_out_twice_is_written_down_once(people: People, user: User) -> None:
    session = people.sign_in(user)
    for _ in range(2):
        sessions.sign_out(people.context.db, session, origin=Origin(NOON, CLIENT_INFO))
    assert len(people.events("signed_out")) == 1


def test_one_other_session_or_all_others_can_be_ended(people: People, user: User) -> None:
    mine, phone, tablet, helpdesk = (people.token(user) for _ in range(4))
    me = people.session(mine)
    assert sessions.end_one(people.context.db, me, people.session(phone).id, origin=Origin(NOON, CLIENT_INFO))
    assert people.find_session(phone) is None
    assert sessions.end_others(people.context.db, me, origin=Origin(NOON, CLIENT_INFO)) == 2
    assert [people.find_session(token) for token in (tablet, helpdesk)] == [None, None]
    assert people.find_session(mine) is not None
    assert len(people.events("signed_out")) == 2


def test_nobody_ends_somebody_elses_session(people: People, user: User) -> None:
    other = people.user("grace@acme.example")
    token = people.token(other)
    mine = people.sign_in(user)
    assert not sessions.end_one(people.context.db, mine, people.session(token).id, origin=Origin(NOON, CLIENT_INFO))
    assert sessions.end_others(people.context.db, mine, origin=Origin(NOON, CLIENT_INFO)) == 0
    assert people.find_session(token) is not None
    assert people.events("signed_out") == []


def test_own_sessions_are_listed_while_they_hold_the_latest_used_first(people: People, user: User) -> None:
    people.token(people.user("grace@acme.example"), at=later(minutes=50))
    people.token(user)  # idle for too long
    token = people.token(user, at=later(minutes=50))
    old, new = people.session(token, at=later(minutes=50)), people.sign_in(user, at=later(minutes=55))
    at = later(minutes=70)
    assert [row.id for row in sessions.list_own(people.context, new, at)] == [new.id, old.id]
    people.session(token, at=at)
    assert [row.id for row in sessions.list_own(people.context, new, at)] == [old.id, new.id]


def test_the_clean_up_deletes_what_is_over(people: People, user: User) -> None:
    people.token(user)
    people.token(user, at=later(hours=1))
    with people.context.db.write() as connection:
        assert sessions.forget_over(connection, later(hours=24)) == 1
    assert people.count(sessions_table) == 1


def test_the_session_that_ends_all_others_is_spared_under_whatever_token(people: People, user: User) -> None:
    """It steps up in another tab while the page that ends the others was open."""
    before, other = people.sign_in(user), people.token(user)
    with people.context.db.write() as connection:
        started = sessions.step_up(people.context, connection, before, proved("pwd"), origin=Origin(NOON, CLIENT_INFO))
    assert started is not None
    assert sessions.end_others(people.context.db, before, origin=Origin(NOON, CLIENT_INFO)) == 1
    assert people.find_session(other) is None
    assert people.session(started.token).id == before.id
