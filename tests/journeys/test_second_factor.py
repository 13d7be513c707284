"""The life of a second factor, end to end, in a real browser with an independent authenticator."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.harness.authenticator import Authenticator
from tests.harness.people import PASSWORD
from tests.journeys.conftest import World, now
from tests.journeys.steps import NEXT, backup_code, follow, heading, press, prove, save, scan, set_up, sign_out


def paste(page: Page, text: str) -> None:
    """Paste into whatever has the focus, as people do."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.keyboard.press("Control+V")


def test_set_up_sign_in_lose_the_phone_come_in_by_backup_code(
    world: World, page: Page, new_page: Callable[..., Page]
) -> None:
    user = world.somebody()
    world.sign_in(page, user)
    heading(page, "Profile")
    phone, first = set_up(page)
    assert (phone.issuer, phone.label) == ("Twofold", f"Twofold:{user.email}")
    sign_out(page)

    # sign in with a code of the app, pasted as the app shows it
    world.sign_in(page, user)
    heading(page, "Enter your code")
    expect(page.locator("#code")).to_be_focused()
    code = phone.code(now() + NEXT)
    paste(page, f"{code[:3]} {code[3:]}")
    expect(page.locator("#code")).to_have_value(f"{code[:3]} {code[3:]}")
    page.keyboard.press("Enter")
    heading(page, "Profile")
    sign_out(page)

    # the phone is gone
    world.sign_in(page, user)
    follow(page, "Use a backup code")
    heading(page, "Use a backup code")
    page.locator("#backup_code").fill(first.lower())
    press(page, "Continue")
    heading(page, "Your new backup code")
    second = backup_code(page)
    assert second != first
    page.reload()
    assert backup_code(page) == second
    press(page, "Continue")
    expect(page.locator("#saved-error")).to_contain_text("Save the code, then tick the box.")
    assert backup_code(page) == second
    save(page, "Continue")
    heading(page, "Profile")
    expect(page.get_by_text("You may not have your backup code")).to_have_count(0)

    # the first one is spent
    other = new_page()
    world.sign_in(other, user)
    follow(other, "Use a backup code")
    other.locator("#backup_code").fill(first)
    press(other, "Continue")
    expect(other.locator("#backup_code-error")).to_contain_text("That backup code has been used.")


def test_whoever_closes_the_browser_at_the_new_backup_code_is_warned_and_regenerates(
    world: World, new_page: Callable[..., Page]
) -> None:
    user, factor = world.protected()
    closed = new_page()
    world.sign_in(closed, user)
    closed.goto(f"{world.url}/sign-in/backup-code")
    closed.locator("#backup_code").fill(factor.backup_code)
    press(closed, "Continue")
    heading(closed, "Your new backup code")
    unseen = backup_code(closed)
    closed.close()

    page = new_page()
    world.sign_in(page, user, factor.phone.code(now()))
    expect(page.get_by_text("You may not have your backup code")).to_be_visible()
    follow(page, "Regenerate")
    heading(page, "Regenerate backup code")
    prove(page, factor.phone.code(now() + NEXT))
    press(page, "Regenerate")
    heading(page, "Your new backup code")
    assert backup_code(page) != unseen
    save(page, "Done")
    expect(page.get_by_text("You may not have your backup code")).to_have_count(0)


