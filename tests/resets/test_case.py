from datetime import datetime, timedelta
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tests.harness.clock import NOON, later
from tests.resets.helpdesk import exactly
from twofold.directory.user import User
from twofold.resets.case import (
    LIFE,
    LONGEST_REASON,
    MOST_WRONG_PASSWORDS,
    OPEN_STATES,
    SHORTEST_REASON,
    Act,
    Case,
    CloseReason,
    Key,
    Requester,
    State,
    Subject,
    SubjectAtOpening,
    acts_of,
    allows,
    close_reason,
    may_approve,
    needs_approval,
    sees,
    standing,
)
from twofold.resets.link import Dead, Expired, Link, Open, Replaced, Unknown, Used, link_verdict

ACCOUNT, OTHER_ACCOUNT, OPERATOR = (UUID(int=number) for number in (1, 2, 3))
YESTERDAY = NOON - timedelta(days=1)
NEWEST, OLDER = b"newest", b"older"

SUBJECT = Subject(
    id=UUID(int=10), account_id=ACCOUNT, account_name="Acme", name="Ada", email="ada@acme.example", role="member",
    active=True, frozen_at=None, sso=False, second_factor_since=YESTERDAY, factors_changed_at=YESTERDAY,
    password_set_at=YESTERDAY, password_unproven=False,
)  # fmt: skip
GRACE = Requester(
    id=UUID(int=11), account_id=ACCOUNT, name="Grace", email="grace@acme.example", role="admin", active=True,
    frozen_at=None,
)  # fmt: skip
CASE = Case(
    id=UUID(int=12), account_id=ACCOUNT, state=State.SENT, reason="Lost phone", requester_kind="admin",
    asked=SubjectAtOpening(SUBJECT.email, YESTERDAY, YESTERDAY), requested_at=NOON, sent_at=NOON,
    valid_until=NOON + LIFE, token_hash=NEWEST, letter_id=None, password_tries=0, approved_at=None, ended_at=None,
    ended_why=None, subject=SUBJECT, requester=GRACE, approver_name=None, letter=None,
)  # fmt: skip

# The mailbox has given the subject both the password and the link: somebody else must approve.
UNPROVEN = CASE._replace(subject=SUBJECT._replace(password_unproven=True))

ADMIN = User(
    id=UUID(int=20), account_id=ACCOUNT, email="joan@acme.example", email_key="joan@acme.example", name="Joan",
    role="admin", licensed=True, active=True, frozen_at=None, security_version=1, password_hash="$argon2id$",
    password_set_at=YESTERDAY, password_unproven=False, second_factor_since=YESTERDAY, factors_changed_at=YESTERDAY,
    reset_confirmed_at=None, exception_until=None, account_name="Acme", edition="enterprise", is_operator=False,
    sso=False, sso_url=None, policy="optional", required_from=None,
)  # fmt: skip
REQUESTER = ADMIN._replace(id=GRACE.id)
HERSELF = ADMIN._replace(id=SUBJECT.id)
MEMBER = ADMIN._replace(role="member")
ANONYMOUS = ADMIN._replace(account_id=OTHER_ACCOUNT)
AGENT = ADMIN._replace(role="support", account_id=OPERATOR)

