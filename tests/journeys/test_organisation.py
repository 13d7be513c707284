"""An organisation that requires a second factor, and its people when they are locked out: with real mail."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from tests.harness.authenticator import Authenticator
from tests.harness.databases import SqliteDatabases
from tests.harness.houses import CHEAP_SERVER, KEYS, house_on
from tests.harness.people import NEW_PASSWORD, PASSWORD, People
from tests.harness.server import Server
from tests.harness.smtp import Letter, SmtpServer
from tests.journeys.conftest import Town, now
from tests.journeys.steps import NEXT, backup_code, follow, heading, press, read, save, scan, set_up, sign_out
from twofold.directory.person import Person
from twofold.directory.tables import accounts


@dataclass
class Organisation(Town):
    """A town with a mail server, where one account has an administrator with a second factor and a member without."""

    smtp: SmtpServer
    acme: UUID

    def member(self, called: str, name: str) -> Person:
        """Make another person of Acme's."""
        return self.people.person(f"{called}@acme.example", account=self.acme, name=name)

    def mailed(self, person: Person, subject: str, count: int = 1) -> Letter:
        """Wait for a letter."""
        return self.smtp.wait_for(person.email, subject=subject, count=count)

    def policy(self) -> tuple[str, datetime | None]:
        """Read what is stored of it."""
        own = sa.select(accounts.c.policy, accounts.c.required_from).where(accounts.c.id == self.acme)
        with self.people.house.db.read() as connection:
            name, required_from = connection.execute(own).one()
        return name, required_from

    def tomorrow_comes(self) -> None:
        """Let the policy's date be past."""
        self.people.set_account(self.acme, required_from=now() - timedelta(minutes=1))


