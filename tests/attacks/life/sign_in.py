"""Ada signs in, and out."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.attacks.life.machine import MALFORMED, Machine, act, of_some, on_node, plain, proofs
from tests.attacks.life.model import Begun
from tests.harness.people import CLIENT_INFO
from twofold.factors.outcomes import MalformedCode, Passed
from twofold.kit.acting import Origin
from twofold.lockouts import flow as lockouts
from twofold.sessions import flow as sessions
from twofold.signin import flow as signin
from twofold.signin.attempt import Step
from twofold.signin.first_factor import password_flow
from twofold.signin.first_factor.password_flow import Credentials
from twofold.signin.outcomes import Due, LockedOut, MailedCodeClosed, TwoFactorNeeded

TEN_MINUTES = timedelta(minutes=10)

on_channel = st.sampled_from(["page", "api"])


class SigningIn(Machine):
    """Password, second factor, and a program that knows no second step."""

    @act(6, node=on_node, channel=on_channel, client=of_some)
    def gives_the_password(self, node: int, channel: str, client: int) -> None:
        at, model, known = self._tick(), self.model, self._client(client)
        expected: Any = model.type_password(at, known, right=True)
        outcome = self.nodes[node].begin(self.ada, at=at, password=model.password, channel=channel, client=known)
        if expected is not None:
            assert outcome == expected, (outcome, expected)
        elif model.protected:
            if model.locked:
                assert isinstance(outcome, LockedOut), outcome
                assert outcome.final is model.final
            else:
                assert isinstance(outcome, Due), outcome
                assert outcome.next == Step.CODE
            by_known = model.knows_factor(known, at)
            self.begun.append(
                Begun(outcome.sign_in, channel, Step.CODE, model.version, at + TEN_MINUTES, known=by_known)
            )
        elif model.required(at):
            closed: MailedCodeClosed | None = model.mailbox.closed(at)
            if closed is not None:
                assert outcome == closed, (outcome, closed)
                return
            assert isinstance(outcome, Due), outcome
            assert outcome.next == Step.VERIFY_EMAIL
            mailed = model.mailbox.post(at) is None
            self.begun.append(
                Begun(outcome.sign_in, channel, Step.VERIFY_EMAIL, model.version, at + TEN_MINUTES, mailed=mailed)
            )
        else:
            self._signed_in(node, outcome, ("pwd",), at)

    @act(2, node=on_node, client=of_some)
    def gives_a_wrong_password(self, node: int, client: int) -> None:
        at, known = self._tick(), self._client(client)
        expected = self.model.type_password(at, known, right=False)
        outcome = self.nodes[node].begin(self.ada, at=at, password="not the password", client=known)
        assert outcome == expected, (outcome, expected)
        if isinstance(expected, lockouts.WrongPassword):
            self.model.events.append("sign_in_refused")

    @act(1, node=on_node, client=of_some)
    def uses_a_program_that_knows_no_second_step(self, node: int, client: int) -> None:
        at, model, known = self._tick(), self.model, self._client(client)
        expected: Any = model.type_password(at, known, right=True)
        given = Credentials(self.ada.email, model.password, known, "legacy")
        outcome = password_flow.submit_legacy(self.nodes[node].context, given, origin=Origin(at, CLIENT_INFO))
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
            self.gives_the_password(node, "api" if which % 2 else "page", which)
        if not self.begun:
            return
        at, attempt, typed = self._tick(), self._any_attempt(Step.CODE, which), self._typed(proof)
        outcome = self.nodes[node].give_code(attempt.token, typed, at=at, channel=attempt.channel)
        if typed == MALFORMED:
            assert outcome == MalformedCode(), outcome
            return
        if self._stopped(attempt, Step.CODE, outcome, at):
            return
        expected = self.model.type_proof(typed, at, "" if attempt.known else attempt.token)
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
    def an_attacker_with_the_password_guesses(self, node: int, guesses: int) -> None:
        for _ in range(min(guesses, self.model.left)):
            self.gives_a_code(node, 0, "wrong")

    @act(2, when=lambda life: life.model.protected, node=on_node, which=of_some)
    def the_clock_is_wrong_for_a_while(self, node: int, which: int) -> None:
        """Codes of a phone whose own clock is ahead are disclosed; then the time of the first one comes."""
        self.gives_a_code(node, which, (which, 3))
        self.at += timedelta(minutes=5)
        self.gives_a_code(node, which, (which, 3))
        self.at -= timedelta(minutes=5) - timedelta(seconds=90)
        self.gives_a_code(node, which, "disclosed")

    @act(
        4,
        when=lambda life: any(one.step == Step.SAVE_BACKUP_CODE for one in life.begun),
        node=on_node,
        which=of_some,
    )
    def says_it_is_saved(self, node: int, which: int) -> None:
        at = self._tick()
        attempt = self._any_attempt(Step.SAVE_BACKUP_CODE, which, "page")
        outcome = signin.submit_saved(
            self.nodes[node].context, attempt.token, client=None, origin=Origin(at, CLIENT_INFO)
        )
        if not self._stopped(attempt, Step.SAVE_BACKUP_CODE, outcome, at):
            self._signed_in(node, outcome, attempt.methods, at, attempt)

    @act(
        1,
        when=lambda life: bool(life.held),
        node=on_node,
        which=of_some,
        seconds=st.sampled_from([-1, 0, 1]),
    )
    def works_until_the_day_is_over(self, node: int, which: int, seconds: int) -> None:
        """Never idle for an hour, a session holds for a day in all, whatever was changed in it meanwhile."""
        self._comes_in(node, which)
        alive = self._alive(self.at)
        if not alive:
            return
        held = self._pick(alive, which)
        while self.at < held.expires - timedelta(minutes=50):
            self.at += timedelta(minutes=50)
            self._page_of(node, held, self.at)
        self.at = held.expires + timedelta(seconds=seconds)
        self._page_of(node, held, self.at)

    @act(1, when=lambda life: bool(len(life.held) > 1), node=on_node, which=of_some)
    def signs_out(self, node: int, which: int) -> None:
        at = self._tick()
        held, session = self._page(node, which, at)
        if session is not None and held.version == self.model.version:
            sessions.sign_out(self.nodes[node].context.db, session, origin=Origin(at, CLIENT_INFO))
            held.ended = True
            self.model.events.append("signed_out")

    def _comes_in(self, node: int, which: int) -> None:
        """Sign in where nobody is; seldom not, so that what is over is used as well."""
        if which == 7 or self._alive(self.at):
            return
        self._comes_in_anew(node)

    def _comes_in_anew(self, node: int) -> None:
        self.at += timedelta(seconds=30)
        self.gives_the_password(node, "page", 0)
        if self._waiting(Step.CODE):
            self.gives_a_code(node, 0, (0, 0))
