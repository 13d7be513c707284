"""In which zone pages tell times: that of the browser, which a script tells once, or a named one without it."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.journeys.conftest import World


def test_the_browser_tells_its_zone_and_pages_tell_times_in_it(world: World, new_page: Callable[..., Page]) -> None:
    page = new_page(timezone_id="Pacific/Auckland", locale="en-GB")
    world.sign_in(page, world.somebody())
    page.goto(f"{world.url}/profile/preferences")
    expect(page.get_by_text("like this:")).to_contain_text("New Zealand")
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("like this:")).to_contain_text("Japan Standard Time")


def test_without_a_script_the_zone_of_the_account_is_told(world: World, new_page: Callable[..., Page]) -> None:
    page = new_page(timezone_id="Pacific/Auckland", java_script_enabled=False)
    world.sign_in(page, world.somebody(of={"time_zone": "Asia/Tokyo"}))
    page.goto(f"{world.url}/profile/sessions")
    expect(page.locator("time").first).to_contain_text("Japan Standard Time")