@pytest.fixture
def organisation(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> Iterator[Organisation]:
    """Serve a town of its own, with the work behind the pages and a mail server."""
    folder = tmp_path_factory.mktemp("organisation")
    url = sqlite_databases.fresh(folder)
    with SmtpServer(user="twofold", password="letters", starttls=True) as smtp:
        (folder / "ca.pem").write_bytes(smtp.certificate)
        settings = {
            "database_url": url, "keys": KEYS, "smtp_url": smtp.url, "smtp_ca": str(folder / "ca.pem"),
            "mail_from": "login@operator.example", "support_email": "support@operator.example", **CHEAP_SERVER,
        }  # fmt: skip
        named = {f"TWOFOLD_{name.upper()}": value for name, value in settings.items()}
        with Server(folder / "server", settings=named) as server, house_on(url) as house:
            people = People(house)
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
    """Enter five wrong codes and a right one."""
    heading(page, "Enter your code")
    for _ in range(5):
        page.locator("#code").fill(phone.wrong_code(now()))
        press(page, "Verify")
        expect(page.locator("#code-error")).to_contain_text("That code is not right.")
    page.locator("#code").fill(phone.code(now() + NEXT))
    press(page, "Verify")
    heading(page, "Your account is locked")


def require_from_tomorrow(town: Organisation, desk: Page) -> None:
    """Set the policy, having seen whom it stops."""
    desk.goto(f"{town.url}/account/policy")
    heading(desk, "Two-factor policy")
    desk.locator("[name=policy][value=required]").check()
    tomorrow = (now() + timedelta(days=1)).date()
    desk.get_by_label("Required from").fill(tomorrow.isoformat())
    press(desk, "Save")
    heading(desk, "Two-factor policy")
    expect(desk.get_by_text("Nothing is saved yet.")).to_be_visible()
    expect(desk.get_by_role("table")).to_contain_text("Ada Lovelace")
    expect(desk.get_by_role("table")).not_to_contain_text("Grace Hopper")
    assert town.policy() == ("optional", None)
    press(desk, "Save")
    expect(desk.get_by_text("Nothing is saved yet.")).to_have_count(0)
    heading(desk, "Two-factor policy")
    name, required_from = town.policy()
    assert (name, required_from and required_from.date()) == ("required", tomorrow)


def ask_for_reset(town: Organisation, desk: Page) -> None:
    """Find Ada among the people, locked, and ask for a reset."""
    desk.goto(f"{town.url}/people")
    heading(desk, "People")
    expect(desk.get_by_role("row").filter(has_text="Ada Lovelace")).to_contain_text("Locked")
    desk.get_by_role("link", name="Ada Lovelace", exact=True).click()
    heading(desk, "Ada Lovelace")
    follow(desk, "Reset 2FA")
    heading(desk, "Reset two-factor authentication")
    desk.get_by_label("Reason").fill("Her phone was stolen; I called her back.")
    press(desk, "Send reset e-mail")
    expect(desk.get_by_role("status").first).to_contain_text("The e-mail is on its way.")


def confirm_reset(town: Organisation, page: Page, ada: Person, *, asked_by: str) -> None:
    """Open the link from the mail, twice, to no effect; confirm, with a new password because of the wrong codes."""
    letter = town.mailed(ada, "reset")
    assert asked_by in letter.text
    read(page, letter)
    link = letter.link("/resets/")
    for _ in range(2):
        page.goto(link)
        heading(page, "Confirm two-factor reset")
    assert town.people.look_up(ada).has_second_factor
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    press(page, "Confirm")
    expect(page.locator("#new_password-error")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(NEW_PASSWORD)
    press(page, "Confirm")
    heading(page, "Two-factor authentication is off")
    read(page, town.mailed(ada, "Two-factor authentication is off"))
    page.goto(link)
    heading(page, "This link has been used")


def test_required_from_tomorrow_locked_reset_and_back(
    organisation: Organisation, page: Page, new_page: Callable[..., Page]
) -> None:
    town, desk = organisation, new_page()
    grace = town.people.person("grace@acme.example", account=town.acme, role="admin", name="Grace Hopper")
    town.sign_in(desk, grace, town.people.protect(grace, at=now() - timedelta(days=1)).phone.code(now()))
    heading(desk, "Profile")
    ada = town.member("ada", "Ada Lovelace")
    require_from_tomorrow(town, desk)

    # today nobody is stopped; tomorrow the open session ends up at set-up, and it takes the mailbox
    town.sign_in(page, ada)
    heading(page, "Profile")
    town.tomorrow_comes()
    page.goto(f"{town.url}/profile")
    heading(page, "Set up two-factor authentication")
    press(page, "Continue")
    heading(page, "Confirm your e-mail")
    letter = town.mailed(ada, "code")
    read(page, letter)
    page.locator("#code").fill(letter.code)
    press(page, "Continue")
    phone, _ = set_up_while_signing_in(page)
    read(page, town.mailed(ada, "Two-factor authentication is on"))
    sign_out(page)

    # five wrong codes, and both are told
    town.sign_in(page, ada)
    lock(page, phone)
    expect(page.get_by_text("Grace Hopper")).to_be_visible()
    read(page, town.mailed(grace, "locked"))
    read(page, town.mailed(ada, "locked"))

    # a reset by the administrator, and in again with the new password, up to a new set-up
    ask_for_reset(town, desk)
    confirm_reset(town, page, ada, asked_by="Grace Hopper")
    town.sign_in(page, ada, password=NEW_PASSWORD)
    heading(page, "Confirm your e-mail")
    page.locator("#code").fill(town.mailed(ada, "code", count=2).code)
    press(page, "Continue")
    set_up_while_signing_in(page)
    desk.goto(f"{town.url}/resets")
    heading(desk, "Resets")
    expect(desk.get_by_role("row").filter(has_text="Ada Lovelace")).to_contain_text("Confirmed")
    follow(desk, "Show")
    heading(desk, "Resets")
    for path, words in {"/account/audit": "Audit log", "/account/adoption": "Adoption"}.items():
        desk.goto(town.url + path)
        heading(desk, words)


def test_the_phone_is_lost_and_a_new_one_takes_its_place(organisation: Organisation, page: Page) -> None:
    town = organisation
    ada = town.member("ada", "Ada Lovelace")
    factor = town.people.protect(ada, at=now() - timedelta(days=1))
    town.sign_in(page, ada)
    follow(page, "Use a backup code")
    heading(page, "Use a backup code")
    page.locator("#backup_code").fill(factor.backup_code)
    press(page, "Continue")
    heading(page, "Your new backup code")
    newer = backup_code(page)
    save(page, "Continue")
    heading(page, "Profile")
    read(page, town.mailed(ada, "backup code"))
    follow(page, "Replace my phone")
    heading(page, "Confirm it's you")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.locator("#code").fill(newer)  # the phone is gone, so the backup code proves it
    press(page, "Continue")
    new_phone = scan(page)
    page.locator("#code").fill(new_phone.code(now()))
    press(page, "Verify")
    heading(page, "Save your backup code")
    assert backup_code(page) not in (factor.backup_code, newer)
    save(page, "Done")
    read(page, town.mailed(ada, "replaced"))
    sign_out(page)
    town.sign_in(page, ada, factor.phone.code(now()))
    expect(page.locator("#code-error")).to_contain_text("That code is not right.")
    page.locator("#code").fill(new_phone.code(now() + NEXT))
    press(page, "Verify")
    heading(page, "Profile")


def find_ada(town: Organisation, desk: Page) -> None:
    """Find her in the support console."""
    desk.goto(f"{town.url}/support")
    heading(desk, "Support")
    desk.get_by_label("Name or e-mail address begins with").fill("ada")
    press(desk, "Search")
    heading(desk, "Support")
    desk.get_by_role("main").get_by_role("link", name="Ada Lovelace").click()
    expect(desk.get_by_role("heading", level=2, name="Ada Lovelace")).to_be_visible()
    heading(desk, "Support")


def set_up_agent(town: Organisation, desk: Page, agent: Person) -> None:
    """A support agent has a second factor before anything else."""
    town.sign_in(desk, agent)
    heading(desk, "Confirm your e-mail")
    desk.locator("#code").fill(town.mailed(agent, "code").code)
    press(desk, "Continue")
    set_up_while_signing_in(desk)


def test_support_helps_where_no_administrator_is_at_hand(
    organisation: Organisation, page: Page, new_page: Callable[..., Page]
) -> None:
    town, desk = organisation, new_page()
    boss = town.people.person("boss@acme.example", account=town.acme, role="admin", name="Boss Away")
    sue = town.people.person("sue@operator.example", role="support", name="Sue Storm")
    set_up_agent(town, desk, sue)
    ada = town.member("ada", "Ada Lovelace")
    phone = town.people.protect(ada, at=now() - timedelta(days=1)).phone

    # unlocked by an agent, who says why
    town.sign_in(page, ada)
    lock(page, phone)
    expect(page.get_by_text("Nobody available?")).to_contain_text("support@operator.example")
    find_ada(town, desk)
    follow(desk, "Unlock")
    heading(desk, "Support")
    desk.get_by_label("Reason").fill("Typed the codes of another app; identified by her order number.")
    press(desk, "Unlock")
    expect(desk.get_by_role("status").first).to_contain_text("Unlocked.")
    read(page, town.mailed(boss, "unlocked"))
    town.an_hour_passes(ada)
    town.sign_in(page, ada, phone.code(now()))
    heading(page, "Profile")
    sign_out(page)

    # phone and backup code are gone: the agent asks for a reset, and the account's administrators are told
    follow(desk, "Reset 2FA")
    desk.get_by_label("Reason").fill("Phone and backup code burnt; identified by video.")
    press(desk, "Send reset e-mail")
    expect(desk.get_by_role("status").first).to_contain_text("The e-mail is on its way.")
    read(page, town.mailed(boss, "Support acted"))
    confirm_reset(town, page, ada, asked_by="Sue Storm")
    town.sign_in(page, ada, password=NEW_PASSWORD)
    heading(page, "Profile")
    set_up(page, password=NEW_PASSWORD)
    find_ada(town, desk)
    expect(desk.get_by_role("main")).to_contain_text("Confirmed")
