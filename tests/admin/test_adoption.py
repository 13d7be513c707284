import csv
import io
from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.admin.administrators import Administrator
from tests.harness.clock import NOON
from tests.harness.people import People
from twofold.admin import adoption_flow, adoption_records, spreadsheet
from twofold.admin.adoption import history
from twofold.admin.plot import BOTTOM, HEIGHT, LEFT, TOP, draw
from twofold.admin.tables import adoption_counts
from twofold.admin.user_summary import TwoFactor
from twofold.directory.user import User

DAY = timedelta(days=1)


def test_the_numbers_are_of_those_who_are_active(people: People, boss: Administrator, stranger: User) -> None:
    people.protected("ada@acme.example")
    people.user("bob@acme.example")
    people.user("free@acme.example", licensed=False)
    gone, _ = people.protected("gone@acme.example")
    people.set_user(gone, active=False)
    seen = adoption_flow.show(people.context, boss.user, NOON)
    assert (seen.have, seen.can, seen.not_offered) == (2, 3, 1)
    text = boss.open("/account/adoption").text
    assert "2 of 3 people who can set up two-factor authentication have it." in text
    assert "Two-factor authentication is not offered to one person." in text
    assert "On: 2 Off: 1 Not offered: 1" in text
    assert stranger.email not in text


def test_who_does_not_have_it_is_named_with_the_reason(people: People, boss: Administrator) -> None:
    people.user("bob@acme.example", name="Bob Builder")
    people.user("free@acme.example", name="Fay Free", licensed=False)
    people.user("gone@acme.example", name="Gus Gone", active=False)
    people.set_account(people.acme, policy="required")
    people.user("eve@acme.example", name="Eve Except", exception_until=NOON + 9 * DAY)
    page = boss.open("/account/adoption")
    assert page.heading == "Adoption"
    table = page.text.partition("Who does not have it")[2]
    for words in (
        "Bob Builder bob@acme.example Member Must set up",
        "Fay Free free@acme.example Member Not offered no licence",
        "Eve Except eve@acme.example Member Off 12 March 2026",
    ):
        assert words in table, table
    assert "Berta" not in table
    assert "Gus" not in table


@pytest.mark.parametrize(
    "account",
    [
        {"policy": "off"},
        {"policy": "optional"},
        {"policy": "required"},
        {"policy": "required", "required_from": NOON + DAY},
        {"policy": "required", "edition": "basic"},
        {"sso": True},
        {"is_operator": True},
    ],
    ids=str,
)
def test_everybody_is_counted_in_the_state_that_their_own_page_says(
    people: People, boss: Administrator, account: dict[str, object]
) -> None:
    role = "support" if account.get("is_operator") else "member"
    ada, _ = people.protected("ada@acme.example")
    people.set_user(ada, licensed=False)
    people.user("gone@acme.example", active=False)
    for number, exception in enumerate((None, None, NOON - DAY, NOON + 9 * DAY)):
        for licensed in (True, False):
            address = f"p{number}{licensed}@acme.example"
            user = people.user(address, licensed=licensed, exception_until=exception)
            people.set_user(user, role=role)
    people.set_account(people.acme, **account)
    viewer = people.look_up(boss.user)
    said = Counter(
        summary.two_factor
        for batch in adoption_flow.everybody(people.context, viewer, NOON)
        for summary in batch
        if summary.user.active
    )
    shown = adoption_flow.show(people.context, viewer, NOON)
    assert {share.state: share.number for share in shown.shares} == said
    assert shown.can == 10 - said[TwoFactor.NOT_OFFERED]
    assert sum(share.width for share in shown.shares) == pytest.approx(100, abs=0.1)


@pytest.mark.parametrize(("days", "drawn"), [(30, True), (-30, True), (200, False), (-200, False)])
def test_a_date_of_the_policy_that_is_near_stands_in_the_plot(
    people: People, boss: Administrator, *, days: int, drawn: bool
) -> None:
    people.set_account(people.acme, policy="required", required_from=NOON + days * DAY)
    page = boss.open("/account/adoption")
    assert ("Required from" in page.text) == drawn
    assert ('class="plot__deadline"' in page.html) == drawn
    people.set_account(people.acme, policy="optional")
    assert "Required from" not in boss.open("/account/adoption").text


def test_the_numbers_of_the_plot_stand_in_a_table_too(people: People, boss: Administrator) -> None:
    people.set_user(boss.user, second_factor_since=NOON - 8 * DAY)
    table = boss.open("/account/adoption").text.partition("The numbers by week")[2]
    assert "3 March 2026 1 24 February 2026 1 17 February 2026 0" in table


def test_the_line_counts_each_from_the_day_they_have_it(people: People, boss: Administrator) -> None:
    people.set_user(boss.user, second_factor_since=NOON - 40 * DAY)
    since = [NOON - 400 * DAY, NOON.replace(hour=0) - 2 * DAY, NOON.replace(hour=23, minute=59) - 2 * DAY, NOON]
    for number, moment in enumerate(since):
        people.user(f"p{number}@acme.example", second_factor_since=moment)
    people.user("gone@acme.example", second_factor_since=NOON, active=False)
    people.user("else@other.example", second_factor_since=NOON, account=people.account("Other"))
    with people.context.db.read() as connection:
        days = [NOON.date() - back * DAY for back in range(90, -1, -1)]
        counted = adoption_records.by_day(connection, people.acme, days)
    assert counted == [1] * 50 + [2] * 38 + [4, 4, 5]


