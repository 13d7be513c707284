"""What a support agent does for people of any account, with a reason that its administrators learn."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from tests.harness.clock import NOON, later
from tests.harness.contexts import client_of, context_on
from tests.harness.people import People
from tests.support.world import REASON, World
from twofold.kit.acting import Origin
from twofold.kit.mail.letters import Letters
from twofold.lockouts import flow as lockouts
from twofold.operations.jobs import COMPOSERS
from twofold.resets import flow as resets
from twofold.resets.outcomes import CaseOpened

ACTS = ("reset", "unlock", "unfreeze")


def ready(world: World, act: str) -> None:
    """Put Ada into a state in which an act makes sense."""
    if act == "unlock":
        world.lock(world.ada)
    if act == "unfreeze":
        world.freeze(world.ada)


def mailed(world: World, to: str, at: datetime = NOON) -> str:
    """Return the text of every letter to somebody, as it goes out."""
    letters, texts = Letters(world.context.settings), []
    for entry in world.people.letters(to=to):
        with world.context.db.write() as connection:
            told = COMPOSERS[entry.kind](world.context, connection, entry, at)
        if told is not None:
            body = letters.write(entry, told, at).get_body(("plain",))
            assert body is not None
            texts.append(" ".join(body.get_content().split()))
    return "\n".join(texts)


def acted(world: World) -> Sequence[Any]:
    return world.people.events("reset_asked", "unlocked", "unfrozen")


def test_a_reset_is_asked_for_with_a_reason(world: World) -> None:
    sam = world.sam_enters()
    page = sam.click(sam.get(f"/support/users/{world.ada.id}"), "Reset 2FA")
    assert (page.heading, page.buttons[-1]) == ("Support", "Send reset e-mail")
    assert "ada@acme.example" in page.text
    assert "its administrators are told by email" in page.text
    page = sam.submit(page, "Send reset e-mail", reason=REASON)
    assert page.path == f"/support/users/{world.ada.id}"
    assert "The email is on its way" in page.notice
    assert world.people.letters("reset_confirm", world.ada.email)
    assert page.has_link("Ada Lovelace")
    assert world.people.look_up(world.ada).has_second_factor, "until she confirms nothing changes"


def test_a_lock_is_lifted_with_a_reason(world: World) -> None:
    world.lock(world.ada)
    sam = world.sam_enters()
    page = sam.click(sam.get(f"/support/users/{world.ada.id}"), "Unlock")
    assert (page.heading, page.buttons[-1]) == ("Support", "Unlock")
    page = sam.submit(page, "Unlock", reason=REASON)
    assert "Unlocked" in page.notice
    with world.context.db.read() as connection:
        assert not lockouts.counts(connection, world.ada.id).locked
    assert world.people.look_up(world.ada).has_second_factor
    assert not page.has_link("Unlock")


def test_a_frozen_user_is_unfrozen_with_a_reason(world: World) -> None:
    world.freeze(world.ada)
    sam = world.sam_enters()
    page = sam.click(sam.get(f"/support/users/{world.ada.id}"), "Unfreeze")
    assert (page.heading, page.buttons[-1]) == ("Support", "Unfreeze")
    page = sam.submit(page, "Unfreeze", reason=REASON)
    assert "Unfrozen" in page.notice
    assert world.people.look_up(world.ada).frozen_at is None


@pytest.mark.parametrize("act", ACTS)
def test_every_act_stands_in_that_accounts_log_with_who_why_and_from_where(world: World, act: str) -> None:
    ready(world, act)
    world.sam_enters().post(f"/support/users/{world.ada.id}/{act}", reason=f"  {REASON} ")
    (event,) = acted(world)
    assert event.account_id == world.people.acme
    assert (event.actor_kind, event.actor_id, event.subject_id) == ("user", world.sam.id, world.ada.id)
    assert (event.reason, event.browser, event.at) == (REASON, "Test Browser", NOON)
    page = world.grace_enters().get("/account/audit")
    assert "Sam Vimes (support)" in page.text
    assert REASON in page.text


@pytest.mark.parametrize("act", ACTS)
def test_every_act_is_mailed_to_the_accounts_administrators_with_its_reason(world: World, act: str) -> None:
    ready(world, act)
    world.people.user("other@umbrella.example", account=world.other, role="admin")
    world.sam_enters().post(f"/support/users/{world.ada.id}/{act}", reason=REASON)
    text = mailed(world, world.grace.email)
    for words in ("Sam Vimes", "Ada Lovelace", REASON, "3 March 2026, 12:00 Coordinated Universal Time"):
        assert words in text, words
    assert not world.people.letters(to="other@umbrella.example")


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("reason", ["", "  ", "ab", "x" * 501, "bell\x07"])
def test_without_a_usable_reason_nothing_is_done(world: World, act: str, reason: str) -> None:
    ready(world, act)
    page = world.sam_enters().post(f"/support/users/{world.ada.id}/{act}", reason=reason)
    assert page.status == 400
    assert "reason" in page.errors
    assert page.title.startswith("Error:")
    assert not acted(world)


@pytest.mark.parametrize("act", ACTS)
def test_nobody_acts_for_themselves(world: World, act: str) -> None:
    sam = world.sam_enters()
    page = sam.get(f"/support/users/{world.sam.id}/{act}")
    assert "Ask another support agent" in page.text
    assert not [form for form in page.forms if form.method == "post" and form.action != "/sign-out"]
    if act == "unlock":
        world.lock(world.sam)
    page = sam.post(f"/support/users/{world.sam.id}/{act}", reason=REASON)
    assert (page.status, "Ask another support agent" in page.text) == (409, True)
    assert not acted(world)


@pytest.mark.parametrize("act", ["reset", "unlock"])
def test_another_agent_helps_an_agent_and_the_others_are_told(world: World, act: str) -> None:
    kim, kims = world.people.agent("kim@operator.example", "Kim Possible")
    world.people.user("third@operator.example", role="support")
    if act == "unlock":
        world.lock(world.sam)
    world.enter(kim, kims).post(f"/support/users/{world.sam.id}/{act}", reason=REASON)
    (event,) = acted(world)
    assert (event.account_id, event.actor_id, event.subject_id) == (world.operator(), kim.id, world.sam.id)
    text = mailed(world, "third@operator.example")
    assert "Kim Possible" in text
    assert REASON in text


def test_what_cannot_be_done_is_said_before_and_after(world: World) -> None:
    sam = world.sam_enters()
    for user, act, words in (
        (world.grace, "reset", "They have no two-factor authentication"),
        (world.ada, "unlock", "They are not locked"),
        (world.ada, "unfreeze", "They are not frozen"),
    ):
        page = sam.get(f"/support/users/{user.id}/{act}")
        assert words in page.text
        assert "reason" not in page.text.lower()
    assert sam.post(f"/support/users/{world.grace.id}/reset", reason=REASON).status == 409
    assert "no longer locked" in sam.post(f"/support/users/{world.ada.id}/unlock", reason=REASON).notice
    assert "no longer frozen" in sam.post(f"/support/users/{world.ada.id}/unfreeze", reason=REASON).notice
    assert not acted(world)


def test_a_final_lock_is_not_lifted(world: World) -> None:
    world.lock(world.ada, wrong_in_row=100)
    sam = world.sam_enters()
    assert not sam.get(f"/support/users/{world.ada.id}").has_link("Unlock")
    page = sam.post(f"/support/users/{world.ada.id}/unlock", reason=REASON)
    assert (page.status, "Only a reset helps" in page.text) == (409, True)
    assert not acted(world)


def test_a_frozen_user_is_not_reset(world: World) -> None:
    world.freeze(world.ada)
    page = world.sam_enters().post(f"/support/users/{world.ada.id}/reset", reason=REASON)
    assert (page.status, "Unfreeze them first" in page.text) == (409, True)


def test_an_agent_who_was_deactivated_meanwhile_does_nothing(world: World) -> None:
    sam = world.sam_enters()
    world.lock(world.ada)
    world.people.set_user(world.sam, active=False)
    assert sam.post(f"/support/users/{world.ada.id}/unlock", reason=REASON).heading == "Sign in"
    assert not acted(world)


def test_no_page_sets_a_password_a_factor_or_a_role(world: World) -> None:
    """Support can never set a password or a factor, or become someone: there is no form for it."""
    sam = world.sam_enters()
    world.lock(world.ada)
    for path in ("", "/reset", "/unlock", "/unfreeze"):
        page = sam.get(f"/support/users/{world.ada.id}{path}")
        fields = {name for form in page.forms for name in form.fields}
        assert fields <= {"reason"}, path
    for path in ("password", "two-factor", "sign-in", "impersonate"):
        assert sam.post(f"/support/users/{world.ada.id}/{path}", password="x").status == 404


def test_without_a_mail_server_what_needs_mail_is_refused_with_that_reason(
    database_url: str, frozen_clock: object
) -> None:
    with context_on(database_url, mail=False) as context, client_of(context) as http:
        world = World(People(context), http)
        sam = world.sam_enters()
        page = sam.post(f"/support/users/{world.ada.id}/reset", reason=REASON)
        assert (page.status, "no mail server" in page.text) == (503, True)
        assert REASON in page.html, "what was typed stays"
        world.freeze(world.ada)
        assert sam.post(f"/support/users/{world.ada.id}/unfreeze", reason=REASON).status == 503
        assert not acted(world)
        world.people.set_user(world.ada, frozen_at=None)
        world.lock(world.ada)
        assert "Unlocked" in sam.post(f"/support/users/{world.ada.id}/unlock", reason=REASON).notice


def test_an_agent_approves_and_cancels_a_case_that_somebody_else_opened(world: World) -> None:
    opened = resets.open_case(world.context, world.grace, world.ada, REASON, origin=Origin(NOON))
    sam = world.sam_enters()
    page = sam.click(sam.get(f"/support/users/{world.ada.id}"), "Ada Lovelace")
    assert page.heading == "Resets"
    page = sam.submit(page, "Cancel")
    assert "Cancelled" in page.notice
    assert isinstance(opened, CaseOpened)
    (event,) = world.people.events("reset_cancelled")
    assert (event.actor_id, event.account_id) == (world.sam.id, world.people.acme)
    assert "Sam Vimes" in mailed(world, world.grace.email, later(seconds=1))
