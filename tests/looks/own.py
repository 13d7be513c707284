"""The pages of people who are signed in: profile, password, sessions, their own second factors."""

from tests.harness.authenticator import Authenticator
from tests.harness.clock import later
from tests.harness.pages import WebClient
from tests.harness.people import NEW_PASSWORD, PASSWORD, WRONG, Factor
from tests.looks.gallery import LONG_NAME, Gallery

CONFIGURE = "/profile/two-factor/configure"
AUTHENTICATORS = "/profile/two-factor/authenticators"
REGENERATE = "/profile/two-factor/backup-code"
REMOVE = "/profile/two-factor/remove"


def walk(gallery: Gallery) -> None:
    """Keep all of them."""
    _plain(gallery)
    user, factor = gallery.people.protected("countess.of.lovelace@acme.example", name=LONG_NAME)
    gallery.browser(user, factor)  # another session
    browser = gallery.browser(user, factor)
    _protected(gallery, browser)
    _refused(gallery, browser)
    _authenticators(gallery, browser, factor)
    _changes(gallery, browser, factor)
    _locked(gallery)


def _plain(gallery: Gallery) -> None:
    user = gallery.people.user("nina@acme.example")
    browser = gallery.browser(user)
    gallery.keep("profile, off", browser.get("/profile"))
    gallery.keep("configure", browser.get(CONFIGURE))
    gallery.keep("configure, no password", browser.post(CONFIGURE))
    scan = gallery.keep("scan", browser.post(CONFIGURE, password=PASSWORD))
    phone = Authenticator(scan.key.replace(" ", ""))
    wrong = browser.submit(scan, code=phone.wrong_code(gallery.clock.at))
    gallery.keep("scan, wrong code", wrong)
    saving = gallery.keep("save the backup code", browser.submit(scan, code=phone.code(gallery.clock.at)))
    gallery.keep("save the backup code, not saved", browser.submit(saving))
    basic = gallery.people.account("Basic", edition="standard")
    gallery.keep(
        "profile, not offered", gallery.browser(gallery.people.user("lou@basic.example", account=basic)).get("/profile")
    )


def _protected(gallery: Gallery, browser: WebClient) -> None:
    for path in ("/profile", "/profile/preferences", "/profile/password", "/profile/sessions", REGENERATE, REMOVE,
                 AUTHENTICATORS, "/sign-in/step-up", "/sign-in/step-up?needs=code",
                 f"{REGENERATE}?use=backup-code"):  # fmt: skip
        gallery.keep(path, browser.get(path))


def _refused(gallery: Gallery, browser: WebClient) -> None:
    for path in ("/profile/password", REGENERATE, REMOVE, "/sign-in/step-up"):
        gallery.keep(f"{path}, nothing typed", browser.post(path))
    gallery.keep(
        "change password, wrong", browser.post("/profile/password", password=WRONG, code="000000", new_password="x")
    )
    gallery.keep("preferences, no such zone", browser.post("/profile/preferences", time_zone="Nowhere/Land"))


def _locked(gallery: Gallery) -> None:
    user, factor = gallery.people.protected("lena@acme.example")
    browser = gallery.browser(user, factor)
    gallery.people.set_counts(user, wrong=4)
    gallery.keep("fifth wrong code", browser.post(REMOVE, password=PASSWORD, code="000000"))
    gallery.keep("profile, locked", browser.get("/profile"))


def _authenticators(gallery: Gallery, browser: WebClient, factor: Factor) -> None:
    page = browser.get(AUTHENTICATORS)
    [rename, *_] = [url for _words, url in page.links if url.endswith("/rename")]
    gallery.keep("rename", browser.get(rename))
    gallery.keep("rename, no name", browser.post(rename, name=""))
    gallery.keep("add an authenticator", browser.get(CONFIGURE))
    scan = browser.post(
        CONFIGURE, password=PASSWORD, name="Tablet", code=factor.phone.code(gallery.clock.forward(minutes=1))
    )
    gallery.keep("scan, another one", scan)
    tablet = Authenticator(scan.key.replace(" ", ""))
    browser.submit(scan, code=tablet.code(gallery.clock.at))
    page = gallery.keep("two authenticators", browser.get(AUTHENTICATORS))
    remove = [url for _words, url in page.links if url.endswith("/remove")][-1]
    gallery.keep("remove an authenticator", browser.get(remove))
    gallery.keep("remove an authenticator, nothing typed", browser.post(remove))


def _changes(gallery: Gallery, browser: WebClient, factor: Factor) -> None:
    def proofs() -> dict[str, str]:
        return {"password": PASSWORD, "code": factor.phone.code(gallery.clock.forward(minutes=1))}

    gallery.keep("regenerated backup code", browser.post(REGENERATE, **proofs()))
    gallery.keep("remove, last question", browser.post(REMOVE, **proofs()))
    page = browser.post("/profile/password", **proofs(), new_password=NEW_PASSWORD)
    gallery.keep("profile, password changed", page)
    _policies(gallery, browser)


def _policies(gallery: Gallery, browser: WebClient) -> None:
    people = gallery.people
    people.set_account(people.acme, policy="required", required_from=later(days=-1))
    gallery.keep("remove, required", browser.get(REMOVE))
    gallery.keep("profile, required", browser.get("/profile"))
    people.set_account(people.acme, policy="optional", required_from=None)