def test_a_day_keeps_its_number_when_somebody_leaves_later(people: People, boss: Administrator) -> None:
    ada, _ = people.protected("ada@acme.example")
    gone, _ = people.protected("gone@acme.example")
    people.set_user(gone, active=False)
    people.protected("else@other.example", account=people.account("Other"))
    adoption_flow.store_counts(people.context, NOON - 6 * DAY)
    people.set_user(ada, second_factor_since=None)
    adoption_flow.store_counts(people.context, NOON - 6 * DAY + timedelta(minutes=10))
    seen = adoption_flow.show(people.context, people.look_up(boss.user), NOON)
    assert [count.have for count in seen.days[:3]] == [1, 2, 0]
    assert seen.counted_from == NOON.date() - 7 * DAY
    assert "Counted daily from 24 February 2026 on." in boss.open("/account/adoption").text


def test_counts_that_no_page_shows_are_forgotten(people: People, boss: Administrator) -> None:
    adoption_flow.store_counts(people.context, NOON - 102 * DAY)
    adoption_flow.store_counts(people.context, NOON - 95 * DAY)
    with people.context.db.write() as connection:
        adoption_flow.forget_over(connection, NOON)
    assert people.count(adoption_counts) == 1


def test_everybody_can_be_downloaded(people: People, boss: Administrator, stranger: User) -> None:
    people.user("bob@acme.example", name='Bob "the Builder", jr.')
    formula = people.user("formula@acme.example")
    people.set_user(formula, name='=HYPERLINK("https://evil.example")')  # from before names were looked at
    people.user("gone@acme.example", name="Gus Gone", active=False)
    page = boss.open("/account/adoption.csv")
    assert page.headers["content-type"] == "text/csv; charset=utf-8"
    assert page.headers["content-disposition"] == 'attachment; filename="two-factor-2026-03-03.csv"'
    answer = boss.browser.http.get(
        "/account/adoption.csv", headers={"Cookie": f"twofold_session={boss.browser.cookie('twofold_session')}"}
    )
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    by_address = {row["email"]: row for row in rows}
    assert len(rows) == 4
    assert stranger.email not in by_address
    assert by_address["bob@acme.example"]["name"] == 'Bob "the Builder", jr.'
    assert by_address["formula@acme.example"]["name"] == '\'=HYPERLINK("https://evil.example")'
    assert by_address["gone@acme.example"]["status"] == "deactivated"
    assert (by_address[boss.user.email]["two_factor"], by_address[boss.user.email]["role"]) == ("on", "admin")
    assert by_address[boss.user.email]["since"] == "2026-03-02T12:00:00+00:00"


def test_the_list_of_who_does_not_have_it_is_paged(people: People, boss: Administrator) -> None:
    for number in range(55):
        people.user(f"p{number}@acme.example", name=f"Person {number:02}", password=None)
    first = boss.open("/account/adoption")
    assert first.text.count("Person ") == 50
    second = boss.browser.click(first, "Next")
    assert second.text.count("Person ") == 5
    assert boss.browser.click(second, "Previous").text.count("Person ") == 50


def test_an_account_where_everybody_has_it_says_so(boss: Administrator) -> None:
    assert "Everybody has it." in boss.open("/account/adoption").text


# --- the pure parts


def test_a_day_that_nobody_counted_has_the_number_of_the_day_before() -> None:
    days = [date(2026, 3, number) for number in range(1, 8)]
    counted = {days[2]: 30, days[4]: 50}
    assert history(days, [1, 2, 3, 4, 5, 6, 7], counted, 70) == [1, 2, 30, 30, 50, 50, 70]
    assert history(days, [1, 2, 3, 4, 5, 6, 7], {}, 70) == [1, 2, 3, 4, 5, 6, 70]


@given(st.lists(st.lists(st.text(), min_size=1), min_size=1))
def test_a_table_comes_back_as_it_was_but_for_formulas(rows: list[list[str]]) -> None:
    read = list(csv.reader(io.StringIO(spreadsheet.csv(rows), newline=""), strict=True))
    expected = [[_defused(field) for field in row] for row in rows]
    assert [row or [""] for row in read] == expected


def _defused(field: str) -> str:
    return f"'{field}" if field[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} and field else field


@pytest.mark.parametrize("field", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_a_spreadsheet_would_run_is_shown_as_text(field: str) -> None:
    assert next(csv.reader([spreadsheet.line([field])]))[0].startswith("'")


@given(st.integers(0, 200))
def test_a_deadline_stands_at_its_day_and_the_line_ends_today(ahead: int) -> None:
    days = [date(2026, 1, 1) + number * DAY for number in range(91)]
    plot = draw(days, [1] * 91, days[-1] + ahead * DAY)
    today = float(plot.path.rpartition("H")[2].partition("V")[0])
    assert plot.deadline == plot.right
    assert today - LEFT == pytest.approx((plot.right - LEFT) * 90 / (90 + ahead), abs=0.1)
    assert plot.days[-1].day == days[-1] + ahead * DAY


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=100))
def test_a_line_stays_within_its_drawing_and_rises_with_its_values(values: list[int]) -> None:
    days = [date(2026, 1, 1) + number * DAY for number in range(len(values))]
    plot = draw(days, values)
    heights = [float(part.partition("V")[2]) for part in plot.path.split("H")[1:]]
    assert all(TOP <= height <= HEIGHT - BOTTOM for height in heights)
    for (low, one), (high, other) in zip(
        zip(values[1:], heights, strict=True), list(zip(values[1:], heights, strict=True))[1:], strict=False
    ):
        assert (low < high) <= (one >= other)
    assert plot.marks[0].value == 0
    assert plot.marks[-1].value >= max(values)
    assert (plot.days[0].day, plot.days[-1].day) == (days[0], days[-1])
