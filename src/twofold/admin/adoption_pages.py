"""How far two-factor authentication has come in an account: numbers, a line over time, who is missing, as CSV too."""

from collections.abc import Iterator
from datetime import datetime

from litestar import get
from litestar.response import Stream

from twofold.admin import adoption_flow, guard, people_flow, words
from twofold.admin.cursor import decode, encode
from twofold.admin.listed import Listed
from twofold.admin.spreadsheet import csv
from twofold.admin.views import person_view
from twofold.admin.wanted import Wanted
from twofold.directory.person import Person
from twofold.kit import clock
from twofold.kit.house import House
from twofold.kit.web.lanes import quick
from twofold.kit.web.render import page
from twofold.kit.web.requests import AnyRequest, AnyResponse, house_of
from twofold.sessions.guard import viewer_of

COLUMNS = (
    "name", "email", "role", "licensed", "status", "two_factor", "reason", "since", "last_used", "required_from",
    "exception_until",
)  # fmt: skip


@get("/account/adoption")
@quick
def show_adoption(request: AnyRequest) -> AnyResponse:
    """Show how many have two-factor authentication, since when, and by name who does not and why."""
    at, house = clock.now(), house_of(request)
    session = guard.administrator(request, at)
    adoption = adoption_flow.look(house, session.person, at)
    wanted = Wanted(people_flow.rules_of(house, session.person, at), "without")
    cursor = decode(request.query_params.get("cursor", ""))
    found = people_flow.find_page(house, session.person.account_id, wanted, cursor, at)
    return page(
        request, "admin/adoption.html", viewer=viewer_of(session), counts=adoption.counts, plot=adoption.plot,
        at_start=adoption.at_start, people=[person_view(listed, session.person) for listed in found.people],
        previous_url=None if found.previous is None else f"/account/adoption?cursor={encode(found.previous)}",
        next_url=None if found.next is None else f"/account/adoption?cursor={encode(found.next)}",
    )  # fmt: skip


@get("/account/adoption.csv")
@quick
def download_adoption(request: AnyRequest) -> AnyResponse:
    """Give everybody's state as a spreadsheet."""
    at = clock.now()
    session = guard.administrator(request, at)
    headers = {"Content-Disposition": f'attachment; filename="two-factor-{at:%Y-%m-%d}.csv"'}
    return Stream(_lines(house_of(request), session.person, at), media_type="text/csv", headers=headers)


def _lines(house: House, viewer: Person, at: datetime) -> Iterator[str]:
    yield csv([COLUMNS])
    for people in adoption_flow.everybody(house, viewer, at):
        yield csv(map(_row, people))


def _row(listed: Listed) -> tuple[str, ...]:
    person = listed.person
    moments = (
        person.second_factor_since,
        listed.last_used_at,
        listed.offer.required_from,
        person.exception_until,
    )
    since, last_used, required_from, exception_until = (
        "" if moment is None else moment.isoformat(timespec="seconds") for moment in moments
    )
    return (
        person.name, person.email, person.role, "yes" if person.licensed else "no", listed.presence.value,
        listed.two_factor.value, words.because(listed), since, last_used, required_from, exception_until,
    )  # fmt: skip


handlers = [show_adoption, download_adoption]