def test_a_new_phone_a_second_one_another_name_one_less_and_everything_off(world: World, page: Page) -> None:
    user, factor = world.protected()
    world.sign_in(page, user, factor.phone.code(now()))

    # replace my phone: the old one counts until the new one is confirmed
    follow(page, "Replace my phone")
    prove(page)
    press(page, "Continue")
    new_phone = scan(page)
    page.locator("#code").fill(new_phone.code(now()))
    press(page, "Verify")
    heading(page, "Save your backup code")
    assert backup_code(page) != factor.backup_code
    save(page, "Done")

    # add another one, with a name
    follow(page, "Add")
    prove(page)
    page.get_by_label("Name of the new authenticator").fill("Tablet")
    press(page, "Continue")
    tablet = scan(page)
    page.locator("#code").fill(tablet.code(now()))
    press(page, "Verify")
    heading(page, "Authenticator added")
    follow(page, "Done")

    # rename it
    page.get_by_role("link", name="Rename Tablet").click()
    page.get_by_label("Name").fill("Kitchen tablet")
    press(page, "Save")
    expect(page.get_by_role("heading", level=3, name="Kitchen tablet")).to_be_visible()

    # remove it, and with a last question everything
    page.get_by_role("link", name="Remove Kitchen tablet").click()
    heading(page, "Remove authenticator")
    prove(page, tablet.code(now() + NEXT))
    press(page, "Remove")
    expect(page.get_by_role("status").first).to_have_text("It is removed. Your other sessions have ended.")
    follow(page, "Turn off")
    heading(page, "Remove two-factor authentication")
    world.an_hour_passes(user)
    prove(page, new_phone.code(now()))
    press(page, "Continue")
    expect(page.get_by_text("Remove it now?")).to_be_visible()
    press(page, "Remove")
    expect(page.get_by_role("status").first).to_have_text(
        "Two-factor authentication is off. Your other sessions have ended."
    )
    sign_out(page)
    world.sign_in(page, user)
    heading(page, "Profile")


def test_five_wrong_codes_lock_and_the_lock_page_says_who_helps(world: World, page: Page) -> None:
    user, factor = world.protected()
    world.people.user(user.email.replace("ada", "grace"), account=user.account_id, role="admin", name="Grace Hopper")
    world.sign_in(page, user)
    for _ in range(4):
        page.locator("#code").fill(factor.phone.wrong_code(now()))
        press(page, "Verify")
        expect(page.locator("#code-error")).to_contain_text("That code is not right.")
        expect(page.locator("#code")).to_have_value("")
        expect(page.locator("#code")).to_be_focused()
    page.locator("#code").fill(factor.phone.wrong_code(now()))
    press(page, "Verify")
    heading(page, "Your account is locked")
    expect(page.get_by_text("Your account is locked after too many wrong codes.")).to_contain_text("Grace Hopper")
    expect(page.get_by_text("Nobody available?")).to_contain_text("support@operator.example")
    page.goto(f"{world.url}/profile")
    heading(page, "Sign in")


def test_everything_works_without_javascript(world: World, without_javascript: Page) -> None:
    page, user = without_javascript, world.somebody()
    world.sign_in(page, user)
    phone, _ = set_up(page)
    sign_out(page)
    world.sign_in(page, user, phone.code(now() + NEXT))
    heading(page, "Profile")
    follow(page, "Regenerate")
    world.an_hour_passes(user)
    prove(page, phone.code(now()))
    press(page, "Regenerate")
    heading(page, "Your new backup code")
    assert len(backup_code(page).split("-")) == 6
    for button in ("Copy", "Download", "Print", "Show"):
        expect(page.get_by_role("button", name=button, exact=True)).to_have_count(0)
    save(page, "Done")
    heading(page, "Profile")


def test_the_backup_code_can_be_copied_and_downloaded(world: World, page: Page) -> None:
    user, factor = world.protected()
    world.sign_in(page, user, factor.phone.code(now()))
    follow(page, "Regenerate")
    prove(page, factor.phone.code(now() + NEXT))
    press(page, "Regenerate")
    shown = backup_code(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    press(page, "Copy")
    expect(page.locator(".copy__said")).not_to_have_text("")
    assert page.evaluate("navigator.clipboard.readText()") == shown
    with page.expect_download() as download:
        press(page, "Download")
    assert download.value.suggested_filename == "twofold-backup-code.txt"
    text = download.value.path().read_text()
    assert shown in text
    assert user.email in text
    expect(page.get_by_role("button", name="Print", exact=True)).to_be_visible()


def test_a_key_can_be_copied_to_set_up_on_the_same_phone(world: World, phone: Page) -> None:
    page, user = phone, world.somebody()
    world.sign_in(page, user)
    follow(page, "Configure")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    press(page, "Continue")
    app = Authenticator.open(str(page.get_by_role("link", name="Open in your app").get_attribute("href")))
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    press(page, "Copy key")
    expect(page.locator(".copy__said")).not_to_have_text("")
    assert Authenticator.type_in(str(page.evaluate("navigator.clipboard.readText()"))).secret == app.secret
    assert page.locator("#code").get_attribute("inputmode") == "numeric"
