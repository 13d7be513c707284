"""The pages of people who are not signed in yet: sign-in, mailed links, an application's request, help."""

from datetime import timedelta

from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON
from tests.harness.pages import Page, WebClient
from tests.harness.people import PASSWORD, WRONG
from tests.looks.gallery import LONG_ADDRESS, LONG_NAME, Gallery
from tests.oidc.relying_party import RelyingParty
from twofold.directory import notice_flow
from twofold.events.notices import Notice
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.recovery import flow as recovery

AFTER = "https://crm.example/bye"


def walk(gallery: Gallery) -> None:
    """Keep all of them."""
    gallery.people.user("grace@acme.example", role="admin", name=LONG_NAME)
    _public(gallery)
    _password(gallery)
    _code(gallery)
    _backup_code(gallery)
    _forced(gallery)
    _mailed(gallery)
    _applications(gallery)


def _public(gallery: Gallery) -> None:
    browser = WebClient(gallery.http)
    for path in ("/sign-in", "/forgot-password", "/forgot-password?sent=1", "/help/authenticator-apps",
                 "/help/two-factor", "/api/docs", "/nowhere", "/sign-in?expired=1", "/sign-in?signed_out=1",
                 "/resets/link", "/oidc/authorize"):  # fmt: skip
        gallery.keep(path, browser.get(path))
    gallery.keep("forgot password, no address", browser.post("/forgot-password"))
    gallery.people.account("Signet", sso=True, sso_domains=["signet.example"], sso_url="https://sso.signet.example/in")
    gallery.keep("single sign-on", browser.post("/forgot-password", email="ada@signet.example"))


def _password(gallery: Gallery) -> None:
    browser, people = WebClient(gallery.http), gallery.people
    gallery.keep("sign-in, nothing typed", browser.post("/sign-in"))
    gallery.keep("sign-in, no password", browser.post("/sign-in", email=LONG_ADDRESS))
    gallery.keep("sign-in, wrong password", browser.post("/sign-in", email=LONG_ADDRESS, password=WRONG))
    tries = [browser.post("/sign-in", email="nobody@acme.example", password=WRONG) for _ in range(6)]
    gallery.keep("sign-in, has to wait", tries[-1])
    gallery.clock.forward(minutes=10)
    people.user("frozen@acme.example", frozen_at=NOON)
    gallery.keep("sign-in, frozen", browser.sign_in("frozen@acme.example", PASSWORD))


def _code(gallery: Gallery) -> None:
    user, factor = gallery.people.protected(LONG_ADDRESS, name=LONG_NAME)
    browser = gallery.at_second_step(user)
    gallery.keep("code", browser.get("/sign-in/code"))
    gallery.keep("code, none typed", browser.post("/sign-in/code"))
    gallery.keep("lost access", browser.get("/sign-in/lost-access"))
    wrong = factor.phone.wrong_code(gallery.clock.at)
    gallery.keep("code, wrong", browser.post("/sign-in/code", code=wrong))
    for _ in range(2):
        browser.post("/sign-in/code", code=wrong)
    gallery.keep("code, one left", browser.post("/sign-in/code", code=wrong))
    gallery.keep("locked", browser.post("/sign-in/code", code=wrong))
    gallery.keep("locked, asked", browser.post("/sign-in/ask"))


def _backup_code(gallery: Gallery) -> None:
    user, factor = gallery.people.protected("bea@acme.example")
    browser = gallery.at_second_step(user)
    gallery.keep("backup code", browser.get("/sign-in/backup-code"))
    gallery.keep("backup code, wrong", browser.post("/sign-in/backup-code", backup_code="0" * 24))
    gallery.keep("new backup code", browser.post("/sign-in/backup-code", backup_code=factor.backup_code))
    gallery.keep("new backup code, not saved", browser.post("/sign-in/new-backup-code"))
    gallery.keep("profile, backup code used", browser.post("/sign-in/new-backup-code", saved="yes"))


def _forced(gallery: Gallery) -> None:
    people, at = gallery.people, gallery.clock.at
    strict = people.account("Strict")
    user = people.user("forced@strict.example", account=strict)
    stepped_down = gallery.browser(user)
    people.set_account(strict, policy="required")
    gallery.keep("set-up is due", stepped_down.get("/profile"))
    browser = gallery.at_second_step(people.look_up(user))
    gallery.keep("verify email", browser.get("/sign-in/verify-email"))
    gallery.keep("verify email, none typed", browser.post("/sign-in/verify-email"))
    scan = browser.post("/sign-in/verify-email", code=people.mailed_code(user.email, at=at))
    gallery.keep("forced set-up", scan)
    phone = Authenticator(scan.key.replace(" ", ""))
    wrong = browser.post("/sign-in/set-up", code=phone.wrong_code(gallery.clock.at))
    gallery.keep("forced set-up, wrong code", wrong)
    saving = browser.post("/sign-in/set-up", code=phone.code(gallery.clock.at))
    gallery.keep("forced set-up, backup code", saving)
    _mailbox_closed(gallery, people.user("shut@strict.example", account=strict).email)
    late = people.user("late@strict.example", account=strict)
    browser = gallery.at_second_step(people.look_up(late))
    scan = browser.post("/sign-in/verify-email", code=people.mailed_code(late.email, at=gallery.clock.at))
    phone = Authenticator(scan.key.replace(" ", ""))
    tries = [browser.post("/sign-in/set-up", code=phone.wrong_code(gallery.clock.at)) for _ in range(10)]
    gallery.keep("forced set-up, ended", tries[-1])


