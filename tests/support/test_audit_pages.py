"""The audit log on pages, and what can be taken away of it."""

import base64
import csv
import io
import json
from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest
import structlog

from tests.harness.clock import NOON, later
from tests.harness.pages import WebClient
from tests.harness.people import CLIENT_INFO
from tests.support.world import World
from twofold.audit import export_flow, seal_flow
from twofold.audit import flow as audit
from twofold.audit.tables import audit_signing_keys
from twofold.audit.verify import Broken, Verified, verify_lines
from twofold.events import directory_kinds, kinds
from twofold.events.event import Event
from twofold.kit import acting, cursors
from twofold.kit.acting import Origin
from twofold.kit.client_info import ClientInfo
from twofold.support import audit_flow
from twofold.support.audit_search import EventCursor, Filters


def record(
    world: World, event: Event, at: datetime = NOON, *, account: UUID | None = None, client: ClientInfo | None = None,
    actor: acting.Actor | None = None, **said: object,
) -> None:  # fmt: skip
    """Record an event of Acme, about Ada by Grace unless somebody else is named."""
    values: dict[str, object] = {"subject_id": world.ada.id, **said}
    origin = Origin(at, client or CLIENT_INFO, actor or acting.user(world.grace.id))
    with world.context.db.write() as connection:
        audit.record(connection, event, origin=origin, account_id=account or world.people.acme, **values)  # type: ignore[arg-type]


def download(web_client: WebClient, path: str) -> httpx.Response:
    cookies = "; ".join(f"{name}={value}" for name, value in web_client.cookies.items())
    headers = {"Cookie": cookies, "User-Agent": "Test Browser", "Sec-Fetch-Site": "same-origin"}
    return web_client.http.post(path, headers=headers)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def key_of(world: World) -> str:
    return export_flow.public_key(world.context.db, world.context.vault, NOON)


# --- the page


def test_the_page_tells_seconds_and_its_zone_and_days_of_it_while_copies_stay_in_utc(world: World) -> None:
    world.people.choose(world.people.look_up(world.grace), zone="Pacific/Auckland")
    record(world, kinds.Unlocked(), later(hours=1, minutes=2, seconds=3), reason="She called me.")
    browser = world.grace_enters()
    page = browser.get("/account/audit?from=2026-03-04&to=2026-03-04&kind=unlocked")
    assert "4 March 2026 New Zealand Daylight Time" in page.text
    assert "02:02:03 Grace Hopper unlocked" in page.text
    assert "She called me." not in browser.get("/account/audit?to=2026-03-03").text
    assert "2026-03-03T13:02:03.000000Z" in download(browser, "/account/audit.csv").text
    record(world, directory_kinds.UserChanged({"exception_until": {"before": None, "after": NOON}}))
    until = "exception until: none → 4 March 2026, 01:00 New Zealand Daylight Time"
    assert until in browser.get("/account/audit?kind=user_changed").text
    assert "exception until: none → 2026-03-03T12:00:00Z" in download(browser, "/account/audit.csv").text
    assert "2026-03-03T13:02:03.000000Z" in download(browser, "/account/audit.jsonl").text


def test_each_event_is_a_sentence_with_who_whom_why_when_and_from_where(world: World) -> None:
    record(world, kinds.Unlocked(), later(hours=1, minutes=2, seconds=3), reason="She called me.")
    page = world.grace_enters().get("/account/audit")
    assert page.heading == "Audit log"
    for words in ("Grace Hopper unlocked Ada Lovelace.", "Reason: She called me.",
                  "3 March 2026 Coordinated Universal Time", "13:02:03", "192.0.2.7", "Firefox"):  # fmt: skip
        assert words in page.text, words
    assert "2026-03-03T13:02:03Z" in page.times


def test_what_was_refused_says_so(world: World) -> None:
    record(world, kinds.SignInRefused(why="password_wrong"), result="refused", actor=acting.NOBODY)
    page = world.grace_enters().get("/account/audit")
    assert "A sign-in as Ada Lovelace was refused (wrong password). Refused" in page.text


