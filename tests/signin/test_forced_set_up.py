"""Where a policy forces set-up during sign-in: the mailbox is proved before the authenticator."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from tests.harness import processes
from tests.harness.clock import NOON, later
from tests.harness.contexts import context_on
from tests.harness.people import ADA, ANONYMOUS, CLIENT_INFO, People, phone_of
from twofold.directory import flow as directory
from twofold.directory.refusals import NoMail
from twofold.directory.user import User
from twofold.factors.outcomes import EnrolmentExpired, MalformedCode, Opened, WrongConfirmation
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.sql.database import Database
from twofold.lockouts import flow as lockouts
from twofold.lockouts.flow import Wait
from twofold.sessions import guard
from twofold.sessions.methods import names
from twofold.sessions.session import Session
from twofold.sessions.tables import sessions
from twofold.signin import attempt_flow, flow, set_up_flow
from twofold.signin.attempt import Expired, OutOfOrder, Step
from twofold.signin.outcomes import Due, GoesOn, MailedCodeClosed, SignedIn, WrongMailedCode
from twofold.signin.tables import sign_in_attempts

DAY = 24 * 3600


@pytest.fixture
def user(people: People) -> User:
    """Somebody whose account requires two-factor authentication since yesterday."""
    user = people.user()
    people.set_account(user.account_id, policy="required", required_from=later(days=-1))
    return people.look_up(user)


def deliver(people: People, at: Any = NOON) -> set_up_flow.MailedCode | None:
    """Let the newest letter with a code go out, as the worker does."""
    entry = people.letters("sign_in_code")[-1]
    with people.context.db.write() as connection:
        return set_up_flow.mint_mailed_code(people.context, connection, entry, at)


def mailed(people: People, at: Any = NOON) -> str:
    letter = deliver(people, at)
    assert letter is not None
    return letter.code


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def give(people: People, sign_in: str, typed: str, at: Any = NOON, channel: str = "page") -> Any:
    return set_up_flow.submit_mailed_code(
        people.context, sign_in, typed, channel=channel, origin=Origin(at, CLIENT_INFO),
    )  # fmt: skip


def resend(people: People, sign_in: str, at: Any = NOON, channel: str = "page") -> Any:
    return set_up_flow.resend(people.context, sign_in, channel=channel, at=at)


def confirm(people: People, sign_in: str, opened: Opened, typed: str, at: Any = NOON, channel: str = "page") -> Any:
    return set_up_flow.confirm_enrolment(
        people.context, sign_in, opened.id, typed, channel=channel, client=None, origin=Origin(at, CLIENT_INFO),
    )  # fmt: skip


def opened_in(people: People, sign_in: str, at: Any = NOON) -> Opened:
    attempt = attempt_flow.find(people.context, sign_in, at)
    assert attempt is not None
    opened = set_up_flow.find_enrolment(people.context, attempt, at)
    assert opened is not None
    return opened


def at_set_up(people: People, user: User) -> tuple[str, Opened]:
    """Come as far as the QR code."""
    sign_in = people.attempt(user)
    assert isinstance(give(people, sign_in, mailed(people)), GoesOn)
    return sign_in, opened_in(people, sign_in)


# --- the whole way


def test_mailbox_then_app_then_backup_code_then_session(people: People, user: User) -> None:
    due = people.begin(user, return_to="/people")
    assert (due.next, due.expires_at) == ("verify_email", later(minutes=10))
    code = mailed(people)
    at = later(minutes=9)
    assert give(people, due.sign_in, code, at) == GoesOn("set_up", later(minutes=19))
    opened = opened_in(people, due.sign_in, at)
    assert not people.look_up(user).has_second_factor
    at = later(minutes=18)
    outcome = confirm(people, due.sign_in, opened, phone_of(opened).code(at), at)
    assert outcome == Due(due.sign_in, "save_backup_code", later(minutes=28))
    assert people.look_up(user).second_factor_since == at
    assert people.count(sessions) == 0
    attempt = attempt_flow.find(people.context, due.sign_in, at)
    assert attempt is not None
    backup_code = set_up_flow.show_backup_code(people.context, attempt)
    at = later(minutes=27)
    signed_in = flow.submit_saved(people.context, due.sign_in, client=None, origin=Origin(at, CLIENT_INFO))
    assert isinstance(signed_in, SignedIn)
    assert signed_in.return_to == "/people"
    assert names(people.session(signed_in.session.token, at=at).methods) == ["pwd", "otp"]
    assert backup_code is not None
    again = people.attempt(people.look_up(user), at=at, channel="api")
    assert isinstance(people.give_code(again, backup_code, at=at, channel="api"), SignedIn)
    assert [event.kind for event in people.events("mailbox_proved", "two_factor_set_up", "signed_in")] == [
        "mailbox_proved", "two_factor_set_up", "signed_in", "signed_in",
    ]  # fmt: skip


def test_a_program_gets_the_backup_code_with_its_session(people: People, user: User) -> None:
    sign_in = people.attempt(user, channel="api")
    assert give(people, sign_in, mailed(people), channel="api") == GoesOn("set_up", later(minutes=10))
    outcome = set_up_flow.open_enrolment(people.context, sign_in, channel="api", at=NOON)
    assert isinstance(outcome, tuple)
    assert not isinstance(outcome, Expired | OutOfOrder)
    _, opened = outcome
    signed_in = confirm(people, sign_in, opened, phone_of(opened).code(NOON), channel="api")
    assert isinstance(signed_in, SignedIn)
    assert signed_in.new_backup_code is not None
    assert names(people.session(signed_in.session.token).methods) == ["pwd", "otp"]


def test_an_agent_is_led_there_always(people: People) -> None:
    agent = people.user("agent@operator.example", role="support")
    assert people.begin(agent).next == "verify_email"


@pytest.mark.parametrize("date", [later(days=1), later(microseconds=1)])
def test_before_its_date_a_policy_forces_nobody(people: People, user: User, date: Any) -> None:
    people.set_account(user.account_id, required_from=date)
    assert isinstance(people.begin(user), SignedIn)


def test_an_exception_that_runs_forces_nobody(people: People, user: User) -> None:
    people.set_user(user, exception_until=later(minutes=1))
    assert isinstance(people.begin(user), SignedIn)
    assert people.begin(user, at=later(minutes=1)).next == "verify_email"


# --- without mail


def test_without_a_mail_server_the_forced_set_up_is_refused_with_that_reason(database_url: str) -> None:
    with context_on(database_url, mail=False) as context:
        people = People(context)
        user = people.user()
        people.set_account(user.account_id, policy="required")
        assert people.begin(user) == NoMail()
        assert people.count(sign_in_attempts) == 0


# --- the code from the mailbox


def test_the_code_is_made_when_the_letter_goes_out_and_rests_sealed(people: People, user: User) -> None:
    people.attempt(user)
    (letter,) = people.letters("sign_in_code")
    assert (letter.recipient, set(letter.facts)) == (ADA, {"attempt"})
    code = deliver(people, later(minutes=2))
    assert code is not None
    assert (len(code.code), code.code.isdigit(), code.valid_until) == (6, True, later(minutes=12))
    with people.context.db.read() as connection:
        row = connection.execute(sa.select(sign_in_attempts)).one()
    assert code.code.encode() not in bytes(row.mail_box)
    assert code.code not in str([*people.events(), *people.letters()])


def test_before_the_letter_went_out_no_code_is_right(people: People, user: User) -> None:
    sign_in = people.attempt(user)
    assert give(people, sign_in, "000000") == WrongMailedCode(4)


def test_a_code_holds_ten_minutes_from_its_delivery(people: People, user: User) -> None:
    sign_in = people.attempt(user)
    code = mailed(people, later(minutes=-1))
    assert give(people, sign_in, code, later(minutes=9)) == WrongMailedCode(4)
    assert give(people, sign_in, mailed(people), later(minutes=9)) == GoesOn("set_up", later(minutes=19))


def test_a_code_that_nobody_can_read_ends_the_sign_in_and_is_not_charged(people: People, user: User) -> None:
    """Stops: an error, or mailed codes blocked for a day, where a key is missing from the ring."""
    sign_in = people.attempt(user)
    code = mailed(people)
    with people.context.db.write() as connection:
        connection.execute(sign_in_attempts.update().values(mail_key_id="lost"))
    with structlog.testing.capture_logs() as logged:
        assert [give(people, sign_in, code) for _ in range(6)] == [Expired()] * 6
    assert {line["why"] for line in logged} == {"the key with id 'lost' is not in TWOFOLD_KEYS"}
    again = people.attempt(user)
    assert give(people, again, mailed(people)) == GoesOn("set_up", later(minutes=10))


def test_a_letter_whose_sign_in_is_over_goes_out_to_nobody(people: People, user: User) -> None:
    people.attempt(user)
    assert deliver(people, later(minutes=10)) is None
    people.set_user(user, security_version=99)
    assert deliver(people) is None


def test_a_newer_letter_takes_the_place_of_an_older_one(people: People, user: User) -> None:
    sign_in = people.attempt(user)
    old = mailed(people)
    assert resend(people, sign_in) == GoesOn("verify_email", later(minutes=10))
    new = mailed(people)
    if old != new:
        assert give(people, sign_in, old) == WrongMailedCode(4)
    assert isinstance(give(people, sign_in, new), GoesOn)


def test_the_code_of_one_sign_in_is_none_of_another(people: People, user: User) -> None:
    """Whoever stole the password and began a sign-in of their own cannot use the code that the owner asked for."""
    owners, attackers = people.attempt(user), people.attempt(user)
    letters = people.letters("sign_in_code")
    with people.context.db.write() as connection:
        codes = [set_up_flow.mint_mailed_code(people.context, connection, letter, NOON) for letter in letters]
    attempts = {str(attempt_flow.find(people.context, sign_in, NOON).id): sign_in for sign_in in (owners, attackers)}  # type: ignore[union-attr]
    by_attempt = {
        attempts[letter.facts["attempt"]]: code.code for letter, code in zip(letters, codes, strict=True) if code
    }
    if by_attempt[owners] != by_attempt[attackers]:
        assert give(people, attackers, by_attempt[owners]) == WrongMailedCode(4)
    assert isinstance(give(people, owners, by_attempt[owners]), GoesOn)


@pytest.mark.parametrize("typed", ["123 456", " 123456 ", "1 2 3 4 5 6"])
def test_blanks_do_not_matter(people: People, user: User, typed: str) -> None:
    sign_in = people.attempt(user)
    code = mailed(people)
    spaced = (
        typed.replace("123456", code)
        .replace("123 456", f"{code[:3]} {code[3:]}")
        .replace("1 2 3 4 5 6", " ".join(code))
    )
    assert isinstance(give(people, sign_in, spaced), GoesOn)


def test_what_is_no_code_is_malformed_and_not_charged(people: People, user: User) -> None:
    sign_in = people.attempt(user)
    for typed in ("", "12345", "1234567", "12345a", "１２３４５６", "1" * 500):  # noqa: RUF001
        assert give(people, sign_in, typed) == MalformedCode()
    assert give(people, sign_in, wrong(mailed(people))) == WrongMailedCode(4)


def test_a_code_is_used_once(people: People, user: User) -> None:
    sign_in = people.attempt(user)
    code = mailed(people)
    assert isinstance(give(people, sign_in, code), GoesOn)
    assert give(people, sign_in, code) == OutOfOrder(Step.SET_UP)


# --- five wrong ones block mailed codes for a day


def test_five_wrong_ones_across_sign_ins_and_resends_block_codes_for_24_hours(people: People, user: User) -> None:
    first = people.attempt(user)
    code = mailed(people)
    assert [give(people, first, wrong(code)) for _ in range(2)] == [WrongMailedCode(4), WrongMailedCode(3)]
    resend(people, first)
    code = mailed(people)
    assert give(people, first, wrong(code)) == WrongMailedCode(2)
    second = people.attempt(user, channel="api")
    code = mailed(people)
    assert give(people, second, wrong(code), channel="api") == WrongMailedCode(1)
    assert give(people, second, wrong(code), channel="api") == WrongMailedCode(0)
    assert give(people, second, code, channel="api") == MailedCodeClosed(DAY)
    assert give(people, first, code) == MailedCodeClosed(DAY)
    assert resend(people, first) == MailedCodeClosed(DAY)
    with people.context.db.read() as connection:
        attempts = sa.select(sa.func.count()).select_from(sign_in_attempts)
        before = connection.execute(attempts).scalar_one()
        assert people.begin(user, at=later(hours=23)) == MailedCodeClosed(3600)
        assert connection.execute(attempts).scalar_one() == before, "nobody gets its token"
    assert people.begin(user, at=later(hours=24)).next == "verify_email"
    assert len(people.events("mailed_code_wrong")) == 5


def test_an_unlock_allows_mailed_codes_before_the_day_is_over(people: People, user: User) -> None:
    sign_in = people.attempt(user)
    code = mailed(people)
    for _ in range(5):
        give(people, sign_in, wrong(code))
    with people.context.db.write() as connection:
        lockouts.unlock(people.context, connection, user, origin=Origin(NOON, actor=acting.CONSOLE), reason="called in")
    assert isinstance(give(people, sign_in, code), GoesOn)


def test_the_fifth_may_still_be_right_and_forgets_the_four(people: People, user: User) -> None:
    sign_in = people.attempt(user)
    code = mailed(people)
    for _ in range(4):
        give(people, sign_in, wrong(code))
    assert isinstance(give(people, sign_in, code), GoesOn)
    other = people.attempt(user)
    assert give(people, other, wrong(mailed(people))) == WrongMailedCode(4)


def test_three_mails_an_hour_go_out_and_a_fourth_sign_in_says_that_none_was_sent(people: People, user: User) -> None:
    attempts = [people.attempt(user) for _ in range(4)]
    assert len(people.letters("sign_in_code")) == 3
    looked = [attempt_flow.find(people.context, sign_in, NOON) for sign_in in attempts]
    assert [attempt.mailed for attempt in looked if attempt] == [True, True, True, False]
    assert resend(people, attempts[0], later(minutes=9)) == Wait(51 * 60)
    assert people.attempt(user, at=later(hours=1))
    assert len(people.letters("sign_in_code")) == 4


# --- the authenticator


def test_the_set_up_belongs_to_the_sign_in_that_opened_it(people: People, user: User) -> None:
    sign_in, opened = at_set_up(people, user)
    other = people.attempt(user)
    assert isinstance(give(people, other, mailed(people)), GoesOn)
    assert confirm(people, other, opened, phone_of(opened).code(NOON)) == EnrolmentExpired()
    theirs = opened_in(people, other)
    assert theirs.id != opened.id
    assert confirm(people, sign_in, opened, phone_of(opened).code(NOON)) == EnrolmentExpired()  # the newest wins
    assert isinstance(confirm(people, other, theirs, phone_of(theirs).code(NOON)), Due)


def test_ten_wrong_confirmations_void_it_and_it_can_be_started_again(people: People, user: User) -> None:
    sign_in, opened = at_set_up(people, user)
    wrong_code = phone_of(opened).wrong_code(NOON)
    outcomes = [confirm(people, sign_in, opened, wrong_code) for _ in range(11)]
    assert outcomes == [*(WrongConfirmation(left) for left in range(9, -1, -1)), EnrolmentExpired()]
    set_up_flow.open_enrolment(people.context, sign_in, channel="page", at=NOON)
    again = opened_in(people, sign_in)
    assert isinstance(confirm(people, sign_in, again, phone_of(again).code(NOON)), Due)


def test_the_app_comes_after_the_mailbox_and_not_before(people: People, user: User) -> None:
    sign_in = people.attempt(user)
    assert set_up_flow.open_enrolment(people.context, sign_in, channel="page", at=NOON) == OutOfOrder(Step.VERIFY_EMAIL)
    assert people.give_code(sign_in, "123456") == OutOfOrder(Step.VERIFY_EMAIL)
    saved = flow.submit_saved(people.context, sign_in, client=None, origin=Origin(NOON, CLIENT_INFO))
    assert saved == OutOfOrder(Step.VERIFY_EMAIL)


@pytest.mark.parametrize("values", [{"frozen_at": NOON}, {"active": False}, {"security_version": 9}])
def test_no_step_outlives_a_change_of_its_user(people: People, user: User, values: dict[str, Any]) -> None:
    sign_in, opened = at_set_up(people, user)
    people.set_user(user, **values)
    assert confirm(people, sign_in, opened, phone_of(opened).code(NOON)) == Expired()
    assert not people.look_up(user).has_second_factor


def test_a_change_that_overtakes_the_last_step_ends_it(people: People, user: User) -> None:
    """The sign-in was looked at before the change was committed, and comes to its end after it."""
    sign_in, opened = at_set_up(people, user)
    code, db = phone_of(opened).code(NOON), people.context.db
    with ThreadPoolExecutor(1) as other:
        with db.write() as connection:
            directory.end_sessions(connection, user.id)
            confirmed = other.submit(confirm, people, sign_in, opened, code)
            if not db.on_sqlite:  # where nobody begins before the change is committed
                processes.wait_until(lambda: somebody_waits(db), what="a set-up that waits")
        assert confirmed.result(timeout=processes.LONGEST) == Expired()
    assert not people.look_up(user).has_second_factor
    assert people.count(sessions) == 0


def somebody_waits(db: Database) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with db.read() as connection:
        return bool(connection.execute(sa.text(query)).scalar_one())


def test_set_up_in_one_sign_in_ends_the_other(people: People, user: User) -> None:
    other = people.attempt(user)
    sign_in, opened = at_set_up(people, user)
    confirm(people, sign_in, opened, phone_of(opened).code(NOON))
    assert give(people, other, "123456") == Expired()


# --- stepping a session down


def session_before_the_policy(people: People) -> tuple[Session, str]:
    user = people.user()
    token = people.token(user, at=later(minutes=-10))
    people.set_account(user.account_id, policy="required", required_from=NOON)
    return people.session(token), token


def test_a_policy_that_becomes_required_steps_sessions_down_to_the_set_up(people: People) -> None:
    session, token = session_before_the_policy(people)
    due = flow.step_down(people.context, session, origin=Origin(NOON, CLIENT_INFO))
    assert isinstance(due, Due)
    assert due.next == "verify_email"
    assert people.find_session(token) is None
    assert isinstance(give(people, due.sign_in, mailed(people)), GoesOn)
    (event,) = people.events("stepped_down")
    assert event.subject_id == session.user.id


def test_a_session_with_a_factor_is_not_stepped_down(people: People, context: AppContext) -> None:
    class Request:
        """As much of a request as the question needs."""

        def __init__(self) -> None:
            self.app = self
            self.state = self
            self.context = context

    request: Any = Request()
    user, factor = people.protected()
    session = people.sign_in(user, factor.phone)
    other = people.sign_in(people.user("grace@acme.example"))
    people.set_account(user.account_id, policy="required")
    protected = session._replace(user=people.look_up(user))
    assert not guard.stepped_down(request, protected, NOON)
    assert guard.stepped_down(request, other._replace(user=people.look_up(other.user)), NOON)


def test_without_mail_or_with_codes_blocked_a_session_stays_as_it_is(database_url: str) -> None:
    with context_on(database_url, mail=False) as context:
        people = People(context)
        session, token = session_before_the_policy(people)
        assert flow.step_down(context, session, origin=Origin(NOON, ANONYMOUS)) == NoMail()
        assert people.find_session(token) is not None
