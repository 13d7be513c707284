"""Ada of Acme, her administrator Grace, and two nodes: what every act needs, and what holds after each of them."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple, TypeVar
from uuid import UUID

import msgspec
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.attacks.life.model import DAY, Asked, Begun, Enrolling, Held, Model, Phone, digits, step_of
from tests.harness.clock import NOON
from tests.harness.people import EARLIER, People
from twofold.audit.tables import audit_events
from twofold.directory.tables import users
from twofold.factors.totp import flow as totp_flow
from twofold.factors.totp import records
from twofold.kit.crypto.tokens import new_id
from twofold.kit.mail.outbox import Entry, Priority, outbox
from twofold.lockouts import flow as lockouts
from twofold.sessions.methods import names
from twofold.sessions.tables import sessions
from twofold.signin import attempt_flow
from twofold.signin import set_up_flow as forced
from twofold.signin.attempt import Step
from twofold.signin.outcomes import SignedIn

on_node = st.integers(0, 1)
of_some = st.integers(0, 7)  # one of those that there are
MALFORMED = "12345"
# What is typed as a second factor: mostly a code of a phone, so many steps from now.
distances = st.sampled_from([0, 0, 0, 0, -1, 1, 1, -2, 2, 3, 5])
others = ["wrong", "disclosed", "disclosed", "malformed", "backup", "backup", "backup", "spent", "older", "no backup"]
proofs = st.one_of(st.tuples(st.integers(0, 4), distances), st.sampled_from(others))


class Act(NamedTuple):
    """Something that can happen in a life: how often, when at all, and what is drawn for it."""

    name: str
    weight: int
    when: Callable[[Any], bool]
    drawn: dict[str, st.SearchStrategy[Any]]


ACTS: list[Act] = []
STRIDE = 7919  # a prime
Method = TypeVar("Method", bound=Callable[..., None])


def act(
    weight: int, *, when: Callable[[Any], bool] = lambda _: True, **drawn: st.SearchStrategy[Any]
) -> Callable[[Method], Method]:
    """Make a method an act. Hypothesis' own rules are switched off in groups, so that few lives would get far."""

    def noted(method: Method) -> Method:
        ACTS.append(Act(method.__name__, weight, when, drawn))
        return method

    return noted


def plain(code: str | None) -> str:
    """Return a backup code as it is compared."""
    assert code is not None
    return code.replace("-", "")


