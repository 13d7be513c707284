"""The mail server is away for an hour with five hundred resets waiting, and comes back a little broken."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from tests.harness.contexts import FrozenClock, client_of, context_on
from tests.harness.databases import Backend
from tests.harness.people import ADA, CLIENT_INFO, PASSWORD, People
from tests.harness.smtp import Letter, SmtpServer
from twofold.directory import notice_flow
from twofold.directory.tables import users
from twofold.directory.user import User
from twofold.events.notices import Notice
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest, new_id
from twofold.kit.mail.delivery import PROBE_WAITS
from twofold.kit.mail.outbox import WAITS, outbox
from twofold.kit.mail.smtp import Outcome, SmtpTransport, Unreachable
from twofold.operations.jobs import jobs_of
from twofold.recovery import password_flow
from twofold.resets import act_flow, confirm_flow, flow, records
from twofold.resets.case import LIFE, Case, State, standing
from twofold.resets.confirm_flow import Given
from twofold.resets.link import Open, Replaced, link_verdict
from twofold.resets.outcomes import Acted, CaseOpened, ResetDone
from twofold.resets.tables import reset_links
from twofold.resets.views import case_view

RESETS = {"sqlite": 500, "postgresql": 100}  # fewer where a statement costs more
GIVEN_UP = 2_000  # letters in one second of the test: more than there are, so one of them came again and again


class CrashingTransport:
    """A transport whose process can be made to die between the server's 250 and the note that the letter is sent."""

    def __init__(self, url: str) -> None:
        self.smtp = SmtpTransport(url, seconds=10)
        self.dies_after = 0

    def deliver(self, message: EmailMessage) -> Outcome:
        outcome = self.smtp.deliver(message)
        self.dies_after -= 1
        if self.dies_after == 0:
            raise KeyboardInterrupt
        return outcome

    def reach(self) -> Unreachable | None:
        return self.smtp.reach()


class NodeDelivery:
    """What delivers the letters of a node, second by second of a clock that the test moves."""

    def __init__(self, context: AppContext, frozen_clock: FrozenClock, smtp: SmtpServer) -> None:
        self._context, self._frozen_clock = context, frozen_clock
        self.transport = CrashingTransport(smtp.url)
        self.restart()

    def restart(self) -> None:
        """Begin again with nothing in mind, as a new process does."""
        self._jobs = [job for job in jobs_of(self._context, self.transport) if job.name.startswith("letters")]

    def work(self) -> None:
        """Do what the jobs of a worker do in a second."""
        for job in self._jobs:
            for _ in range(GIVEN_UP):
                if not job.run(self._context, self._frozen_clock.at):
                    break
            else:
                pytest.fail("a letter that cannot go out comes again and again, and nothing else is done")

    def passes(self, **span: float) -> None:
        """Let time pass."""
        for _ in range(int(timedelta(**span).total_seconds())):
            self._frozen_clock.forward(seconds=1)
            self.work()


class Asked(NamedTuple):
    """A case and whom it is about."""

    id: UUID
    email: str


@pytest.fixture
def delivery(context: AppContext, frozen_clock: FrozenClock, smtp: SmtpServer) -> NodeDelivery:
    return NodeDelivery(context, frozen_clock, smtp)


@pytest.fixture
def grace(people: People) -> User:
    return people.user("grace@acme.example", role="admin", name="Grace Hopper")


def many(people: People, count: int) -> Iterator[User]:
    """Make people as Ada is, who has had two-factor authentication since yesterday."""
    ada, _ = people.protected()
    with people.context.db.write() as connection:
        like_ada = connection.execute(sa.select(users).where(users.c.id == ada.id)).mappings().one()
        emails = [f"person{number}@acme.example" for number in range(count)]
        rows = [{**like_ada, "id": new_id(), "email": email, "email_key": email} for email in emails]
        connection.execute(users.insert(), rows)
    for row in rows:
        yield people.look_up(row["id"])


def ask_all(people: People, grace: User, count: int, at: datetime) -> list[Asked]:
    asked = []
    for user in many(people, count):
        opened = flow.open_case(people.context, grace, user, "Her phone was stolen.", origin=Origin(at, CLIENT_INFO))
        assert isinstance(opened, CaseOpened)
        asked.append(Asked(opened.id, user.email))
    return asked


def case_of(context: AppContext, case_id: UUID) -> Case:
    with context.db.read() as connection:
        found = records.find(connection, case_id)
    assert found is not None
    return found