def test_what_people_typed_is_shown_as_text(world: World) -> None:
    record(world, kinds.Unlocked(), reason="<script>alert(1)</script>")
    page = world.grace_enters().get("/account/audit")
    assert "<script>alert" not in page.html
    assert "<script>alert(1)</script>" in page.text


def test_an_administrator_sees_their_own_account_and_nothing_else(world: World) -> None:
    record(world, kinds.Unlocked(), account=world.other, reason="of Umbrella")
    record(world, kinds.Unlocked(), account=world.operator(), reason="of the operator")
    record(world, kinds.Unlocked(), reason="of Acme")
    grace = world.grace_enters()
    page = grace.get("/account/audit")
    assert "of Acme" in page.text
    assert "of Umbrella" not in page.text
    assert "of the operator" not in page.text
    assert "of Umbrella" not in grace.get(f"/account/audit?account={world.other}").html
    assert "of Umbrella" not in download(grace, f"/account/audit.csv?account={world.other}").text


@pytest.mark.parametrize("form", ["", ".csv", ".jsonl"])
def test_a_member_has_no_audit_log(world: World, form: str) -> None:
    ada = world.enter(world.ada, world.factor)
    for web_client, heading in ((ada, "Not found"), (WebClient(world.http), "Sign in")):
        page = web_client.post(f"/account/audit{form}") if form else web_client.get("/account/audit")
        assert page.heading == heading


def test_an_agent_has_no_account_of_their_own_to_administer(world: World) -> None:
    assert world.sam_enters().get("/account/audit").status == 404


def test_an_agent_reads_the_log_of_any_account(world: World) -> None:
    record(world, kinds.Unlocked(), account=world.other, reason="of Umbrella")
    record(world, kinds.Unlocked(), reason="of Acme")
    page = world.sam_enters().get(f"/support/accounts/{world.other}/audit")
    assert "of Umbrella" in page.text
    assert "of Acme" not in page.text
    assert page.link("Umbrella") == f"/support/accounts/{world.other}"


def test_the_log_is_narrowed_by_kind_user_and_day(world: World) -> None:
    record(world, kinds.Unlocked(), later(days=1), reason="first")
    record(world, directory_kinds.Invited(), later(days=2), reason="second")
    record(
        world,
        kinds.Unlocked(),
        later(days=3),
        reason="third",
        subject_id=world.grace.id,
        actor=acting.user(world.sam.id),
    )
    grace = world.grace_enters()

    def shown(query: str) -> list[str]:
        text = grace.get(f"/account/audit?{query}").text
        return [words for words in ("first", "second", "third") if f"Reason: {words}" in text]

    assert shown("") == ["first", "second", "third"]
    assert shown("kind=unlocked") == ["first", "third"]
    assert shown("kind=nonsense") == []
    assert shown("person=ada@acme.example") == ["first", "second"]
    assert shown("person=%20ADA@acme.example") == ["first", "second"]
    assert shown(f"person={world.ada.id}") == ["first", "second"]
    assert shown("person=grace@acme.example") == ["first", "second", "third"], "who acted, and who it is about"
    assert shown("person=sam@operator.example") == ["third"], "an agent who acted here"
    assert shown("person=nobody@acme.example") == []
    assert shown("from=2026-03-05") == ["second", "third"]
    assert shown("to=2026-03-05") == ["first", "second"], "the day is included"
    assert shown("from=2026-03-05&to=2026-03-05") == ["second"]
    assert shown("person=ada@acme.example&kind=invited&from=2026-03-04") == ["second"]


def test_somebody_of_another_account_has_no_events_here(world: World) -> None:
    wong = world.people.user("wong@umbrella.example", account=world.other)
    record(world, directory_kinds.Invited(), account=world.other, subject_id=wong.id, reason="of Umbrella")
    grace = world.grace_enters()
    for user in ("wong@umbrella.example", str(wong.id)):
        page = grace.get(f"/account/audit?person={user}")
        assert "No matching events." in page.text
        assert (user == "wong@umbrella.example") or "wong@umbrella.example" not in page.html


