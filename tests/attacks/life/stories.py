"""Turns of a life that chance alone takes too seldom: some acts in a row, whose details are still drawn."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from tests.attacks.life.changes import Changes
from tests.attacks.life.forced import mailed_codes
from tests.attacks.life.helped import Helped
from tests.attacks.life.machine import act, of_some, on_node
from tests.attacks.life.reset import Reset
from tests.attacks.life.sign_in import on_channel
from twofold.signin.attempt import Step

around_ten_minutes = st.sampled_from([0, 0, 1, 599, 600, 601])


def protected(life: Any) -> bool:
    return bool(life.model.protected and not life.model.locked)


class Stories(Changes, Helped, Reset):
    """Each leads to the edge of a rule, and over it or not."""

    @act(2, when=protected, node=on_node, guesses=st.integers(4, 5))
    def an_attacker_guesses_while_she_sets_a_phone_up(self, node: int, guesses: int) -> None:
        self.she_opens_a_set_up(node)
        self.an_attacker_with_the_password_guesses(node, guesses)
        self.confirms(node, 0, 0)

    def she_opens_a_set_up(self, node: int) -> None:
        self._comes_in(node, 0)
        self.at += timedelta(seconds=61)
        self.opens_a_set_up(node, 0, (0, 0), replace=False)

    @act(
        3,
        when=protected,
        node=on_node,
        seconds=around_ten_minutes,
        happens=st.sampled_from(["", "an attacker guesses", "an attacker guesses", "a policy comes", "a policy comes"]),
        elsewhere=st.booleans(),
        twice=st.booleans(),
    )
    def the_last_question_waits(self, node: int, seconds: int, happens: str, *, elsewhere: bool, twice: bool) -> None:
        """Ten minutes long, in the session that was asked, and not where a policy or a lock came meanwhile."""
        self.the_policy_changes(node, "optional", None)
        self._comes_in(node, 0)
        self.at += timedelta(seconds=31)
        self.changes_her_factors(node, 0, (0, 0), "ask_removal")
        if elsewhere:
            self._comes_in_anew(node)
            self.answers_the_last_question(node, 0, elsewhere=True, twice=False)
        if happens == "an attacker guesses":
            self.an_attacker_with_the_password_guesses(node, 5)
        elif happens == "a policy comes":
            self.the_policy_changes(node, "required", None)
        if happens:
            self.answers_the_last_question(node, 0, elsewhere=False, twice=False)
        if happens == "an attacker guesses":
            self.is_unlocked(node)
        elif happens == "a policy comes":
            self.the_policy_changes(node, "optional", None)
        self.at += timedelta(seconds=seconds, milliseconds=-2 * bool(seconds))
        self.answers_the_last_question(node, 0, elsewhere=False, twice=twice)

    @act(
        3,
        when=protected,
        node=on_node,
        channel=on_channel,
        again=st.lists(st.sampled_from(["backup", "spent", "older", "disclosed"]), max_size=3),
        saved=st.booleans(),
    )
    def she_has_lost_her_phone(self, node: int, channel: str, again: list[str], *, saved: bool) -> None:
        """The backup code lets her in once; its successor does then, and whoever uses up the old one is told."""
        for proof in ["backup", *again]:
            self.gives_the_password(node, channel, 0)
            self.gives_a_code(node, 0, proof)
            if saved and self._waiting(Step.SAVE_BACKUP_CODE):
                self.says_it_is_saved(node, 0)

    @act(
        3,
        when=protected,
        node=on_node,
        what=st.sampled_from(["regenerate", "replace", "remove_one"]),
        proof=st.sampled_from([(0, 0), "backup"]),
        then=st.lists(st.sampled_from(["older", "backup", "spent"]), min_size=1, max_size=3),
    )
    def her_backup_code_changes(self, node: int, what: str, proof: Any, then: list[str]) -> None:
        """Where a new one is issued the old one is worth nothing from then on; where none is, it goes on."""
        self._comes_in(node, 0)
        self.at += timedelta(seconds=61)
        if what == "replace":
            self.opens_a_set_up(node, 0, proof, replace=True)
            self.confirms(node, 0, 0)
        else:
            self.changes_her_factors(node, 0, proof, what)
        for typed in then:
            self.gives_the_password(node, "api", 0)
            self.gives_a_code(node, 0, typed)

    @act(2, when=protected, node=on_node, unlocks=st.integers(1, 2), helped=st.sampled_from([True, True, False]))
    def the_hundredth_wrong_one_is_near(self, node: int, unlocks: int, *, helped: bool) -> None:
        """Ninety-seven in a row, unlocked again and again: three more and only a reset helps."""
        self.nodes[0].set_counts(self.ada, wrong=0, wrong_in_row=97)
        self.model.wrong, self.model.in_row = 0, 97
        self.model.forget_unknown()
        self.an_attacker_with_the_password_guesses(node, 5)
        for _ in range(unlocks):
            self.is_unlocked(node)
            self.gives_a_code(node, 0, (0, 0))
        if helped:
            self.is_reset(node, 1, 0, 0, "confirm anew", "refuse", newest=True)

    @act(2, when=protected, node=on_node, more=st.integers(1, 6))
    def she_adds_one_phone_after_another(self, node: int, more: int) -> None:
        for _ in range(min(more, 6 - len(self.model.phones))):
            self.she_opens_a_set_up(node)
            self.confirms(node, 0, 0)

    @act(
        2,
        when=lambda life: not life.model.locked,
        node=on_node,
        others=st.integers(1, 2),
        code=st.sampled_from([0, 0, None]),
        seconds=st.sampled_from([0, 0, 899, 900]),
    )
    def somebody_else_confirms_what_she_set_up(self, node: int, others: int, code: int | None, seconds: int) -> None:
        """Another session of hers, of an attacker maybe; it is neither shown nor counted there."""
        self._comes_in_anew(node)
        self._comes_in_anew(node)
        self.at += timedelta(seconds=31)
        self.opens_a_set_up(node, 0, (0, 0), replace=False)
        self.looks_at_the_open_set_up(node)
        for _ in range(others):
            self.confirms(node, 6, code)
        self.at += timedelta(seconds=seconds, milliseconds=-2 * bool(seconds))
        self.confirms(node, 0, 0)

    @act(1, when=lambda life: not life.model.locked, node=on_node, wrong=st.sampled_from([8, 9, 10]))
    def she_mistypes_again_and_again(self, node: int, wrong: int) -> None:
        """Ten wrong confirmations void a set-up, and charge nothing else."""
        if not self._waiting(Step.SET_UP):
            self.she_opens_a_set_up(node)
        for _ in range(wrong):
            self.confirms(node, 0, None)
            if self._waiting(Step.SET_UP):
                self.confirms_as_she_must(node, 0, None)
        self.confirms(node, 0, 0)
        if self._waiting(Step.SET_UP):
            self.confirms_as_she_must(node, 0, 0)

    @act(
        3,
        node=on_node,
        guesses=st.integers(3, 12),
        client=of_some,
        patient=st.sampled_from([True, True, False]),
        late=st.sampled_from([-2, -1, -1, 0, 0, 1]),
        operation=st.sampled_from(["sign-in", "sign-in", "set-up", "set-up", "change", "legacy"]),
        owner=st.one_of(st.none(), of_some),
    )
    def a_stranger_guesses_passwords(
        self, node: int, guesses: int, client: int, late: int, operation: str, owner: int | None, *, patient: bool
    ) -> None:
        """The waits grow on every form that takes a password, and a client that is known has a count of its own."""
        if operation in {"set-up", "change"}:
            self._comes_in(node, 0)
        owner = client if owner is None else owner
        throttle = self.model.throttle(self._client(client), self.at)
        for _ in range(guesses):
            if patient:
                self.at = max(self.at, throttle.next_try)
            self.gives_a_wrong_password(node, client)
        self.at = max(self.at, throttle.next_try + timedelta(seconds=late))
        match operation:
            case "sign-in":
                self.gives_the_password(node, "page", owner)
            case "legacy":
                self.uses_a_program_that_knows_no_second_step(node, owner)
            case "set-up":
                self.opens_a_set_up(node, owner, (0, 0), replace=False)
            case _:
                self.changes_her_factors(node, owner, (0, 0), "regenerate")
        self.at = max(self.at, throttle.next_try)

    @act(2, when=protected, node=on_node, guesses=st.integers(4, 6))
    def she_chooses_a_new_password_after_guesses_at_the_old(self, node: int, guesses: int) -> None:
        """What was typed wrong before says nothing of the new one."""
        throttle = self.model.throttle(None, self.at)
        for _ in range(guesses):
            self.at = max(self.at, throttle.next_try)
            self.gives_a_wrong_password(node, 0)
        self.is_reset(node, 1, 0, 0, "confirm anew", "refuse", newest=True)
        self.gives_a_wrong_password(node, 0)
        self.gives_the_password(node, "page", 0)

    @act(
        4,
        when=lambda life: not life.model.protected,
        node=on_node,
        channel=on_channel,
        letters=st.sampled_from([0, 1, 1, 1, 2, 4]),
        resends=st.sampled_from([0, 0, 0, 1, 3]),
        wrong=st.sampled_from([0, 0, 1, 4, 5]),
        given=mailed_codes,
        seconds=around_ten_minutes,
        and_again=st.sampled_from(["", "at once", "unlocked", "on the next day"]),
        signed_in=st.booleans(),
        both=st.booleans(),
        pause=st.sampled_from([0, 0, 300, 600]),
    )
    def she_must_set_up(
        self, node: int, channel: str, letters: int, resends: int, wrong: int, given: str, seconds: int,
        and_again: str, pause: int, *, signed_in: bool, both: bool,
    ) -> None:  # fmt: skip
        """From the password to the session, where nothing or any of it goes wrong, and in two attempts at a time."""
        self.the_licence_changes(node, licensed=True)
        if signed_in:
            self.the_policy_changes(node, "optional", None)
            self._comes_in_anew(node)
        self.the_policy_changes(node, "required", None)
        self.gives_the_password(node, channel, 0)
        self.gives_the_password(node, channel, 0)
        if not self._waiting(Step.VERIFY_EMAIL):
            return
        for _ in range(resends):
            self.asks_for_another_code(node, 0)
        for _ in range(letters):
            self.a_code_is_mailed(node, 0)
        for _ in range(wrong):
            self.gives_a_mailed_code(node, 0, "wrong")
        self.at += timedelta(seconds=seconds, milliseconds=-2 * bool(seconds))
        self.gives_a_mailed_code(node, 0, given)
        if and_again and self._waiting(Step.VERIFY_EMAIL):
            self.asks_for_another_code(node, 0)  # which is not sent while codes are blocked
        if signed_in and wrong and self.held:
            self.is_stepped_down(node, 0)
        if and_again == "unlocked" and self.model.mailbox.closed(self.at):
            self.is_unlocked(node)
        elif and_again == "on the next day":
            self.at = max(self.at, self.model.mailbox.closed_until)
            self.gives_the_password(node, channel, 0)
            if self._waiting(Step.VERIFY_EMAIL):
                self.a_code_is_mailed(node, 0)
        if and_again and self._waiting(Step.VERIFY_EMAIL):
            self.gives_a_mailed_code(node, 0, "right")
        self._letter_goes_out(node, self.begun[-1])  # though nobody may need it any more
        if self._waiting(Step.VERIFY_EMAIL):
            self.gives_a_mailed_code(node, 0, "wrong")
        if both and self._waiting(Step.VERIFY_EMAIL):
            self.a_code_is_mailed(node, 0)
            self.gives_a_mailed_code(node, 0, "right")
        self.she_sets_up_what_is_due(node, channel, pause)

    def she_sets_up_what_is_due(self, node: int, channel: str, pause: int) -> None:
        """Every attempt that may tries it, the one that opened the set-up last."""
        if channel == "api" and self._waiting(Step.SET_UP):
            self.opens_the_set_up_that_is_due(node, 1)
        self.at += timedelta(seconds=pause, milliseconds=-4 * bool(pause))
        for which in range(min(2, len(self._waiting(Step.SET_UP)))):
            if self._waiting(Step.SET_UP):
                self.confirms_as_she_must(node, which, 0)

    @act(
        2,
        when=lambda life: not life.model.protected,
        node=on_node,
        channel=on_channel,
        first=st.sampled_from(["the attempt", "a session"]),
    )
    def two_set_ups_meet(self, node: int, channel: str, first: str) -> None:
        """One is open at a time, the newest, and only whoever opened it confirms it."""
        self.the_policy_changes(node, "optional", None)
        self.the_licence_changes(node, licensed=True)
        self._comes_in_anew(node)
        self.the_policy_changes(node, "required", None)
        self.gives_the_password(node, channel, 0)
        if not self._waiting(Step.VERIFY_EMAIL):
            return
        self.a_code_is_mailed(node, 0)
        if first == "a session":
            self.opens_a_set_up(node, 0, (0, 0), replace=False)
        self.gives_a_mailed_code(node, 0, "right")
        if channel == "api" and self._waiting(Step.SET_UP):
            self.opens_the_set_up_that_is_due(node, 0)
        if first == "the attempt":
            self.opens_a_set_up(node, 0, (0, 0), replace=False)
        self.looks_at_the_open_set_up(node)
        if self._waiting(Step.SET_UP):
            self.confirms_as_she_must(node, 0, 0)
        self.confirms(node, 6 if first == "a session" else 0, 0)
