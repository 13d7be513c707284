"""Ada sets authenticators up."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.attacks.life.machine import MALFORMED, act, of_some, on_node, plain, proofs
from tests.attacks.life.model import Enrolling, Phone, digits, step_of
from tests.attacks.life.sign_in import SigningIn
from tests.harness.people import CLIENT_INFO
from twofold.factors import enrolment_flow
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import (
    Changed,
    EnrolmentExpired,
    Locked,
    MalformedCode,
    NotOffered,
    Opened,
    Passed,
    SessionOver,
    TooMany,
)
from twofold.kit.acting import Origin

QUARTER = timedelta(minutes=15)

knowing_it = st.sampled_from([True, True, True, True, True, False])


class Profile(SigningIn):
    """A session is looked up as a page does; one that is over is used as an old tab would."""

    @act(4, node=on_node, which=of_some, proof=proofs, replace=st.booleans(), knows_it=knowing_it)
    def opens_a_set_up(self, node: int, which: int, proof: Any, *, replace: bool, knows_it: bool = True) -> None:
        self._comes_in(node, which)
        if not self.held:
            return
        at, model = self._tick(), self.model
        held, session = self._page(node, which, at)
        if session is None:
            return
        typed, client = self._typed(proof), self._client(which)
        replaces = model.phones[which % len(model.phones)] if replace and model.phones else None
        asked = SetUp(
            model.password if knows_it else "not the password", typed, client, "app",
            None if replaces is None else replaces.id,
        )  # fmt: skip
        outcome = enrolment_flow.open_in_session(
            self.nodes[node].context, session, asked, origin=Origin(at, CLIENT_INFO)
        )
        if session.user.has_second_factor and typed == MALFORMED:
            assert outcome == MalformedCode(), outcome
            return
        expected: Any = model.type_password(at, client, right=knows_it)
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
        if enrolling is None or not self.held:
            return
        alive = self._alive(at)
        others = [one for one in alive if one is not enrolling.opener]
        mine = [one for one in self.held if one is enrolling.opener]
        asker = self._pick(mine, 0) if mine and which < 6 else self._pick(others or self.held, which)
        held, session = self._page_of(node, asker, at)
        if session is None:
            return
        typed = self._confirmation(enrolling, distance, at)
        outcome: Any = enrolment_flow.confirm_in_session(
            self.nodes[node].context, session, enrolling.id, typed, origin=Origin(at, CLIENT_INFO),
        )  # fmt: skip
        if held.version != model.version:
            assert outcome == EnrolmentExpired(), outcome
            return
        if model.locked:
            assert outcome == Locked(model.final), outcome
            return
        step = enrolling.confirm(typed, held, model.version, at)
        if not isinstance(step, int):
            assert outcome == step, (outcome, step)
            return
        assert isinstance(outcome, Changed), outcome
        assert outcome.change == model.confirmed(enrolling, step, at)
        assert (outcome.backup_code is not None) is enrolling.new_backup
        if outcome.backup_code is not None:
            model.backup_issued(plain(outcome.backup_code))
        self.accepted.add((enrolling.phone.secret, step))
        self.enrolling = None
        self._factors_changed()
        self._goes_on(node, held, outcome.session_token, at, proved="otp")

    def _confirmation(self, enrolling: Enrolling, distance: int | None, at: datetime) -> str:
        """Return the code of so many steps from now, or one that is never right."""
        if distance is None:
            return self._never([enrolling.phone])
        return digits(enrolling.phone.secret, step_of(at) + distance)
