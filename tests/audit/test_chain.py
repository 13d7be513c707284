import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.audit.chain import (
    START,
    Break,
    Event,
    Head,
    account_of,
    append,
    canonical,
    chain_of,
    content,
    empty,
    follow,
    link,
    moment,
)

CHAIN = "6f4dd4d2-5ac1-44c5-a4ad-6cf7ad6a2f34"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
details = st.dictionaries(texts, plain | st.lists(plain, max_size=3), max_size=3).map(json.dumps)
events = st.builds(
    Event, st.uuids(), moments, texts, texts, texts, st.none() | st.uuids(), st.none() | st.uuids(),
    st.none() | texts, texts, texts, texts, details,
)  # fmt: skip
chains = st.lists(events, min_size=1, max_size=8)

Link = tuple[dict[str, Any], bytes]


def linked(recorded: list[Event], chain: str = CHAIN) -> tuple[list[Link], Head]:
    head, links = empty(chain), []
    for event in recorded:
        head = append(head, event)
        links.append((content(event, chain, head.position), head.hash))
    return links, head


def followed(links: list[Link], chain: str = CHAIN) -> Head | Break:
    head = empty(chain)
    for event, stored in links:
        reached = follow(head, event, stored)
        if isinstance(reached, Break):
            return reached
        head = reached
    return head


@given(chains)
def test_a_chain_is_followed_to_its_head(recorded: list[Event]) -> None:
    links, head = linked(recorded)
    assert followed(links) == head
    assert head.position == len(recorded)


@given(chains, st.data())
def test_a_change_of_any_field_breaks_the_chain_where_it_was_made(recorded: list[Event], data: st.DataObject) -> None:
    links, _head = linked(recorded)
    index = data.draw(st.integers(0, len(links) - 1))
    field = data.draw(st.sampled_from(sorted(links[index][0])))
    event, stored = links[index]
    links[index] = (event | {field: [event[field], "x"]}, stored)
    broken = followed(links)
    assert isinstance(broken, Break)
    assert broken.position == index + 1


@given(chains, st.data())
def test_an_event_that_is_taken_out_is_missed_where_it_was(recorded: list[Event], data: st.DataObject) -> None:
    links, head = linked(recorded)
    index = data.draw(st.integers(0, len(links) - 1))
    del links[index]
    outcome = followed(links)
    if index == len(recorded) - 1:
        assert outcome == (followed(links[:index])), "the end alone cannot tell: the signed head does"
        assert outcome != head
    else:
        assert isinstance(outcome, Break)
        assert outcome.position == index + 1


@given(st.lists(events, min_size=2, max_size=8), st.data())
def test_events_in_another_order_break_the_chain(recorded: list[Event], data: st.DataObject) -> None:
    links, _head = linked(recorded)
    first = data.draw(st.integers(0, len(links) - 2))
    second = data.draw(st.integers(first + 1, len(links) - 1))
    links[first], links[second] = links[second], links[first]
    broken = followed(links)
    assert isinstance(broken, Break)
    assert broken.position == first + 1


@given(chains, events, st.data())
def test_an_event_that_is_slipped_in_breaks_the_chain(recorded: list[Event], slip: Event, data: st.DataObject) -> None:
    links, _head = linked(recorded)
    index = data.draw(st.integers(0, len(links) - 1))
    before = links[index - 1][1] if index else START
    forged = append(Head(CHAIN, index, before), slip)
    links.insert(index, (content(slip, CHAIN, forged.position), forged.hash))
    assert isinstance(followed(links), Break), "its own link is right, but not what follows"


@given(chains)
def test_the_chain_of_one_account_is_none_of_another(recorded: list[Event]) -> None:
    links, head = linked(recorded)
    others, other = linked(recorded, "installation")
    assert head.hash != other.hash
    assert isinstance(followed(others), Head), "the hashes are right for the chain that the events name"
    assert links[0][1] != others[0][1]


def test_a_link_is_what_the_documents_say() -> None:
    event = Event(
        UUID(int=1), datetime(2026, 3, 3, 12, 0, 0, 5, UTC), "unlocked", "done", "user", UUID(int=2), UUID(int=3),
        "lost phone — ça va", "192.0.2.7", "Firefox", "r1", '{"b": 1, "a": ["x", null, true]}',
    )  # fmt: skip
    text = (
        '{"actor_id":"00000000-0000-0000-0000-000000000002","actor_kind":"user","address":"192.0.2.7",'
        '"at":"2026-03-03T12:00:00.000005Z","browser":"Firefox",'
        f'"chain":"{CHAIN}","details":{{"a":["x",null,true],"b":1}},'
        '"id":"00000000-0000-0000-0000-000000000001","kind":"unlocked","position":1,'
        '"reason":"lost phone — ça va","request_id":"r1","result":"done",'
        '"subject_id":"00000000-0000-0000-0000-000000000003"}'
    )
    expected = hashlib.sha256(b"twofold audit 1\n" + bytes(32) + text.encode()).digest()
    assert append(empty(CHAIN), event) == Head(CHAIN, 1, expected)


def test_control_characters_are_written_as_the_standard_says() -> None:
    assert canonical({"b": '\n\x1f\x7f/\\"', "a": "é😀"}) == '{"a":"é😀","b":"\\n\\u001f\x7f/\\\\\\""}'.encode()


def test_the_same_moment_has_one_text_whatever_its_zone() -> None:
    summer = timezone(timedelta(hours=2))
    assert moment(datetime(2026, 3, 3, 14, tzinfo=summer)) == "2026-03-03T12:00:00.000000Z"


def test_a_position_that_is_no_number_is_misplaced() -> None:
    for wrong in (True, None, "1", 1.0):
        broken = follow(empty(CHAIN), {"position": wrong}, START)
        assert isinstance(broken, Break), wrong


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (3, "event 2 is missing: event 3 stands in its place."),
        (9, "event 2 is missing: event 9 stands in its place."),
        (1, "event 1 stands where event 2 belongs: events were reordered or repeated."),
        (None, "event None stands where event 2 belongs: events were reordered or repeated."),
        (2, "event 2 was changed: it does not fit its hash."),
    ],
)
def test_a_break_says_what_is_missing_what_is_misplaced_and_what_was_changed(found: object, why: str) -> None:
    assert follow(Head(CHAIN, 1, START), {"position": found}, START) == Break(CHAIN, 2, why)


def test_true_is_not_the_number_one_however_well_it_is_hashed() -> None:
    why = "event True stands where event 1 belongs: events were reordered or repeated."
    event = {"position": True}
    assert follow(empty(CHAIN), event, link(START, event)) == Break(CHAIN, 1, why)


def test_a_chain_is_named_after_its_account_or_the_installation() -> None:
    assert (chain_of(UUID(CHAIN)), account_of(CHAIN)) == (CHAIN, UUID(CHAIN))
    assert (chain_of(None), account_of("installation")) == ("installation", None)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_json_does_not_know_has_no_form(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical({"n": number})


def test_text_that_cannot_be_hashed_breaks_the_chain() -> None:
    assert isinstance(follow(empty(CHAIN), {"position": 1, "reason": "\ud800"}, START), Break)
    assert isinstance(follow(empty(CHAIN), {"position": 1, "reason": float("nan")}, START), Break)
