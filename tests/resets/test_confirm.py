from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.people import CLIENT_INFO, NEW_PASSWORD, PASSWORD, phone_of
from tests.resets.helpdesk import REASON, Helpdesk, exactly, meanwhile
from twofold.directory import flow as directory
from twofold.directory.eligibility import Offer, Reason
from twofold.directory.password import Weakness
from twofold.factors import enrolment_flow
from twofold.factors.backup_code.tables import backup_codes
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import Opened
from twofold.factors.totp.tables import authenticators
from twofold.kit.acting import Origin
from twofold.lockouts import flow as lockouts
from twofold.lockouts.tables import password_throttles
from twofold.recovery.server_reset_flow import ResetOnServer, reset_on_server
from twofold.resets import act_flow, flow, records
from twofold.resets.case import MOST_WRONG_PASSWORDS, CloseReason, State
from twofold.resets.link import Dead, Expired, Over, Replaced, Unknown, Used
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
from twofold.signin.outcomes import Due, LockedOut, SignedIn

WRONG = "not the password"


def over(outcome: object) -> Over:
    assert isinstance(outcome, LinkOver), outcome
    return outcome.verdict


# --- confirming


def test_after_a_reset_the_user_is_like_one_who_never_had_a_factor(helpdesk: Helpdesk) -> None:
    session = helpdesk.people.token(helpdesk.ada, helpdesk.factor.phone)
    attempt = helpdesk.people.attempt(helpdesk.ada)
    token = helpdesk.sent()
    before = helpdesk.ada_now()

    done = helpdesk.confirm(token, at=later(minutes=1))

    assert isinstance(done, ResetDone)
    assert (done.eligibility.offer, done.eligibility.reason) == (Offer.OFFERED, Reason.AVAILABLE)
    ada = helpdesk.ada_now()
    assert not ada.has_second_factor
    assert ada.reset_confirmed_at == later(minutes=1)
    assert ada.security_version > before.security_version
    assert ada.password_hash == before.password_hash
    assert helpdesk.people.count(authenticators) == helpdesk.people.count(backup_codes) == 0
    assert helpdesk.people.find_session(session) is None
    outcome = helpdesk.people.give_code(attempt, helpdesk.factor.phone.code(later(minutes=1)), at=later(minutes=1))
    assert type(outcome).__name__ == "Expired"
    assert isinstance(helpdesk.people.begin(ada, at=later(minutes=2)), SignedIn)
    helpdesk.people.protect(ada, at=later(minutes=3))


def test_what_comes_next_is_said_as_it_is_for_this_user(helpdesk: Helpdesk) -> None:
    helpdesk.people.set_account(helpdesk.people.acme, policy="required", required_from=NOON)
    assert helpdesk.confirm(helpdesk.sent()).eligibility.offer is Offer.REQUIRED
    helpdesk.people.set_account(helpdesk.people.acme, policy="optional", edition="standard")
    helpdesk.people.set_user(helpdesk.ada, second_factor_since=NOON)
    eligibility = helpdesk.confirm(helpdesk.sent()).eligibility
    assert (eligibility.offer, eligibility.reason) == (Offer.NOT_OFFERED, Reason.EDITION)


def test_a_link_works_for_fifteen_minutes_from_its_sending_and_not_a_moment_longer(
    helpdesk: Helpdesk,
) -> None:
    helpdesk.ask(at=NOON)
    token = helpdesk.link(later(hours=1))  # the queue was long
    assert exactly(
        over(helpdesk.confirm(token, at=later(hours=1, minutes=15))),
        Expired(helpdesk.case_of(token), later(hours=1, minutes=15)),
    )
    assert isinstance(helpdesk.confirm(token, at=later(hours=1, minutes=14, seconds=59)), ResetDone)


def test_a_try_is_charged_to_an_open_link_only(helpdesk: Helpdesk) -> None:
    """Whatever the verdict said a moment before: the statement that charges looks for itself."""
    case_id = helpdesk.ask()
    token = helpdesk.link()
    newest = helpdesk.case(case_id).token_hash
    assert newest is not None
    with helpdesk.context.db.write() as connection:
        assert records.charge_password(connection, case_id, newest, later(minutes=15)) is None
        assert records.charge_password(connection, case_id, b"another", NOON) is None
        assert records.charge_password(connection, case_id, newest, later(minutes=14, seconds=59)) == 1
        assert not records.answer(connection, case_id, newest, State.REFUSED, later(minutes=15))
        assert not records.answer(connection, case_id, b"another", State.REFUSED, NOON)
    helpdesk.refuse(token)
    with helpdesk.context.db.write() as connection:
        assert records.charge_password(connection, case_id, newest, NOON) is None
        assert not records.answer(connection, case_id, newest, State.CONFIRMED, NOON)


