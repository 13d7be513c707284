"""The pages on which passkeys are added, used and refused."""

import json

from tests.harness.pages import Page, WebClient
from tests.harness.passkeys import SoftKey
from tests.harness.people import PASSWORD
from tests.looks.gallery import LONG_NAME, Gallery
from twofold.directory.user import User

PASSKEYS = "/profile/two-factor/passkeys"
ADD = f"{PASSKEYS}/add"


def walk(gallery: Gallery) -> None:
    """Keep all of them."""
    user = gallery.people.user("mia@acme.example", name=LONG_NAME)
    browser, key = gallery.browser(user), SoftKey(origin=gallery.context.settings.base_url)
    _set_up(gallery, browser, key)
    _used(gallery, browser)
    _at_sign_in(gallery, user, key)
    _forced(gallery)


def _set_up(gallery: Gallery, browser: WebClient, key: SoftKey) -> None:
    gallery.keep("passkeys, none", browser.get(PASSKEYS))
    gallery.keep("first passkey", browser.get(ADD))
    gallery.keep("first passkey, no password", browser.post(ADD))
    page = gallery.keep("create a passkey", browser.post(ADD, password=PASSWORD))
    gallery.keep("create a passkey, refused", _made(browser, page, key, origin="https://evil.example"))
    saving = gallery.keep("save the backup code of a passkey", _made(browser, page, key))
    browser.submit(saving, saved="yes")
    gallery.keep("create a passkey, ended", browser.get(f"{ADD}?step=create"))
    page = browser.post(ADD, password=PASSWORD)
    gallery.keep("create a passkey, registered already", _made(browser, page, key))
    page = browser.post(ADD, password=PASSWORD)
    gallery.keep("passkey added", _made(browser, page, SoftKey(origin=key.origin)))


def _made(browser: WebClient, page: Page, key: SoftKey, **lies: str) -> Page:
    registration = page.form().fields["registration"]
    return browser.post(ADD, registration=registration, name="", credential=json.dumps(key.make(page.asked, **lies)))


def _used(gallery: Gallery, browser: WebClient) -> None:
    gallery.keep("profile, passkeys", browser.get("/profile"))
    gallery.keep("passkeys", browser.get(PASSKEYS))
    gallery.keep("another passkey", browser.get(ADD))
    gallery.keep("regenerate, with a passkey", browser.get("/profile/two-factor/backup-code"))
    gallery.keep("step-up by a passkey alone", browser.get("/sign-in/step-up?needs=passkey"))
    refused = browser.post("/sign-in/step-up", needs="passkey", credential="{}")
    gallery.keep("step-up by a passkey alone, refused", refused)


def _at_sign_in(gallery: Gallery, user: User, key: SoftKey) -> None:
    browser = gallery.at_second_step(user)
    page = gallery.keep("use your passkey", browser.get("/sign-in/passkey"))
    false = json.dumps(key.sign(page.asked, signature=b""))
    gallery.keep("use your passkey, refused", browser.post("/sign-in/passkey", credential=false))
    gallery.keep("code, with a passkey", browser.get("/sign-in/code"))
    stranger = WebClient(gallery.http)
    page = stranger.get("/sign-in")
    unknown = json.dumps(SoftKey(origin=key.origin).sign(page.asked))
    gallery.keep("sign-in by an unknown passkey", stranger.post("/sign-in/passkey", alone="yes", credential=unknown))


def _forced(gallery: Gallery) -> None:
    user = gallery.people.user("otto@forced.example", account=gallery.people.account("Forced", policy="required"))
    browser = WebClient(gallery.http)
    page = browser.submit(browser.get("/sign-in"), "Sign in", email=user.email, password=PASSWORD)
    code = gallery.people.mailed_code(user.email, at=gallery.clock.at)
    page = browser.submit(page, "Continue", code=code)
    gallery.keep("forced set-up, with a passkey", page)
    registration = page.form("Verify").fields.get("registration", "x")
    refused = browser.post("/sign-in/set-up", registration=registration, credential="{}")
    gallery.keep("forced set-up, passkey refused", refused)
