from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.people import NEW_PASSWORD, PASSWORD, VISITOR, phone_of
from tests.resets.desk import REASON, Desk, exactly, meanwhile
from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.eligibility import Offer, Reason
from twofold.directory.password import Weakness
from twofold.factors import enrolment_flow
from twofold.factors.enrolment_flow import SetUp
from twofold.factors.outcomes import Opened
from twofold.factors.tables import authenticators, backup_codes
from twofold.lockouts import flow as lockouts
from twofold.lockouts.tables import password_throttles
from twofold.recovery.server_reset_flow import ResetOnServer, reset_on_server
from twofold.resets import act_flow, flow, records
from twofold.resets.case import MOST_WRONG_PASSWORDS, Death, State
from twofold.resets.link import Dead, Expired, Open, Over, Replaced, Unknown, Used
from twofold.resets.link_flow import OpenLink
from twofold.resets.outcomes import (
    ApprovalRequired,
    LinkOver,
    MissingReason,
    NewPasswordRequired,
    NotEnabled,
    RefusalDone,
    ResetDone,
    SamePassword,
    WrongPassword,
    WrongState,
)
from twofold.resets.tables import reset_cases
from twofold.signin.outcomes import Due, LockedOut, SignedIn

WRONG = "not the password"


def over(outcome: object) -> Over:
    assert isinstance(outcome, LinkOver), outcome
    return outcome.verdict


# --- confirming


def test_after_a_reset_the_user_is_like_one_who_never_had_a_factor(desk: Desk) -> None:
    session = desk.people.token(desk.ada, desk.factor.phone)
    attempt = desk.people.attempt(desk.ada)
    token = desk.sent()
    before = desk.ada_now()

    done = desk.confirm(token, at=later(minutes=1))

    assert isinstance(done, ResetDone)
    assert (done.eligibility.offer, done.eligibility.reason) == (Offer.OFFERED, Reason.AVAILABLE)
    ada = desk.ada_now()
    assert not ada.has_second_factor
    assert ada.reset_confirmed_at == later(minutes=1)
    assert ada.security_version > before.security_version
    assert ada.password_hash == before.password_hash
    assert desk.people.count(authenticators) == desk.people.count(backup_codes) == 0
    assert desk.people.find_session(session) is None
    outcome = desk.people.give_code(attempt, desk.factor.phone.code(later(minutes=1)), at=later(minutes=1))
    assert type(outcome).__name__ == "Expired"
    assert isinstance(desk.people.begin(ada, at=later(minutes=2)), SignedIn)
    desk.people.protect(ada, at=later(minutes=3))


def test_what_comes_next_is_said_as_it_is_for_this_user(desk: Desk) -> None:
    desk.people.set_account(desk.people.acme, policy="required", required_from=NOON)
    assert desk.confirm(desk.sent()).eligibility.offer is Offer.REQUIRED
    desk.people.set_account(desk.people.acme, policy="optional", edition="standard")
    desk.people.set_person(desk.ada, second_factor_since=NOON)
    eligibility = desk.confirm(desk.sent()).eligibility
    assert (eligibility.offer, eligibility.reason) == (Offer.NOT_OFFERED, Reason.EDITION)


def test_a_link_works_until_just_before_its_fifteen_minutes_are_over_counted_from_its_sending(desk: Desk) -> None:
    desk.ask(at=NOON)
    token = desk.link(later(hours=1))  # the queue was long
    assert exactly(
        over(desk.confirm(token, at=later(hours=1, minutes=15))),
        Expired(desk.case_of(token), later(hours=1, minutes=15)),
    )
    assert isinstance(desk.confirm(token, at=later(hours=1, minutes=14, seconds=59)), ResetDone)