class Machine(RuleBasedStateMachine):
    """One life; the acts stand in the classes that are built upon this one."""

    nodes: ClassVar[tuple[People, People]]

    def __init__(self) -> None:
        super().__init__()
        people, who = self.nodes[0], new_id().hex
        self.account = people.account(f"Acme {who}")
        self.grace = people.user(f"grace-{who}@acme.example", role="admin", account=self.account)
        self.grace_session = people.sign_in(self.grace)
        people.set_user(self.grace, second_factor_since=EARLIER)  # or she could not demand a second factor of others
        self.ada = people.user(f"ada-{who}@acme.example", account=self.account)
        self.at = NOON
        self.model = Model()
        self.model.version = self.ada.security_version
        self.held: list[Held] = []
        self.begun: list[Begun] = []
        self.enrolling: Enrolling | None = None
        self.asked: Asked | None = None
        self.accepted: set[tuple[bytes, int]] = set()
        self.happened: Counter[str] = Counter()
        self.cursor, self.turn = self._last_event(), 0

    @rule(data=st.data(), seconds=st.sampled_from([0, 0, 1, 12, 30, 31, 31, 61]))
    def something_happens(self, data: st.DataObject, seconds: int) -> None:
        """A moment later something happens, of what can; the likelier, the seldomer it has happened in this life."""
        self.at += timedelta(seconds=seconds)
        possible = sorted((act for act in ACTS if act.when(self)), key=lambda act: -act.weight)
        shares = {act.name: max(1, 6 * act.weight // (1 + self.happened[act.name])) for act in possible}
        chances = [name for name, share in shares.items() for _ in range(share)]
        # Hypothesis tries the ends of a range more often than its middle: a step through all of them evens that out.
        drawn = data.draw(st.integers(0, 10_000).map(lambda number: chances[number * STRIDE % len(chances)]), "act")
        self.happened[drawn] += 1
        named = next(act.drawn for act in possible if act.name == drawn)
        getattr(self, drawn)(**{name: data.draw(strategy, name) for name, strategy in named.items()})

    @act(1, seconds=st.sampled_from([30, 61, 90, 240, 599, 601, 901, 3599, 3600, 86_401]))
    def time_passes(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)

    @act(1, seconds=st.sampled_from([1, 30, 45, 61, 119]))
    def the_clock_jumps_back(self, seconds: int) -> None:
        self.at -= timedelta(seconds=seconds)

    @act(3, when=lambda life: any(phone.given for phone in life.model.phones), which=of_some)
    def the_time_comes_of_a_code_that_was_disclosed(self, which: int) -> None:
        """By waiting, or because the clock was wrong when the code was disclosed and is set right."""
        step = self._pick(sorted({step for phone in self.model.phones for step in phone.given}), which)
        self.at += timedelta(seconds=30 * (step - step_of(self.at)))

    # --- what always holds

    @invariant()
    def every_event_is_in_the_log_and_no_other(self) -> None:
        query = (
            sa.select(audit_events.c.number, audit_events.c.kind)
            .where(audit_events.c.account_id == self.account, audit_events.c.number > self.cursor)
            .order_by(audit_events.c.number)
        )
        with self._next_node().context.db.read() as connection:
            rows = connection.execute(query).all()
        assert [row.kind for row in rows] == self.model.events
        self.cursor = rows[-1].number if rows else self.cursor
        self.model.events.clear()

    @invariant()
    def the_budget_is_exact(self) -> None:
        people, model = self._next_node(), self.model
        with people.context.db.read() as connection:
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
            assert (found is not None) is held.holds(self.model.version, self.at), held
            if found is not None:
                self._seen(held, self.at)
                assert tuple(names(found.methods)) == held.methods

    @invariant()
    def nothing_ends_her_sessions_without_telling(self) -> None:
        outdated = sa.select(sessions.c.id).join(users, users.c.id == sessions.c.user_id).where(
            users.c.id == self.ada.id, sessions.c.security_version != users.c.security_version,
        )  # fmt: skip
        with self._next_node().context.db.read() as connection:
            assert connection.execute(outdated).all() == []

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
        chosen: Begun = self._pick(fitting if which == 7 else self._waiting(step, channel) or fitting, which)
        return chosen

    def _waiting(self, step: Step, channel: str = "") -> list[Begun]:
        """List the attempts that can do a step."""
        return [
            one
            for one in self.begun
            if one.step == step
            and channel in ("", one.channel)
            and one.refusal(step, one.channel, self.model.version, self.at) is None
        ]

    def _typed(self, proof: Any) -> str:
        model = self.model
        match proof:
            case (int(which), int(distance)):
                phones = model.phones
                step = step_of(self.at) + distance
                return digits(phones[which % len(phones)].secret, step) if phones else "123456"
            case "disclosed":
                given = [(abs(step - step_of(self.at)), step, phone) for phone in model.phones for step in phone.given]
                nearest = min(given, key=lambda one: one[:2], default=None)
                return digits(nearest[2].secret, nearest[1]) if nearest else self._never(model.phones)
            case "wrong":
                return self._never(model.phones)
            case "malformed":
                return MALFORMED
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

    def _stopped(self, attempt: Begun, step: Step, outcome: object, at: datetime) -> bool:
        """Check that the guard lets this attempt do this step, or says why not."""
        refusal = attempt.refusal(step, attempt.channel, self.model.version, at)
        assert refusal is None or outcome == refusal, (outcome, attempt)
        return refusal is not None

    def _signed_in(
        self, node: int, outcome: Any, methods: tuple[str, ...], at: datetime, attempt: Begun | None = None
    ) -> None:
        """No session without what was due: the factor where there is one, its set-up where it is required."""
        assert isinstance(outcome, SignedIn), outcome
        assert len(methods) == 2 if self.model.protected else not self.model.required(at)
        if attempt is not None:
            attempt.finished = True
        self.model.signed_in(outcome.client, methods, at)
        assert outcome.session.expires_at == at + DAY
        self._hold(node, outcome.session.token, methods, at, at + DAY)

    def _hold(self, node: int, token: str, methods: tuple[str, ...], at: datetime, expires: datetime) -> None:
        held = Held(token, self.model.version, methods, at, expires)
        held.page = self.nodes[node].session(token, at=at)
        assert tuple(names(held.page.methods)) == methods
        self.held.append(held)

    def _goes_on(self, node: int, held: Held, token: str, at: datetime, proved: str | None = None) -> None:
        held.ended = True
        methods = held.methods if proved is None or proved in held.methods else (*held.methods, proved)
        self._hold(node, token, methods, at, held.expires)

    def _page(self, node: int, which: int, at: datetime) -> tuple[Held, Any]:
        """Look one of the sessions up that hold; seldom any other."""
        alive = self._alive(at)
        return self._page_of(node, self._pick(self.held if which == 7 else alive or self.held, which), at)

    def _page_of(self, node: int, held: Held, at: datetime) -> tuple[Held, Any]:
        """Look a session up. Where a change has ended it, an old tab goes on; where time or its owner did, nobody."""
        found = self.nodes[node].find_session(held.token, at=at)
        assert (found is not None) is held.holds(self.model.version, at), held
        if found is not None:
            self._seen(held, at)
            held.page = found
        return held, held.page if found is not None or held.version != self.model.version else None

    def _alive(self, at: datetime) -> list[Held]:
        return [one for one in self.held if one.holds(self.model.version, at)]

    def _seen(self, held: Held, at: datetime) -> None:
        if at - held.seen >= timedelta(minutes=1):
            held.seen = at

    def _count_once(self, method: str) -> None:
        """Note which step was just accepted: none is, twice."""
        if method == "otp":
            newest = {(phone.secret, phone.last) for phone in self.model.phones} - self.accepted
            assert len(newest) == 1, "a step was accepted a second time"
            self.accepted |= newest

    def _factors_changed(self) -> None:
        """Read what only the database knows: the raised version, and the ids of authenticators."""
        people = self.nodes[0]
        version = people.look_up(self.ada).security_version
        assert version > self.model.version
        self.model.version = version
        with people.context.db.read() as connection:
            rows = records.authenticators_of(connection, self.ada.id)
        assert len(rows) == len(self.model.phones)
        by_secret = {totp_flow.secret_of(people.context, row, "authenticators"): row.id for row in rows}
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
        context = self.nodes[node].context
        shown = attempt_flow.find(context, attempt.token, at)
        assert shown is not None
        return forced.show_backup_code(context, shown)

    def _client(self, which: int) -> str | None:
        """Choose a client that has completed a sign-in before, a strange one, or none."""
        known = list(self.model.clients)
        return (None, "tf_client_of_a_stranger", *known[-3:])[which % (2 + min(3, len(known)))]

    def _letters(self, kind: str, about: UUID) -> list[Entry]:
        """List the letters about a reset case or a sign-in attempt, the oldest first."""
        query = sa.select(outbox).where(outbox.c.recipient == self.ada.email, outbox.c.kind == kind)
        with self.nodes[0].context.db.read() as connection:
            rows = connection.execute(
                query.where(outbox.c.facts.contains(str(about))).order_by(outbox.c.created_at, outbox.c.id)
            ).all()
        return [
            Entry._make(
                (
                    *row[:5],
                    msgspec.json.decode(row.facts, type=dict[str, Any]),
                    row.created_at,
                    row.tries,
                    Priority(row.turn),
                )
            )
            for row in rows
        ]

    def _last_event(self) -> int:
        query = sa.select(sa.func.max(audit_events.c.number)).where(audit_events.c.account_id == self.account)
        with self.nodes[0].context.db.read() as connection:
            return int(connection.execute(query).scalar() or 0)
