"""A sign-in as it happens: password, second factor, session."""

from typing import Any

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.people import ADA, CLIENT_INFO, NEW_PASSWORD, PASSWORD, WRONG, Ada, People, proved
from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.factors import flow as factors
from twofold.factors.outcomes import SpentBackupCode, WrongCode
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import digest, new_token
from twofold.lockouts import flow as lockouts
from twofold.lockouts.flow import Proved, Wait, WrongPassword
from twofold.schema import metadata
from twofold.sessions.methods import names
from twofold.sessions.tables import sessions
from twofold.signin import attempt_flow, flow, records, set_up_flow
from twofold.signin.attempt import Expired, OutOfOrder, Step
from twofold.signin.finish_flow import SignIn, enter
from twofold.signin.first_factor import password_flow
from twofold.signin.first_factor.password_flow import Credentials
from twofold.signin.outcomes import Due, Frozen, LockedOut, SignedIn, SsoElsewhere, TwoFactorNeeded
from twofold.signin.tables import sign_in_attempts


def begin_as(people: People, email: str, password: str = PASSWORD, at: Any = NOON, channel: str = "page") -> Any:
    given = Credentials(email, password, None, channel)
    return password_flow.submit_password(people.context, given, origin=Origin(at, CLIENT_INFO))


def legacy(people: People, email: str = ADA, password: str = PASSWORD, at: Any = NOON) -> Any:
    given = Credentials(email, password, None, "legacy")
    return password_flow.submit_legacy(people.context, given, origin=Origin(at, CLIENT_INFO))


def save(people: People, sign_in: str, at: Any = NOON) -> Any:
    return flow.submit_saved(people.context, sign_in, client=None, origin=Origin(at, CLIENT_INFO))


# --- the password


def test_without_a_factor_the_password_is_enough(people: People) -> None:
    user = people.user()
    outcome = people.begin(user)
    assert isinstance(outcome, SignedIn)
    assert people.session(outcome.session.token).methods == proved("pwd")
    (event,) = people.events("signed_in")
    assert (event.subject_id, event.actor_id, event.address) == (user.id, user.id, CLIENT_INFO.address)
    assert '"methods":["pwd"]' in event.details


def test_with_a_factor_the_password_leads_to_the_code_and_makes_no_session(people: People, ada: Ada) -> None:
    user, _ = ada
    before = people.count(sessions)
    outcome = people.begin(user)
    assert isinstance(outcome, Due)
    assert (outcome.next, outcome.expires_at) == ("code", later(minutes=10))
    assert people.count(sessions) == before
    assert len(people.events("signed_in")) == 1  # yesterday's


@pytest.mark.parametrize("email", [ADA, "nobody@acme.example", "", "not an address", "@", "a" * 300])
def test_a_wrong_password_and_an_unknown_address_are_answered_alike(people: People, email: str) -> None:
    people.user()
    assert begin_as(people, email, WRONG) == WrongPassword()
    events = people.events("sign_in_refused")
    assert [(event.actor_kind, event.result) for event in events] == [("nobody", "refused")] * (email == ADA)


def test_an_address_that_nobody_has_is_not_written_down(people: People) -> None:
    begin_as(people, "secret-address@acme.example", WRONG)
    assert people.events() == []
    with people.context.db.read() as connection:
        for table in metadata.sorted_tables:
            assert "secret-address" not in str(connection.execute(sa.select(table)).all()), table.name


def test_waiting_is_answered_alike_too(people: People) -> None:
    people.user()
    for email in (ADA, "nobody@acme.example"):
        outcomes = [begin_as(people, email, WRONG) for _ in range(6)]
        assert outcomes == [WrongPassword()] * 5 + [Wait(1)]


def test_a_frozen_user_is_told_so_only_with_the_right_password(people: People) -> None:
    people.user(frozen_at=NOON)
    assert begin_as(people, ADA, WRONG) == WrongPassword()
    assert begin_as(people, ADA) == Frozen()
    assert begin_as(people, ADA, channel="api") == Frozen()
    assert people.count(sessions) == people.count(sign_in_attempts) == 0


def test_a_right_password_forgets_the_wrong_ones(people: People, ada: Ada) -> None:
    for _ in range(2):
        for _ in range(4):
            begin_as(people, ADA, WRONG)
        assert isinstance(begin_as(people, ADA), Due)


def test_a_right_password_forgets_the_wrong_ones_also_where_nothing_more_is_asked(people: People) -> None:
    people.user()
    for begin in (begin_as, legacy, begin_as):
        for _ in range(4):
            begin(people, ADA, WRONG)
        assert isinstance(begin(people, ADA), SignedIn)