def shown(context: AppContext, grace: User, case_id: UUID, at: datetime) -> dict[str, Any]:
    """Return what the page of a case shows to the administrator."""
    return case_view(case_of(context, case_id), grace, context.settings.product_name, at)


def live_links(context: AppContext, case_id: UUID, at: datetime) -> list[Open]:
    """Return the links of a case that open it, of all that were ever made."""
    with context.db.read() as connection:
        hashes = connection.execute(sa.select(reset_links.c.token_hash).where(reset_links.c.case_id == case_id))
        verdicts = [link_verdict(records.find_link(connection, hash_), at) for hash_ in hashes.scalars().all()]
    return [verdict for verdict in verdicts if isinstance(verdict, Open)]


def token_in(letter: Letter) -> str:
    return re.sub(".*/resets/", "", letter.link("/resets/tf_reset_"))


def sent_at(letter: Letter) -> datetime:
    return parsedate_to_datetime(str(letter.message["Date"]))


def due_at(context: AppContext, letter: UUID | None) -> datetime:
    with context.db.read() as connection:
        found = connection.execute(sa.select(outbox.c.due_at).where(outbox.c.id == letter)).scalar_one()
    assert isinstance(found, datetime)
    return found


def test_an_hour_without_mail_loses_none_of_the_resets(
    context: AppContext,
    people: People,
    backend: Backend,
    grace: User,
    frozen_clock: FrozenClock,
    smtp: SmtpServer,
    delivery: NodeDelivery,
) -> None:
    """Stops: mail lost in an outage, links that ran out while they waited, an outage that lasts longer than it is."""
    smtp.stop()
    asked = ask_all(people, grace, RESETS[backend], frozen_clock.at)
    delivery.work()
    assert standing(case_of(context, asked[-1].id), frozen_clock.at) is State.REQUESTED
    assert shown(context, grace, asked[-1].id, frozen_clock.at)["delivery"] == "The email is waiting to be sent."

    delivery.passes(minutes=40)
    with context.db.write() as connection:  # other mail, in the middle of it: a notice, and what somebody waits for
        notice_flow.notify(context, connection, grace, Notice.UNLOCKED, frozen_clock.at)
    password_flow.ask(context, grace.email, origin=Origin(frozen_clock.at, CLIENT_INFO))
    smtp.hang()
    delivery.transport.smtp._seconds = 0.1  # so that the test need not sit ten seconds out at each look
    delivery.passes(minutes=10)
    delivery.transport.smtp._seconds = 10
    smtp.stop()
    delivery.passes(minutes=10)
    minted = people.count(reset_links)
    assert minted <= 4, "links were made, and told in the history, that nobody got"

    gone, busy = asked[7], asked[8]
    smtp.reject(gone.email, "550 5.1.1 No such person here")
    smtp.reject(busy.email, "450 4.2.1 Mailbox busy")
    smtp.start()
    delivery.transport.dies_after = RESETS[backend] // 2
    back = frozen_clock.at
    with pytest.raises(KeyboardInterrupt):
        delivery.passes(seconds=PROBE_WAITS[-1].total_seconds() + 1)
    delivery.restart()
    delivery.work()
    assert frozen_clock.at - back <= PROBE_WAITS[-1]

    arrived = letters_by_case(smtp, asked)
    assert {case for case in asked if len(arrived[case]) != 1} == {gone, busy}, "a mail is lost, or came twice"
    assert {letter.subject for letter in smtp.sent_to(grace.email)} == {
        "Your account is unlocked - Twofold",
        "Choose a new password - Twofold",
    }
    assert len(smtp.sent_to(ADA)) == 1, "the letter that found nobody there is lost"
    for case in asked:
        check_the_one_link(context, case, arrived[case], to_its_end=case in asked[::25])

    view = shown(context, grace, gone.id, frozen_clock.at)
    assert (view["state_words"], "550 5.1.1" in view["delivery"]) == ("Email rejected", True)
    assert "we keep trying: 450 4.2.1" in shown(context, grace, busy.id, frozen_clock.at)["delivery"]
    check_the_repeated_letter(context, smtp, frozen_clock, delivery, died_with(context, asked))
    check_growing_waits(context, grace, frozen_clock, delivery, busy)
    smtp.behave()
    assert isinstance(act_flow.send_again(context, grace, gone.id, origin=Origin(frozen_clock.at, CLIENT_INFO)), Acted)
    frozen_clock.at = due_at(context, case_of(context, busy.id).letter_id)
    delivery.work()
    for case in (gone, busy):
        (letter,) = letters_by_case(smtp, asked)[case]
        check_the_one_link(context, case, [letter])
        confirmed = confirm_flow.confirm(
            context,
            token_in(letter),
            Given(PASSWORD, ""),
            origin=Origin(frozen_clock.forward(minutes=14), CLIENT_INFO),
        )
        assert isinstance(confirmed, ResetDone)
        frozen_clock.forward(minutes=-14)


