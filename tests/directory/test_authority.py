import itertools
from typing import NamedTuple
from uuid import UUID

from twofold.directory.authority import may_act, oversees

ACME, OTHER, OPERATOR = (UUID(int=number) for number in (1, 2, 3))


class Somebody(NamedTuple):
    """Somebody of whom only this is known."""

    id: UUID
    account_id: UUID
    role: str


EVERYBODY = {
    "admin": Somebody(UUID(int=11), ACME, "admin"),
    "other admin": Somebody(UUID(int=12), ACME, "admin"),
    "member": Somebody(UUID(int=13), ACME, "member"),
    "foreign admin": Somebody(UUID(int=14), OTHER, "admin"),
    "foreign member": Somebody(UUID(int=15), OTHER, "member"),
    "agent": Somebody(UUID(int=16), OPERATOR, "support"),
    "other agent": Somebody(UUID(int=17), OPERATOR, "support"),
}
SEEN = {
    "admin": {"admin", "other admin", "member"},
    "other admin": {"admin", "other admin", "member"},
    "foreign admin": {"foreign admin", "foreign member"},
    "agent": set(EVERYBODY),
    "other agent": set(EVERYBODY),
}


def test_administrators_act_in_their_account_agents_everywhere_nobody_for_themselves() -> None:
    for actor, subject in itertools.product(EVERYBODY, EVERYBODY):
        sees = subject in SEEN.get(actor, set())
        assert oversees(EVERYBODY[actor], EVERYBODY[subject]) is sees, (actor, subject)
        assert may_act(EVERYBODY[actor], EVERYBODY[subject]) is (sees and actor != subject), (actor, subject)
