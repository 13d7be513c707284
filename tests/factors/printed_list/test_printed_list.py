"""A kind that only its registry knows is asked for at sign-in, counted, locked, shown, changed and reset like any."""

import pytest

from tests.factors.printed_list.conftest import CODES, WRONG, Reader, codes, lists
from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.pages import WebClient
from tests.harness.people import CLIENT_INFO, PASSWORD, People
from twofold.factors import change_flow, removal_flow
from twofold.factors.change_flow import Proofs
from twofold.factors.outcomes import (
    AwaitsLastQuestion,
    Changed,
    LastAuthenticator,
    Locked,
    MalformedCode,
    UsedCode,
    WrongCode,
)
from twofold.kit.acting import Origin
from twofold.lockouts import flow as lockouts
from twofold.recovery import server_reset_flow
from twofold.recovery.server_reset_flow import ResetOnServer

ORIGIN = Origin(NOON, CLIENT_INFO)


def test_it_signs_in_by_page_and_is_shown_in_the_profile(ada: Reader, web_client: WebClient) -> None:
    page = web_client.sign_in(ada.user.email, PASSWORD, CODES[0])
    assert page.heading == "Profile"
    assert "Sheet in the safe" in page.text


def test_it_signs_in_by_api_and_is_shown_there(ada: Reader, api: Api) -> None:
    api.sign_in(ada.user.email, PASSWORD, CODES[0].lower())
    assert api.get("/session")["methods"] == ["pwd", "printed"]
    shown = api.get("/two-factor")
    assert (shown["enabled"], shown["authenticators"]) == (True, [])
    assert [(one["kind"], one["name"]) for one in shown["factors"]] == [("printed_list", "Sheet in the safe")]


def test_five_wrong_ones_lock_and_a_used_one_costs_nothing(ada: Reader, people: People) -> None:
    assert people.give_code(people.attempt(ada.user), CODES[0], channel="page")
    assert people.give_code(people.attempt(ada.user), CODES[0]) == UsedCode(5)
    for left in (4, 3, 2, 1, 0):
        assert people.give_code(people.attempt(ada.user), WRONG) == WrongCode(left)
    begun = people.begin(ada.user)
    assert type(begun).__name__ == "LockedOut"
    with people.context.db.read() as connection:
        assert lockouts.counts(connection, ada.user.id).locked
    assert [event.kind for event in people.events("locked")] == ["locked"]


def test_the_right_one_counts_no_more_once_it_is_locked(ada: Reader, people: People) -> None:
    sign_in = people.attempt(ada.user)
    people.set_counts(ada.user, wrong=5)
    assert people.give_code(sign_in, CODES[0]) == Locked(final=False)


@pytest.mark.usefixtures("people")
def test_what_is_no_code_of_any_kind_is_not_charged(ada: Reader, people: People) -> None:
    assert people.give_code(people.attempt(ada.user), "QUINCE1") == MalformedCode()
    with people.context.db.read() as connection:
        assert lockouts.counts(connection, ada.user.id) == (0, 0)


def test_it_proves_changes_and_the_last_one_goes_only_with_all_of_it(ada: Reader, people: People) -> None:
    people.give_code(people.attempt(ada.user), CODES[0])
    session = people.session(_token(people, ada, CODES[1]))
    given = Proofs(PASSWORD, CODES[2], None)
    alone = removal_flow.remove_one(people.context, session, ada.list_id, given, origin=ORIGIN)
    assert alone == LastAuthenticator()
    asked = removal_flow.ask_removal(people.context, session, given, origin=ORIGIN)
    assert isinstance(asked, AwaitsLastQuestion), asked
    gone = removal_flow.answer_removal(people.context, session, asked.confirmation, origin=ORIGIN)
    assert isinstance(gone, Changed), gone
    assert not people.look_up(ada.user).has_second_factor
    assert (people.count(lists), people.count(codes)) == (0, 0)


def test_it_is_renamed(ada: Reader, people: People) -> None:
    session = people.session(_token(people, ada, CODES[0]))
    assert change_flow.rename(people.context, session, ada.list_id, "Sheet at home", origin=ORIGIN) is True
    assert people.count(lists, lists.c.name == "Sheet at home") == 1


def test_a_reset_takes_it_away(ada: Reader, people: People) -> None:
    done = server_reset_flow.reset_on_server(people.context, ada.user, "Lost the sheet.", NOON)
    assert isinstance(done, ResetOnServer), done
    assert not people.look_up(ada.user).has_second_factor
    assert (people.count(lists), people.count(codes)) == (0, 0)


def _token(people: People, ada: Reader, code: str) -> str:
    signed_in = people.give_code(people.attempt(ada.user), code)
    token: str = signed_in.session.token
    return token
