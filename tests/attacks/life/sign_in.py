"""Ada signs in, and out."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.attacks.life.machine import MALFORMED, Machine, act, of_some, on_node, plain, proofs
from tests.attacks.life.model import Begun, Enrolling, Held, Phone, digits, step_of
from tests.harness.people import VISITOR
from twofold.factors.outcomes import MalformedCode, Opened, Passed
from twofold.lockouts import flow as lockouts
from twofold.sessions import flow as sessions
from twofold.signin import flow as signin
from twofold.signin import set_up_flow as forced
from twofold.signin.attempt import Step
from twofold.signin.finish_flow import Credentials
from twofold.signin.outcomes import Due, GoesOn, LockedOut, TwoFactorNeeded, WrongMailedCode

TEN_MINUTES = timedelta(minutes=10)


class SigningIn(Machine):
    """Password, second factor, set-up where a policy asks for it, and a program that knows no second step."""

    @act(6, node=on_node, channel=st.sampled_from(["page", "api"]))
    def gives_the_password(self, node: int, channel: str) -> None:
        at, model = self._tick(), self.model
        expected: Any = model.type_password(at, right=True)
        outcome = self.nodes[node].begin(self.ada, at=at, password=model.password, channel=channel)
        if expected is not None:
            assert outcome == expected, (outcome, expected)
        elif model.protected or model.required(at):
            step = Step.CODE if model.protected else Step.VERIFY_EMAIL
            if model.protected and model.locked:
                assert isinstance(outcome, LockedOut), outcome
                assert outcome.final is model.final
            else:
                assert isinstance(outcome, Due), outcome
                assert outcome.next == step
            self.begun.append(Begun(outcome.sign_in, channel, step, model.version, at + TEN_MINUTES))
        else:
            self._signed_in(node, outcome, ("pwd",), at)

    @act(1, node=on_node)
    def gives_a_wrong_password(self, node: int) -> None:
        at = self._tick()
        expected = self.model.type_password(at, right=False)
        outcome = self.nodes[node].begin(self.ada, at=at, password="not the password")
        assert outcome == expected, (outcome, expected)
        if isinstance(expected, lockouts.WrongPassword):
            self.model.events.append("sign_in_refused")

    @act(1, node=on_node)
    def uses_a_program_that_knows_no_second_step(self, node: int) -> None:
        at, model = self._tick(), self.model
        expected: Any = model.type_password(at, right=True)
        given = Credentials(self.ada.email, model.password, None, "legacy")
        outcome = signin.submit_legacy(self.nodes[node].house, given, visitor=VISITOR, at=at)
        if expected is not None:
            assert outcome == expected, (outcome, expected)
        elif model.protected or model.required(at):
            assert outcome == TwoFactorNeeded(), outcome
            model.events.append("sign_in_refused")
        else:
            self._signed_in(node, outcome, ("pwd",), at)

    @act(
        8,
        when=lambda life: life.model.protected or any(one.step == Step.CODE for one in life.begun),
        node=on_node,
        which=of_some,
        proof=proofs,
    )
    def gives_a_code(self, node: int, which: int, proof: Any) -> None:
        if which != 7 and not self._waiting(Step.CODE):
            self.gives_the_password(node, "api" if which % 2 else "page")
        if not self.begun:
            return
        at, attempt, typed = self._tick(), self._any_attempt(Step.CODE, which), self._typed(proof)
        outcome = self.nodes[node].give_code(attempt.token, typed, at=at, channel=attempt.channel)
        if typed == MALFORMED:
            assert outcome == MalformedCode(), outcome
            return
        if self._stopped(attempt, Step.CODE, outcome, at):
            return
        expected = self.model.type_proof(typed, at)
        if not isinstance(expected, Passed):
            assert outcome == expected, (outcome, expected)
            return
        methods = ("pwd", expected.method)
        if expected.method == "otp":
            self._signed_in(node, outcome, methods, at, attempt)
        elif attempt.channel == "api":
            self._signed_in(node, outcome, methods, at, attempt)
            self.model.backup_spent(plain(outcome.new_backup_code))
        else:
            assert isinstance(outcome, Due), outcome
            self.model.backup_spent(plain(self._rests(node, attempt, at)))
            attempt.step, attempt.expires, attempt.methods = Step.SAVE_BACKUP_CODE, at + TEN_MINUTES, methods
        self._count_once(expected.method)

    @act(1, when=lambda life: life.model.protected, node=on_node, guesses=st.sampled_from([2, 5]))
    def a_thief_with_the_password_guesses(self, node: int, guesses: int) -> None:
        for _ in range(min(guesses, self.model.left)):
            self.gives_a_code(node, 0, "wrong")

    @act(1, when=lambda life: life.model.protected, node=on_node, which=of_some)
    def the_clock_is_wrong_for_a_while(self, node: int, which: int) -> None:
        """Codes of a phone whose own clock is ahead are given away; then the time of the first one comes."""
        self.gives_a_code(node, which, (which, 3))
        self.at += timedelta(minutes=5)
        self.gives_a_code(node, which, (which, 3))
        self.at -= timedelta(minutes=5) - timedelta(seconds=90)
        self.gives_a_code(node, which, "given away")

    @act(
        4,
        when=lambda life: any(one.step == Step.SAVE_BACKUP_CODE for one in life.begun),
        node=on_node,
        which=of_some,
    )
    def says_it_is_saved(self, node: int, which: int) -> None:
        at = self._tick()
        attempt = self._any_attempt(Step.SAVE_BACKUP_CODE, which, "page")
        outcome = signin.submit_saved(self.nodes[node].house, attempt.token, client=None, visitor=VISITOR, at=at)
        if not self._stopped(attempt, Step.SAVE_BACKUP_CODE, outcome, at):
            self._signed_in(node, outcome, attempt.methods, at, attempt)

    @act(
        4,
        when=lambda life: life.model.required(life.at) and not life.model.protected,
        node=on_node,
        which=of_some,
        wrong_first=st.booleans(),
    )
    def sets_up_as_she_must(self, node: int, which: int, *, wrong_first: bool) -> None:
        if not self._waiting(Step.VERIFY_EMAIL):
            self.gives_the_password(node, "api" if which % 2 else "page")
        waiting = [one for one in self.begun if one.step == Step.VERIFY_EMAIL]
        if not waiting:
            return
        at, house = self._tick(), self.nodes[node].house
        attempt = self._pick(waiting, which)
        code = self._mailed_code(node, attempt, at)
        if code is None:  # three were mailed within the hour, or nobody needs it any more
            guessed = self._give_mailed_code(node, attempt, "123456", at)
            if not self._stopped(attempt, Step.VERIFY_EMAIL, guessed, at):
                assert isinstance(guessed, WrongMailedCode), guessed
                self.model.events.append("mailed_code_wrong")
                self._forget_mailbox()
            return
        if wrong_first:
            other = f"{(int(code) + 1) % 1_000_000:06d}"
            assert isinstance(self._give_mailed_code(node, attempt, other, at), WrongMailedCode)
            self.model.events.append("mailed_code_wrong")
        assert isinstance(self._give_mailed_code(node, attempt, code, at), GoesOn)
        self.model.events.append("mailbox_proved")
        opened = forced.open_enrolment(house, attempt.token, channel=attempt.channel, at=at)
        assert isinstance(opened, tuple), opened
        self._confirms_as_she_must(node, attempt, opened[1], at)

    def _give_mailed_code(self, node: int, attempt: Begun, code: str, at: datetime) -> object:
        return forced.submit_mailed_code(
            self.nodes[node].house, attempt.token, code, channel=attempt.channel, visitor=VISITOR, at=at,
        )  # fmt: skip

    def _confirms_as_she_must(self, node: int, attempt: Begun, opened: Opened, at: datetime) -> None:
        model, phone, now = self.model, Phone(opened.secret), step_of(at)
        outcome: Any = forced.confirm_enrolment(
            self.nodes[node].house, attempt.token, opened.id, digits(phone.secret, now), channel=attempt.channel,
            client=None, visitor=VISITOR, at=at,
        )  # fmt: skip
        enrolling = Enrolling(opened.id, phone, Held("", 0, (), at, at), model.version, at, None, new_backup=True)
        assert model.confirmed(enrolling, now) == "set_up"
        self.enrolling = None
        self._factors_changed()
        attempt.version, attempt.methods = model.version, ("pwd", "otp")
        self.accepted.add((phone.secret, now))
        if attempt.channel == "api":
            self._signed_in(node, outcome, attempt.methods, at, attempt)
            model.backup_issued(plain(outcome.new_backup_code))
        else:
            assert isinstance(outcome, Due), outcome
            model.backup_issued(plain(self._rests(node, attempt, at)))
            attempt.step, attempt.expires = Step.SAVE_BACKUP_CODE, at + TEN_MINUTES

    @act(
        2,
        when=lambda life: bool(life.held and life.model.required(life.at) and not life.model.protected),
        node=on_node,
        which=of_some,
    )
    def is_stepped_down(self, node: int, which: int) -> None:
        at = self._tick()
        held, session = self._page(node, which, at)
        if session is None or held.version != self.model.version:
            return
        outcome = signin.step_down(self.nodes[node].house, session, visitor=VISITOR, at=at)
        assert isinstance(outcome, Due), outcome
        held.ended = True
        self.model.events.append("stepped_down")
        self.begun.append(Begun(outcome.sign_in, "page", Step.VERIFY_EMAIL, self.model.version, at + TEN_MINUTES))

    @act(1, when=lambda life: bool(len(life.held) > 1), node=on_node, which=of_some)
    def signs_out(self, node: int, which: int) -> None:
        at = self._tick()
        held, session = self._page(node, which, at)
        if session is not None and held.version == self.model.version:
            sessions.sign_out(self.nodes[node].house.db, session, visitor=VISITOR, at=at)
            held.ended = True
            self.model.events.append("signed_out")

    def _comes_in(self, node: int, which: int) -> None:
        """Sign in where nobody is; seldom not, so that what is over is used as well."""
        if which == 7 or any(self._should_hold(held, self.at) for held in self.held):
            return
        self.at += timedelta(seconds=30)
        self.gives_the_password(node, "page")
        if self._waiting(Step.CODE):
            self.gives_a_code(node, 0, (which, 0))