def _mailbox_closed(gallery: Gallery, email: str) -> None:
    browser = WebClient(gallery.http)
    browser.sign_in(email, PASSWORD)
    right = gallery.people.mailed_code(email, at=gallery.clock.at)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    gallery.keep("verify email, closed", [browser.post("/sign-in/verify-email", code=wrong) for _ in range(5)][-1])


def _mailed(gallery: Gallery) -> None:
    people, at, context = gallery.people, gallery.clock.at, gallery.context
    user, browser = people.user("ida@acme.example", password=None), WebClient(gallery.http)
    with context.db.write() as connection:
        recovery.invite(context, connection, user, Origin(at, actor=acting.CONSOLE))
    choose = gallery.keep("choose a password", browser.get(gallery.link("set-password")))
    gallery.keep("choose a password, weak", browser.submit(choose, new_password="short"))
    told = people.user("tom@acme.example")
    with context.db.write() as connection:
        notice_flow.notify(context, connection, told, Notice.PASSWORD_CHANGED, at, address="192.0.2.7", browser="")
    page = gallery.keep("this was not me", browser.get(gallery.link("not-me")))
    gallery.keep("account frozen", browser.submit(page))
    waits = people.user("may@acme.example")
    browser.post("/sign-in/email-link", email=waits.email)
    gallery.keep("known browser", browser.get(gallery.link("known-browser")))


def _applications(gallery: Gallery) -> None:
    people = gallery.people
    crm = RelyingParty.of(gallery.context, gallery.http, post_logout_redirect_uris=(AFTER,))
    user, factor = people.protected("oda@acme.example")
    _led_on(gallery, crm, gallery.browser(user, factor))
    aged = RelyingParty.of(gallery.context, gallery.http, name="Vault", second_factor_age=timedelta(minutes=1))
    there = people.account("Elsewhere")
    theirs = RelyingParty.of(gallery.context, gallery.http, name="Theirs", accounts=frozenset({there}))
    plain = gallery.browser(people.user("pia@acme.example"))
    gallery.keep("an application of others", plain.get(theirs.address()))
    gallery.keep("an application asks for a second factor", plain.get(aged.address()))
    gallery.keep("an application asks for a passkey", plain.get(crm.address(acr_values="phr")))
    gallery.keep("no applications", plain.get("/applications"))
    notes = RelyingParty.of(gallery.context, gallery.http, name="Notes", first_party=False, home_url=AFTER)
    asked = gallery.keep("consent", plain.get(notes.address(scope="openid profile email account offline_access")))
    gallery.keep("consent, refused", plain.submit(asked, "Do not allow"))
    plain.submit(plain.get(notes.address(scope="openid email")), "Allow")
    for number in range(11):
        RelyingParty.of(gallery.context, gallery.http, name=f"Application {number}", home_url=AFTER)
    gallery.keep("applications", plain.get("/applications?done=1"))
    boss = gallery.browser(people.user("applications@acme.example", role="admin"))
    rule = gallery.keep("rule for an application", boss.get(f"/account/applications/{notes.client_id}"))
    gallery.keep("rule for an application, refused", boss.submit(rule, minutes="x"))
    gallery.keep("applications of the account", boss.submit(rule, minutes="15"))
    gallery.keep("applications, none found", plain.get("/applications?q=xyz"))
    page = plain.get(f"/oidc/end-session?client_id={crm.client_id}&post_logout_redirect_uri={AFTER}")
    gallery.keep("sign out?", page)
    gallery.keep("signed out", plain.submit(page))


def _led_on(gallery: Gallery, crm: RelyingParty, browser: WebClient) -> None:
    form = crm.send("GET", crm.address(response_mode="form_post"), browser.cookie("twofold_session"))
    gallery.keep("answer by form", Page(form))
    page = browser.get(crm.address(prompt="login"))
    gallery.keep("step up for an application", page)
    gallery.clock.forward(seconds=5)
    gallery.keep("going on to an application", browser.submit(page, "Continue", password=PASSWORD))
