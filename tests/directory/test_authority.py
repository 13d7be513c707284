import itertools

from tests.harness.people import People
from twofold.directory.authority import may_act, oversees


def test_an_administrator_acts_in_their_own_account_an_agent_everywhere_and_nobody_for_themselves(
    people: People,
) -> None:
    other = people.account("Other")
    everybody = {
        "admin": people.person("admin@acme.example", role="admin"),
        "member": people.person("member@acme.example"),
        "foreign admin": people.person("admin@other.example", role="admin", account=other),
        "foreign member": people.person("member@other.example", account=other),
        "agent": people.person("agent@operator.example", role="support"),
        "other agent": people.person("agent2@operator.example", role="support"),
    }
    seen = {
        "admin": {"admin", "member"},
        "foreign admin": {"foreign admin", "foreign member"},
        "agent": set(everybody),
        "other agent": set(everybody),
    }
    for actor, subject in itertools.product(everybody, everybody):
        sees = subject in seen.get(actor, set())
        assert oversees(everybody[actor], everybody[subject]) is sees, (actor, subject)
        assert may_act(everybody[actor], everybody[subject]) is (sees and actor != subject), (actor, subject)
