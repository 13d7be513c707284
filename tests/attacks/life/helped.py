"""Ada is helped, and others decide about her."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.attacks.life.machine import Machine, act, on_node
from tests.attacks.life.model import Asked
from tests.harness.people import NEW_PASSWORD, PASSWORD, VISITOR
from twofold.admin import act_flow, policy_flow
from twofold.admin.policy import Policy
from twofold.audit import flow as audit
from twofold.directory.person import Person
from twofold.jobs import COMPOSERS
from twofold.lockouts.flow import LockIsFinal, Unlocked
from twofold.provisioning import flow as provisioning
from twofold.provisioning.flow import UserChange
from twofold.resets import confirm_flow as reset_answers
from twofold.resets import outcomes as reset_outcomes
from twofold.resets.confirm_flow import Given

REASON = "Lost her phone on the train."
QUARTER = timedelta(minutes=15)

answers = st.sampled_from(["confirm", "confirm", "confirm anew", "wrong password", "refuse"])


class Helped(Machine):
    """Unlocked, reset, and under a policy and a licence that change."""

    @act(5, when=lambda life: life.model.wrong > 0, node=on_node)
    def is_unlocked(self, node: int) -> None:
        at, house, model = self._tick(), self.nodes[node].house, self.model
        outcome = act_flow.unlock(house, self.grace, self.ada.id, REASON, visitor=VISITOR, at=at)
        if not model.locked:
            assert outcome == act_flow.NotLocked(), outcome
        elif model.final:
            assert outcome == LockIsFinal(), outcome
        else:
            assert outcome == Unlocked(), outcome
            model.wrong = 0
            model.events.append("unlocked")

    @act(1, when=lambda life: life.model.protected and life.model.in_row < 50)
    def somebody_has_guessed_for_days(self) -> None:
        """Ninety-seven wrong ones in a row, unlocked again and again: the hundredth is three away."""
        self.nodes[0].set_counts(self.ada, wrong=0, wrong_in_row=97)
        self.model.wrong, self.model.in_row = 0, 97

    @act(
        1,
        node=on_node,
        policy=st.sampled_from(["off", "optional", "required", "required"]),
        minutes=st.sampled_from([None, None, -1, 5]),
    )
    def the_policy_changes(self, node: int, policy: str, minutes: int | None) -> None:
        at = self._tick()
        since = None if minutes is None else at + timedelta(minutes=minutes)
        outcome = policy_flow.change_policy(
            self.nodes[node].house, self.grace_session, Policy(policy, since), visitor=VISITOR, at=at, most=5,
        )  # fmt: skip
        assert isinstance(outcome, policy_flow.PolicySaved), outcome
        self.model.policy_chosen(policy, since, at)

    @act(1, node=on_node, licensed=st.booleans())
    def the_licence_changes(self, node: int, *, licensed: bool) -> None:
        at, model = self._tick(), self.model
        outcome = provisioning.change_user(
            self.nodes[node].house, actor=audit.user(self.grace.id), subject_id=self.ada.id,
            change=UserChange(licensed=licensed), visitor=VISITOR, at=at, within=self.account,
        )  # fmt: skip
        assert isinstance(outcome, Person), outcome
        if licensed is not model.licensed:
            model.licensed = licensed
            model.events.append("user_changed")

    @act(2, when=lambda life: bool(life.model.protected or life.asked), node=on_node)
    def a_reset_is_asked_for(self, node: int) -> None:
        at, house, model = self._tick(), self.nodes[node].house, self.model
        outcome = act_flow.reset(house, self.grace, self.ada.id, REASON, visitor=VISITOR, at=at)
        if not model.protected:
            assert outcome == reset_outcomes.NotEnabled(), outcome
            return
        assert isinstance(outcome, reset_outcomes.CaseOpened), outcome
        older = [] if self.asked is None else self.asked.older + self.asked.tokens
        if self.asked is not None and self.asked.stored == "open":
            model.events.append("reset_superseded")
        self.asked = Asked(outcome.id, model.stamp, older)
        model.events.append("reset_asked")

    @act(3, when=lambda life: bool(life.asked), node=on_node)
    def the_letter_goes_out(self, node: int) -> None:
        at, house, asked = self._tick(), self.nodes[node].house, self.asked
        assert asked is not None
        entry = self._letter("reset_confirm", asked.id)
        with house.db.write() as connection:
            told = COMPOSERS["reset_confirm"](house, connection, entry, at)
        if asked.stored != "open" or self._case_died(asked):
            assert told is None
            return
        assert told is not None
        assert told["needs_new_password"] is self.model.password_is_known
        asked.tokens.append(told["link"].rpartition("/")[2])
        asked.valid_until = at + QUARTER
        self.model.events.append("reset_sent")

    @act(
        4,
        when=lambda life: bool(life.asked and (life.asked.tokens or life.asked.older)),
        node=on_node,
        newest=st.sampled_from([True, True, True, False]),
        answer=answers,
    )
    def answers_the_link(self, node: int, answer: str, *, newest: bool) -> None:
        at, house, model, asked = self._tick(), self.nodes[node].house, self.model, self.asked
        assert asked is not None
        every = asked.older + asked.tokens
        token = every[-1] if newest else every[0]
        new = (NEW_PASSWORD if model.password == PASSWORD else PASSWORD) if answer == "confirm anew" else ""
        outcome: Any
        if answer == "refuse":
            outcome = reset_answers.refuse(house, token, at=at)
        else:
            typed = "not the password" if answer == "wrong password" else model.password
            outcome = reset_answers.confirm(house, token, Given(typed, new), at=at)
        is_of_this = token in asked.tokens
        died = is_of_this and asked.stored == "open" and self._case_died(asked)
        valid = asked.valid_until is not None and at < asked.valid_until
        if died or not is_of_this or asked.stored != "open" or token != asked.tokens[-1] or not valid:
            assert isinstance(outcome, reset_outcomes.LinkOver), outcome
            return
        if answer == "refuse":
            assert outcome == reset_outcomes.RefusalDone(), outcome
            asked.stored = "refused"
            model.events.append("reset_refused")
            return
        if model.password_is_known and not new:
            assert outcome == reset_outcomes.NewPasswordRequired(), outcome
            return
        asked.tries += 1
        if answer == "wrong password":
            assert outcome == reset_outcomes.WrongPassword(5 - asked.tries), outcome
            model.events.append("reset_password_wrong")
            if asked.tries == 5:
                asked.stored = "closed"
                model.events.append("reset_closed")
            return
        assert isinstance(outcome, reset_outcomes.ResetDone), outcome
        asked.stored = "confirmed"
        model.events.append("reset_confirmed")
        model.switched_off()
        model.wrong = model.in_row = 0
        self.enrolling = None
        if new:
            model.password, model.password_set_at, model.typed_wrong = new, at, 0
        self._factors_changed()

    @act(2, when=lambda life: life.model.protected, node=on_node, answer=answers)
    def is_reset(self, node: int, answer: str) -> None:
        """From the request to the answer."""
        self.a_reset_is_asked_for(node)
        self.the_letter_goes_out(node)
        self.answers_the_link(node, answer, newest=True)
