"""One user's whole life on two nodes, in any order, at clocks that move and jump: the flows do what the model says.

After each act: what came of it is what the model expects, the audit log holds exactly the events that belong to it,
the budget counts as the model counts, no time step counted twice, and only those sessions hold that should.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, run_state_machine_as_test

from tests.attacks.life.stories import Stories
from tests.harness.contexts import context_on
from tests.harness.databases import Backend
from tests.harness.people import People


class Life(Stories):
    """Everything that can happen to Ada; in some lives she has a second factor from the start, or must have one."""

    @initialize(at_first=st.sampled_from(["protected", "must be protected", "protected", "nothing"]))
    def begin(self, at_first: str) -> None:
        if at_first == "must be protected":
            self.the_policy_changes(0, "required", None)
        elif at_first == "protected":
            self.gives_the_password(0, "page", 0)
            self.opens_a_set_up(0, 0, "malformed", replace=False)
            self.confirms(0, 0, 0)


def live(database_url: str, *, lives: int, acts: int, always_the_same: bool) -> None:
    """Live so many lives of so many acts, on two nodes that share a database."""
    bounds = settings(
        max_examples=lives, stateful_step_count=acts, derandomize=always_the_same, print_blob=not always_the_same,
        deadline=None, database=None, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    # The least memory of all for argon2id: a life types hundreds of passwords.
    with context_on(database_url, argon2_memory_kib=8) as one, context_on(database_url, argon2_memory_kib=8) as other:

        class OnTwoNodes(Life):
            nodes = (People(one), People(other))

        run_state_machine_as_test(OnTwoNodes, settings=bounds)


def test_whatever_happens_in_a_life_the_rules_hold(database_url: str, backend: Backend) -> None:
    """The same lives each time; fewer on PostgreSQL, where a statement costs more."""
    live(database_url, lives=75 if backend == "sqlite" else 12, acts=50, always_the_same=True)


@pytest.mark.soak
def test_however_many_lives_are_lived_the_rules_hold(database_url: str) -> None:
    """Other lives each time. What fails is shrunk to the shortest life that does, and printed."""
    live(database_url, lives=600, acts=80, always_the_same=False)
