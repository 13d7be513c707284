"""The pages of administrators and support agents, and of whoever confirms a reset."""

from tests.harness.clock import NOON, later
from tests.harness.pages import WebClient
from tests.harness.people import PASSWORD, Factor
from tests.looks.gallery import LONG_ADDRESS, LONG_NAME, Gallery
from twofold.directory.user import User

REASON = "Called back on the number on file."


def walk(gallery: Gallery) -> None:
    """Keep all of them."""
    people = gallery.people
    ada, factor = people.protected(LONG_ADDRESS, name=LONG_NAME)
    boss, bosses = people.protected("boss@acme.example", role="admin")
    _everybody(gallery)
    browser = gallery.browser(boss, bosses)
    _people(gallery, browser, ada)
    _account(gallery, browser)
    _support(gallery, ada)
    _resets(gallery, browser, ada, factor)


def _everybody(gallery: Gallery) -> None:
    people = gallery.people
    locked, _ = people.protected("locked@acme.example")
    people.set_counts(locked, wrong=5)
    people.user("frozen@acme.example", frozen_at=NOON)
    people.user("gone@acme.example", active=False)
    people.user("new@acme.example", password=None)
    people.user("free@acme.example", licensed=False)
    people.user("late@acme.example", exception_until=later(days=20))


def _people(gallery: Gallery, browser: WebClient, ada: User) -> None:
    gallery.keep("people", browser.get("/people"))
    gallery.keep("people, nobody", browser.get("/people?q=zz"))
    gallery.keep("invite", browser.get("/people/invite"))
    gallery.keep("invite, nothing typed", browser.post("/people/invite"))
    gallery.keep("people, invited", browser.post("/people/invite", email="kim@acme.example", name="Kim", role="member"))
    for words, url in browser.get("/people").links:
        if words in ("Boss", "Frozen", "Gone", "Locked", "New", LONG_NAME):
            gallery.keep(f"person, {words}", browser.get(url))
    for act in ("reset", "deactivate"):
        gallery.keep(f"{act} somebody", browser.get(f"/people/{ada.id}/{act}"))
    gallery.keep("reset somebody, no reason", browser.post(f"/people/{ada.id}/reset"))


def _account(gallery: Gallery, browser: WebClient) -> None:
    policy = "/account/policy"
    gallery.keep("policy", browser.get(policy))
    gallery.keep("policy, none chosen", browser.post(policy))
    gallery.keep("policy, no date", browser.post(policy, policy="required", required_from="soon"))
    gallery.keep("policy, preview", browser.post(policy, policy="required", required_from="2026-03-20"))
    gallery.keep("policy, saved", browser.post(policy, policy="optional"))
    gallery.keep("time zone", browser.get("/account/time-zone"))
    gallery.keep("time zone, none chosen", browser.post("/account/time-zone"))
    gallery.keep("adoption", browser.get("/account/adoption"))
    gallery.keep("remind all", browser.get("/account/adoption/remind"))
    gallery.people.set_account(gallery.people.acme, policy="required", required_from=later(days=30))
    gallery.keep("adoption, required from a day on", browser.get("/account/adoption"))
    gallery.people.set_account(gallery.people.acme, policy="optional", required_from=None)
    gallery.keep("audit log", browser.get("/account/audit"))
    gallery.keep("audit log, nothing found", browser.get("/account/audit?kind=none"))
    gallery.keep("audit log, integrity", browser.get("/account/audit/integrity"))
    gallery.keep("audit log, no such day", browser.get("/account/audit?from=soon&until=never"))


def _support(gallery: Gallery, ada: User) -> None:
    sam, sams = gallery.people.agent()
    browser = gallery.browser(sam, sams)
    gallery.keep("support", browser.get("/support"))
    gallery.keep("support, found", browser.get("/support?q=acme"))
    gallery.keep("support, nothing found", browser.get("/support?q=zzz"))
    gallery.keep("support, account", browser.get(f"/support/accounts/{ada.account_id}"))
    gallery.keep("support, person", browser.get(f"/support/users/{ada.id}"))
    gallery.keep("support, audit log", browser.get(f"/support/accounts/{ada.account_id}/audit"))
    gallery.keep("support, integrity", browser.get(f"/support/accounts/{ada.account_id}/audit/integrity"))
    gallery.keep("support, reset", browser.get(f"/support/users/{ada.id}/reset"))
    gallery.keep("support, reset without a reason", browser.post(f"/support/users/{ada.id}/reset"))


def _resets(gallery: Gallery, browser: WebClient, ada: User, factor: Factor) -> None:
    gallery.keep("resets, none", browser.get("/resets"))
    gallery.keep("reset asked for", browser.post(f"/people/{ada.id}/reset", reason=REASON))
    link, owner = gallery.link("resets"), WebClient(gallery.http)
    gallery.keep("resets", browser.get("/resets"))
    [case, *_] = [url for _words, url in browser.get("/resets").links if url.startswith("/resets/case/")]
    gallery.keep("reset case", browser.get(case))
    gallery.keep("people with a reset", browser.get("/people"))
    gallery.keep("person with a reset", browser.get(f"/people/{ada.id}"))
    gallery.keep("profile with a reset", gallery.browser(ada, factor).get("/profile"))
    confirm = gallery.keep("confirm a reset", owner.get(link))
    gallery.keep("confirm a reset, no password", owner.submit(confirm, "Confirm"))
    gallery.keep("reset done", owner.submit(confirm, "Confirm", password=PASSWORD))
    gallery.keep("reset link over", owner.get(link))
    _refused_reset(gallery, browser)


def _refused_reset(gallery: Gallery, browser: WebClient) -> None:
    bea, _ = gallery.people.protected("reset@acme.example")
    browser.post(f"/people/{bea.id}/reset", reason=REASON)
    owner = WebClient(gallery.http)
    page = owner.get(gallery.link("resets"))
    gallery.keep("reset refused", owner.submit(page, "Refuse"))