def test_one_second_after_its_end_a_link_is_expired_and_costs_nothing(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    for at in (later(minutes=15), later(minutes=15, seconds=1), later(days=3)):
        assert isinstance(over(helpdesk.confirm(token, at=at)), Expired)
        assert isinstance(over(helpdesk.refuse(token, at=at)), Expired)
    assert helpdesk.case_of(token).password_tries == 0
    assert helpdesk.ada_now().has_second_factor


def test_a_link_works_once(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    assert isinstance(helpdesk.confirm(token), ResetDone)
    again = over(helpdesk.confirm(token, at=later(minutes=1)))
    assert isinstance(again, Used)
    assert again.case.state is State.CONFIRMED
    assert isinstance(over(helpdesk.refuse(token, at=later(minutes=1))), Used)
    assert helpdesk.case_of(token).state is State.CONFIRMED


@pytest.mark.parametrize("token", ["", "tf_reset_", "tf_reset_" + "A" * 43, "tf_session_" + "A" * 43, "\0", "\ud800"])
def test_a_forged_link_is_unknown(helpdesk: Helpdesk, token: str) -> None:
    helpdesk.sent()
    assert exactly(over(helpdesk.confirm(token)), Unknown())
    assert exactly(over(helpdesk.refuse(token)), Unknown())
    assert exactly(helpdesk.view(token), Unknown())


def test_a_link_is_bound_to_its_own_user(helpdesk: Helpdesk) -> None:
    """Bob's password opens nothing of Ada's, and the other way round; each link names its own user alone."""
    bob = helpdesk.people.user("bob@acme.example", password="copper violin harbour")
    helpdesk.people.protect(bob, password="copper violin harbour")
    bob = helpdesk.people.look_up(bob)
    of_ada = helpdesk.sent()
    helpdesk.try_to_ask(helpdesk.grace, bob)
    of_bob = helpdesk.link()
    assert isinstance(helpdesk.confirm(of_ada, "copper violin harbour"), WrongPassword)
    assert isinstance(helpdesk.confirm(of_bob, PASSWORD), WrongPassword)
    assert isinstance(helpdesk.confirm(of_bob, "copper violin harbour"), ResetDone)
    assert helpdesk.ada_now().has_second_factor


def test_what_is_stored_does_not_open_a_link(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    assert token.encode() not in repr(helpdesk.dump()).encode()
    digest = helpdesk.case_of(token).token_hash
    assert digest is not None
    assert exactly(over(helpdesk.confirm(digest.hex())), Unknown())


# --- what kills a link


def test_a_letter_delivered_again_brings_a_new_link_and_only_that_one_works(helpdesk: Helpdesk) -> None:
    first = helpdesk.sent()
    [letter] = helpdesk.deliver_again(later(minutes=2))
    second = letter.text.split("/resets/")[1].split()[0]
    assert second != first
    assert exactly(
        over(helpdesk.confirm(first, at=later(minutes=3))), Replaced(helpdesk.case_of(first), later(minutes=2))
    )
    assert isinstance(helpdesk.confirm(second, at=later(minutes=16)), ResetDone)


def test_a_link_dies_with_a_change_of_authenticators(helpdesk: Helpdesk) -> None:
    """The phone has turned up again, and its owner adds another one, before the link is pressed."""
    token = helpdesk.sent()
    session = helpdesk.people.sign_in(helpdesk.ada, helpdesk.factor.phone, at=later(minutes=1))
    code = helpdesk.factor.phone.code(later(minutes=2))
    opened = enrolment_flow.open_in_session(
        helpdesk.context, session, SetUp(PASSWORD, code, None, "Spare"), origin=Origin(later(minutes=2), CLIENT_INFO),
    )  # fmt: skip
    assert isinstance(opened, Opened)
    spare = phone_of(opened).code(later(minutes=3))
    enrolment_flow.confirm_in_session(
        helpdesk.context, session, opened.id, spare, origin=Origin(later(minutes=3), CLIENT_INFO)
    )
    verdict = over(helpdesk.confirm(token, at=later(minutes=4)))
    assert isinstance(verdict, Dead)
    assert verdict.why == CloseReason.FACTORS_CHANGED
    assert helpdesk.case_of(token).state is State.CLOSED
    assert helpdesk.people.count(authenticators) == 2


def test_a_link_does_not_survive_a_removal_and_a_new_set_up(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    reset_on_server(helpdesk.context, helpdesk.ada, REASON, later(minutes=1))
    ada = helpdesk.ada_now()
    helpdesk.people.protect(ada, at=later(minutes=2))
    assert isinstance(over(helpdesk.confirm(token, at=later(minutes=3))), Dead)
    assert helpdesk.ada_now().has_second_factor


def test_a_link_dies_with_a_change_of_address(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    helpdesk.people.set_user(helpdesk.ada, email="ada@home.example", email_key="ada@home.example")
    verdict = over(helpdesk.confirm(token))
    assert isinstance(verdict, Dead)
    assert verdict.why == CloseReason.EMAIL_CHANGED
    assert (helpdesk.case_of(token).state, helpdesk.case_of(token).ended_why) == (
        State.CLOSED,
        CloseReason.EMAIL_CHANGED,
    )
    assert helpdesk.ada_now().has_second_factor


@pytest.mark.parametrize(
    "loss",
    [{"role": "member"}, {"active": False}, {"frozen_at": NOON}, {"account_id": "other"}],
    ids=["demoted", "deactivated", "frozen", "moved"],
)
def test_a_link_dies_when_whoever_asked_loses_the_right(helpdesk: Helpdesk, loss: dict[str, object]) -> None:
    token = helpdesk.sent()
    if "account_id" in loss:
        loss = {"account_id": helpdesk.people.account("Other")}
    helpdesk.people.set_user(helpdesk.grace, **loss)
    verdict = over(helpdesk.refuse(token)) if "active" in loss else over(helpdesk.confirm(token))
    assert isinstance(verdict, Dead)
    assert verdict.why == CloseReason.REQUESTER
    assert helpdesk.case_of(token).state is State.CLOSED
    assert helpdesk.ada_now().has_second_factor


@pytest.mark.parametrize(
    ("change", "why"), [({"active": False}, CloseReason.INACTIVE), ({"frozen_at": NOON}, CloseReason.FROZEN)]
)
def test_a_link_dies_with_its_user(helpdesk: Helpdesk, change: dict[str, object], why: CloseReason) -> None:
    token = helpdesk.sent()
    helpdesk.people.set_user(helpdesk.ada, **change)
    verdict = over(helpdesk.confirm(token))
    assert isinstance(verdict, Dead)
    assert verdict.why == why


def test_a_letter_for_a_case_that_has_died_is_dropped_and_the_case_closed(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    helpdesk.people.set_user(helpdesk.grace, role="member")
    assert helpdesk.post() == []
    case = helpdesk.case(case_id)
    assert (case.state, case.ended_why) == (State.CLOSED, CloseReason.REQUESTER)
    assert case.letter is not None
    assert case.letter.outcome == "dropped"


# --- the password


def test_five_wrong_passwords_close_the_case_without_any_wait(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    for left in (4, 3, 2, 1, 0):
        assert exactly(helpdesk.confirm(token, WRONG), WrongPassword(left))
    verdict = over(helpdesk.confirm(token, PASSWORD))
    assert isinstance(verdict, Dead)
    assert verdict.why == CloseReason.WRONG_PASSWORDS
    case = helpdesk.case_of(token)
    assert (case.state, case.ended_why, case.password_tries) == (State.CLOSED, CloseReason.WRONG_PASSWORDS, 5)
    assert helpdesk.ada_now().has_second_factor
    assert len(helpdesk.people.events("reset_password_wrong")) == 5
    assert len(helpdesk.people.events("reset_closed")) == 1
    assert [letter.recipient for letter in helpdesk.people.letters("reset_closed")] == [helpdesk.grace.email]


def test_the_fifth_try_may_be_the_right_one(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    for _ in range(4):
        helpdesk.confirm(token, WRONG)
    assert isinstance(helpdesk.confirm(token), ResetDone)


def test_sending_again_gives_no_fresh_tries(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    token = helpdesk.link()
    for _ in range(4):
        helpdesk.confirm(token, WRONG)
    act_flow.send_again(helpdesk.context, helpdesk.grace, case_id, origin=Origin(NOON))
    assert exactly(helpdesk.confirm(helpdesk.link(), WRONG), WrongPassword(0))
    assert helpdesk.standing(case_id) is State.CLOSED


def test_wrong_passwords_on_a_link_slow_no_sign_in_down(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    before = helpdesk.people.count(password_throttles)
    for _ in range(5):
        helpdesk.confirm(token, WRONG)
    assert helpdesk.people.count(password_throttles) == before
    assert isinstance(helpdesk.people.begin(helpdesk.ada), Due)


def test_a_try_is_committed_before_the_password_is_looked_at(
    helpdesk: Helpdesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies while it hashes has charged; whoever comes next has one try less."""
    token = helpdesk.sent()

    def power_cut(*_: object) -> bool:
        raise SystemExit

    monkeypatch.setattr(type(helpdesk.context.hasher), "verify", power_cut)
    for _ in range(MOST_WRONG_PASSWORDS):
        with pytest.raises(SystemExit):
            helpdesk.confirm(token)
    monkeypatch.undo()
    assert helpdesk.case_of(token).password_tries == MOST_WRONG_PASSWORDS
    verdict = over(helpdesk.confirm(token))
    assert isinstance(verdict, Dead)
    assert verdict.why == CloseReason.WRONG_PASSWORDS
    assert helpdesk.ada_now().has_second_factor


def test_who_comes_while_the_last_try_is_under_way_does_not_cut_it_off(helpdesk: Helpdesk) -> None:
    """Five are charged, the fifth with the right password is still being hashed: the case stays open for it."""
    case_id = helpdesk.ask()
    token = helpdesk.link()
    for _ in range(4):
        helpdesk.confirm(token, WRONG)

    def others_come() -> None:
        for outcome in (helpdesk.confirm(token), helpdesk.confirm(token, WRONG), helpdesk.refuse(token)):
            assert isinstance(over(outcome), Dead)
        assert isinstance(
            act_flow.send_again(helpdesk.context, helpdesk.grace, case_id, origin=Origin(NOON)), WrongState
        )

    with meanwhile(helpdesk.context, others_come):
        assert isinstance(helpdesk.confirm(token), ResetDone)


def test_a_password_that_was_changed_while_it_was_hashed_proves_nothing(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()

    def owner_changes_it() -> None:
        with helpdesk.context.db.write() as connection:
            hashed = helpdesk.context.hasher.hash(NEW_PASSWORD)
            directory.set_password(connection, helpdesk.ada.id, hashed, later(minutes=1), by_mail=False)

    with meanwhile(helpdesk.context, owner_changes_it):
        assert exactly(helpdesk.confirm(token, PASSWORD, at=later(minutes=1)), WrongPassword(4))
    assert helpdesk.ada_now().has_second_factor


@pytest.mark.parametrize("what", ["cancelled", "frozen", "locked", "mailed password"])
def test_what_happens_while_the_password_is_hashed_counts(helpdesk: Helpdesk, what: str) -> None:
    case_id = helpdesk.ask()
    token = helpdesk.link()
    happens: dict[str, Callable[[], object]] = {
        "cancelled": lambda: act_flow.cancel(helpdesk.context, helpdesk.grace, case_id, origin=Origin(NOON)),
        "frozen": lambda: helpdesk.people.set_user(helpdesk.ada, frozen_at=NOON),
        "locked": lambda: helpdesk.lock_ada(NOON),
        "mailed password": lambda: helpdesk.set_password_by_mail(NOON, PASSWORD),
    }
    comes = {
        "cancelled": LinkOver,
        "frozen": LinkOver,
        "locked": NewPasswordRequired,
        "mailed password": ApprovalRequired,
    }
    with meanwhile(helpdesk.context, happens[what]):
        assert isinstance(helpdesk.confirm(token), comes[what])
    assert helpdesk.ada_now().has_second_factor


def test_the_throttled_address_does_not_stop_the_owner_at_their_link(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    for _ in range(20):
        lockouts.prove_password(
            helpdesk.context, helpdesk.ada.email, WRONG, client=None, address=CLIENT_INFO.address, at=NOON
        )
    assert isinstance(helpdesk.confirm(token), ResetDone)


# --- a new password, where wrong codes have locked the user


def test_after_a_lock_a_new_password_is_demanded_and_the_lock_is_lifted(helpdesk: Helpdesk) -> None:
    helpdesk.lock_ada(NOON)
    assert helpdesk.is_locked()
    token = helpdesk.sent()
    link = helpdesk.view(token)
    assert isinstance(link, OpenLink)
    assert link.needs_new_password

    assert exactly(helpdesk.confirm(token), NewPasswordRequired())
    assert exactly(helpdesk.confirm(token, WRONG), NewPasswordRequired())
    assert helpdesk.case_of(token).password_tries == 0
    assert isinstance(helpdesk.confirm(token, PASSWORD, NEW_PASSWORD, at=later(minutes=1)), ResetDone)

    ada = helpdesk.ada_now()
    assert not helpdesk.is_locked()
    assert (ada.password_set_at, ada.password_unproven) == (later(minutes=1), False)
    assert isinstance(helpdesk.people.begin(ada, password=NEW_PASSWORD, at=later(minutes=2)), SignedIn)
    assert isinstance(helpdesk.people.begin(ada, password=PASSWORD, at=later(minutes=2)), lockouts.WrongPassword)


def test_whoever_guessed_at_the_old_password_slows_the_new_one_down_no_more(helpdesk: Helpdesk) -> None:
    helpdesk.lock_ada(NOON)
    token = helpdesk.sent()
    for _ in range(20):
        lockouts.prove_password(
            helpdesk.context, helpdesk.ada.email, WRONG, client=None, address=CLIENT_INFO.address, at=NOON
        )
    assert isinstance(helpdesk.people.begin(helpdesk.ada), lockouts.Wait)
    helpdesk.confirm(token, PASSWORD, NEW_PASSWORD)
    assert isinstance(helpdesk.people.begin(helpdesk.ada_now(), password=NEW_PASSWORD), SignedIn)


def test_a_lock_that_was_lifted_still_demands_a_new_password(helpdesk: Helpdesk) -> None:
    helpdesk.lock_ada(NOON)
    helpdesk.unlock_ada()
    assert exactly(helpdesk.confirm(helpdesk.sent()), NewPasswordRequired())


def test_a_lock_from_before_the_password_was_set_demands_none(helpdesk: Helpdesk) -> None:
    helpdesk.lock_ada(NOON)
    helpdesk.unlock_ada()
    helpdesk.people.set_user(helpdesk.ada, password_set_at=later(minutes=1))
    token = helpdesk.sent(at=later(minutes=2))
    assert isinstance(helpdesk.confirm(token, at=later(minutes=2)), ResetDone)


def test_a_lock_that_falls_while_the_link_is_open_demands_one_too(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    helpdesk.lock_ada(later(minutes=1))
    assert exactly(helpdesk.confirm(token, at=later(minutes=2)), NewPasswordRequired())


def test_even_a_final_lock_is_lifted(helpdesk: Helpdesk) -> None:
    helpdesk.lock_ada(NOON)
    helpdesk.people.set_counts(helpdesk.ada, wrong=5, wrong_in_row=100)
    assert isinstance(helpdesk.people.begin(helpdesk.ada), LockedOut)
    assert isinstance(helpdesk.confirm(helpdesk.sent(), PASSWORD, NEW_PASSWORD), ResetDone)
    assert isinstance(helpdesk.people.begin(helpdesk.ada_now(), password=NEW_PASSWORD), SignedIn)


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
def test_a_weak_new_password_is_refused_before_a_try_is_charged(helpdesk: Helpdesk, new: str, why: Weakness) -> None:
    helpdesk.lock_ada(NOON)
    token = helpdesk.sent()
    assert helpdesk.confirm(token, PASSWORD, new) is why
    assert helpdesk.case_of(token).password_tries == 0
    assert helpdesk.ada_now().has_second_factor


def test_the_new_password_must_not_be_the_old_one(helpdesk: Helpdesk) -> None:
    helpdesk.lock_ada(NOON)
    token = helpdesk.sent()
    assert exactly(helpdesk.confirm(token, PASSWORD, PASSWORD), SamePassword())
    assert exactly(helpdesk.confirm(token, WRONG, WRONG), SamePassword())  # tells nothing of the real one
    assert helpdesk.case_of(token).password_tries == 0


def test_the_same_letters_composed_differently_are_the_same_password(helpdesk: Helpdesk) -> None:
    composed, decomposed = "caf\u00e9 au lait noir", "cafe\u0301 au lait noir"
    helpdesk.lock_ada(NOON)
    with helpdesk.context.db.write() as connection:
        connection.execute(
            sa.text("UPDATE users SET password_hash = :hash WHERE email_key = 'ada@acme.example'"),
            {"hash": helpdesk.context.hasher.hash(composed)},
        )
    token = helpdesk.sent()
    assert exactly(helpdesk.confirm(token, composed, decomposed), SamePassword())
    assert isinstance(helpdesk.confirm(token, decomposed, NEW_PASSWORD), ResetDone)


def test_a_new_password_may_be_chosen_where_none_is_demanded(helpdesk: Helpdesk) -> None:
    assert isinstance(helpdesk.confirm(helpdesk.sent(), PASSWORD, NEW_PASSWORD), ResetDone)
    assert isinstance(helpdesk.people.begin(helpdesk.ada_now(), password=NEW_PASSWORD), SignedIn)


def test_a_new_password_with_a_wrong_old_one_changes_nothing(helpdesk: Helpdesk) -> None:
    helpdesk.lock_ada(NOON)
    token = helpdesk.sent()
    assert exactly(helpdesk.confirm(token, WRONG, NEW_PASSWORD), WrongPassword(4))
    assert isinstance(helpdesk.people.begin(helpdesk.ada, password=PASSWORD), LockedOut)


# --- the mailbox alone is never both factors


def test_a_password_set_by_mail_confirms_nothing_until_somebody_else_approves(helpdesk: Helpdesk) -> None:
    helpdesk.set_password_by_mail(NOON)
    case_id = helpdesk.ask()
    token = helpdesk.link()
    link = helpdesk.view(token)
    assert isinstance(link, OpenLink)
    assert link.needs_approval
    assert exactly(helpdesk.confirm(token, NEW_PASSWORD), ApprovalRequired())
    assert helpdesk.case_of(token).password_tries == 0
    assert helpdesk.ada_now().has_second_factor

    linus = helpdesk.people.user("linus@acme.example", role="admin")
    act_flow.approve(helpdesk.context, linus, case_id, origin=Origin(later(minutes=5), CLIENT_INFO))
    assert not helpdesk.view(token, later(minutes=6)).needs_approval
    assert isinstance(helpdesk.confirm(token, NEW_PASSWORD, at=later(minutes=6)), ResetDone)


def test_a_support_agent_can_approve_too(helpdesk: Helpdesk) -> None:
    helpdesk.set_password_by_mail(NOON)
    case_id = helpdesk.ask()
    agent = helpdesk.people.user("sam@operator.example", role="support")
    act_flow.approve(helpdesk.context, agent, case_id, origin=Origin(NOON))
    assert isinstance(helpdesk.confirm(helpdesk.link(), NEW_PASSWORD), ResetDone)


def test_a_password_set_by_mail_while_the_link_is_open_needs_approval_as_well(helpdesk: Helpdesk) -> None:
    token = helpdesk.sent()
    helpdesk.set_password_by_mail(later(minutes=1))
    assert exactly(helpdesk.confirm(token, NEW_PASSWORD, at=later(minutes=2)), ApprovalRequired())


def test_an_approval_from_before_the_password_was_set_by_mail_counts_for_nothing(helpdesk: Helpdesk) -> None:
    """Else whoever reads the mail waits for an approval that was given in good faith, and sets the password then."""
    case_id = helpdesk.ask()
    linus = helpdesk.people.user("linus@acme.example", role="admin")
    act_flow.approve(helpdesk.context, linus, case_id, origin=Origin(NOON))
    token = helpdesk.link()
    helpdesk.set_password_by_mail(later(minutes=1))
    assert exactly(helpdesk.confirm(token, NEW_PASSWORD, at=later(minutes=2)), ApprovalRequired())
    act_flow.approve(helpdesk.context, linus, case_id, origin=Origin(later(minutes=3)))
    assert isinstance(helpdesk.confirm(token, NEW_PASSWORD, at=later(minutes=4)), ResetDone)


def test_once_used_with_the_second_factor_a_mailed_password_is_enough(helpdesk: Helpdesk) -> None:
    helpdesk.set_password_by_mail(NOON)
    helpdesk.people.sign_in(helpdesk.ada_now(), helpdesk.factor.phone, password=NEW_PASSWORD)
    assert isinstance(helpdesk.confirm(helpdesk.sent(), NEW_PASSWORD), ResetDone)


def test_who_can_approve_is_named_and_whoever_asked_is_not(helpdesk: Helpdesk) -> None:
    helpdesk.people.user("linus@acme.example", role="admin", name="Linus Pauling")
    helpdesk.set_password_by_mail(NOON)
    link = helpdesk.view(helpdesk.sent())
    assert isinstance(link, OpenLink)
    assert [helper.name for helper in link.approvers] == ["Linus Pauling"]


# --- refusing


def test_a_refusal_changes_nothing_for_the_user_and_alerts(helpdesk: Helpdesk) -> None:
    session = helpdesk.people.token(helpdesk.ada, helpdesk.factor.phone)
    token = helpdesk.sent()
    assert exactly(helpdesk.refuse(token, at=later(minutes=1)), RefusalDone())
    case = helpdesk.case_of(token)
    assert (case.state, case.ended_at) == (State.REFUSED, later(minutes=1))
    assert helpdesk.ada_now() == helpdesk.ada
    assert helpdesk.people.find_session(session) is not None
    assert isinstance(over(helpdesk.confirm(token, at=later(minutes=2))), Used)
    [event] = helpdesk.people.events("reset_refused")
    assert (event.actor_kind, event.subject_id, event.address) == ("nobody", helpdesk.ada.id, "198.51.100.66")


# --- looking


def test_looking_at_a_link_changes_nothing_however_often_and_whatever_it_says(helpdesk: Helpdesk) -> None:
    case_id = helpdesk.ask()
    older = helpdesk.link()
    act_flow.send_again(helpdesk.context, helpdesk.grace, case_id, origin=Origin(NOON))
    newer = helpdesk.link()
    before = helpdesk.dump()
    for at in (NOON, later(minutes=14, seconds=59), later(minutes=15), later(days=1)):
        for token in (older, newer, "tf_reset_" + "A" * 43):
            helpdesk.view(token, at)
    assert helpdesk.dump() == before
    helpdesk.people.set_user(helpdesk.grace, role="member")
    before = helpdesk.dump()
    assert isinstance(helpdesk.view(newer), Dead)
    assert helpdesk.dump() == before


# --- the command line


def test_the_command_line_switches_off_at_once_without_mail(helpdesk: Helpdesk, database_url: str) -> None:
    open_case = helpdesk.ask()
    token = helpdesk.link()
    done = reset_on_server(helpdesk.context, helpdesk.ada, "She stands before me.", later(minutes=1))
    assert isinstance(done, ResetOnServer)
    ada = helpdesk.ada_now()
    assert (ada.has_second_factor, ada.reset_confirmed_at) == (False, later(minutes=1))
    closed = helpdesk.case(open_case)
    assert (closed.state, closed.ended_why, closed.ended_at) == (State.CLOSED, "console", later(minutes=1))
    assert isinstance(over(helpdesk.confirm(token, at=later(minutes=2))), Dead)
    [event] = helpdesk.people.events("reset_done_on_the_server")
    assert (event.actor_kind, event.reason, event.account_id) == ("console", "She stands before me.", ada.account_id)
    newest = flow.cases_for(helpdesk.context, helpdesk.grace).cases[0]
    assert (newest.state, newest.requester_kind, newest.requester) == (State.CONFIRMED, "console", None)
    assert exactly(reset_on_server(helpdesk.context, ada, "Again, please.", later(minutes=2)), NotEnabled())


def test_the_command_line_gives_a_reason_too(helpdesk: Helpdesk) -> None:
    assert exactly(reset_on_server(helpdesk.context, helpdesk.ada, " ", NOON), MissingReason())
    assert helpdesk.ada_now().has_second_factor
