"""The made-up people of the demo: one for each way in which somebody can stand to two-factor authentication."""

import dataclasses
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from twofold.directory import accounts_flow, add_user_flow, records, refusals
from twofold.directory import flow as directory
from twofold.directory.accounts_flow import AccountChange
from twofold.directory.add_user_flow import NewUser
from twofold.directory.user import User
from twofold.events.kinds import Operation
from twofold.factors import enrolment_flow, kinds_flow
from twofold.factors import flow as factors
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.outcomes import Confirmed
from twofold.factors.proof import Malformed
from twofold.factors.totp import codes as totp
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.mail.outbox import Outbox
from twofold.lockouts.budget import LOCK_AFTER

PASSWORD = "blue-paper-boat"  # noqa: S105 - shown to everybody; it opens nothing but a demo
NO_PASSWORD = "any"  # noqa: S105 - single sign-on looks at the address alone
WRONG_BACKUP_CODE = "0" * 24
OPENED = timedelta(days=20)  # so long ago everything began
LOCKED = timedelta(hours=2)


class DemoUser(NamedTuple):
    """Whom to sign in as, and what there is to see."""

    what: str
    email: str
    password: str


def seed(context: AppContext, at: datetime) -> list[DemoUser]:
    """Make the demo's accounts and people; return those whom somebody can sign in as. No letter goes out for it."""
    silent = dataclasses.replace(context, outbox=Outbox(configured=False))
    seeds = _Seeds(silent, at - OPENED)
    return [*_acme(seeds, at), *_others(seeds), *_operator(seeds)]


def _acme(seeds: "_Seeds", at: datetime) -> list[DemoUser]:
    """An enterprise account whose policy leaves everybody the choice."""
    acme = seeds.account("Acme", seats=10, time_zone="Europe/Berlin")
    seeds.user(acme, "ada@acme.example", "Ada Admin", role="admin")
    seeds.user(acme, "max@acme.example", "Max Member")
    seeds.user(acme, "kim@acme.example", "Kim Key")
    seeds.user(acme, "uli@acme.example", "Uli Unlicensed", licensed=False)
    seeds.protect(seeds.user(acme, "paul@acme.example", "Paul Phoneless"))
    lea = seeds.user(acme, "lea@acme.example", "Lea Locked")
    seeds.protect(lea)
    seeds.lock(lea, at - LOCKED)
    return [
        DemoUser("Administrator of Acme", "ada@acme.example", PASSWORD),
        DemoUser("Member, may set up 2FA", "max@acme.example", PASSWORD),
        DemoUser("Member, may add a passkey", "kim@acme.example", PASSWORD),
        DemoUser("Member without a licence", "uli@acme.example", PASSWORD),
        DemoUser("Member with 2FA who lost his phone", "paul@acme.example", PASSWORD),
        DemoUser("Member locked by wrong codes", "lea@acme.example", PASSWORD),
    ]


def _others(seeds: "_Seeds") -> list[DemoUser]:
    """Accounts that differ: a policy that requires a second factor, another edition, single sign-on."""
    bank = seeds.account("Strict Bank")
    seeds.user(bank, "rita@bank.example", "Rita Required")
    seeds.user(bank, "bo@bank.example", "Bo Boss", role="admin")
    seeds.require(bank)
    shop = seeds.account("Corner Shop", edition="standard")
    seeds.user(shop, "stan@shop.example", "Stan Standard", role="admin")
    globex = seeds.account("Globex", sso=True, sso_domains=["globex.example"], sso_url="https://login.globex.example/")
    seeds.user(globex, "gil@globex.example", "Gil Globex", password=None)
    return [
        DemoUser("Member who must set up 2FA", "rita@bank.example", PASSWORD),
        DemoUser("Administrator who must as well", "bo@bank.example", PASSWORD),
        DemoUser("Edition without 2FA", "stan@shop.example", PASSWORD),
        DemoUser("Single sign-on", "gil@globex.example", NO_PASSWORD),
    ]


def _operator(seeds: "_Seeds") -> list[DemoUser]:
    seeds.user(None, "sue@support.example", "Sue Support", role="support")
    return [DemoUser("Support agent, must set up 2FA", "sue@support.example", PASSWORD)]


class _Seeds:
    """Makes accounts and people through the flows that make real ones."""

    def __init__(self, context: AppContext, at: datetime) -> None:
        self._context = context
        self._at = at

    def account(self, name: str, edition: str = "enterprise", **more: Any) -> UUID:
        asked = AccountChange(name, edition, **more)
        return _made(
            accounts_flow.create_account(self._context.db, asked, origin=Origin(self._at, actor=acting.CONSOLE))
        )

    def user(
        self,
        account: UUID | None,
        email: str,
        name: str,
        *,
        role: str = "member",
        licensed: bool = True,
        password: str | None = PASSWORD,
    ) -> UUID:
        new = NewUser(email, name, role, licensed, password)
        return _made(
            add_user_flow.create_user(self._context, account, new, origin=Origin(self._at, actor=acting.CONSOLE))
        )

    def require(self, account: UUID) -> None:
        with self._context.db.write() as connection:
            records.update_account(connection, account, {"policy": "required"})

    def protect(self, user_id: UUID) -> None:
        """Set a phone up that nobody has: its secret is forgotten here and now."""
        with self._context.db.write() as connection:
            user = self._find(user_id)
            opened = enrolment_flow.open_for(self._context, connection, user, "demo", at=self._at, name="Old phone")
            code = totp.code_of(opened.secret, totp.step_of(self._at))
            confirmed = enrolment_flow.confirm(
                self._context, connection, user, "demo", opened.id, code, origin=Origin(self._at, acting.NO_REQUEST),
            )  # fmt: skip
            if not isinstance(confirmed, Confirmed):
                raise TypeError(confirmed)
            backup_code.note_saved(connection, user.id, confirmed.backup_code or "")

    def lock(self, user_id: UUID, at: datetime) -> None:
        """Let somebody type five wrong backup codes."""
        wrong = kinds_flow.parse(WRONG_BACKUP_CODE)
        if isinstance(wrong, Malformed):
            raise TypeError(wrong)
        for _ in range(LOCK_AFTER):
            with self._context.db.write() as connection:
                factors.prove(
                    self._context,
                    connection,
                    self._find(user_id),
                    wrong,
                    operation=Operation.SIGN_IN,
                    origin=Origin(at, acting.NO_REQUEST),
                )

    def _find(self, user_id: UUID) -> User:
        with self._context.db.read() as connection:
            user = directory.find_user(connection, user_id)
        if user is None:
            raise LookupError(user_id)
        return user


def _made(made: UUID | refusals.Refused | None) -> UUID:
    if not isinstance(made, UUID):
        raise TypeError(made)
    return made
