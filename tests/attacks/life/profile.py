"""Ada sets factors up, and changes them."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.attacks.life.machine import MALFORMED, act, of_some, on_node, plain, proofs
from tests.attacks.life.model import Enrolling, Held, Phone, digits, step_of
from tests.attacks.life.sign_in import SigningIn
from tests.harness.people import VISITOR
from twofold.factors import change_flow, enrolment_flow
from twofold.factors.change_flow import Proofs
from twofold.factors.enrolment_flow import SetUp
from twofold.factors.outcomes import (
    AwaitsLastQuestion,
    Changed,
    EnrolmentExpired,
    LastAuthenticator,
    Locked,
    MalformedCode,
    NotEnabled,
    NotOffered,
    Opened,
    Passed,
    RequiredByPolicy,
    SessionOver,
    TooMany,
    WrongConfirmation,
)
from twofold.sessions.session import Session

QUARTER = timedelta(minutes=15)
TEN_MINUTES = timedelta(minutes=10)


class Profile(SigningIn):
    """A session is looked up as a page does; one that is over is used as an old tab would."""

    @act(4, node=on_node, which=of_some, proof=proofs, replace=st.booleans())
    def opens_a_set_up(self, node: int, which: int, proof: Any, *, replace: bool) -> None:
        self._comes_in(node, which)
        if not self.held:
            return
        at, model = self._tick(), self.model
        held, session = self._page(node, which, at)
        if session is None:
            return
        typed = self._typed(proof)
        replaces = model.phones[which % len(model.phones)] if replace and model.phones else None
        asked = SetUp(model.password, typed, None, "app", None if replaces is None else replaces.id)
        outcome = enrolment_flow.open_in_session(self.nodes[node].house, session, asked, visitor=VISITOR, at=at)
        if session.person.has_second_factor and typed == MALFORMED:
            assert outcome == MalformedCode(), outcome
            return
        expected: Any = model.type_password(at, right=True)
        if expected is None and held.version != model.version:
            expected = SessionOver()
        if expected is not None:
            assert outcome == expected, (outcome, expected)
            return
        if not model.protected and not model.offered:
            assert isinstance(outcome, NotOffered), outcome
            return
        if replaces is None and len(model.phones) >= 5:
            assert outcome == TooMany(), outcome
            return
        passed = model.type_proof(typed, at) if model.protected else Passed("")
        if not isinstance(passed, Passed):
            assert outcome == passed, (outcome, passed)
            return
        assert isinstance(outcome, Opened), outcome
        if passed.method == "backup_code":
            model.backup_spent(plain(outcome.new_backup_code))
        self._count_once(passed.method)
        self.enrolling = Enrolling(
            outcome.id, Phone(outcome.secret), held, model.version, at + QUARTER, replaces,
            new_backup=not model.protected or replaces is not None or passed.method == "backup_code",
        )  # fmt: skip

    @act(
        12,
        when=lambda life: bool(life.held and life.enrolling),
        node=on_node,
        which=of_some,
        distance=st.sampled_from([0, 0, 0, -1, 1, 2, -5, None]),
    )
    def confirms(self, node: int, which: int, distance: int | None) -> None:
        at, model, enrolling = self._tick(), self.model, self.enrolling
        assert enrolling is not None
        opener = enrolling.opener if which != 7 else self._pick(self.held, 1)
        held, session = self._page_of(node, opener, at)
        if session is None:
            return
        now = step_of(at)
        typed = self._never([enrolling.phone]) if distance is None else digits(enrolling.phone.secret, now + distance)
        outcome: Any = enrolment_flow.confirm_in_session(
            self.nodes[node].house, session, enrolling.id, typed, visitor=VISITOR, at=at,
        )  # fmt: skip
        if held.version != model.version:
            assert outcome == EnrolmentExpired(), outcome
            return
        if model.locked:
            assert outcome == Locked(model.final), outcome
            return
        if held is not enrolling.opener or at >= enrolling.expires or enrolling.wrong >= 10:
            assert outcome == EnrolmentExpired(), outcome
            return
        enrolling.wrong += 1
        verdict, step = enrolling.phone.judge(typed, now)
        if enrolling.version != model.version:
            assert outcome == EnrolmentExpired(), outcome
        elif verdict != "fresh":
            drift = (step - now) * 30 if verdict == "drift" else None
            assert outcome == WrongConfirmation(10 - enrolling.wrong, drift), outcome
        else:
            assert isinstance(outcome, Changed), outcome
            assert outcome.change == model.confirmed(enrolling, step)
            assert (outcome.backup_code is not None) is enrolling.new_backup
            if outcome.backup_code is not None:
                model.backup_issued(plain(outcome.backup_code))
            self.accepted.add((enrolling.phone.secret, step))
            self.enrolling = None
            self._factors_changed()
            self._goes_on(node, held, outcome.session_token, at, proved="otp")

    @act(
        6,
        when=lambda life: life.model.protected,
        node=on_node,
        which=of_some,
        proof=proofs,
        what=st.sampled_from(["regenerate", "remove", "ask_removal", "remove_one"]),
    )
    def changes_her_factors(self, node: int, which: int, proof: Any, what: str) -> None:
        self._comes_in(node, which)
        if not self.held:
            return
        at, model = self._tick(), self.model
        held, session = self._page(node, which, at)
        if session is None:
            return
        stale = held.version != model.version
        what = "regenerate" if stale or (what == "remove_one" and not model.phones) else what
        typed = self._typed(proof)
        phone = model.phones[which % len(model.phones)] if model.phones else None
        outcome = self._ask_for(what, node, session, phone, Proofs(model.password, typed, None), at)
        if what in {"remove", "ask_removal"} and model.required(at):
            assert outcome == RequiredByPolicy(), outcome
            return
        if what == "remove_one" and len(model.phones) == 1:
            assert outcome == LastAuthenticator(), outcome
            return
        proved = self._proved(held, session, typed, at)
        if not isinstance(proved, Passed):
            assert outcome == proved, (outcome, proved)
            return
        self._count_once(proved.method)
        if what == "ask_removal":
            assert isinstance(outcome, AwaitsLastQuestion), outcome
            if proved.method == "backup_code":
                model.backup_spent(plain(outcome.new_backup_code))
            held.removal, held.removal_until = outcome.confirmation, at + TEN_MINUTES
            return
        assert isinstance(outcome, Changed), outcome
        self._changed(what, proved, phone, outcome)
        self._goes_on(node, held, outcome.session_token, at)

    def _ask_for(
        self, what: str, node: int, session: Session, phone: Phone | None, given: Proofs, at: datetime
    ) -> object:
        house = self.nodes[node].house
        if what == "regenerate":
            return change_flow.regenerate(house, session, given, seen=True, visitor=VISITOR, at=at)
        if what == "remove":
            return change_flow.remove(house, session, given, visitor=VISITOR, at=at)
        if what == "ask_removal":
            return change_flow.ask_removal(house, session, given, visitor=VISITOR, at=at)
        assert phone is not None
        assert phone.id is not None
        return change_flow.remove_one(house, session, phone.id, given, visitor=VISITOR, at=at)

    def _proved(self, held: Held, session: Session, typed: str, at: datetime) -> object:
        """Say what comes of password and code, in that order: `Passed`, or the refusal."""
        if not session.person.has_second_factor:
            return NotEnabled()
        if typed == MALFORMED:
            return MalformedCode()
        refused = self.model.type_password(at, right=True)
        if refused is not None:
            return refused
        return self.model.type_proof(typed, at) if held.version == self.model.version else SessionOver()

    def _changed(self, what: str, proved: Passed, phone: Phone | None, outcome: Changed) -> None:
        model = self.model
        if what == "regenerate":
            if proved.method == "backup_code":
                model.backup_spent("")
            model.backup_issued(plain(outcome.backup_code))
            model.events.append("backup_code_regenerated")
        elif what == "remove":
            self._removed()
        else:
            if proved.method == "backup_code":
                model.backup_spent(plain(outcome.backup_code))
            model.phones = [one for one in model.phones if one is not phone]
            model.stamp += 1
            model.events.append("authenticator_removed")
        self._factors_changed()

    @act(
        3,
        when=lambda life: any(held.removal for held in life.held),
        node=on_node,
        which=of_some,
        twice=st.booleans(),
    )
    def answers_the_last_question(self, node: int, which: int, *, twice: bool) -> None:
        at, model, house = self._tick(), self.model, self.nodes[node].house
        held = self._pick([one for one in self.held if one.removal], which)
        confirmation = held.removal
        outcome = change_flow.answer_removal(house, held.page, confirmation, visitor=VISITOR, at=at)
        if held.version != model.version:
            assert outcome == SessionOver(), outcome
            return
        if model.required(at):
            assert outcome == RequiredByPolicy(), outcome
            return
        in_time, locked = at < held.removal_until, model.locked
        held.removal = "" if in_time else held.removal
        if not in_time or locked:
            assert outcome == SessionOver(), outcome
            return
        assert isinstance(outcome, Changed), outcome
        self._removed()
        self._factors_changed()
        self._goes_on(node, held, outcome.session_token, at)
        if twice:
            again = change_flow.answer_removal(house, self.held[-1].page, confirmation, visitor=VISITOR, at=at)
            assert again == SessionOver(), again

    def _removed(self) -> None:
        self.model.switched_off()
        self.enrolling = None
        self.model.events.append("two_factor_removed")
