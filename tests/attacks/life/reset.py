"""Somebody asks that Ada's second factor be switched off; a letter goes out, and she answers."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.attacks.life.helped import REASON
from tests.attacks.life.machine import Machine, act, on_node
from tests.attacks.life.model import Asked
from tests.harness.people import CLIENT_INFO, EARLIER, NEW_PASSWORD, PASSWORD
from twofold.admin import act_flow
from twofold.kit.acting import Origin
from twofold.operations.jobs import COMPOSERS
from twofold.resets import act_flow as case_flow
from twofold.resets import confirm_flow as reset_answers
from twofold.resets import outcomes
from twofold.resets.confirm_flow import Given

QUARTER = timedelta(minutes=15)

answers = st.sampled_from(["confirm", "confirm", "confirm anew", "confirm anew", "wrong password", "refuse", "refuse"])


def of_a_case(life: Any) -> bool:
    return life.asked is not None


class Reset(Machine):
    """A case from the request to its end, one way or another."""

    @act(2, when=lambda life: bool(life.model.protected or life.asked), node=on_node)
    def a_reset_is_asked_for(self, node: int) -> None:
        at, context, model = self._tick(), self.nodes[node].context, self.model
        outcome = act_flow.reset(context, self.grace, self.ada.id, REASON, origin=Origin(at, CLIENT_INFO))
        if not model.protected:
            assert outcome == outcomes.NotEnabled(), outcome
            return
        assert isinstance(outcome, outcomes.CaseOpened), outcome
        older = [] if self.asked is None else self.asked.older + self.asked.tokens
        if self.asked is not None and self.asked.stored == "open":
            model.events.append("reset_superseded")
        self.asked = Asked(outcome.id, model.stamp, older)
        self._letter_posted()
        model.events.append("reset_asked")

    @act(1, when=of_a_case, node=on_node, act=st.sampled_from(["send again", "send again", "cancel"]))
    def the_requester_acts(self, node: int, act: str) -> None:
        """A case that is open is sent again, also where its link has run out, or taken back."""
        at, context, asked = self._tick(), self.nodes[node].context, self.asked
        assert asked is not None
        do = case_flow.cancel if act == "cancel" else case_flow.send_again
        outcome = do(context, self.grace, asked.id, origin=Origin(at, CLIENT_INFO))
        if asked.stored != "open" or self._case_died(asked):
            assert isinstance(outcome, outcomes.WrongState), outcome
            return
        assert isinstance(outcome, outcomes.Acted), outcome
        if act == "cancel":
            asked.stored = "cancelled"
            self.model.events.append("reset_cancelled")
        else:
            self._letter_posted()
            self.model.events.append("reset_sent_again")

    def _letter_posted(self) -> None:
        assert self.asked is not None
        letters = [letter.id for letter in self._letters("reset_confirm", self.asked.id)]
        (newest,) = [letter for letter in letters if letter not in self.asked.letters]
        self.asked.letters.append(newest)

    @act(3, when=of_a_case, node=on_node, newest=st.sampled_from([True, True, True, False]))
    def the_letter_goes_out(self, node: int, *, newest: bool) -> None:
        """The newest letter, maybe not for the first time; an older one is dropped."""
        at, context, asked = self._tick(), self.nodes[node].context, self.asked
        assert asked is not None
        letter = asked.letters[-1 if newest else 0]
        entry = next(one for one in self._letters("reset_confirm", asked.id) if one.id == letter)
        with context.db.write() as connection:
            told = COMPOSERS["reset_confirm"](context, connection, entry, at)
        if letter != asked.letters[-1] or asked.stored != "open" or self._case_died(asked):
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
        which=st.sampled_from([0, 0, 0, 0, 1, 2, 5]),
        answer=answers,
    )
    def answers_the_link(self, node: int, which: int, answer: str) -> None:
        """Answer the newest link, or one that was mailed so many before it."""
        at, context, model, asked = self._tick(), self.nodes[node].context, self.model, self.asked
        assert asked is not None
        every = asked.older + asked.tokens
        if not every:
            return
        token = every[max(0, len(every) - 1 - which)]
        anew = answer == "confirm anew" or (answer == "wrong password" and model.password_is_known)
        new = (NEW_PASSWORD if model.password == PASSWORD else PASSWORD) if anew else ""
        outcome: Any
        if answer == "refuse":
            outcome = reset_answers.refuse(context, token, origin=Origin(at))
        else:
            typed = "not the password" if answer == "wrong password" else model.password
            outcome = reset_answers.confirm(context, token, Given(typed, new), origin=Origin(at))
        is_of_this = token in asked.tokens
        died = is_of_this and asked.stored == "open" and self._case_died(asked)
        valid = asked.valid_until is not None and at < asked.valid_until
        if died or not is_of_this or asked.stored != "open" or token != asked.tokens[-1] or not valid:
            assert isinstance(outcome, outcomes.LinkOver), (outcome, asked)
            return
        if answer == "refuse":
            assert outcome == outcomes.RefusalDone(), outcome
            asked.stored = "refused"
            model.events.append("reset_refused")
            return
        if model.password_is_known and not new:
            assert outcome == outcomes.NewPasswordRequired(), outcome
            return
        asked.tries += 1
        if answer == "wrong password":
            assert outcome == outcomes.WrongPassword(5 - asked.tries), outcome
            model.events.append("reset_password_wrong")
            if asked.tries == 5:
                asked.stored = "closed"
                model.events.append("reset_closed")
            return
        assert isinstance(outcome, outcomes.ResetDone), outcome
        asked.stored = "confirmed"
        model.events.append("reset_confirmed")
        model.switched_off()
        model.wrong = model.in_row = 0
        model.forget_unknown()
        model.mailbox.open()
        self.enrolling = None
        if new:
            model.password, model.password_set_at = new, at
            model.throttles.pop("", None)
            model.full_at = EARLIER
        self._factors_changed()

    @act(
        4,
        when=lambda life: life.model.protected,
        node=on_node,
        letters=st.integers(1, 3),
        sent_again=st.booleans(),
        wrong=st.sampled_from([0, 0, 1, 4, 5]),
        seconds=st.sampled_from([0, 0, 0, 1, 899, 900]),
        first=answers,
        second=answers,
        newest=st.sampled_from([True, True, False]),
    )
    def is_reset(
        self, node: int, letters: int, wrong: int, seconds: int, first: str, second: str, *, newest: bool,
        sent_again: bool = False,
    ) -> None:  # fmt: skip
        """From the request to the answer, which comes late or early, by an older link first, or twice."""
        self.a_reset_is_asked_for(node)
        for _ in range(letters):
            self.the_letter_goes_out(node, newest=True)
        if sent_again:
            self.the_requester_acts(node, "send again")
            self.the_letter_goes_out(node, newest=False)
            self.the_letter_goes_out(node, newest=True)
        if not newest:
            self.answers_the_link(node, 1, first)
        for _ in range(wrong):
            self.answers_the_link(node, 0, "wrong password")
        self.at += timedelta(seconds=seconds, milliseconds=-2 * bool(seconds))
        self.answers_the_link(node, 0, first)
        self.answers_the_link(node, 0, second)
