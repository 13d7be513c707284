"""Passkeys in a real browser, with an authenticator that it believes in."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.harness.contexts import CHEAP_SERVER, KEYS, context_on
from tests.harness.databases import SqliteDatabases
from tests.harness.people import PASSWORD, People
from tests.harness.ports import free_port
from tests.harness.server import Server, variables
from tests.harness.virtual_key import VirtualKey
from tests.journeys.conftest import World, now
from tests.journeys.steps import heading
from twofold.directory.user import User

NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> Iterator[World]:
    """Serve at localhost: to an address like 127.0.0.1 no browser binds a passkey."""
    folder, port = tmp_path_factory.mktemp("passkeys"), free_port()
    database, base_url = sqlite_databases.fresh(folder), f"http://localhost:{port}"
    settings = {"database_url": database, "keys": KEYS, "worker": "off", "base_url": base_url, **CHEAP_SERVER}
    with (
        Server(folder / "server", settings=variables(**settings), port=port) as server,
        context_on(database, base_url=base_url, passkey_domain="localhost") as context,
    ):
        server.url = base_url
        yield World(server, People(context))


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out", exact=True).click()
    heading(page, "Sign in")


def add_passkey(page: Page, world: World, *, first: bool = True) -> str:
    """Add a passkey from the profile, and return the backup code that this shows."""
    page.goto(f"{world.url}/profile")
    page.get_by_role("link", name="Add a passkey").click()
    heading(page, "Confirm it's you")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    heading(page, "Create your passkey")
    page.get_by_role("button", name="Create a passkey").click()
    if not first:
        heading(page, "Passkey added")
        page.get_by_role("link", name="Done").click()
        return ""
    heading(page, "Save your backup code")
    code = page.locator(".copy__value").inner_text()
    page.get_by_label("I have saved my backup code").check()
    page.get_by_role("button", name="Done").click()
    heading(page, "Profile")
    return code


def holder(page: Page, world: World, **of_key: object) -> tuple[User, VirtualKey, str]:
    """Be somebody who has set up two-factor authentication by a passkey, and signed out."""
    user, key = world.somebody(name="Mia Marsh", called="mia"), VirtualKey(page, **of_key)  # type: ignore[arg-type]
    world.sign_in(page, user)
    heading(page, "Profile")
    code = add_passkey(page, world)
    key.touch(present=False)
    sign_out(page)
    return user, key, code


def test_it_is_set_up_and_signs_in_behind_the_password(page: Page, world: World) -> None:
    user, key, _code = holder(page, world)
    assert len(key.passkeys) == 1
    world.sign_in(page, user)
    heading(page, "Use your passkey")
    expect(page.get_by_role("link", name="Use a code instead")).to_have_count(0)
    key.touch(present=True)
    page.get_by_role("button", name="Use your passkey").click()
    heading(page, "Profile")
    expect(page.locator("#two-factor")).to_contain_text("Passkey")


def test_it_signs_in_alone_by_the_button(page: Page, world: World) -> None:
    user, key, _code = holder(page, world)
    page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    page.goto(f"{world.url}/sign-in")
    key.touch(present=True)
    page.get_by_role("button", name="Use a passkey").click()
    heading(page, "Profile")
    expect(page.get_by_text(user.email).first).to_be_visible()


def test_it_signs_in_alone_by_autofill(page: Page, world: World) -> None:
    _user, key, _code = holder(page, world)
    key.touch(present=True)  # stands for choosing it in the email field
    page.goto(f"{world.url}/sign-in")
    heading(page, "Profile")


def test_a_security_key_without_a_pin_is_a_second_factor(page: Page, world: World) -> None:
    user, key, _code = holder(page, world, transport="usb", verifies=False, resident=False)
    world.sign_in(page, user)
    key.touch(present=True)
    page.get_by_role("button", name="Use your passkey").click()
    heading(page, "Profile")
    expect(page.locator("#two-factor")).to_contain_text("Security key")


def test_a_finger_that_is_not_ones_own_lets_nobody_in(page: Page, world: World) -> None:
    _user, key, _code = holder(page, world)
    key.verify(verified=False)
    key.touch(present=True)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("status").filter(has_text="No passkey was used")).to_be_visible()
    expect(page.get_by_role("button", name="Use a passkey")).to_be_visible()


def test_a_lost_one_is_replaced_by_way_of_the_backup_code(page: Page, world: World) -> None:
    user, key, code = holder(page, world)
    key.unplug()
    world.sign_in(page, user)
    heading(page, "Use your passkey")
    page.get_by_role("link", name="Use a backup code").click()
    page.get_by_label("Backup code").fill(code)
    page.get_by_role("button", name="Continue").click()
    heading(page, "Your new backup code")
    page.get_by_label("I have saved").check()
    page.get_by_role("button", name="Continue").first.click()
    another = VirtualKey(page)
    add_passkey(page, world, first=False)
    assert len(another.passkeys) == 1
    expect(page.locator("#two-factor h3").filter(has_text="Passkey")).to_have_count(2)


def test_one_that_was_removed_is_refused_with_what_to_do(page: Page, world: World) -> None:
    user, key, _code = holder(page, world)
    with world.people.context.db.write() as connection:
        connection.exec_driver_sql("DELETE FROM passkeys WHERE user_id = ?", (user.id.hex,))
    key.touch(present=True)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("That passkey is not one of yours")
    expect(page.locator("[data-unknown-passkey]")).to_have_count(1)


def test_the_same_authenticator_is_not_registered_twice(page: Page, world: World) -> None:
    user, key = world.somebody(), VirtualKey(page)
    world.sign_in(page, user)
    add_passkey(page, world)
    page.goto(f"{world.url}/profile/two-factor/passkeys/add")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Create a passkey").click()
    expect(page.get_by_role("status").filter(has_text="already has a passkey of yours")).to_be_visible()
    assert len(key.passkeys) == 1


def test_it_stands_in_for_a_code_in_the_profile(page: Page, world: World) -> None:
    user, key = world.somebody(), VirtualKey(page)
    world.sign_in(page, user)
    first = add_passkey(page, world)
    page.goto(f"{world.url}/profile/two-factor/backup-code")
    expect(page.get_by_label("Backup code")).to_be_visible()  # there is no app whose code could be asked for
    page.get_by_role("button", name="Use your passkey instead").click()
    expect(page.get_by_role("status").filter(has_text="Enter your password first")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Use your passkey instead").click()
    heading(page, "Your new backup code")
    assert page.locator(".copy__value").inner_text() != first
    assert len(key.passkeys) == 1


def test_it_is_renamed_and_removed_beside_an_app(page: Page, world: World) -> None:
    user, factor = world.protected()
    world.sign_in(page, user, factor.phone.code(now()))
    VirtualKey(page)
    heading(page, "Profile")
    add_passkey(page, world, first=False)
    page.goto(f"{world.url}/profile/two-factor/passkeys")
    heading(page, "Passkeys")
    page.get_by_role("link", name="Rename Passkey").click()
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name=re.compile("Save|Rename")).click()
    page.goto(f"{world.url}/profile/two-factor/passkeys")
    page.get_by_role("link", name="Remove Laptop").click()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Use your passkey instead of a code").click()
    heading(page, "Profile")
    expect(page.locator("#two-factor")).not_to_contain_text("Laptop")


def test_without_a_script_the_way_on_is_another_one(page: Page, world: World, without_javascript: Page) -> None:
    user, _key, _code = holder(page, world)
    world.sign_in(without_javascript, user)
    heading(without_javascript, "Use your passkey")
    expect(without_javascript.get_by_text("Passkeys need JavaScript")).to_be_visible()
    expect(without_javascript.get_by_role("button", name="Use your passkey")).to_be_hidden()
    without_javascript.get_by_role("link", name="Use a backup code").click()
    heading(without_javascript, "Use a backup code")


def test_a_browser_without_passkeys_says_so(new_page: NewPage, page: Page, world: World) -> None:
    user, _key, _code = holder(page, world)
    other = new_page()
    other.add_init_script("delete window.PublicKeyCredential")
    world.sign_in(other, user)
    expect(other.get_by_role("status").filter(has_text="This browser cannot use passkeys")).to_be_visible()