def test_a_node_tells_of_letters_that_are_late_and_of_their_end(
    context: AppContext,
    grace: User,
    http: httpx.Client,
    frozen_clock: FrozenClock,
    smtp: SmtpServer,
    delivery: NodeDelivery,
) -> None:
    """Stops: "mail: true" at /readyz through an outage."""

    def mail() -> str:
        return str(http.get("/readyz").json()["mail"])

    smtp.stop()
    with context.db.write() as connection:
        notice_flow.notify(context, connection, grace, Notice.UNLOCKED, frozen_clock.at)
    delivery.passes(seconds=59)
    assert mail() == "ok"
    delivery.passes(seconds=1)
    assert mail() == "late"
    assert "mail" not in str(http.get("/readyz").json()["findings"])
    smtp.start()
    delivery.passes(minutes=2)
    assert mail() == "ok"


def test_a_node_without_a_mail_server_says_so(database_url: str) -> None:
    with context_on(database_url, mail=False) as context, client_of(context) as http:
        assert http.get("/readyz").json() == {"status": "ready", "findings": [], "mail": "not set"}


def letters_by_case(smtp: SmtpServer, asked: list[Asked]) -> dict[Asked, list[Letter]]:
    arrived: dict[str, list[Letter]] = {}
    for letter in smtp.letters:
        arrived.setdefault(letter.recipients[0], []).append(letter)
    return {case: arrived.get(case.email, []) for case in asked}


def check_the_one_link(context: AppContext, case: Asked, letters: list[Letter], *, to_its_end: bool = True) -> None:
    """The link in the newest letter works for fifteen minutes from when that one was sent, and no other link does."""
    for letter in letters[-1:]:
        sent, (live,) = sent_at(letter), live_links(context, case.id, sent_at(letter))
        assert live.case.token_hash == digest(token_in(letter))
        assert live.case.valid_until == sent + LIFE
        if to_its_end:
            assert len(live_links(context, case.id, sent + LIFE - timedelta(seconds=1))) == 1
            assert live_links(context, case.id, sent + LIFE) == []


def died_with(context: AppContext, asked: list[Asked]) -> Asked:
    """Return the case whose letter the mail server has taken and nobody noted."""
    waits = [case for case in asked if case_of(context, case.id).letter == (None, None)]
    assert len(waits) == 1
    return waits[0]


def check_the_repeated_letter(
    context: AppContext, smtp: SmtpServer, frozen_clock: FrozenClock, delivery: NodeDelivery, case: Asked
) -> None:
    """After its claim it comes again, once, under the same Message-ID; the link of the first one is dead from then."""
    (first,) = smtp.sent_to(case.email)
    frozen_clock.at = due_at(context, case_of(context, case.id).letter_id)
    delivery.work()
    delivery.passes(minutes=5)
    _, again = smtp.sent_to(case.email)
    assert again.message["Message-ID"] == first.message["Message-ID"]
    with context.db.read() as connection:
        verdict = link_verdict(records.find_link(connection, digest(token_in(first))), sent_at(again))
    assert isinstance(verdict, Replaced)
    check_the_one_link(context, case, [first, again])


def check_growing_waits(
    context: AppContext, grace: User, frozen_clock: FrozenClock, delivery: NodeDelivery, case: Asked
) -> None:
    """A mailbox that is busy for hours is tried less and less often, but once an hour at least."""
    letter, waits = case_of(context, case.id).letter_id, []
    for _ in range(len(WAITS) + 1):
        frozen_clock.at = due_at(context, letter)
        delivery.work()
        waits.append(due_at(context, letter) - frozen_clock.at)
        assert "we keep trying" in shown(context, grace, case.id, frozen_clock.at)["delivery"]
    assert waits == sorted(waits)
    assert set(waits) < set(WAITS)
    assert waits[-2:] == [timedelta(hours=1)] * 2