def test_a_try_is_charged_to_an_open_link_only(desk: Desk) -> None:
    """Whatever the verdict said a moment before: the statement that charges looks for itself."""
    case_id = desk.ask()
    token = desk.link()
    newest = desk.case(case_id).token_hash
    assert newest is not None
    with desk.house.db.write() as connection:
        assert records.charge_password(connection, case_id, newest, later(minutes=15)) is None
        assert records.charge_password(connection, case_id, b"another", NOON) is None
        assert records.charge_password(connection, case_id, newest, later(minutes=14, seconds=59)) == 1
        assert not records.answer(connection, case_id, newest, State.REFUSED, later(minutes=15))
        assert not records.answer(connection, case_id, b"another", State.REFUSED, NOON)
    desk.refuse(token)
    with desk.house.db.write() as connection:
        assert records.charge_password(connection, case_id, newest, NOON) is None
        assert not records.answer(connection, case_id, newest, State.CONFIRMED, NOON)


def test_one_second_after_its_end_a_link_is_expired_and_costs_nothing(desk: Desk) -> None:
    token = desk.sent()
    for at in (later(minutes=15), later(minutes=15, seconds=1), later(days=3)):
        assert isinstance(over(desk.confirm(token, at=at)), Expired)
        assert isinstance(over(desk.refuse(token, at=at)), Expired)
    assert desk.case_of(token).password_tries == 0
    assert desk.ada_now().has_second_factor


def test_a_link_works_once(desk: Desk) -> None:
    token = desk.sent()
    assert isinstance(desk.confirm(token), ResetDone)
    again = over(desk.confirm(token, at=later(minutes=1)))
    assert isinstance(again, Used)
    assert again.case.state is State.CONFIRMED
    assert isinstance(over(desk.refuse(token, at=later(minutes=1))), Used)
    assert desk.case_of(token).state is State.CONFIRMED


@pytest.mark.parametrize("token", ["", "tf_reset_", "tf_reset_" + "A" * 43, "tf_session_" + "A" * 43, "\0", "\ud800"])
def test_a_forged_link_is_unknown(desk: Desk, token: str) -> None:
    desk.sent()
    assert exactly(over(desk.confirm(token)), Unknown())
    assert exactly(over(desk.refuse(token)), Unknown())
    assert exactly(desk.view(token), Unknown())


def test_a_link_is_bound_to_its_own_user(desk: Desk) -> None:
    """Bob's password opens nothing of Ada's, and the other way round; each link names its own user alone."""
    bob = desk.people.person("bob@acme.example", password="copper violin harbour")
    desk.people.protect(bob, password="copper violin harbour")
    bob = desk.people.look_up(bob)
    of_ada = desk.sent()
    desk.try_to_ask(desk.grace, bob)
    of_bob = desk.link()
    assert isinstance(desk.confirm(of_ada, "copper violin harbour"), WrongPassword)
    assert isinstance(desk.confirm(of_bob, PASSWORD), WrongPassword)
    assert isinstance(desk.confirm(of_bob, "copper violin harbour"), ResetDone)
    assert desk.ada_now().has_second_factor


def test_what_is_stored_does_not_open_a_link(desk: Desk) -> None:
    token = desk.sent()
    assert token.encode() not in repr(desk.dump()).encode()
    digest = desk.case_of(token).token_hash
    assert digest is not None
    assert exactly(over(desk.confirm(digest.hex())), Unknown())


# --- what kills a link


def test_a_letter_delivered_again_brings_a_new_link_and_only_that_one_works(desk: Desk) -> None:
    first = desk.sent()
    [letter] = desk.deliver_again(later(minutes=2))
    second = letter.text.split("/resets/")[1].split()[0]
    assert second != first
    assert exactly(over(desk.confirm(first, at=later(minutes=3))), Replaced(desk.case_of(first), later(minutes=2)))
    assert isinstance(desk.confirm(second, at=later(minutes=16)), ResetDone)


def test_a_link_dies_with_a_change_of_authenticators(desk: Desk) -> None:
    """The phone has turned up again, and its owner adds another one, before the link is pressed."""
    token = desk.sent()
    session = desk.people.sign_in(desk.ada, desk.factor.phone, at=later(minutes=1))
    code = desk.factor.phone.code(later(minutes=2))
    opened = enrolment_flow.open_in_session(
        desk.house, session, SetUp(PASSWORD, code, None, "Spare"), visitor=VISITOR, at=later(minutes=2),
    )  # fmt: skip
    assert isinstance(opened, Opened)
    spare = phone_of(opened).code(later(minutes=3))
    enrolment_flow.confirm_in_session(desk.house, session, opened.id, spare, visitor=VISITOR, at=later(minutes=3))
    verdict = over(desk.confirm(token, at=later(minutes=4)))
    assert isinstance(verdict, Dead)
    assert verdict.why == Death.FACTORS_CHANGED
    assert desk.case_of(token).state is State.CLOSED
    assert desk.people.count(authenticators) == 2


