"""Ada changes the factors that she has; what takes the last one away asks once more."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.attacks.life.forced import Forced
from tests.attacks.life.machine import MALFORMED, act, of_some, on_node, plain, proofs
from tests.attacks.life.model import Held, Phone, Question
from tests.attacks.life.profile import knowing_it
from tests.harness.people import CLIENT_INFO
from twofold.factors import change_flow, removal_flow
from twofold.factors.change_flow import Proofs
from twofold.factors.outcomes import (
    AwaitsLastQuestion,
    Changed,
    LastAuthenticator,
    MalformedCode,
    NotEnabled,
    Passed,
    RequiredByPolicy,
    SessionOver,
)
from twofold.kit.acting import Origin
from twofold.sessions.methods import names
from twofold.sessions.session import Session
from twofold.signin import step_up_flow

TEN_MINUTES = timedelta(minutes=10)


class Changes(Forced):
    """Regenerate, remove, and remove one of several, each with password and code."""

    @act(
        6,
        when=lambda life: life.model.protected,
        node=on_node,
        which=of_some,
        proof=proofs,
        what=st.sampled_from(["regenerate", "remove", "ask_removal", "remove_one"]),
        knows_it=knowing_it,
    )
    def changes_her_factors(self, node: int, which: int, proof: Any, what: str, *, knows_it: bool = True) -> None:
        self._comes_in(node, which)
        if not self.held:
            return
        at, model = self._tick(), self.model
        held, session = self._page(node, which, at)
        if session is None:
            return
        stale = held.version != model.version
        what = "regenerate" if stale or (what == "remove_one" and not model.phones) else what
        phone = model.phones[which % len(model.phones)] if model.phones else None
        password = model.password if knows_it else "not the password"
        given = Proofs(password, self._typed(proof), self._client(which))
        outcome = self._ask_for(what, node, session, phone, given, at)
        if what in {"remove", "ask_removal"} and model.required(at):
            assert outcome == RequiredByPolicy(), outcome
            return
        if what == "remove_one" and len(model.phones) == 1:
            assert outcome == LastAuthenticator(), outcome
            return
        proved = self._proved(held, session, given, at)
        if not isinstance(proved, Passed):
            assert outcome == proved, (outcome, proved)
            return
        self._count_once(proved.method)
        if what == "ask_removal":
            assert isinstance(outcome, AwaitsLastQuestion), outcome
            if proved.method == "backup_code":
                model.backup_spent(plain(outcome.new_backup_code))
            for older in held.questions:
                older.waits = False
            held.questions.append(Question(outcome.confirmation, at + TEN_MINUTES))
            return
        assert isinstance(outcome, Changed), outcome
        self._changed(what, proved, phone, outcome)
        self._goes_on(node, held, outcome.session_token, at, proved=proved.method)

    @act(3, node=on_node, which=of_some, proof=proofs, knows_it=knowing_it)
    def steps_up(self, node: int, which: int, proof: Any, *, knows_it: bool = True) -> None:
        if not self.held:
            return
        at, model = self._tick(), self.model
        held, session = self._page(node, which, at)
        if session is None:
            return
        given = Proofs(model.password if knows_it else "not the password", self._typed(proof), self._client(which))
        outcome = step_up_flow.step_up(
            self.nodes[node].context, session, step_up_flow.Proofs(*given), channel="api",
            origin=Origin(at, CLIENT_INFO),
        )  # fmt: skip
        proved = self._proved(held, session, given, at)
        if not isinstance(proved, Passed):
            assert outcome == proved, (outcome, proved)
            return
        assert isinstance(outcome, step_up_flow.SteppedUp), outcome
        self._count_once(proved.method)
        if proved.method == "backup_code":
            model.backup_spent(plain(outcome.new_backup_code))
        model.events.append("stepped_up")
        held.proves(proved.method)
        held.token, held.seen = outcome.session.token, at  # the same session: what was asked in it still waits
        held.page = self.nodes[node].session(held.token, at=at)
        assert (held.page.id, tuple(names(held.page.methods))) == (session.id, held.methods)

    def _ask_for(
        self, what: str, node: int, session: Session, phone: Phone | None, given: Proofs, at: datetime
    ) -> object:
        context = self.nodes[node].context
        if what == "regenerate":
            return change_flow.regenerate(context, session, given, seen=True, origin=Origin(at, CLIENT_INFO))
        if what == "remove":
            return removal_flow.remove(context, session, given, origin=Origin(at, CLIENT_INFO))
        if what == "ask_removal":
            return removal_flow.ask_removal(context, session, given, origin=Origin(at, CLIENT_INFO))
        assert phone is not None
        assert phone.id is not None
        return removal_flow.remove_one(context, session, phone.id, given, origin=Origin(at, CLIENT_INFO))

    def _proved(self, held: Held, session: Session, given: Proofs, at: datetime) -> object:
        """Say what comes of password and code, in that order: `Passed`, or the refusal."""
        if not session.user.has_second_factor:
            return NotEnabled()
        if given.code == MALFORMED:
            return MalformedCode()
        right = given.password == self.model.password
        refused = self.model.type_password(at, given.client, right=right)
        if refused is not None:
            return refused
        assert isinstance(given.code, str)
        return self.model.type_proof(given.code, at) if held.version == self.model.version else SessionOver()

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
        4,
        when=lambda life: any(held.questions for held in life._alive(life.at)),
        node=on_node,
        which=of_some,
        elsewhere=st.sampled_from([False, False, False, True]),
        twice=st.booleans(),
    )
    def answers_the_last_question(self, node: int, which: int, *, elsewhere: bool, twice: bool) -> None:
        """Answer one of the last questions, whether it still waits or not; maybe in a session that was not asked."""
        at, model, context = self._tick(), self.model, self.nodes[node].context
        alive = self._alive(at)
        asked = [(held, question) for held in alive or self.held for question in held.questions]
        if not asked:
            return
        waiting = [(held, question) for held, question in asked if question.waits]
        owner, question = self._pick(waiting if waiting and which < 6 else asked, which % 6)
        others = [one for one in alive if one is not owner]
        held, session = self._page_of(node, self._pick(others, which) if elsewhere and others else owner, at)
        if session is None:
            return
        outcome = removal_flow.answer_removal(context, session, question.confirmation, origin=Origin(at, CLIENT_INFO))
        if held.version != model.version:
            assert outcome == SessionOver(), outcome
            return
        if model.required(at):
            assert outcome == RequiredByPolicy(), outcome
            return
        if not (held is owner and question.waits and at < question.until) or model.locked:
            assert outcome == SessionOver(), (outcome, question)
            return
        question.waits = False
        assert isinstance(outcome, Changed), outcome
        self._removed()
        self._factors_changed()
        self._goes_on(node, held, outcome.session_token, at)
        if twice:
            again = removal_flow.answer_removal(
                context, self.held[-1].page, question.confirmation, origin=Origin(at, CLIENT_INFO),
            )  # fmt: skip
            assert again == SessionOver(), again

    def _removed(self) -> None:
        self.model.switched_off()
        self.enrolling = None
        self.model.events.append("two_factor_removed")
