"""A policy demands a second factor: Ada proves her mailbox, then sets one up, in that order and on one channel."""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tests.attacks.life.machine import act, of_some, on_node, plain, proofs
from tests.attacks.life.model import Begun, Enrolling, Held, Phone
from tests.attacks.life.profile import QUARTER, Profile
from tests.attacks.life.sign_in import TEN_MINUTES
from tests.harness.people import CLIENT_INFO
from twofold.factors import enrolment_flow, opening_flow
from twofold.factors.outcomes import EnrolmentExpired, MalformedCode, Opened, WrongConfirmation
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import digest, new_id
from twofold.operations.jobs import COMPOSERS
from twofold.signin import attempt_flow
from twofold.signin import flow as signin
from twofold.signin import records as signin_records
from twofold.signin import set_up_flow as forced
from twofold.signin.attempt import Expired, Step
from twofold.signin.outcomes import Due, GoesOn, WrongMailedCode

mailed_codes = st.sampled_from(["right", "right", "right", "wrong", "older", "malformed"])


def must_prove_her_mailbox(life: Any) -> bool:
    return any(one.step == Step.VERIFY_EMAIL for one in life.begun)


class Forced(Profile):
    """The letters with codes, what they prove, and the set-up after it."""

    @act(2, when=must_prove_her_mailbox, node=on_node, which=of_some)
    def a_code_is_mailed(self, node: int, which: int) -> None:
        """A letter goes out, maybe not for the first time: the code is made now, in the place of any before it."""
        self._letter_goes_out(node, self._any_attempt(Step.VERIFY_EMAIL, which))

    def _letter_goes_out(self, node: int, attempt: Begun) -> None:
        at, context = self._tick(), self.nodes[node].context
        with context.db.write() as connection:
            row = signin_records.by_token(connection, digest(attempt.token))
            if row is None or not attempt.mailed:
                return
            entry = self._letters("sign_in_code", row.id)[-1]
            told = COMPOSERS["sign_in_code"](context, connection, entry, at)
        if attempt.refusal(Step.VERIFY_EMAIL, attempt.channel, self.model.version, at) is not None:
            assert told is None
            return
        assert told is not None
        attempt.codes.append(str(told["code"]))
        attempt.code_until = at + TEN_MINUTES

    @act(2, when=must_prove_her_mailbox, node=on_node, which=of_some)
    def asks_for_another_code(self, node: int, which: int) -> None:
        at, model = self._tick(), self.model
        attempt = self._any_attempt(Step.VERIFY_EMAIL, which)
        outcome = forced.resend(self.nodes[node].context, attempt.token, channel=attempt.channel, at=at)
        if self._stopped(attempt, Step.VERIFY_EMAIL, outcome, at):
            return
        refused = model.mailbox.closed(at) or model.mailbox.post(at)
        assert outcome == (refused or GoesOn(Step.VERIFY_EMAIL, attempt.expires)), (outcome, refused)
        attempt.mailed = attempt.mailed or refused is None

    @act(4, when=must_prove_her_mailbox, node=on_node, which=of_some, given=mailed_codes)
    def gives_a_mailed_code(self, node: int, which: int, given: str) -> None:
        at, model, context = self._tick(), self.model, self.nodes[node].context
        attempt = self._any_attempt(Step.VERIFY_EMAIL, which)
        typed = self._mailed(attempt, given)
        outcome = forced.submit_mailed_code(
            context, attempt.token, typed, channel=attempt.channel, origin=Origin(at, CLIENT_INFO),
        )  # fmt: skip
        if given == "malformed":
            assert outcome == MalformedCode(), outcome
            return
        if self._stopped(attempt, Step.VERIFY_EMAIL, outcome, at):
            return
        left = model.mailbox.charge(at)
        if not isinstance(left, int):
            assert outcome == left, (outcome, left)
        elif attempt.is_mailed(typed, at):
            assert outcome == GoesOn(Step.SET_UP, at + TEN_MINUTES), outcome
            model.events.append("mailbox_proved")
            model.mailbox.open()
            attempt.step, attempt.expires = Step.SET_UP, at + TEN_MINUTES
            if attempt.channel == "page":
                shown = attempt_flow.find(context, attempt.token, at)
                assert shown is not None
                self._opened(attempt, forced.find_enrolment(context, shown, at), at)
        else:
            assert outcome == WrongMailedCode(left), outcome
            model.events.append("mailed_code_wrong")

    def _mailed(self, attempt: Begun, given: str) -> str:
        codes = attempt.codes or ["123456"]  # none has come yet
        match given:
            case "right":
                return codes[-1]
            case "older":
                return codes[0]
            case "malformed":
                return "12345"
            case _:
                return f"{(int(codes[-1]) + 1) % 1_000_000:06d}"

    @act(
        3,
        when=lambda life: any(one.step == Step.SET_UP for one in life.begun),
        node=on_node,
        which=of_some,
    )
    def opens_the_set_up_that_is_due(self, node: int, which: int) -> None:
        at, attempt = self._tick(), self._any_attempt(Step.SET_UP, which)
        outcome = forced.open_enrolment(self.nodes[node].context, attempt.token, channel=attempt.channel, at=at)
        if not self._stopped(attempt, Step.SET_UP, outcome, at):
            assert isinstance(outcome, tuple), outcome
            self._opened(attempt, outcome[1], at)

    def _opened(self, attempt: Begun, opened: Opened | None, at: datetime) -> None:
        assert opened is not None
        self.enrolling = Enrolling(
            opened.id, Phone(opened.secret), attempt, self.model.version, at + QUARTER, None, new_backup=True
        )

    @act(
        6,
        when=lambda life: any(one.step == Step.SET_UP for one in life.begun),
        node=on_node,
        which=of_some,
        distance=st.sampled_from([0, 0, 0, -1, 1, 2, None]),
    )
    def confirms_as_she_must(self, node: int, which: int, distance: int | None) -> None:
        """Confirm what is open, whoever opened it: only what this very attempt did can be."""
        at, model, enrolling = self._tick(), self.model, self.enrolling
        attempt = self._any_attempt(Step.SET_UP, which)
        if enrolling is None:
            return
        typed = self._confirmation(enrolling, distance, at)
        outcome: Any = forced.confirm_enrolment(
            self.nodes[node].context, attempt.token, enrolling.id, typed, channel=attempt.channel, client=None,
            origin=Origin(at, CLIENT_INFO),
        )  # fmt: skip
        if self._stopped(attempt, Step.SET_UP, outcome, at):
            return
        step = enrolling.confirm(typed, attempt, model.version, at)
        if not isinstance(step, int):
            assert outcome == step, (outcome, step)
            return
        assert not isinstance(outcome, (Expired, EnrolmentExpired, WrongConfirmation)), outcome
        assert model.confirmed(enrolling, step, at) == "set_up"
        self.accepted.add((enrolling.phone.secret, step))
        self.enrolling = None
        self._factors_changed()
        attempt.version, attempt.methods = model.version, ("pwd", "otp")
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
        at, model = self._tick(), self.model
        held, session = self._page(node, which, at)
        if session is None or held.version != model.version:
            return
        outcome = signin.step_down(self.nodes[node].context, session, origin=Origin(at, CLIENT_INFO))
        closed = model.mailbox.closed(at)
        if closed is not None:
            assert outcome == closed, (outcome, closed)
            return
        assert isinstance(outcome, Due), outcome
        held.ended = True
        model.events.append("stepped_down")
        mailed = model.mailbox.post(at) is None
        self.begun.append(
            Begun(outcome.sign_in, "page", Step.VERIFY_EMAIL, model.version, at + TEN_MINUTES, mailed=mailed)
        )

    @act(
        6,
        when=lambda life: bool(life.begun),
        node=on_node,
        which=of_some,
        step=st.sampled_from(list(Step)[:-1]),
        channel=st.sampled_from(["page", "api"]),
        proof=proofs,
    )
    def tries_a_step_that_is_not_due(self, node: int, which: int, step: Step, channel: str, proof: Any) -> None:
        """Whatever an attempt waits for: another step, or its own on the other channel, changes nothing."""
        at, context = self._tick(), self.nodes[node].context
        going_on = [
            one for one in self.begun if one.refusal(Step(one.step), one.channel, self.model.version, at) is None
        ]
        attempt: Begun = self._pick(self.begun if which == 7 else going_on or self.begun, which)
        if step == Step.SAVE_BACKUP_CODE:
            channel = "page"  # nothing else is asked there
        refusal = attempt.refusal(step, channel, self.model.version, at)
        if refusal is None:
            return
        sign_in, enrolling = attempt.token, self.enrolling
        outcomes: list[object]
        match step:
            case Step.CODE:
                typed = self._typed(proof)
                outcome = self.nodes[node].give_code(sign_in, typed, at=at, channel=channel)
                outcomes = [] if outcome == MalformedCode() else [outcome]
            case Step.VERIFY_EMAIL:
                code = self._mailed(attempt, "right")
                outcomes = [
                    forced.submit_mailed_code(context, sign_in, code, channel=channel, origin=Origin(at, CLIENT_INFO)),
                    forced.resend(context, sign_in, channel=channel, at=at),
                ]
            case Step.SET_UP:
                typed = "123456" if enrolling is None else self._confirmation(enrolling, 0, at)
                outcomes = [
                    forced.confirm_enrolment(
                        context, sign_in, new_id() if enrolling is None else enrolling.id, typed, channel=channel,
                        client=None, origin=Origin(at, CLIENT_INFO),
                    ),
                    forced.open_enrolment(context, sign_in, channel=channel, at=at),
                ]  # fmt: skip
            case _:
                outcomes = [signin.submit_saved(context, sign_in, client=None, origin=Origin(at, CLIENT_INFO))]
        assert all(outcome == refusal for outcome in outcomes), (outcomes, refusal, attempt)

    @act(2, when=lambda life: bool(life.enrolling), node=on_node)
    def looks_at_the_open_set_up(self, node: int) -> None:
        """A page that is loaded again shows the secret to whoever opened the set-up, and to nobody else."""
        at, enrolling = self._tick(), self.enrolling
        if enrolling is None:
            return
        askers: list[Held | Begun] = [*self._alive(at)[-3:], *self._waiting(Step.SET_UP, "page")[-3:]]
        for asker in askers:
            shown = self._shown(node, asker, at)
            current = enrolling.version == self.model.version
            mine = asker is enrolling.opener and current and at < enrolling.expires and enrolling.wrong < 10
            assert (shown is not None) is mine, (shown, asker, enrolling)
            assert shown is None or shown.secret == enrolling.phone.secret

    def _shown(self, node: int, asker: Held | Begun, at: datetime) -> Opened | None:
        context = self.nodes[node].context
        if isinstance(asker, Begun):
            attempt = attempt_flow.find(context, asker.token, at)
            assert attempt is not None
            return forced.find_enrolment(context, attempt, at)
        _, session = self._page_of(node, asker, at)
        assert session is not None
        with context.db.read() as connection:
            return enrolment_flow.find(context, connection, session.user, opening_flow.opener_of(session), at)