def test_a_link_does_not_survive_a_removal_and_a_new_set_up(desk: Desk) -> None:
    token = desk.sent()
    reset_on_server(desk.house, desk.ada, REASON, later(minutes=1))
    ada = desk.ada_now()
    desk.people.protect(ada, at=later(minutes=2))
    assert isinstance(over(desk.confirm(token, at=later(minutes=3))), Dead)
    assert desk.ada_now().has_second_factor


def test_a_link_dies_with_a_change_of_address(desk: Desk) -> None:
    token = desk.sent()
    desk.people.set_person(desk.ada, email="ada@home.example", email_key="ada@home.example")
    verdict = over(desk.confirm(token))
    assert isinstance(verdict, Dead)
    assert verdict.why == Death.EMAIL_CHANGED
    assert (desk.case_of(token).state, desk.case_of(token).ended_why) == (State.CLOSED, Death.EMAIL_CHANGED)
    assert desk.ada_now().has_second_factor


@pytest.mark.parametrize(
    "loss",
    [{"role": "member"}, {"active": False}, {"frozen_at": NOON}, {"account_id": "other"}],
    ids=["demoted", "deactivated", "frozen", "moved"],
)
def test_a_link_dies_when_whoever_asked_loses_the_right(desk: Desk, loss: dict[str, object]) -> None:
    token = desk.sent()
    if "account_id" in loss:
        loss = {"account_id": desk.people.account("Other")}
    desk.people.set_person(desk.grace, **loss)
    verdict = over(desk.refuse(token)) if "active" in loss else over(desk.confirm(token))
    assert isinstance(verdict, Dead)
    assert verdict.why == Death.REQUESTER
    assert desk.case_of(token).state is State.CLOSED
    assert desk.ada_now().has_second_factor


@pytest.mark.parametrize(("change", "why"), [({"active": False}, Death.INACTIVE), ({"frozen_at": NOON}, Death.FROZEN)])
def test_a_link_dies_with_its_user(desk: Desk, change: dict[str, object], why: Death) -> None:
    token = desk.sent()
    desk.people.set_person(desk.ada, **change)
    verdict = over(desk.confirm(token))
    assert isinstance(verdict, Dead)
    assert verdict.why == why


def test_a_letter_for_a_case_that_has_died_is_dropped_and_the_case_closed(desk: Desk) -> None:
    case_id = desk.ask()
    desk.people.set_person(desk.grace, role="member")
    assert desk.post() == []
    case = desk.case(case_id)
    assert (case.state, case.ended_why) == (State.CLOSED, Death.REQUESTER)
    assert case.letter is not None
    assert case.letter.outcome == "dropped"


# --- the password


def test_five_wrong_passwords_close_the_case_without_any_wait(desk: Desk) -> None:
    token = desk.sent()
    for left in (4, 3, 2, 1, 0):
        assert exactly(desk.confirm(token, WRONG), WrongPassword(left))
    verdict = over(desk.confirm(token, PASSWORD))
    assert isinstance(verdict, Dead)
    assert verdict.why == Death.WRONG_PASSWORDS
    case = desk.case_of(token)
    assert (case.state, case.ended_why, case.password_tries) == (State.CLOSED, Death.WRONG_PASSWORDS, 5)
    assert desk.ada_now().has_second_factor
    assert len(desk.people.events("reset_password_wrong")) == 5
    assert len(desk.people.events("reset_closed")) == 1
    assert [letter.recipient for letter in desk.people.letters("reset_closed")] == [desk.grace.email]


def test_the_fifth_try_may_be_the_right_one(desk: Desk) -> None:
    token = desk.sent()
    for _ in range(4):
        desk.confirm(token, WRONG)
    assert isinstance(desk.confirm(token), ResetDone)


