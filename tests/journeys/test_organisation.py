"""An organisation that requires a second factor, and its people when they are locked out: with real mail."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from tests.harness.authenticator import Authenticator
from tests.harness.contexts import CHEAP_SERVER, KEYS, context_on
from tests.harness.databases import SqliteDatabases
from tests.harness.people import NEW_PASSWORD, PASSWORD, People
from tests.harness.server import Server, variables
from tests.harness.smtp import Letter, SmtpServer
from tests.journeys.conftest import World, now
from tests.journeys.steps import NEXT, backup_code, follow, heading, press, read, save, scan, set_up, sign_out
from twofold.directory.tables import accounts
from twofold.directory.user import User


@dataclass
class Organisation(World):
    """A server that sends mail, where one account has an administrator with a second factor and a member without."""

    smtp: SmtpServer
    acme: UUID

    def member(self, called: str, name: str) -> User:
        """Make another person of Acme's."""
        return self.people.user(f"{called}@acme.example", account=self.acme, name=name)

    def mailed(self, user: User, subject: str, count: int = 1) -> Letter:
        """Wait for a letter."""
        return self.smtp.wait_for(user.email, subject=subject, count=count)

    def policy(self) -> tuple[str, datetime | None]:
        """Read what is stored of it."""
        own = sa.select(accounts.c.policy, accounts.c.required_from).where(accounts.c.id == self.acme)
        with self.people.context.db.read() as connection:
            name, required_from = connection.execute(own).one()
        return name, required_from

    def tomorrow_comes(self) -> None:
        """Let the policy's date be past."""
        self.people.set_account(self.acme, required_from=now() - timedelta(minutes=1))