def test_a_factor_is_asked_for_whatever_edition_licence_and_policy_say_now(people: People, ada: Ada) -> None:
    user, _ = ada
    people.set_account(user.account_id, edition="standard", policy="off")
    people.set_user(user, licensed=False)
    assert isinstance(people.begin(user), Due)


def test_a_session_stands_and_falls_with_its_line_in_the_log(
    people: People, ada: Ada, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever breaks between the two, there is neither, and the code still counts."""
    user, factor = ada
    attempt, code, before = people.attempt(user), factor.phone.code(NOON), people.count(sessions)

    def breaks(*_: object, **__: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(audit, "record", breaks)
        with pytest.raises(OSError):  # noqa: PT011 - this very one
            people.give_code(attempt, code)
    assert people.count(sessions) == before
    assert isinstance(people.give_code(attempt, code), SignedIn)


# --- the code


def test_password_and_code_make_one_session_and_end_the_attempt(people: People, ada: Ada) -> None:
    user, factor = ada
    sign_in = people.attempt(user)
    outcome = people.give_code(sign_in, factor.phone.code(NOON))
    assert isinstance(outcome, SignedIn)
    assert names(people.session(outcome.session.token).methods) == ["pwd", "otp"]
    assert people.count(sign_in_attempts) == 0
    at = later(minutes=1)
    assert people.give_code(sign_in, factor.phone.code(at), at=at) == Expired()


def test_only_the_hash_of_an_attempts_token_is_stored(people: People, ada: Ada) -> None:
    sign_in = people.attempt(ada[0])
    with people.context.db.read() as connection:
        row = connection.execute(sa.select(sign_in_attempts)).one()
    assert row.token_hash == digest(sign_in)
    assert sign_in not in str(row)


def test_an_attempt_lives_ten_minutes(people: People, ada: Ada) -> None:
    user, factor = ada
    at = later(minutes=9, seconds=59)
    assert isinstance(people.give_code(people.attempt(user), factor.phone.code(at), at=at), SignedIn)
    at = later(minutes=10)
    assert people.give_code(people.attempt(user), factor.phone.code(at), at=at) == Expired()


def test_wrong_codes_do_not_keep_an_attempt_alive(people: People, ada: Ada) -> None:
    user, factor = ada
    sign_in = people.attempt(user)
    people.give_code(sign_in, factor.phone.wrong_code(NOON), at=later(minutes=9))
    at = later(minutes=10)
    assert people.give_code(sign_in, factor.phone.code(at), at=at) == Expired()


def test_an_expired_or_unknown_attempt_charges_nobody(people: People, ada: Ada) -> None:
    user, factor = ada
    sign_in = people.attempt(user)
    for token in (sign_in, new_token("signin"), "", "x" * 500, "tf_signin_'; DROP TABLE users; --"):
        assert people.give_code(token, factor.phone.wrong_code(NOON), at=later(minutes=10)) == Expired()
    assert people.give_code(people.attempt(user), factor.phone.wrong_code(NOON)) == WrongCode(4)


def test_several_attempts_may_be_open_at_once(people: People, ada: Ada) -> None:
    user, factor = ada
    one, other = people.attempt(user), people.attempt(user, channel="api")
    assert isinstance(people.give_code(one, factor.phone.code(NOON)), SignedIn)
    at = later(seconds=30)
    assert isinstance(people.give_code(other, factor.phone.code(at), at=at, channel="api"), SignedIn)


@pytest.mark.parametrize(("begun", "continued"), [("page", "api"), ("api", "page"), ("api", "legacy")])
def test_an_attempt_goes_on_where_it_began(people: People, ada: Ada, begun: str, continued: str) -> None:
    user, factor = ada
    sign_in = people.attempt(user, channel=begun)
    assert people.give_code(sign_in, factor.phone.code(NOON), channel=continued) == Expired()
    assert isinstance(people.give_code(sign_in, factor.phone.code(NOON), channel=begun), SignedIn)


def test_one_users_attempt_takes_no_code_of_another(people: People, ada: Ada) -> None:
    user, _ = ada
    other, theirs = people.protected("grace@acme.example")
    assert people.give_code(people.attempt(user), theirs.phone.code(NOON)) == WrongCode(4)
    assert isinstance(people.give_code(people.attempt(other), theirs.phone.code(NOON)), SignedIn)


ENDINGS: dict[str, dict[str, Any]] = {
    "frozen": {"frozen_at": NOON},
    "deactivated": {"active": False},
    "another version": {"security_version": 99},
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_attempt_does_not_outlive_a_change_of_its_user(people: People, ada: Ada, ending: str) -> None:
    user, factor = ada
    sign_in = people.attempt(user)
    people.set_user(user, **ENDINGS[ending])
    assert people.give_code(sign_in, factor.phone.code(NOON)) == Expired()
    assert attempt_flow.find(people.context, sign_in, NOON) is None


def test_a_password_that_changed_while_it_was_being_proved_makes_no_session(people: People) -> None:
    """Between the proof and the session: what starts it compares the version."""
    user = people.user()
    right = lockouts.prove_password(people.context, ADA, PASSWORD, client=None, address=CLIENT_INFO.address, at=NOON)
    assert isinstance(right, Proved)
    with people.context.db.write() as connection:
        directory.set_password(connection, user.id, people.context.hasher.hash(NEW_PASSWORD), NOON, by_mail=False)
        sign_in = SignIn(right.user, proved("pwd"), "page", None, "", None)
        entered = enter(people.context, connection, sign_in, origin=Origin(NOON, CLIENT_INFO))
    assert entered is None
    assert people.count(sessions) == 0


def test_looking_at_an_attempt_changes_nothing(people: People, ada: Ada) -> None:
    user, factor = ada
    sign_in = people.attempt(user)
    for minutes in range(10):
        attempt = attempt_flow.find(people.context, sign_in, later(minutes=minutes))
        assert attempt is not None
        assert (attempt.step, attempt.expires_at) == (Step.CODE, later(minutes=10))
    assert attempt_flow.find(people.context, sign_in, later(minutes=10)) is None
    assert attempt_flow.find(people.context, None, NOON) is None
    assert attempt_flow.find(people.context, people.attempt(user, channel="api"), NOON) is None
    assert isinstance(people.give_code(sign_in, factor.phone.code(NOON)), SignedIn)


# --- the backup code, on pages


def test_after_a_backup_code_the_new_one_is_shown_until_it_is_saved(people: People, ada: Ada) -> None:
    user, factor = ada
    sign_in = people.attempt(user)
    at = later(minutes=5)
    outcome = people.give_code(sign_in, factor.backup_code, at=at)
    assert outcome == Due(sign_in, "save_backup_code", later(minutes=15))
    shown = {show_new(people, sign_in, later(minutes=minutes)) for minutes in range(5, 15)}
    assert len(shown) == 1
    (new,) = shown
    assert new is not None
    assert new != factor.backup_code
    at = later(minutes=14)
    signed_in = save(people, sign_in, at)
    assert isinstance(signed_in, SignedIn)
    assert names(people.session(signed_in.session.token, at=at).methods) == ["pwd", "backup_code"]
    with people.context.db.read() as connection:
        assert not factors.show(connection, user.id).backup_code_unseen
    again = people.attempt(user, at=at, channel="api")
    assert isinstance(people.give_code(again, new, at=at, channel="api"), SignedIn)


def show_new(people: People, sign_in: str, at: Any = NOON) -> str | None:
    attempt = attempt_flow.find(people.context, sign_in, at)
    return None if attempt is None else set_up_flow.show_backup_code(people.context, attempt)


def test_no_session_is_made_before_the_new_backup_code_is_saved(people: People, ada: Ada) -> None:
    user, factor = ada
    before = people.count(sessions)
    people.give_code(people.attempt(user), factor.backup_code)
    assert people.count(sessions) == before


def test_who_never_says_so_has_spent_the_old_one_and_is_warned(people: People, ada: Ada) -> None:
    user, factor = ada
    sign_in = people.attempt(user)
    people.give_code(sign_in, factor.backup_code)
    at = later(minutes=10)
    assert show_new(people, sign_in, at) is None
    assert save(people, sign_in, at) == Expired()
    assert people.give_code(people.attempt(user, at=at), factor.backup_code, at=at) == SpentBackupCode(5)
    with people.context.db.read() as connection:
        assert factors.show(connection, user.id).backup_code_unseen


def test_the_new_backup_code_rests_encrypted_in_the_attempt(people: People, ada: Ada) -> None:
    user, factor = ada
    sign_in = people.attempt(user)
    people.give_code(sign_in, factor.backup_code)
    new = show_new(people, sign_in)
    assert new is not None
    with people.context.db.read() as connection:
        row = connection.execute(sa.select(sign_in_attempts)).one()
    assert new.encode() not in bytes(row.backup_box)
    assert row.backup_key_id == "test"


def test_steps_come_in_their_order(people: People, ada: Ada) -> None:
    user, factor = ada
    sign_in = people.attempt(user)
    assert save(people, sign_in) == OutOfOrder(Step.CODE)
    mailed = set_up_flow.submit_mailed_code(
        people.context, sign_in, "123456", channel="page", origin=Origin(NOON, CLIENT_INFO),
    )  # fmt: skip
    assert mailed == OutOfOrder(Step.CODE)
    assert set_up_flow.open_enrolment(people.context, sign_in, channel="page", at=NOON) == OutOfOrder(Step.CODE)
    assert set_up_flow.resend(people.context, sign_in, channel="page", at=NOON) == OutOfOrder(Step.CODE)
    people.give_code(sign_in, factor.backup_code)
    assert people.give_code(sign_in, factor.phone.code(NOON)) == OutOfOrder(Step.SAVE_BACKUP_CODE)
    assert isinstance(save(people, sign_in), SignedIn)
    assert save(people, sign_in) == Expired()


def test_a_program_gets_the_new_backup_code_with_its_session(people: People, ada: Ada) -> None:
    user, factor = ada
    outcome = people.give_code(people.attempt(user, channel="api"), factor.backup_code, channel="api")
    assert isinstance(outcome, SignedIn)
    assert outcome.new_backup_code is not None
    with people.context.db.read() as connection:
        assert not factors.show(connection, user.id).backup_code_unseen


def test_a_new_backup_code_that_a_program_never_got_does_not_count_as_saved(
    people: People, ada: Ada, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, factor = ada
    sign_in = people.attempt(user, channel="api")
    monkeypatch.setattr(records, "finish", lambda *_: False)  # a code of the app was quicker in the same sign-in
    assert people.give_code(sign_in, factor.backup_code, channel="api") == Expired()
    with people.context.db.read() as connection:
        assert factors.show(connection, user.id).backup_code_unseen


# --- locked


def test_who_is_locked_is_led_to_the_lock_page_with_the_right_password(people: People, ada: Ada) -> None:
    user, _ = ada
    people.set_counts(user, wrong=5)
    outcome = people.begin(user)
    assert isinstance(outcome, LockedOut)
    assert (outcome.user.id, outcome.final) == (user.id, False)
    assert attempt_flow.find(people.context, outcome.sign_in, NOON) is not None
    lock = flow.lock_of(people.context, user)
    assert lock is not None
    assert not lock.final
    people.set_counts(user, wrong=0, wrong_in_row=100)
    outcome = people.begin(user)
    assert isinstance(outcome, LockedOut)
    assert outcome.final


# --- known browsers and programs


def test_a_complete_sign_in_makes_its_client_known(people: People, ada: Ada) -> None:
    user, factor = ada
    outcome = people.give_code(people.attempt(user), factor.phone.code(NOON))
    assert outcome.client.startswith("tf_client_")
    for _ in range(6):
        begin_as(people, ADA, WRONG)
    assert isinstance(begin_as(people, ADA), Wait)
    assert isinstance(people.begin(user, client=outcome.client), Due)


def test_a_sign_in_that_stops_at_the_code_makes_nothing_known(people: People, ada: Ada) -> None:
    user, _ = ada
    client = new_token("client")
    people.begin(user, client=client)
    for _ in range(6):
        begin_as(people, ADA, WRONG)
    assert isinstance(people.begin(user, client=client), Wait)


# --- a password set by mail is proven by its use with the second factor


def test_a_password_set_by_mail_is_proven_by_its_use_with_the_second_factor(people: People, ada: Ada) -> None:
    user, factor = ada
    people.set_user(user, password_unproven=True)
    sign_in = people.attempt(user)
    assert people.look_up(user).password_unproven
    people.give_code(sign_in, factor.phone.code(NOON))
    assert not people.look_up(user).password_unproven


def test_set_up_proves_a_password_set_by_mail_too(people: People) -> None:
    user = people.user(password_unproven=True)
    people.protect(user)
    assert not people.look_up(user).password_unproven


def test_a_password_alone_proves_nothing(people: People) -> None:
    user = people.user(password_unproven=True)
    assert isinstance(people.begin(user), SignedIn)
    assert people.look_up(user).password_unproven


# --- single sign-on


@pytest.fixture
def sso(people: People) -> Any:
    return people.account(
        "Signet", sso=True, sso_domains=["signet.example", "SIGNET.test"], sso_url="https://sso.signet.example/in"
    )


@pytest.mark.parametrize(
    "email",
    ["known@signet.example", "unknown@signet.example", " Known@SIGNET.Example ", "x@signet.test", "@signet.example"],
)
@pytest.mark.parametrize("password", [PASSWORD, WRONG, ""])
def test_the_domain_typed_decides_and_known_and_unknown_are_led_on_alike(
    people: People, sso: Any, email: str, password: str
) -> None:
    people.user("known@signet.example", account=sso, password=None)
    assert begin_as(people, email, password) == SsoElsewhere("https://sso.signet.example/in")
    assert legacy(people, email, password) == SsoElsewhere("https://sso.signet.example/in")
    assert people.count(sign_in_attempts) == people.count(sessions) == 0


@pytest.mark.parametrize("email", ["x@sub.signet.example", "x@notsignet.example", "signet.example@acme.example"])
def test_another_domain_is_another_matter(people: People, sso: Any, email: str) -> None:
    assert begin_as(people, email) == WrongPassword()


def test_who_had_a_password_before_single_sign_on_has_no_local_sign_in_any_more(people: People) -> None:
    user = people.user()
    outside = people.user("contractor@elsewhere.example")
    people.set_account(user.account_id, sso=True, sso_url="https://sso.acme.example")
    for email in (ADA, "contractor@elsewhere.example"):
        assert begin_as(people, email) == WrongPassword()
        assert legacy(people, email) == WrongPassword()
    assert people.count(sessions, sessions.c.user_id == outside.id) == 0


def test_a_sign_in_that_began_before_single_sign_on_does_not_go_on(people: People, ada: Ada) -> None:
    user, factor = ada
    sign_in = people.attempt(user)
    people.set_account(user.account_id, sso=True, sso_url="https://sso.acme.example")
    assert people.give_code(sign_in, factor.phone.code(NOON)) == Expired()


# --- programs that know only email and password


def test_a_legacy_program_signs_in_by_password_alone(people: People) -> None:
    people.user()
    outcome = legacy(people)
    assert isinstance(outcome, SignedIn)
    session = people.session(outcome.session.token)
    assert (session.methods, session.channel) == (proved("pwd"), "legacy")


def test_a_legacy_program_is_refused_where_a_factor_exists(people: People, ada: Ada) -> None:
    before = people.count(sessions)
    assert legacy(people) == TwoFactorNeeded()
    assert legacy(people, password=WRONG) == WrongPassword()
    assert people.count(sessions) == before
    assert people.events("sign_in_refused")[0].details == '{"why":"two_factor_needed"}'


def test_a_legacy_program_is_refused_where_a_factor_must_exist(people: People) -> None:
    user = people.user()
    people.set_account(user.account_id, policy="required")
    assert legacy(people) == TwoFactorNeeded()
    people.set_account(user.account_id, required_from=later(days=1))
    assert isinstance(legacy(people), SignedIn)


def test_a_legacy_program_of_an_agent_is_refused(people: People) -> None:
    people.user("agent@operator.example", role="support")
    assert legacy(people, "agent@operator.example") == TwoFactorNeeded()


def test_a_legacy_session_ends_when_two_factor_authentication_is_set_up(people: People) -> None:
    user = people.user()
    token = legacy(people, at=later(minutes=-1)).session.token
    assert people.find_session(token) is not None
    people.protect(user, at=NOON)
    assert people.find_session(token) is None


def test_legacy_tries_are_throttled_with_the_others(people: People) -> None:
    people.user()
    for operation in (begin_as, legacy, begin_as, legacy, begin_as):
        assert operation(people, ADA, WRONG) == WrongPassword()
    assert legacy(people) == begin_as(people, ADA) == Wait(1)


def test_a_frozen_user_has_no_legacy_sign_in(people: People) -> None:
    people.user(frozen_at=NOON)
    assert legacy(people) == Frozen()


# --- where to go on to


def test_where_to_go_on_to_is_kept_through_the_sign_in(people: People, ada: Ada) -> None:
    user, factor = ada
    due = people.begin(user, return_to="/people?page=2")
    outcome = people.give_code(due.sign_in, factor.phone.code(NOON))
    assert outcome.return_to == "/people?page=2"


def test_the_clean_up_deletes_attempts_whose_time_is_over(people: People, ada: Ada) -> None:
    people.attempt(ada[0])
    people.attempt(ada[0], at=later(minutes=5))
    with people.context.db.write() as connection:
        assert attempt_flow.forget_over(connection, later(minutes=10)) == 1
    assert people.count(sign_in_attempts) == 1