# Each takes away one thing that the case rests on.
CLOSE_REASONS: list[tuple[CloseReason, Case]] = [
    (CloseReason.WRONG_PASSWORDS, CASE._replace(password_tries=MOST_WRONG_PASSWORDS)),
    (CloseReason.INACTIVE, CASE._replace(subject=SUBJECT._replace(active=False))),
    (CloseReason.FROZEN, CASE._replace(subject=SUBJECT._replace(frozen_at=NOON))),
    (CloseReason.SSO, CASE._replace(subject=SUBJECT._replace(sso=True))),
    (CloseReason.EMAIL_CHANGED, CASE._replace(subject=SUBJECT._replace(email="ada@home.example"))),
    (CloseReason.FACTORS_CHANGED, CASE._replace(subject=SUBJECT._replace(second_factor_since=None))),
    (
        CloseReason.FACTORS_CHANGED,
        CASE._replace(subject=SUBJECT._replace(second_factor_since=NOON, factors_changed_at=NOON)),
    ),
    (CloseReason.FACTORS_CHANGED, CASE._replace(subject=SUBJECT._replace(factors_changed_at=NOON))),
    (CloseReason.REQUESTER, CASE._replace(requester=GRACE._replace(role="member"))),
    (CloseReason.REQUESTER, CASE._replace(requester=GRACE._replace(active=False))),
    (CloseReason.REQUESTER, CASE._replace(requester=GRACE._replace(frozen_at=NOON))),
    (CloseReason.REQUESTER, CASE._replace(requester=GRACE._replace(account_id=OTHER_ACCOUNT))),
    (CloseReason.REQUESTER, CASE._replace(requester=GRACE._replace(id=SUBJECT.id))),
    (CloseReason.REQUESTER, CASE._replace(requester=None)),
]

moments = st.integers(-3600, 3600).map(lambda seconds: later(seconds=seconds))
states = st.sampled_from(State)
stored_states = st.sampled_from([state for state in State if state is not State.EXPIRED])
cases = st.sampled_from([CASE, *(case for _, case in CLOSE_REASONS)])


def test_a_link_is_open_for_fifteen_minutes_from_its_sending() -> None:
    link = Link(NEWEST, CASE, None)
    assert exactly(link_verdict(link, NOON), Open(CASE, NOON + LIFE))
    assert exactly(link_verdict(link, later(minutes=14, seconds=59)), Open(CASE, NOON + LIFE))
    assert exactly(link_verdict(link, later(minutes=15)), Expired(CASE, NOON + LIFE))
    assert exactly(link_verdict(link, later(minutes=15, seconds=1)), Expired(CASE, NOON + LIFE))


@pytest.mark.parametrize(("why", "case"), CLOSE_REASONS)
def test_a_case_dies_of_each_thing_that_it_rests_on(why: CloseReason, case: Case) -> None:
    assert close_reason(CASE) is None
    assert close_reason(case) is why
    assert standing(case, NOON) is State.CLOSED
    assert exactly(link_verdict(Link(NEWEST, case, None), NOON), Dead(case, why))
    assert not any(allows(case, act, NOON) for act in Act)


def test_an_agent_who_asked_needs_no_account_in_common_with_the_subject() -> None:
    agent = GRACE._replace(role="support", account_id=OPERATOR)
    assert close_reason(CASE._replace(requester_kind="support", requester=agent)) is None


@given(state=stored_states, case=cases, at=moments, link_hash=st.sampled_from([NEWEST, OLDER]))
def test_a_link_is_open_exactly_where_its_case_can_be_confirmed_and_it_is_the_newest(
    state: State, case: Case, at: datetime, link_hash: bytes
) -> None:
    case = case._replace(state=state)
    is_open = isinstance(link_verdict(Link(link_hash, case, None), at), Open)
    assert is_open == (allows(case, Act.CONFIRM, at) and link_hash == NEWEST)
    assert allows(case, Act.CONFIRM, at) == allows(case, Act.REFUSE, at)


@given(case=cases, at=moments, state=stored_states.filter(lambda state: state not in OPEN_STATES))
def test_nothing_happens_any_more_to_a_case_that_has_ended(case: Case, at: datetime, state: State) -> None:
    case = case._replace(state=state)
    assert standing(case, at) is state
    assert not any(allows(case, act, at) for act in Act)


@given(at=moments)
def test_an_open_case_can_be_resent_cancelled_and_approved_after_its_link_expired(at: datetime) -> None:
    for state in OPEN_STATES:
        case = CASE._replace(state=state)
        assert all(allows(case, act, at) for act in (Act.SEND, Act.CANCEL, Act.APPROVE, Act.SUPERSEDE, Act.CLOSE))
    assert standing(CASE, at) is (State.SENT if at < later(minutes=15) else State.EXPIRED)