@pytest.fixture
def organisation(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> Iterator[Organisation]:
    """Start a server of its own, with the work behind the pages and a mail server."""
    folder = tmp_path_factory.mktemp("organisation")
    url = sqlite_databases.fresh(folder)
    with SmtpServer(user="twofold", password="letters", starttls=True) as smtp:
        (folder / "ca.pem").write_bytes(smtp.certificate)
        settings = {
            "database_url": url, "keys": KEYS, "smtp_url": smtp.url, "smtp_ca": str(folder / "ca.pem"),
            "mail_from": "login@operator.example", "support_email": "support@operator.example", **CHEAP_SERVER,
        }  # fmt: skip
        named = variables(**settings)
        with Server(folder / "server", settings=named) as server, context_on(url) as context:
            people = People(context)
            yield Organisation(server, people, smtp, people.account("Acme"))


def set_up_while_signing_in(page: Page) -> tuple[Authenticator, str]:
    """Scan, confirm and save the backup code, where the policy demands it; return phone and paper."""
    phone = scan(page, "Set up two-factor authentication")
    page.locator("#code").fill(phone.code(now()))
    press(page, "Verify")
    heading(page, "Your new backup code")
    paper = backup_code(page)
    save(page, "Continue")
    heading(page, "Profile")
    return phone, paper


def lock(page: Page, phone: Authenticator) -> None:
    """Enter five wrong codes."""
    heading(page, "Enter your code")
    for _ in range(4):
        page.locator("#code").fill(phone.wrong_code(now()))
        press(page, "Verify")
        expect(page.locator("#code-error")).to_contain_text("That code is not right.")
    page.locator("#code").fill(phone.wrong_code(now()))
    press(page, "Verify")
    heading(page, "Your account is locked")


def require_from_tomorrow(world: Organisation, helpdesk: Page) -> None:
    """Set the policy, having seen whom it stops."""
    helpdesk.goto(f"{world.url}/account/policy")
    heading(helpdesk, "Two-factor policy")
    helpdesk.locator("[name=policy][value=required]").check()
    tomorrow = (now() + timedelta(days=1)).date()
    helpdesk.get_by_label("Required from").fill(tomorrow.isoformat())
    press(helpdesk, "Save")
    heading(helpdesk, "Two-factor policy")
    expect(helpdesk.get_by_text("Nothing is saved yet.")).to_be_visible()
    expect(helpdesk.get_by_role("table")).to_contain_text("Ada Lovelace")
    expect(helpdesk.get_by_role("table")).not_to_contain_text("Grace Hopper")
    assert world.policy() == ("optional", None)
    press(helpdesk, "Save")
    expect(helpdesk.get_by_text("Nothing is saved yet.")).to_have_count(0)
    heading(helpdesk, "Two-factor policy")
    name, required_from = world.policy()
    assert (name, required_from and required_from.date()) == ("required", tomorrow)


def ask_for_reset(world: Organisation, helpdesk: Page) -> None:
    """Find Ada among the people, locked, and ask for a reset."""
    helpdesk.goto(f"{world.url}/people")
    heading(helpdesk, "People")
    expect(helpdesk.get_by_role("row").filter(has_text="Ada Lovelace")).to_contain_text("Locked")
    helpdesk.get_by_role("link", name="Ada Lovelace", exact=True).click()
    heading(helpdesk, "Ada Lovelace")
    follow(helpdesk, "Reset 2FA")
    heading(helpdesk, "Reset two-factor authentication")
    helpdesk.get_by_label("Reason").fill("Her phone was stolen; I called her back.")
    press(helpdesk, "Send reset e-mail")
    expect(helpdesk.get_by_role("status").first).to_contain_text("The email is on its way.")


def confirm_reset(world: Organisation, page: Page, ada: User, *, asked_by: str) -> None:
    """Open the link from the mail, twice, to no effect; confirm, with a new password because of the wrong codes."""
    letter = world.mailed(ada, "reset")
    assert asked_by in letter.text
    read(page, letter)
    link = letter.link("/resets/")
    for _ in range(2):
        page.goto(link)
        heading(page, "Confirm two-factor reset")
    assert world.people.look_up(ada).has_second_factor
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    press(page, "Confirm")
    expect(page.locator("#new_password-error")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    press(page, "Confirm")
    heading(page, "Two-factor authentication is off")
    read(page, world.mailed(ada, "Two-factor authentication is off"))
    page.goto(link)
    heading(page, "This link has been used")


def test_required_from_tomorrow_locked_reset_and_back(
    organisation: Organisation, page: Page, new_page: Callable[..., Page]
) -> None:
    world, helpdesk = organisation, new_page()
    grace = world.people.user("grace@acme.example", account=world.acme, role="admin", name="Grace Hopper")
    world.sign_in(helpdesk, grace, world.people.protect(grace, at=now() - timedelta(days=1)).phone.code(now()))
    heading(helpdesk, "Profile")
    ada = world.member("ada", "Ada Lovelace")
    require_from_tomorrow(world, helpdesk)

    # today nobody is stopped; tomorrow the open session ends up at set-up, and it takes the mailbox
    world.sign_in(page, ada)
    heading(page, "Profile")
    world.tomorrow_comes()
    page.goto(f"{world.url}/profile")
    heading(page, "Set up two-factor authentication")
    press(page, "Continue")
    heading(page, "Confirm your e-mail")
    letter = world.mailed(ada, "code")
    read(page, letter)
    page.locator("#code").fill(letter.code)
    press(page, "Continue")
    phone, _ = set_up_while_signing_in(page)
    read(page, world.mailed(ada, "Two-factor authentication is on"))
    sign_out(page)

    # five wrong codes, and both are told
    world.sign_in(page, ada)
    lock(page, phone)
    expect(page.get_by_text("Your account is locked after too many wrong codes.")).to_contain_text("Grace Hopper")
    read(page, world.mailed(grace, "locked"))
    read(page, world.mailed(ada, "locked"))

    # a reset by the administrator, and in again with the new password, up to a new set-up
    ask_for_reset(world, helpdesk)
    confirm_reset(world, page, ada, asked_by="Grace Hopper")
    world.sign_in(page, ada, password=NEW_PASSWORD)
    heading(page, "Confirm your e-mail")
    page.locator("#code").fill(world.mailed(ada, "code", count=2).code)
    press(page, "Continue")
    set_up_while_signing_in(page)
    helpdesk.goto(f"{world.url}/resets")
    heading(helpdesk, "Resets")
    expect(helpdesk.get_by_role("row").filter(has_text="Ada Lovelace")).to_contain_text("Confirmed")
    follow(helpdesk, "Show")
    heading(helpdesk, "Resets")
    for path, words in {"/account/audit": "Audit log", "/account/adoption": "Adoption"}.items():
        helpdesk.goto(world.url + path)
        heading(helpdesk, words)


def test_the_phone_is_lost_and_a_new_one_takes_its_place(organisation: Organisation, page: Page) -> None:
    world = organisation
    ada = world.member("ada", "Ada Lovelace")
    factor = world.people.protect(ada, at=now() - timedelta(days=1))
    world.sign_in(page, ada)
    follow(page, "Use a backup code")
    heading(page, "Use a backup code")
    page.locator("#backup_code").fill(factor.backup_code)
    press(page, "Continue")
    heading(page, "Your new backup code")
    newer = backup_code(page)
    save(page, "Continue")
    heading(page, "Profile")
    read(page, world.mailed(ada, "backup code"))
    follow(page, "Replace my phone")
    heading(page, "Confirm it's you")
    page.get_by_label("Password", exact=True).fill(PASSWORD)  # the backup code was proved a moment ago
    press(page, "Continue")
    new_phone = scan(page)
    page.locator("#code").fill(new_phone.code(now()))
    press(page, "Verify")
    heading(page, "Save your backup code")
    assert backup_code(page) not in (factor.backup_code, newer)
    save(page, "Done")
    read(page, world.mailed(ada, "replaced"))
    sign_out(page)
    world.sign_in(page, ada, factor.phone.code(now()))
    expect(page.locator("#code-error")).to_contain_text("That code is not right.")
    page.locator("#code").fill(new_phone.code(now() + NEXT))
    press(page, "Verify")
    heading(page, "Profile")


def find_ada(world: Organisation, helpdesk: Page) -> None:
    """Find her in the support console."""
    helpdesk.goto(f"{world.url}/support")
    heading(helpdesk, "Support")
    helpdesk.get_by_label("Name or email address begins with").fill("ada")
    press(helpdesk, "Search")
    heading(helpdesk, "Support")
    helpdesk.get_by_role("main").get_by_role("link", name="Ada Lovelace").click()
    expect(helpdesk.get_by_role("heading", level=2, name="Ada Lovelace")).to_be_visible()
    heading(helpdesk, "Support")


def set_up_agent(world: Organisation, helpdesk: Page, agent: User) -> None:
    """A support agent has a second factor before anything else."""
    world.sign_in(helpdesk, agent)
    heading(helpdesk, "Confirm your e-mail")
    helpdesk.locator("#code").fill(world.mailed(agent, "code").code)
    press(helpdesk, "Continue")
    set_up_while_signing_in(helpdesk)


def test_support_helps_where_no_administrator_is_at_hand(
    organisation: Organisation, page: Page, new_page: Callable[..., Page]
) -> None:
    world, helpdesk = organisation, new_page()
    boss = world.people.user("boss@acme.example", account=world.acme, role="admin", name="Boss Away")
    sue = world.people.user("sue@operator.example", role="support", name="Sue Storm")
    set_up_agent(world, helpdesk, sue)
    ada = world.member("ada", "Ada Lovelace")
    phone = world.people.protect(ada, at=now() - timedelta(days=1)).phone

    # unlocked by an agent, who says why
    world.sign_in(page, ada)
    lock(page, phone)
    expect(page.get_by_text("Nobody available?")).to_contain_text("support@operator.example")
    find_ada(world, helpdesk)
    follow(helpdesk, "Unlock")
    heading(helpdesk, "Support")
    helpdesk.get_by_label("Reason").fill("Typed the codes of another app; identified by her order number.")
    press(helpdesk, "Unlock")
    expect(helpdesk.get_by_role("status").first).to_contain_text("Unlocked.")
    read(page, world.mailed(boss, "unlocked"))
    world.an_hour_passes(ada)
    world.sign_in(page, ada, phone.code(now()))
    heading(page, "Profile")
    sign_out(page)

    # phone and backup code are gone: the agent asks for a reset, and the account's administrators are told
    follow(helpdesk, "Reset 2FA")
    helpdesk.get_by_label("Reason").fill("Phone and backup code burnt; identified by video.")
    press(helpdesk, "Send reset e-mail")
    expect(helpdesk.get_by_role("status").first).to_contain_text("The email is on its way.")
    read(page, world.mailed(boss, "Support acted"))
    confirm_reset(world, page, ada, asked_by="Sue Storm")
    world.sign_in(page, ada, password=NEW_PASSWORD)
    heading(page, "Profile")
    set_up(page, password=NEW_PASSWORD)
    find_ada(world, helpdesk)
    expect(helpdesk.get_by_role("main")).to_contain_text("Confirmed")


def test_reminding_everybody_who_lacks_it_takes_three_clicks(organisation: Organisation, page: Page) -> None:
    world = organisation
    grace = world.people.user("grace@acme.example", account=world.acme, role="admin", name="Grace Hopper")
    ada, bob = world.member("ada", "Ada Lovelace"), world.member("bob", "Bob Builder")
    world.sign_in(page, grace, world.people.protect(grace, at=now() - timedelta(days=1)).phone.code(now()))
    heading(page, "Profile")
    clicks = (("link", "Adoption"), ("link", "Remind all"), ("button", "Send reminders"))
    for role, words in clicks:
        page.get_by_role(role, name=words, exact=True).click()  # type: ignore[arg-type]
        if words == "Adoption":
            expect(page.get_by_role("table", name="Who does not have it")).to_contain_text("Bob Builder")
    expect(page.get_by_role("status")).to_contain_text("The reminders are on their way.")
    assert len(clicks) == 3
    for user in (ada, bob):
        assert "asks you to set up two-factor authentication" in world.mailed(user, "Set up").text


def test_fifty_people_fit_on_a_phone(organisation: Organisation, phone: Page) -> None:
    world = organisation
    grace = world.people.user("grace@acme.example", account=world.acme, role="admin", name="Grace Hopper")
    factor = world.people.protect(grace, at=now() - timedelta(minutes=10))
    for number in range(25):
        world.member(f"member{number}", f"Marguerite Member {number:02}")
        protected = world.member(f"protected{number}", f"Peter Protected {number:02}")
        world.people.protect(protected, at=now() - timedelta(minutes=10))
    world.sign_in(phone, grace, factor.phone.code(now()))
    heading(phone, "Profile")
    phone.goto(f"{world.url}/people")
    expect(phone.get_by_role("link", name="Marguerite Member 24")).to_be_visible()
    assert phone.get_by_role("row").count() >= 50
    assert phone.evaluate("document.documentElement.scrollHeight") < 5000