def test_sending_again_gives_no_fresh_tries(desk: Desk) -> None:
    case_id = desk.ask()
    token = desk.link()
    for _ in range(4):
        desk.confirm(token, WRONG)
    act_flow.send_again(desk.house, desk.grace, case_id, at=NOON)
    assert exactly(desk.confirm(desk.link(), WRONG), WrongPassword(0))
    assert desk.standing(case_id) is State.CLOSED


def test_wrong_passwords_on_a_link_slow_no_sign_in_down(desk: Desk) -> None:
    token = desk.sent()
    before = desk.people.count(password_throttles)
    for _ in range(5):
        desk.confirm(token, WRONG)
    assert desk.people.count(password_throttles) == before
    assert isinstance(desk.people.begin(desk.ada), Due)


def test_a_try_is_committed_before_the_password_is_looked_at(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies while it hashes has charged; whoever comes next has one try less."""
    token = desk.sent()

    def power_cut(*_: object) -> bool:
        raise SystemExit

    monkeypatch.setattr(type(desk.house.hasher), "verify", power_cut)
    for _ in range(MOST_WRONG_PASSWORDS):
        with pytest.raises(SystemExit):
            desk.confirm(token)
    monkeypatch.undo()
    assert desk.case_of(token).password_tries == MOST_WRONG_PASSWORDS
    verdict = over(desk.confirm(token))
    assert isinstance(verdict, Dead)
    assert verdict.why == Death.WRONG_PASSWORDS
    assert desk.ada_now().has_second_factor


def test_who_comes_while_the_last_try_is_under_way_does_not_cut_it_off(desk: Desk) -> None:
    """Five are charged, the fifth with the right password is still being hashed: the case stays open for it."""
    case_id = desk.ask()
    token = desk.link()
    for _ in range(4):
        desk.confirm(token, WRONG)

    def others_come() -> None:
        for outcome in (desk.confirm(token), desk.confirm(token, WRONG), desk.refuse(token)):
            assert isinstance(over(outcome), Dead)
        assert isinstance(act_flow.send_again(desk.house, desk.grace, case_id, at=NOON), WrongState)

    with meanwhile(desk.house, others_come):
        assert isinstance(desk.confirm(token), ResetDone)


def test_a_password_that_was_changed_while_it_was_hashed_proves_nothing(desk: Desk) -> None:
    token = desk.sent()

    def owner_changes_it() -> None:
        with desk.house.db.write() as connection:
            hashed = desk.house.hasher.hash(NEW_PASSWORD)
            directory.set_password(connection, desk.ada.id, hashed, later(minutes=1), by_mail=False)

    with meanwhile(desk.house, owner_changes_it):
        assert exactly(desk.confirm(token, PASSWORD, at=later(minutes=1)), WrongPassword(4))
    assert desk.ada_now().has_second_factor


@pytest.mark.parametrize("what", ["cancelled", "frozen", "locked", "mailed password"])
def test_what_happens_while_the_password_is_hashed_counts(desk: Desk, what: str) -> None:
    case_id = desk.ask()
    token = desk.link()
    happens: dict[str, Callable[[], object]] = {
        "cancelled": lambda: act_flow.cancel(desk.house, desk.grace, case_id, at=NOON),
        "frozen": lambda: desk.people.set_person(desk.ada, frozen_at=NOON),
        "locked": lambda: desk.lock_ada(NOON),
        "mailed password": lambda: desk.set_password_by_mail(NOON, PASSWORD),
    }
    comes = {
        "cancelled": LinkOver,
        "frozen": LinkOver,
        "locked": NewPasswordRequired,
        "mailed password": ApprovalRequired,
    }
    with meanwhile(desk.house, happens[what]):
        assert isinstance(desk.confirm(token), comes[what])
    assert desk.ada_now().has_second_factor


def test_the_throttled_address_does_not_stop_the_owner_at_their_link(desk: Desk) -> None:
    token = desk.sent()
    for _ in range(20):
        lockouts.prove_password(desk.house, desk.ada.email, WRONG, client=None, address=VISITOR.address, at=NOON)
    assert isinstance(desk.confirm(token), ResetDone)


# --- a new password, where wrong codes have locked the user


def test_after_a_lock_a_new_password_is_demanded_and_the_lock_is_lifted(desk: Desk) -> None:
    desk.lock_ada(NOON)
    assert desk.is_locked()
    token = desk.sent()
    link = desk.view(token)
    assert isinstance(link, OpenLink)
    assert link.needs_new_password

    assert exactly(desk.confirm(token), NewPasswordRequired())
    assert exactly(desk.confirm(token, WRONG), NewPasswordRequired())
    assert desk.case_of(token).password_tries == 0
    assert isinstance(desk.confirm(token, PASSWORD, NEW_PASSWORD, at=later(minutes=1)), ResetDone)

    ada = desk.ada_now()
    assert not desk.is_locked()
    assert (ada.password_set_at, ada.password_unproven) == (later(minutes=1), False)
    assert isinstance(desk.people.begin(ada, password=NEW_PASSWORD, at=later(minutes=2)), SignedIn)
    assert isinstance(desk.people.begin(ada, password=PASSWORD, at=later(minutes=2)), lockouts.WrongPassword)


def test_whoever_guessed_at_the_old_password_slows_the_new_one_down_no_more(desk: Desk) -> None:
    desk.lock_ada(NOON)
    token = desk.sent()
    for _ in range(20):
        lockouts.prove_password(desk.house, desk.ada.email, WRONG, client=None, address=VISITOR.address, at=NOON)
    assert isinstance(desk.people.begin(desk.ada), lockouts.Wait)
    desk.confirm(token, PASSWORD, NEW_PASSWORD)
    assert isinstance(desk.people.begin(desk.ada_now(), password=NEW_PASSWORD), SignedIn)


def test_a_lock_that_was_lifted_still_demands_a_new_password(desk: Desk) -> None:
    desk.lock_ada(NOON)
    with desk.house.db.write() as connection:
        lockouts.unlock(desk.house, connection, desk.ada, actor=audit.user(desk.grace.id), reason="She is it", at=NOON)
    assert exactly(desk.confirm(desk.sent()), NewPasswordRequired())


def test_a_lock_from_before_the_password_was_set_demands_none(desk: Desk) -> None:
    desk.lock_ada(NOON)
    with desk.house.db.write() as connection:
        lockouts.unlock(desk.house, connection, desk.ada, actor=audit.user(desk.grace.id), reason="She is it", at=NOON)
    desk.people.set_person(desk.ada, password_set_at=later(minutes=1))
    token = desk.sent(at=later(minutes=2))
    assert isinstance(desk.confirm(token, at=later(minutes=2)), ResetDone)


def test_a_lock_that_falls_while_the_link_is_open_demands_one_too(desk: Desk) -> None:
    token = desk.sent()
    desk.lock_ada(later(minutes=1))
    assert exactly(desk.confirm(token, at=later(minutes=2)), NewPasswordRequired())


def test_even_a_final_lock_is_lifted(desk: Desk) -> None:
    desk.lock_ada(NOON)
    desk.people.set_counts(desk.ada, wrong=5, wrong_in_row=100)
    assert isinstance(desk.people.begin(desk.ada), LockedOut)
    assert isinstance(desk.confirm(desk.sent(), PASSWORD, NEW_PASSWORD), ResetDone)
    assert isinstance(desk.people.begin(desk.ada_now(), password=NEW_PASSWORD), SignedIn)


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("short", Weakness.TOO_SHORT),
        ("x" * 257, Weakness.TOO_LONG),
        ("password1", Weakness.COMMON),
        ("ada@acme.example", Weakness.PERSONAL),
        ("Ada Lovelace", Weakness.PERSONAL),
        ("with\0control", Weakness.UNREADABLE),
    ],
)
def test_a_weak_new_password_is_refused_before_a_try_is_charged(desk: Desk, new: str, why: Weakness) -> None:
    desk.lock_ada(NOON)
    token = desk.sent()
    assert desk.confirm(token, PASSWORD, new) is why
    assert desk.case_of(token).password_tries == 0
    assert desk.ada_now().has_second_factor


def test_the_new_password_must_not_be_the_old_one(desk: Desk) -> None:
    desk.lock_ada(NOON)
    token = desk.sent()
    assert exactly(desk.confirm(token, PASSWORD, PASSWORD), SamePassword())
    assert exactly(desk.confirm(token, WRONG, WRONG), SamePassword())  # tells nothing of the real one
    assert desk.case_of(token).password_tries == 0


def test_the_same_letters_composed_differently_are_the_same_password(desk: Desk) -> None:
    composed, decomposed = "caf\u00e9 au lait noir", "cafe\u0301 au lait noir"
    desk.lock_ada(NOON)
    with desk.house.db.write() as connection:
        connection.execute(
            sa.text("UPDATE users SET password_hash = :hash WHERE email_key = 'ada@acme.example'"),
            {"hash": desk.house.hasher.hash(composed)},
        )
    token = desk.sent()
    assert exactly(desk.confirm(token, composed, decomposed), SamePassword())
    assert isinstance(desk.confirm(token, decomposed, NEW_PASSWORD), ResetDone)


def test_a_new_password_may_be_chosen_where_none_is_demanded(desk: Desk) -> None:
    assert isinstance(desk.confirm(desk.sent(), PASSWORD, NEW_PASSWORD), ResetDone)
    assert isinstance(desk.people.begin(desk.ada_now(), password=NEW_PASSWORD), SignedIn)


def test_a_new_password_with_a_wrong_old_one_changes_nothing(desk: Desk) -> None:
    desk.lock_ada(NOON)
    token = desk.sent()
    assert exactly(desk.confirm(token, WRONG, NEW_PASSWORD), WrongPassword(4))
    assert isinstance(desk.people.begin(desk.ada, password=PASSWORD), LockedOut)


# --- the mailbox alone is never both factors


def test_a_password_set_by_mail_confirms_nothing_until_somebody_else_approves(desk: Desk) -> None:
    desk.set_password_by_mail(NOON)
    case_id = desk.ask()
    token = desk.link()
    link = desk.view(token)
    assert isinstance(link, OpenLink)
    assert link.needs_approval
    assert exactly(desk.confirm(token, NEW_PASSWORD), ApprovalRequired())
    assert desk.case_of(token).password_tries == 0
    assert desk.ada_now().has_second_factor

    linus = desk.people.person("linus@acme.example", role="admin")
    act_flow.approve(desk.house, linus, case_id, visitor=VISITOR, at=later(minutes=5))
    assert not desk.view(token, later(minutes=6)).needs_approval
    assert isinstance(desk.confirm(token, NEW_PASSWORD, at=later(minutes=6)), ResetDone)


def test_a_support_agent_can_approve_too(desk: Desk) -> None:
    desk.set_password_by_mail(NOON)
    case_id = desk.ask()
    agent = desk.people.person("sam@operator.example", role="support")
    act_flow.approve(desk.house, agent, case_id, at=NOON)
    assert isinstance(desk.confirm(desk.link(), NEW_PASSWORD), ResetDone)


def test_a_password_set_by_mail_while_the_link_is_open_needs_approval_as_well(desk: Desk) -> None:
    token = desk.sent()
    desk.set_password_by_mail(later(minutes=1))
    assert exactly(desk.confirm(token, NEW_PASSWORD, at=later(minutes=2)), ApprovalRequired())


def test_an_approval_from_before_the_password_was_set_by_mail_counts_for_nothing(desk: Desk) -> None:
    """Else whoever reads the mail waits for an approval that was given in good faith, and sets the password then."""
    case_id = desk.ask()
    linus = desk.people.person("linus@acme.example", role="admin")
    act_flow.approve(desk.house, linus, case_id, at=NOON)
    token = desk.link()
    desk.set_password_by_mail(later(minutes=1))
    assert exactly(desk.confirm(token, NEW_PASSWORD, at=later(minutes=2)), ApprovalRequired())
    act_flow.approve(desk.house, linus, case_id, at=later(minutes=3))
    assert isinstance(desk.confirm(token, NEW_PASSWORD, at=later(minutes=4)), ResetDone)


def test_once_used_with_the_second_factor_a_mailed_password_is_enough(desk: Desk) -> None:
    desk.set_password_by_mail(NOON)
    desk.people.sign_in(desk.ada_now(), desk.factor.phone, password=NEW_PASSWORD)
    assert isinstance(desk.confirm(desk.sent(), NEW_PASSWORD), ResetDone)


def test_who_can_approve_is_named_and_whoever_asked_is_not(desk: Desk) -> None:
    desk.people.person("linus@acme.example", role="admin", name="Linus Pauling")
    desk.set_password_by_mail(NOON)
    link = desk.view(desk.sent())
    assert isinstance(link, OpenLink)
    assert [helper.name for helper in link.approvers] == ["Linus Pauling"]


# --- refusing


def test_a_refusal_changes_nothing_for_the_user_and_alerts(desk: Desk) -> None:
    session = desk.people.token(desk.ada, desk.factor.phone)
    token = desk.sent()
    assert exactly(desk.refuse(token, at=later(minutes=1)), RefusalDone())
    case = desk.case_of(token)
    assert (case.state, case.ended_at) == (State.REFUSED, later(minutes=1))
    assert desk.ada_now() == desk.ada
    assert desk.people.find_session(session) is not None
    assert isinstance(over(desk.confirm(token, at=later(minutes=2))), Used)
    [event] = desk.people.events("reset_refused")
    assert (event.actor_kind, event.subject_id, event.address) == ("nobody", desk.ada.id, "198.51.100.66")


# --- looking


def test_looking_at_a_link_changes_nothing_however_often_and_whatever_it_says(desk: Desk) -> None:
    case_id = desk.ask()
    older = desk.link()
    act_flow.send_again(desk.house, desk.grace, case_id, at=NOON)
    newer = desk.link()
    before = desk.dump()
    for at in (NOON, later(minutes=14, seconds=59), later(minutes=15), later(days=1)):
        for token in (older, newer, "tf_reset_" + "A" * 43):
            desk.view(token, at)
    assert desk.dump() == before
    desk.people.set_person(desk.grace, role="member")
    before = desk.dump()
    assert isinstance(desk.view(newer), Dead)
    assert desk.dump() == before


# --- the command line


def test_the_command_line_switches_off_at_once_without_mail(desk: Desk, database_url: str) -> None:
    open_case = desk.ask()
    token = desk.link()
    done = reset_on_server(desk.house, desk.ada, "She stands before me.", later(minutes=1))
    assert isinstance(done, ResetOnServer)
    ada = desk.ada_now()
    assert (ada.has_second_factor, ada.reset_confirmed_at) == (False, later(minutes=1))
    closed = desk.case(open_case)
    assert (closed.state, closed.ended_why, closed.ended_at) == (State.CLOSED, "console", later(minutes=1))
    assert isinstance(over(desk.confirm(token, at=later(minutes=2))), Dead)
    [event] = desk.people.events("reset_done_on_the_server")
    assert (event.actor_kind, event.reason, event.account_id) == ("console", "She stands before me.", ada.account_id)
    newest = flow.cases_for(desk.house, desk.grace).cases[0]
    assert (newest.state, newest.requester_kind, newest.requester) == (State.CONFIRMED, "console", None)
    assert exactly(reset_on_server(desk.house, ada, "Again, please.", later(minutes=2)), NotEnabled())


def test_the_command_line_gives_a_reason_too(desk: Desk) -> None:
    assert exactly(reset_on_server(desk.house, desk.ada, " ", NOON), MissingReason())
    assert desk.ada_now().has_second_factor


def test_a_case_of_the_command_line_is_confirmed_like_any_other(desk: Desk) -> None:
    flow.open_case(desk.house, None, desk.ada, "Called the operator.", at=NOON)
    token = desk.link()
    link = desk.view(token)
    assert isinstance(link, OpenLink)
    assert isinstance(link.verdict, Open)
    assert link.verdict.case.requester is None
    assert isinstance(desk.confirm(token), ResetDone)
    assert desk.people.count(reset_cases, reset_cases.c.requested_by.is_(None)) == 1