@given(at=moments)
def test_a_case_whose_letter_has_not_gone_out_can_be_neither_confirmed_nor_refused(at: datetime) -> None:
    waiting = CASE._replace(state=State.REQUESTED, sent_at=None, valid_until=None, token_hash=None)
    assert standing(waiting, at) is State.REQUESTED
    assert not allows(waiting, Act.CONFIRM, at)
    assert not allows(waiting, Act.REFUSE, at)


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (State.CONFIRMED, Used),
        (State.REFUSED, Used),
        (State.CANCELLED, Dead),
        (State.CLOSED, Dead),
        (State.SUPERSEDED, Replaced),
    ],
)
def test_a_link_says_what_became_of_its_case_however_long_ago(state: State, verdict: type) -> None:
    case = CASE._replace(state=state)
    for hours in (0, 1, 1000):
        assert isinstance(link_verdict(Link(NEWEST, case, None), later(hours=hours)), verdict)


def test_an_older_link_names_the_moment_of_the_newer_one() -> None:
    resent = CASE._replace(sent_at=later(minutes=3), valid_until=later(minutes=18))
    assert exactly(link_verdict(Link(OLDER, resent, None), later(minutes=4)), Replaced(resent, later(minutes=3)))
    superseded = CASE._replace(state=State.SUPERSEDED)
    assert exactly(
        link_verdict(Link(NEWEST, superseded, later(minutes=5)), later(minutes=6)),
        Replaced(superseded, later(minutes=5)),
    )
    assert exactly(link_verdict(Link(NEWEST, superseded, None), later(minutes=6)), Replaced(superseded, None))


def test_a_link_that_was_never_sent_is_unknown() -> None:
    assert exactly(link_verdict(None, NOON), Unknown())


@given(set_at=moments, approved_at=st.none() | moments, unproven=st.booleans())
def test_only_an_approval_that_knew_of_the_mailed_password_counts(
    *, set_at: datetime, approved_at: datetime | None, unproven: bool
) -> None:
    subject = SUBJECT._replace(password_set_at=set_at, password_unproven=unproven)
    case = CASE._replace(subject=subject, approved_at=approved_at)
    assert needs_approval(case) == (unproven and (approved_at is None or approved_at < set_at))


def test_five_wrong_passwords_close_a_case_and_four_do_not() -> None:
    assert close_reason(CASE._replace(password_tries=4)) is None
    assert close_reason(CASE._replace(password_tries=5)) is CloseReason.WRONG_PASSWORDS


def test_a_reason_has_3_to_500_characters() -> None:
    assert (SHORTEST_REASON, LONGEST_REASON) == (3, 500)


def test_a_case_is_known_by_itself_its_account_and_its_subject() -> None:
    assert CASE.key == Key(CASE.id, ACCOUNT, SUBJECT.id)


STEER, STEER_AND_APPROVE = {Act.SEND, Act.CANCEL}, {Act.SEND, Act.CANCEL, Act.APPROVE}


@pytest.mark.parametrize(
    ("who", "seen", "approves", "offered"),
    [
        (ADMIN, True, True, STEER_AND_APPROVE),
        (AGENT, True, True, STEER_AND_APPROVE),
        (REQUESTER, True, False, STEER),
        (REQUESTER._replace(role="support", account_id=OPERATOR), True, False, STEER),
        (HERSELF, True, False, set()),
        (MEMBER, False, False, set()),
        (ANONYMOUS, False, False, set()),
    ],
)
def test_a_case_is_seen_steered_and_approved_by_whom_it_concerns(
    who: User, offered: set[Act], *, seen: bool, approves: bool
) -> None:
    assert (sees(who, UNPROVEN), may_approve(UNPROVEN, who)) == (seen, approves)
    assert acts_of(UNPROVEN, who, NOON) == offered
    assert acts_of(CASE, who, NOON) == offered - {Act.APPROVE}, "there is nothing to approve"
    assert acts_of(UNPROVEN._replace(approved_at=NOON), who, NOON) == offered - {Act.APPROVE}, "it is approved"
    assert acts_of(UNPROVEN._replace(state=State.CONFIRMED), who, NOON) == set(), "it is over"
