"""One user's whole life on two nodes, in any order, at clocks that move and jump: the flows do what the model says.

After each act: what came of it is what the model expects, the audit log holds exactly the events that belong to it,
the budget counts as the model counts, no time step counted twice, and only those sessions hold that should.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.attacks.life import Asked, Begun, Enrolling, Held, Model, Phone, digits, step_of
from tests.harness.clock import NOON
from tests.harness.databases import Backend
from tests.harness.houses import house_on
from tests.harness.people import NEW_PASSWORD, PASSWORD, VISITOR, People
from twofold.audit import flow as audit
from twofold.audit.tables import audit_events
from twofold.directory import flow as directory
from twofold.factors import change_flow, enrolment_flow
from twofold.factors.change_flow import Proofs
from twofold.factors.enrolment_flow import SetUp
from twofold.factors.outcomes import (
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
from twofold.jobs import COMPOSERS
from twofold.kit.outbox import Entry, outbox
from twofold.kit.tokens import new_id
from twofold.lockouts import flow as lockouts
from twofold.resets import confirm_flow as reset_answers
from twofold.resets import flow as resets
from twofold.resets import outcomes as reset_outcomes
from twofold.resets.confirm_flow import Given
from twofold.sessions import flow as sessions
from twofold.signin import flow as signin
from twofold.signin import set_up_flow as forced
from twofold.signin.attempt import Expired, OutOfOrder, Step
from twofold.signin.outcomes import Due, GoesOn, LockedOut, SignedIn, WrongMailedCode

REASON = "Lost her phone on the train."
TEN_MINUTES = timedelta(minutes=10)
QUARTER = timedelta(minutes=15)

on_node = st.integers(0, 1)
of_some = st.integers(0, 7)  # one of those that there are
# What is typed as a second factor: mostly a code of a phone, so many steps from now.
proofs = st.one_of(
    st.tuples(st.integers(0, 4), st.sampled_from([0, 0, 0, 0, -1, 1, 1, -2, 2, 3, 5])),
    st.sampled_from(["wrong", "wrong", "malformed", "backup", "backup", "spent", "older", "wrong backup"]),
)


def _plain(code: str | None) -> str:
    assert code is not None
    return code.replace("-", "")


def same(outcome: object, expected: object) -> bool:
    """Compare outcomes with their kind: they are tuples, and empty ones of different kinds are equal."""
    return type(outcome) is type(expected) and outcome == expected


class Act(NamedTuple):
    """Something that can happen in a life: how often, when at all, and what is drawn for it."""

    name: str
    weight: int
    when: Callable[["Life"], bool]
    drawn: dict[str, st.SearchStrategy[Any]]


ACTS: list[Act] = []
Method = TypeVar("Method", bound=Callable[..., None])


def act(
    weight: int, *, when: Callable[["Life"], bool] = lambda _: True, **drawn: st.SearchStrategy[Any]
) -> Callable[[Method], Method]:
    """Make a method an act. Hypothesis' own rules are switched off in groups, so that few lives would get far."""

    def noted(method: Method) -> Method:
        ACTS.append(Act(method.__name__, weight, when, drawn))
        return method

    return noted