def test_a_link_by_id_shows_whose_events_they_are(world: World) -> None:
    page = world.grace_enters().get(f"/account/audit?person={world.ada.id}")
    assert page.forms[1].fields["person"] == "ada@acme.example"


@pytest.mark.parametrize("field", ["from", "to"])
def test_a_date_that_is_none_is_said_at_its_field(world: World, field: str) -> None:
    page = world.grace_enters().get(f"/account/audit?{field}=yesterday")
    assert (page.status, page.title.startswith("Error:")) == (400, True)
    assert "2027-03-05" in page.errors[field]
    for form in ("csv", "jsonl"):
        assert download(world.grace_enters(), f"/account/audit.{form}?{field}=yesterday").status_code == 400
    assert not world.people.events("audit_exported")


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_the_ends_of_the_calendar_are_days_as_well(world: World, day: str) -> None:
    grace = world.grace_enters()
    for field in ("from", "to"):
        assert grace.get(f"/account/audit?{field}={day}").status == 200


def test_a_long_log_is_read_page_by_page_in_both_directions(world: World) -> None:
    for number in range(120):
        record(world, directory_kinds.Invited(), later(seconds=number // 3), reason=f"number {number:03}")
    grace = world.grace_enters()

    def shown(page_text: str) -> list[int]:
        return [number for number in range(120) if f"number {number:03}" in page_text]

    first = grace.get("/account/audit?kind=invited")
    assert shown(first.text) == list(range(70, 120))
    assert not first.has_link("Previous")
    second = grace.click(first, "Next")
    assert shown(second.text) == list(range(20, 70))
    third = grace.click(second, "Next")
    assert shown(third.text) == list(range(20))
    assert not third.has_link("Next")
    back = grace.click(third, "Previous")
    assert shown(back.text) == list(range(20, 70))
    start = grace.click(back, "Previous")
    assert shown(start.text) == list(range(70, 120))
    assert not start.has_link("Previous")


def test_a_cursor_that_is_none_of_ours_begins_at_the_newest(world: World) -> None:
    record(world, kinds.Unlocked(), reason="the newest")
    grace = world.grace_enters()
    made_up = [b"[]", b'["2026-01-01T00:00:00",7]', b'["2026-01-01T00:00:00Z",%d]' % 2**63, b'["x",7]', b"[" * 1600]
    for cursor in ("x", "=", "²", *(base64.urlsafe_b64encode(text).decode() for text in made_up)):
        assert "the newest" in grace.get(f"/account/audit?cursor={cursor}").text, cursor


def test_a_cursor_is_read_as_it_was_written() -> None:
    for cursor in (EventCursor(NOON, 7), EventCursor(later(microseconds=1), 2**62, forwards=True)):
        assert cursors.read(cursors.write(cursor), EventCursor) == cursor


def test_events_stand_below_the_day_that_it_was_for_the_reader(world: World) -> None:
    world.people.choose(world.people.look_up(world.grace), zone="Europe/Berlin")
    for hours, reason in ((0, "noon"), (10, "late"), (11, "midnight"), (24, "next noon")):
        record(world, kinds.Unlocked(), later(hours=hours), reason=reason)
    page = world.grace_enters().get("/account/audit?kind=unlocked")
    days = page.html.split('class="log__day"')[1:]
    reasons = [[why for why in ("next noon", "midnight", "late") if f"{why}</span>" in day] for day in days]
    assert reasons == [["next noon", "midnight"], ["late"]]
    assert ["4 March 2026" in days[0], "3 March 2026" in days[1]] == [True, True]
    assert page.text.count("Central European Standard Time") == 2


def test_the_day_on_which_the_clocks_change_is_told_in_two_parts(world: World) -> None:
    """Stops: an hour that comes twice, of which nobody can say which one is meant."""
    world.people.choose(world.people.look_up(world.grace), zone="Europe/Berlin")
    for hour in (0, 1):
        record(world, kinds.Unlocked(), datetime(2025, 10, 26, hour, 30, tzinfo=UTC))
    text = world.grace_enters().get("/account/audit?kind=unlocked").text
    winter, summer = "26 October 2025 Central European Standard Time", "26 October 2025 Central European Summer Time"
    assert 0 <= text.index(winter) < text.index("02:30:00") < text.index(summer) < text.rindex("02:30:00")


def test_integrity_has_a_page_of_its_own_which_the_log_leads_to(world: World) -> None:
    for browser, path in (
        (world.grace_enters(), "/account/audit"),
        (world.sam_enters(), f"/support/accounts/{world.people.acme}/audit"),
    ):
        log = browser.get(path)
        assert not [form for form in log.forms if form.action.endswith(".jsonl")], "the signed copy is not here"
        page = browser.click(log, "Integrity of the log")
        assert (page.status, page.heading) == (200, "Integrity of the log")
        assert page.form("Download the complete, signed log").action == f"{path}.jsonl"
        assert page.link("Audit log") == path


def test_integrity_is_for_those_who_may_read_the_log(world: World) -> None:
    ada, any_account = world.enter(world.ada, world.factor), f"/support/accounts/{world.other}/audit/integrity"
    assert ada.get("/account/audit/integrity").status == 404
    assert ada.get(any_account).status == 404
    assert world.grace_enters().get(any_account).status == 404


def test_how_far_the_log_is_sealed_stands_on_a_page_of_its_own(world: World) -> None:
    record(world, kinds.Unlocked())
    seal_flow.seal_everything(world.context.db, NOON)
    grace = world.grace_enters()
    state = audit_flow.seal_state(world.context, world.people.acme)
    assert state.head.position > 0
    page = grace.get("/account/audit/integrity")
    for words in (str(state.head.position), state.head.hash.hex(), "is made with the first one"):
        assert words in page.text
    key = key_of(world)
    assert key in grace.get("/account/audit/integrity").text
    assert state.head.hash.hex() not in grace.get("/account/audit").text


# --- copies


def test_the_complete_copy_verifies(world: World) -> None:
    record(world, kinds.Unlocked(), reason="She called me.")
    record(world, kinds.Unlocked(), account=world.other)
    answer = download(world.grace_enters(), "/account/audit.jsonl")
    assert answer.headers["content-type"].startswith("application/jsonl")
    assert answer.headers["content-disposition"] == 'attachment; filename="audit-log-2026-03-03.jsonl"'
    outcome = verify_lines(answer.text.splitlines(), key_of(world))
    assert isinstance(outcome, Verified), outcome
    assert [head.chain for head in outcome.head] == [str(world.people.acme)]
    assert "She called me." in answer.text
    assert "Grace Hopper <grace@acme.example>" in answer.text


def test_a_part_says_that_it_cannot_be_verified(world: World) -> None:
    record(world, kinds.Unlocked(), reason="of interest")
    record(world, directory_kinds.Invited(), reason="left out")
    answer = download(world.grace_enters(), "/account/audit.jsonl?kind=unlocked")
    assert "filtered" in answer.headers["content-disposition"]
    first, *rest = [json.loads(line) for line in answer.text.splitlines()]
    assert (first["complete"], first["filters"]) == (False, {"kind": "unlocked"})
    assert "cannot be verified" in first["note"]
    assert [line["event"]["reason"] for line in rest] == ["of interest"]
    assert isinstance(verify_lines(answer.text.splitlines(), key_of(world)), Broken)


def test_a_copy_that_cannot_be_signed_is_refused_and_others_are_not(world: World) -> None:
    """Stops: a copy that breaks off in the middle, where the key that signs it does not open."""
    key_of(world)
    with world.context.db.write() as connection:
        connection.execute(audit_signing_keys.update().values(key_id="lost"))
    grace = world.grace_enters()
    with structlog.testing.capture_logs() as logged:
        answer = download(grace, "/account/audit.jsonl")
    assert answer.status_code == 503
    assert "the key for it cannot be read" in answer.text
    assert [line["why"] for line in logged if "why" in line] == ["the key with id 'lost' is not in TWOFOLD_KEYS"]
    assert world.people.events("audit_exported") == []
    for path in ("/account/audit.jsonl?kind=unlocked", "/account/audit.csv"):
        assert download(grace, path).status_code == 200


def test_a_copy_as_csv_holds_what_the_page_says(world: World) -> None:
    record(world, kinds.Unlocked(), later(seconds=1), reason='He said "hello", and\nwent.')
    rows = table(download(world.grace_enters(), "/account/audit.csv").text)
    last = next(row for row in rows if row["kind"] == "unlocked")
    assert last["time"] == "2026-03-03T12:00:01.000000Z"
    assert last["what"] == "Grace Hopper unlocked Ada Lovelace."
    assert last["reason"] == 'He said "hello", and\nwent.'
    assert (last["actor"], last["subject"]) == ("Grace Hopper <grace@acme.example>", "Ada Lovelace <ada@acme.example>")
    assert len(last["hash"]) == 64
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows), "the oldest first"


@pytest.mark.parametrize("reason", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("https://evil.example")'])
def test_no_field_of_a_csv_is_taken_for_a_formula(world: World, reason: str) -> None:
    record(world, kinds.Unlocked(), reason=reason, client=CLIENT_INFO._replace(browser=reason))
    text = download(world.grace_enters(), "/account/audit.csv?kind=unlocked").text
    (row,) = table(text)
    assert (row["reason"], row["browser"]) == (f"'{reason}", f"'{reason}")


def test_a_csv_is_narrowed_like_the_page(world: World) -> None:
    record(world, kinds.Unlocked(), later(days=1))
    record(world, kinds.Unlocked(), later(days=5))
    path = "/account/audit.csv?person=ada@acme.example&kind=unlocked&from=2026-03-04&to=2026-03-04"
    assert [row["time"][:10] for row in table(download(world.grace_enters(), path).text)] == ["2026-03-04"]


def test_a_long_copy_holds_every_event_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_flow, "EXPORT_PAGE", 7)
    for number in range(30):
        record(world, directory_kinds.Invited(), later(seconds=number // 4), reason=f"number {number}")
    for form in ("csv", "jsonl"):
        lines = audit_flow.take_copy(
            world.context, world.grace, world.people.acme, Filters(kind="invited"), form,
            origin=Origin(NOON, CLIENT_INFO),
        )  # fmt: skip
        assert not isinstance(lines, audit_flow.CannotSign)
        text = "".join(lines)
        found = [row["reason"] for row in table(text)] if form == "csv" else [
            json.loads(line)["event"]["reason"] for line in text.splitlines()[1:]
        ]  # fmt: skip
        assert found == [f"number {number}" for number in range(30)]


def test_whoever_takes_a_copy_leaves_a_line_in_it(world: World) -> None:
    answer = download(world.sam_enters(), f"/support/accounts/{world.people.acme}/audit.jsonl")
    (event,) = world.people.events("audit_exported")
    assert (event.account_id, event.actor_id) == (world.people.acme, world.sam.id)
    assert str(event.id) in answer.text
    assert "Sam Vimes (support) exported the audit log (JSONL)." in world.grace_enters().get("/account/audit").text


def test_an_agents_copy_is_of_the_account_that_was_named(world: World) -> None:
    record(world, kinds.Unlocked(), account=world.other, reason="of Umbrella")
    record(world, kinds.Unlocked(), reason="of Acme")
    text = download(world.sam_enters(), f"/support/accounts/{world.other}/audit.csv").text
    assert "of Umbrella" in text
    assert "of Acme" not in text
