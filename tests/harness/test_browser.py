import segno
from playwright.sync_api import Page

from tests.harness.authenticator import read_qr

PAGE = (
    "data:text/html,<title>before</title><meta name=viewport content=width=device-width>"
    "<h1>Sign in</h1><script>document.title='after'</script>"
)


def test_it_opens_a_page(page: Page) -> None:
    page.goto(PAGE)
    assert page.get_by_role("heading").inner_text() == "Sign in"
    assert page.title() == "after"


def test_a_phone_is_narrow_and_touched(phone: Page) -> None:
    phone.goto(PAGE)
    assert phone.evaluate("[innerWidth, innerHeight, navigator.maxTouchPoints > 0]") == [390, 844, True]


def test_without_javascript_no_script_runs(without_javascript: Page) -> None:
    without_javascript.goto(PAGE)
    assert without_javascript.title() == "before"


def test_dark_is_preferred_where_asked_for(dark: Page, page: Page) -> None:
    question = "matchMedia('(prefers-color-scheme: dark)').matches"
    assert dark.evaluate(question) is True
    assert page.evaluate(question) is False


def test_a_phone_can_scan_what_the_screen_shows(page: Page) -> None:
    text = "otpauth://totp/Twofold:ada%40acme.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Twofold"
    page.set_content(f"<h1>Scan the QR code</h1>{segno.make_qr(text).svg_inline(scale=4)}")
    assert read_qr(page.screenshot()) == text
