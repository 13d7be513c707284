from typing import Any

import pytest

from tests.harness.clock import NOON, later
from tests.harness.people import CLIENT_INFO, EARLIER, People
from tests.recovery.conftest import Mailer
from twofold.directory import notice_flow
from twofold.directory.user import User
from twofold.events.notices import Notice
from twofold.factors import removal_flow
from twofold.factors.change_flow import Proofs
from twofold.factors.outcomes import Changed
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.mail.outbox import Entry
from twofold.lockouts import flow as lockouts
from twofold.operations.jobs import COMPOSERS
from twofold.recovery import words
from twofold.recovery.letters import CHANGES

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"
FACTS = {"authenticator": "Pixel", "new": "new@acme.example", "address": "192.0.2.7", "browser": FIREFOX}


def tell(context: AppContext, user: User, kind: str, **facts: Any) -> None:
    with context.db.write() as connection:
        notice_flow.notify(context, connection, user, Notice(kind), NOON, **facts)


@pytest.mark.parametrize("kind", [*CHANGES, "locked"])
def test_every_change_says_what_when_from_where_and_what_to_do_if_it_was_not_you(
    context: AppContext, people: People, mailer: Mailer, kind: str
) -> None:
    tell(context, people.user(), kind, **FACTS)
    (letter,) = mailer.deliver(later(hours=3))
    said = " ".join(letter.text.split())
    for part in (
        "Hello Ada,",
        "3 March 2026, 12:00 Coordinated Universal Time",
        "Firefox on Linux",
        "192.0.2.7",
        "Was this not you?",
    ):
        assert part in said, kind
        assert part in " ".join(letter.html.split()), kind
    assert letter.link("/not-me/") in letter.html
    assert words.happened(kind) != words.happened("something unheard of"), kind


def test_real_changes_reach_their_user(context: AppContext, people: People, mailer: Mailer) -> None:
    ada, factor = people.protected()
    session = people.sign_in(ada, factor.phone)
    proofs = Proofs("orchard kettle lantern", factor.phone.code(later(minutes=1)), None)
    outcome = removal_flow.remove(context, session, proofs, origin=Origin(later(minutes=1), CLIENT_INFO))
    assert isinstance(outcome, Changed)
    subjects = [letter.subject for letter in mailer.deliver(later(minutes=1))]
    assert subjects == ["Two-factor authentication is on - Twofold", "Two-factor authentication is off - Twofold"]


def test_who_is_locked_learns_who_can_help(context: AppContext, people: People, mailer: Mailer) -> None:
    ada, _ = people.protected()
    people.user("boss@acme.example", role="admin", name="Grace Boss")
    people.user("frozen@acme.example", role="admin", frozen_at=EARLIER)
    with context.db.write() as connection:
        lockouts.lock_fell(context, connection, ada, Origin(NOON, CLIENT_INFO))
    mailer.deliver()
    (locked,) = mailer.smtp.sent_to(ada.email, subject="locked")
    assert "- Grace Boss, boss@acme.example" in locked.text
    assert "frozen@" not in locked.text
    (told,) = mailer.smtp.sent_to("boss@acme.example")
    assert told.subject == "Ada is locked after too many wrong codes - Twofold"
    assert told.link("/people/").endswith(str(ada.id))
    assert not told.text.count("not-me")


@pytest.mark.parametrize("values", [{"role": "member"}, {"active": False}, {"frozen_at": NOON}])
def test_an_administrator_who_is_none_any_more_is_told_nothing(
    context: AppContext, people: People, mailer: Mailer, values: dict[str, Any]
) -> None:
    ada, boss = people.user(), people.user("boss@acme.example", role="admin")
    with context.db.write() as connection:
        notice_flow.notify_admins(
            context,
            connection,
            ada.account_id,
            Notice.MEMBER_LOCKED,
            NOON,
            name="Ada",
            email=ada.email,
            user_id=str(ada.id),
        )
    people.set_user(boss, **values)
    assert mailer.deliver() == []


def test_who_is_frozen_already_gets_the_news_without_a_link_to_freeze(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada = people.user(frozen_at=EARLIER)
    tell(context, ada, "password_changed")
    (letter,) = mailer.deliver()
    assert letter.subject == "Your password was changed - Twofold"
    assert "not-me" not in letter.text + letter.html


def test_who_is_unfrozen_before_the_letter_goes_out_is_not_told_that_they_are_frozen(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    tell(context, people.user(), "frozen")
    assert mailer.deliver() == []


def test_letters_about_a_reset_bring_the_link_as_well(context: AppContext, people: People, mailer: Mailer) -> None:
    tell(context, people.user(), "reset_refused_by_you", address="192.0.2.7", browser=FIREFOX)
    (letter,) = mailer.deliver()
    assert letter.link("/not-me/")


def test_a_notice_of_another_address_goes_to_the_old_one(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user()
    tell(context, ada, "address_changed", new="countess@acme.example")
    people.set_user(ada, email="countess@acme.example", email_key="countess@acme.example")
    (letter,) = mailer.deliver()
    assert letter.recipients == ("ada@acme.example",)
    assert "countess@acme.example" in letter.text


def test_a_letter_to_somebody_who_is_gone_is_dropped(context: AppContext, people: People) -> None:
    ada = people.user()
    entry = Entry(ada.id, "locked", ada.account_id, ada.account_id, ada.email, {}, NOON, 1)
    with context.db.write() as connection:
        for kind in (*CHANGES, "locked", "frozen", "password_link", "invitation", "unfrozen", "member_froze"):
            assert COMPOSERS[kind](context, connection, entry, NOON) is None, kind