class Life(RuleBasedStateMachine):
    """Ada of Acme, her administrator Grace, and two nodes."""

    def __init__(self, nodes: list[People]) -> None:
        super().__init__()
        self.nodes = nodes
        people, who = nodes[0], new_id().hex
        self.account = people.account(f"Acme {who}")
        self.grace = people.person(f"grace-{who}@acme.example", role="admin", account=self.account, password=None)
        self.ada = people.person(f"ada-{who}@acme.example", account=self.account)
        self.at = NOON
        self.model = Model()
        self.model.version = self.ada.security_version
        self.held: list[Held] = []
        self.begun: list[Begun] = []
        self.enrolling: Enrolling | None = None
        self.asked: Asked | None = None
        self.accepted: set[tuple[bytes, int]] = set()
        self.cursor, self.turn = self._last_event(), 0

    @rule(data=st.data(), seconds=st.sampled_from([0, 0, 1, 12, 30, 31, 31, 61]))
    def something_happens(self, data: st.DataObject, seconds: int) -> None:
        """A moment later something happens, of what can."""
        self.at += timedelta(seconds=seconds)
        possible = [act for act in ACTS if act.when(self)]
        chosen = data.draw(
            st.sampled_from([act for act in possible for _ in range(act.weight)]).map(lambda act: act.name)
        )
        drawn = next(act.drawn for act in possible if act.name == chosen)
        getattr(self, chosen)(**{name: data.draw(strategy, name) for name, strategy in drawn.items()})

    # --- the clock

    @act(2, seconds=st.sampled_from([1, 3, 29, 30, 30, 31, 60, 61, 90, 240, 599, 601, 901, 3601, 86_401]))
    def time_passes(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)

    @act(2, seconds=st.sampled_from([1, 30, 45, 61, 119]))
    def the_clock_jumps_back(self, seconds: int) -> None:
        self.at -= timedelta(seconds=seconds)

    # --- signing in

    @initialize(protected=st.booleans())
    def begin(self, *, protected: bool) -> None:
        if protected:
            self.gives_the_password(0, "page")
            self.opens_a_set_up(0, 0, "malformed", replace=False)
            self.confirms(0, 0, 0)

    @act(6, node=on_node, channel=st.sampled_from(["page", "api"]))
    def gives_the_password(self, node: int, channel: str) -> None:
        at, model = self._tick(), self.model
        expected: Any = model.type_password(at, right=True)
        outcome = self.nodes[node].begin(self.ada, at=at, password=model.password, channel=channel)
        if expected is not None:
            assert same(outcome, expected), (outcome, expected)
        elif model.protected or model.required:
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
        assert same(outcome, expected), (outcome, expected)
        if isinstance(expected, lockouts.WrongPassword):
            self.model.events.append("sign_in_refused")

    @act(
        8,
        when=lambda life: bool(any(one.step == Step.CODE for one in life.begun)),
        node=on_node,
        which=of_some,
        proof=proofs,
    )
    def gives_a_code(self, node: int, which: int, proof: Any) -> None:
        at, attempt, typed = self._tick(), self._any_attempt(Step.CODE, which), self._typed(proof)
        outcome = self.nodes[node].give_code(attempt.token, typed, at=at, channel=attempt.channel)
        if proof == "malformed":
            assert same(outcome, MalformedCode()), outcome
            return
        if self._stopped(attempt, Step.CODE, outcome, at):
            return
        expected = self.model.type_proof(typed, at)
        if not isinstance(expected, Passed):
            assert same(outcome, expected), (outcome, expected)
            return
        methods = ("pwd", expected.method)
        if expected.method == "otp":
            self._signed_in(node, outcome, methods, at, attempt)
        elif attempt.channel == "api":
            self._signed_in(node, outcome, methods, at, attempt)
            self.model.backup_spent(_plain(outcome.new_backup_code))
        else:
            assert isinstance(outcome, Due), outcome
            self.model.backup_spent(_plain(self._rests(node, attempt, at)))
            attempt.step, attempt.expires, attempt.methods = Step.SAVE_BACKUP_CODE, at + TEN_MINUTES, methods
        self._count_once(expected.method)

    @act(
        4,
        when=lambda life: bool(any(one.step == Step.SAVE_BACKUP_CODE for one in life.begun)),
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
        when=lambda life: bool(any(attempt.step == Step.VERIFY_EMAIL for attempt in life.begun)),
        node=on_node,
        which=of_some,
        wrong_first=st.booleans(),
    )
    def sets_up_as_she_must(self, node: int, which: int, *, wrong_first: bool) -> None:
        at, house, model = self._tick(), self.nodes[node].house, self.model
        attempt = self._pick([one for one in self.begun if one.step == Step.VERIFY_EMAIL], which)
        code = self._mailed_code(node, attempt, at)
        typed = {"channel": attempt.channel, "visitor": VISITOR, "at": at}
        if code is None:  # three were mailed within the hour, or nobody needs it any more
            guessed = forced.submit_mailed_code(house, attempt.token, "123456", **typed)
            if not self._stopped(attempt, Step.VERIFY_EMAIL, guessed, at):
                assert isinstance(guessed, WrongMailedCode), guessed
                model.events.append("mailed_code_wrong")
                self._forget_mailbox()
            return
        if wrong_first:
            other = f"{(int(code) + 1) % 1_000_000:06d}"
            assert isinstance(forced.submit_mailed_code(house, attempt.token, other, **typed), WrongMailedCode)
            model.events.append("mailed_code_wrong")
        assert isinstance(forced.submit_mailed_code(house, attempt.token, code, **typed), GoesOn)
        model.events.append("mailbox_proved")
        opened = forced.open_enrolment(house, attempt.token, channel=attempt.channel, at=at)
        assert isinstance(opened[1], Opened), opened
        phone = Phone(opened[1].secret)
        outcome: Any = forced.confirm_enrolment(
            house, attempt.token, opened[1].id, digits(phone.secret, step_of(at)), client=None, **typed,
        )  # fmt: skip
        enrolling = Enrolling(opened[1].id, phone, Held("", 0, (), at, at), model.version, at, None, new_backup=True)
        assert model.confirmed(enrolling, step_of(at)) == "set_up"
        self.enrolling = None
        self._factors_changed(raised=True)
        attempt.version, attempt.methods = model.version, ("pwd", "otp")
        self.accepted.add((phone.secret, step_of(at)))
        if attempt.channel == "api":
            self._signed_in(node, outcome, attempt.methods, at, attempt)
            model.backup_issued(_plain(outcome.new_backup_code))
        else:
            assert isinstance(outcome, Due), outcome
            model.backup_issued(_plain(self._rests(node, attempt, at)))
            attempt.step, attempt.expires = Step.SAVE_BACKUP_CODE, at + TEN_MINUTES

    # --- in the profile: the session is looked up as a page does; one that is over is used as an old tab would

    @act(5, when=lambda life: bool(life.held), node=on_node, which=of_some, proof=proofs, replace=st.booleans())
    def opens_a_set_up(self, node: int, which: int, proof: Any, *, replace: bool) -> None:
        at, model = self._tick(), self.model
        held, session = self._page(node, which, at)
        if session is None:
            return
        typed = self._typed(proof)
        replaces = model.phones[which % len(model.phones)] if replace and model.phones else None
        asked = SetUp(model.password, typed, None, "app", None if replaces is None else replaces.id)
        outcome = enrolment_flow.open_in_session(self.nodes[node].house, session, asked, visitor=VISITOR, at=at)
        if session.person.has_second_factor and proof == "malformed":
            assert same(outcome, MalformedCode()), outcome
            return
        expected: Any = model.type_password(at, right=True)
        if expected is None and held.version != model.version:
            expected = SessionOver()
        if expected is not None:
            assert same(outcome, expected), (outcome, expected)
            return
        if not model.protected and not model.offered:
            assert isinstance(outcome, NotOffered), outcome
            return
        if replaces is None and len(model.phones) >= 5:
            assert same(outcome, TooMany()), outcome
            return
        passed = model.type_proof(typed, at) if model.protected else Passed("")
        if not isinstance(passed, Passed):
            assert same(outcome, passed), (outcome, passed)
            return
        assert isinstance(outcome, Opened), outcome
        if passed.method == "backup_code":
            model.backup_spent(_plain(outcome.new_backup_code))
        self._count_once(passed.method)
        self.enrolling = Enrolling(
            outcome.id, Phone(outcome.secret), held, model.version, at + QUARTER, replaces,
            new_backup=not model.protected or replaces is not None or passed.method == "backup_code",
        )  # fmt: skip

    @act(
        7,
        when=lambda life: bool(life.held and life.enrolling),
        node=on_node,
        which=of_some,
        distance=st.sampled_from([0, 0, 0, -1, 1, 2, -5, None]),
    )
    def confirms(self, node: int, which: int, distance: int | None) -> None:
        at, model, enrolling = self._tick(), self.model, self.enrolling
        assert enrolling is not None
        own = next((place for place, held in enumerate(self.held) if held is enrolling.opener), which)
        held, session = self._page(node, own if which != 7 else 0, at)
        if session is None:
            return
        now = step_of(at)
        typed = self._never([enrolling.phone]) if distance is None else digits(enrolling.phone.secret, now + distance)
        outcome: Any = enrolment_flow.confirm_in_session(
            self.nodes[node].house, session, enrolling.id, typed, visitor=VISITOR, at=at,
        )  # fmt: skip
        if held.version != model.version:
            assert same(outcome, EnrolmentExpired()), outcome
            return
        if model.locked:
            assert same(outcome, Locked(model.final)), outcome
            return
        if held is not enrolling.opener or at >= enrolling.expires or enrolling.wrong >= 10:
            assert same(outcome, EnrolmentExpired()), outcome
            return
        enrolling.wrong += 1
        verdict, step = enrolling.phone.judge(typed, now)
        if enrolling.version != model.version:
            assert same(outcome, EnrolmentExpired()), outcome
        elif verdict != "fresh":
            drift = (step - now) * 30 if verdict == "drift" else None
            assert same(outcome, WrongConfirmation(10 - enrolling.wrong, drift)), outcome
        else:
            assert isinstance(outcome, Changed), outcome
            assert outcome.change == model.confirmed(enrolling, step)
            assert (outcome.backup_code is not None) is enrolling.new_backup
            if outcome.backup_code is not None:
                model.backup_issued(_plain(outcome.backup_code))
            self.accepted.add((enrolling.phone.secret, step))
            self.enrolling = None
            self._factors_changed(raised=True)
            self._goes_on(node, held, outcome.session_token, at, proved="otp")

    @act(
        5,
        when=lambda life: bool(life.held),
        node=on_node,
        which=of_some,
        proof=proofs,
        what=st.sampled_from(["regenerate", "remove", "remove_one"]),
    )
    def changes_her_factors(self, node: int, which: int, proof: Any, what: str) -> None:
        at, model, house = self._tick(), self.model, self.nodes[node].house
        held, session = self._page(node, which, at)
        if session is None:
            return
        stale = held.version != model.version
        what = "regenerate" if stale or (what == "remove_one" and not model.phones) else what
        typed = self._typed(proof)
        given, seen_by = Proofs(model.password, typed, None), {"visitor": VISITOR, "at": at}
        phone = model.phones[which % len(model.phones)] if model.phones else None
        outcome: Any
        if what == "regenerate":
            outcome = change_flow.regenerate(house, session, given, seen=True, visitor=VISITOR, at=at)
        elif what == "remove":
            outcome = change_flow.remove(house, session, given, **seen_by)
        else:
            assert phone is not None
            assert phone.id is not None
            outcome = change_flow.remove_one(house, session, phone.id, given, **seen_by)
        if what == "remove" and model.required:
            assert same(outcome, RequiredByPolicy()), outcome
            return
        if what == "remove_one" and len(model.phones) == 1:
            assert same(outcome, LastAuthenticator()), outcome
            return
        expected: Any = None
        if not session.person.has_second_factor:
            expected = NotEnabled()
        elif proof == "malformed":
            expected = MalformedCode()
        if expected is None:
            expected = model.type_password(at, right=True)
        if expected is None and stale:
            expected = SessionOver()
        proved = model.type_proof(typed, at) if expected is None else expected
        if not isinstance(proved, Passed):
            assert same(outcome, proved), (outcome, proved)
            return
        assert isinstance(outcome, Changed), outcome
        self._count_once(proved.method)
        if what == "regenerate":
            if proved.method == "backup_code":
                model.backup_spent("")
            model.backup_issued(_plain(outcome.backup_code))
            model.events.append("backup_code_regenerated")
        elif what == "remove":
            model.switched_off()
            self.enrolling = None
            model.events.append("two_factor_removed")
        else:
            if proved.method == "backup_code":
                model.backup_spent(_plain(outcome.backup_code))
            model.phones = [one for one in model.phones if one is not phone]
            model.stamp += 1
            model.events.append("authenticator_removed")
        self._factors_changed(raised=True)
        self._goes_on(node, held, outcome.session_token, at)

    @act(
        2,
        when=lambda life: bool(life.held and life.model.required and not life.model.protected),
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

    # --- her administrator

    @act(3, when=lambda life: bool(life.model.wrong > 0), node=on_node)
    def is_unlocked(self, node: int) -> None:
        at, house, model = self._tick(), self.nodes[node].house, self.model
        with house.db.write() as connection:
            outcome = lockouts.unlock(
                house, connection, self.ada, actor=audit.user(self.grace.id), reason=REASON, at=at,
            )  # fmt: skip
        if model.final:
            assert same(outcome, lockouts.LockIsFinal()), outcome
            return
        assert same(outcome, lockouts.Unlocked()), outcome
        model.wrong = 0 if model.wrong >= 5 else model.wrong
        model.events.append("unlocked")

    @act(1, when=lambda life: bool(life.model.protected and life.model.in_row < 50))
    def somebody_has_guessed_for_days(self) -> None:
        """Ninety-seven wrong ones in a row, unlocked again and again: the hundredth is three away."""
        self.nodes[0].set_counts(self.ada, wrong=0, wrong_in_row=97)
        self.model.wrong, self.model.in_row = 0, 97

    @act(1, policy=st.sampled_from(["off", "optional", "required", "required"]))
    def the_policy_changes(self, policy: str) -> None:
        with self.nodes[0].house.db.write() as connection:
            directory.set_policy(connection, self.account, policy, None)
        self.model.policy = policy

    @act(1, licensed=st.booleans())
    def the_licence_changes(self, *, licensed: bool) -> None:
        with self.nodes[0].house.db.write() as connection:
            directory.change_user(connection, self.ada.id, {"licensed": licensed}, ends_sessions=False)
        self.model.licensed = licensed

    # --- resets

    @act(2, when=lambda life: bool(life.model.protected or life.asked), node=on_node)
    def a_reset_is_asked_for(self, node: int) -> None:
        at, house, model = self._tick(), self.nodes[node].house, self.model
        outcome = resets.open_case(house, self.grace, self.nodes[node].look_up(self.ada), REASON, at=at)
        if not model.protected:
            assert same(outcome, reset_outcomes.NotEnabled()), outcome
            return
        assert isinstance(outcome, reset_outcomes.CaseOpened), outcome
        older = [] if self.asked is None else self.asked.older + self.asked.tokens
        if self.asked is not None and self.asked.stored == "open":
            model.events.append("reset_superseded")
        self.asked = Asked(outcome.id, model.stamp, older)
        model.events.append("reset_asked")

    @act(4, when=lambda life: bool(life.asked), node=on_node)
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
        act=st.sampled_from(["confirm", "confirm", "confirm anew", "wrong password", "refuse"]),
    )
    def answers_the_link(self, node: int, act: str, *, newest: bool) -> None:
        at, house, model, asked = self._tick(), self.nodes[node].house, self.model, self.asked
        assert asked is not None
        every = asked.older + asked.tokens
        token = every[-1] if newest else every[0]
        new = (NEW_PASSWORD if model.password == PASSWORD else PASSWORD) if act == "confirm anew" else ""
        outcome: Any
        if act == "refuse":
            outcome = reset_answers.refuse(house, token, at=at)
        else:
            typed = "not the password" if act == "wrong password" else model.password
            outcome = reset_answers.confirm(house, token, Given(typed, new), at=at)
        is_of_this = token in asked.tokens
        died = is_of_this and asked.stored == "open" and self._case_died(asked)
        valid = asked.valid_until is not None and at < asked.valid_until
        if died or not is_of_this or asked.stored != "open" or token != asked.tokens[-1] or not valid:
            assert isinstance(outcome, reset_outcomes.LinkOver), outcome
            return
        if act == "refuse":
            assert same(outcome, reset_outcomes.RefusalDone()), outcome
            asked.stored = "refused"
            model.events.append("reset_refused")
            return
        if model.password_is_known and not new:
            assert same(outcome, reset_outcomes.NewPasswordRequired()), outcome
            return
        asked.tries += 1
        if act == "wrong password":
            assert same(outcome, reset_outcomes.WrongPassword(5 - asked.tries)), outcome
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
        self._factors_changed(raised=True)

    # --- what always holds

    @invariant()
    def every_event_is_in_the_log_and_no_other(self) -> None:
        query = (
            sa.select(audit_events.c.number, audit_events.c.kind)
            .where(audit_events.c.account_id == self.account, audit_events.c.number > self.cursor)
            .order_by(audit_events.c.number)
        )
        with self._next_node().house.db.read() as connection:
            rows = connection.execute(query).all()
        assert [row.kind for row in rows] == self.model.events
        self.cursor = rows[-1].number if rows else self.cursor
        self.model.events.clear()

    @invariant()
    def the_budget_is_exact(self) -> None:
        people, model = self._next_node(), self.model
        with people.house.db.read() as connection:
            counts = lockouts.counts(connection, self.ada.id)
        assert counts == (model.wrong, model.in_row)
        assert (counts.locked, counts.final, counts.left) == (model.locked, model.final, model.left)

    @invariant()
    def she_is_who_the_model_says(self) -> None:
        now = self._next_node().look_up(self.ada)
        assert (now.security_version, now.has_second_factor) == (self.model.version, self.model.protected)

    @invariant()
    def only_those_sessions_hold_that_should(self) -> None:
        people = self._next_node()
        for held in self.held[-6:]:
            found = people.find_session(held.token, at=self.at)
            assert (found is not None) is self._should_hold(held, self.at), held
            if found is not None:
                self._seen(held, self.at)
                assert found.methods == held.methods

    # --- helpers

    def _tick(self) -> datetime:
        """No two acts at one moment, also where the clock jumps back."""
        self.at += timedelta(milliseconds=1)
        return self.at

    def _next_node(self) -> People:
        self.turn += 1
        return self.nodes[self.turn % 2]

    def _pick(self, some: list[Any], which: int) -> Any:
        """Choose one of the newest, so that old ones do not crowd out what goes on."""
        newest = some[-8:]
        return newest[-1 - which % len(newest)]

    def _any_attempt(self, step: Step, which: int, channel: str = "") -> Begun:
        """Choose an attempt that waits for a step; seldom any other, for which it is too late or too early."""
        fitting = [one for one in self.begun if channel in ("", one.channel)]
        waiting = [one for one in fitting if one.step == step and not one.finished]
        chosen: Begun = self._pick(fitting if which == 7 else waiting or fitting, which)
        return chosen

    def _typed(self, proof: Any) -> str:
        model = self.model
        match proof:
            case (int(which), int(distance)):
                phones = model.phones
                step = step_of(self.at) + distance
                return digits(phones[which % len(phones)].secret, step) if phones else "123456"
            case "wrong":
                return self._never(model.phones)
            case "malformed":
                return "12345"
            case "backup":
                return model.backup or "0" * 24
            case "spent":
                return model.spent or "0" * 24
            case "older":
                return model.older_backups[-1] if model.older_backups else "0" * 24
            case _:
                return "1" * 24

    def _never(self, phones: list[Phone]) -> str:
        """Return six digits that no phone shows near this moment."""
        now = step_of(self.at)
        shown = {digits(phone.secret, step) for phone in phones for step in range(now - 20, now + 21)}
        return next(code for code in (f"{number:06d}" for number in range(1000)) if code not in shown)

    def _stopped(self, attempt: Begun, step: str, outcome: object, at: datetime) -> bool:
        """Check that the guard lets this attempt do this step, or says why not."""
        if attempt.finished or attempt.version != self.model.version or at >= attempt.expires:
            assert same(outcome, Expired()), (outcome, attempt)
            return True
        if attempt.step != step:
            assert same(outcome, OutOfOrder(Step(attempt.step))), (outcome, attempt)
            return True
        return False

    def _signed_in(
        self, node: int, outcome: Any, methods: tuple[str, ...], at: datetime, attempt: Begun | None = None
    ) -> None:
        """No session without what was due: the factor where there is one, its set-up where it is required."""
        assert isinstance(outcome, SignedIn), outcome
        assert len(methods) == 2 if self.model.protected else not self.model.required
        if attempt is not None:
            attempt.finished = True
        self.model.events.append("signed_in")
        self._hold(node, outcome.session.token, methods, at, outcome.session.expires_at)

    def _hold(self, node: int, token: str, methods: tuple[str, ...], at: datetime, expires: datetime) -> None:
        held = Held(token, self.model.version, methods, at, expires)
        held.page = self.nodes[node].session(token, at=at)
        assert held.page.methods == methods
        self.held.append(held)

    def _goes_on(self, node: int, held: Held, token: str, at: datetime, proved: str | None = None) -> None:
        held.ended = True
        methods = held.methods if proved is None or proved in held.methods else (*held.methods, proved)
        self._hold(node, token, methods, at, held.expires)

    def _page(self, node: int, which: int, at: datetime) -> tuple[Held, Any]:
        """Look a session up. Where a change has ended it, an old tab goes on; where time or its owner has, nobody does."""
        held = self.held[which] if which < len(self.held) <= 8 else self._pick(self.held, which)
        found = self.nodes[node].find_session(held.token, at=at)
        assert (found is not None) is self._should_hold(held, at)
        if found is not None:
            self._seen(held, at)
            held.page = found
        return held, held.page if found is not None or held.version != self.model.version else None

    def _should_hold(self, held: Held, at: datetime) -> bool:
        alive = not held.ended and held.version == self.model.version
        return alive and at < held.expires and at - held.seen < timedelta(hours=1)

    def _seen(self, held: Held, at: datetime) -> None:
        if at - held.seen >= timedelta(minutes=1):
            held.seen = at

    def _count_once(self, method: str) -> None:
        """Note which step was just accepted: none is, twice."""
        if method == "otp":
            newest = {(phone.secret, phone.last) for phone in self.model.phones} - self.accepted
            assert len(newest) == 1, "a step was accepted a second time"
            self.accepted |= newest

    def _factors_changed(self, *, raised: bool) -> None:
        """Read what only the database knows: the raised version, and the ids of authenticators."""
        people = self.nodes[0]
        version = people.look_up(self.ada).security_version
        assert (version > self.model.version) is raised
        self.model.version = version
        with people.house.db.read() as connection:
            rows = change_flow.records.authenticators_of(connection, self.ada.id)
        assert len(rows) == len(self.model.phones)
        by_secret = {enrolment_flow.factors.secret_of(people.house, row, "authenticators"): row.id for row in rows}
        for phone in self.model.phones:
            phone.id = by_secret[phone.secret]

    def _case_died(self, asked: Asked) -> bool:
        """A case dies when its subject's factors change; whoever stumbles over it writes that down."""
        if asked.stamp == self.model.stamp:
            return False
        asked.stored = "closed"
        self.model.events.append("reset_closed")
        return True

    def _rests(self, node: int, attempt: Begun, at: datetime) -> str | None:
        """Read the new backup code as the page shows it, again on each reload."""
        house = self.nodes[node].house
        shown = signin.look(house, attempt.token, at)
        assert shown is not None
        return forced.show_backup_code(house, shown)

    def _mailed_code(self, node: int, attempt: Begun, at: datetime) -> str | None:
        house = self.nodes[node].house
        with house.db.write() as connection:
            row = signin.records.by_token(connection, signin.digest(attempt.token))
            if row is None or not row.mailed:
                return None
            entry = self._letter("sign_in_code", row.id)
            told = COMPOSERS["sign_in_code"](house, connection, entry, at)
        return None if told is None else str(told["code"])

    def _forget_mailbox(self) -> None:
        """Five wrong ones close the mailbox for a day: tests/lockouts holds that; here the door stays open."""
        with self.nodes[0].house.db.write() as connection:
            lockouts.mailed_code_right(connection, self.ada)

    def _letter(self, kind: str, about: UUID) -> Entry:
        """Find the letter about a reset case or a sign-in attempt."""
        query = sa.select(outbox).where(outbox.c.recipient == self.ada.email, outbox.c.kind == kind)
        with self.nodes[0].house.db.read() as connection:
            rows = connection.execute(query.where(outbox.c.facts.contains(str(about)))).all()
        assert rows
        return Entry._make((*rows[0][:5], msgspec.json.decode(rows[0].facts), rows[0].created_at, rows[0].tries))

    def _last_event(self) -> int:
        query = sa.select(sa.func.max(audit_events.c.number)).where(audit_events.c.account_id == self.account)
        with self.nodes[0].house.db.read() as connection:
            return int(connection.execute(query).scalar() or 0)


def live(database_url: str, bounds: settings) -> None:
    """Live as many lives as the bounds say, on two nodes that share a database."""
    with house_on(database_url) as one, house_on(database_url) as other:
        nodes = [People(one), People(other)]
        run_state_machine_as_test(lambda: Life(nodes), settings=bounds)  # type: ignore[no-untyped-call]


def bounds(lives: int, acts: int, *, derandomize: bool = True) -> settings:
    return settings(
        max_examples=lives, stateful_step_count=acts, derandomize=derandomize, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), print_blob=not derandomize,
    )  # fmt: skip


def test_whatever_happens_in_a_life_the_rules_hold(database_url: str, backend: Backend) -> None:
    live(database_url, bounds(60, 50) if backend == "sqlite" else bounds(15, 50))
