"""Accounts and people to test with, made through the application's own flows, with a phone of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa

from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON
from twofold.audit.tables import audit_events
from twofold.directory import accounts_flow, add_user_flow, preference_flow
from twofold.directory import flow as directory
from twofold.directory.accounts_flow import AccountChange
from twofold.directory.add_user_flow import NewUser
from twofold.directory.tables import accounts, users
from twofold.directory.user import User
from twofold.factors import enrolment_flow
from twofold.factors.kinds_flow import Given
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import Changed, Confirmed, Opened
from twofold.factors.passkeys import records
from twofold.factors.totp import codes as totp
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.client_info import ClientInfo
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import new_id
from twofold.kit.mail.outbox import Entry, Priority, outbox
from twofold.lockouts.tables import second_factor_budgets, unknown_wrong_codes
from twofold.provisioning import key_flow
from twofold.sessions import flow as sessions
from twofold.sessions import methods
from twofold.sessions.methods import Methods
from twofold.sessions.session import Session
from twofold.signin import flow as signin
from twofold.signin import set_up_flow
from twofold.signin.first_factor import password_flow
from twofold.signin.first_factor.password_flow import Credentials
from twofold.signin.outcomes import Due, SignedIn

# Whoever exists at noon has existed for a day: no code of today is used up yet.
EARLIER = NOON - timedelta(days=1)

PASSWORD = "orchard kettle lantern"
WRONG = "a wrong password"
NEW_PASSWORD = "marble ferry cinnamon"
ADA = "ada@acme.example"

CLIENT_INFO = ClientInfo("192.0.2.7", "Firefox", "request-1")
ANONYMOUS = ClientInfo("198.51.100.66", "curl", "request-2")


@dataclass(frozen=True)
class Factor:
    """What somebody holds who has set up a second factor: the phone and the backup code as it was shown."""

    phone: Authenticator
    backup_code: str


Ada = tuple[User, Factor]


def proved(*names: str, at: datetime = NOON) -> Methods:
    """Return methods that were all proved at one time."""
    return methods.read(" ".join(names), None, at)


class People:
    """Makes accounts and people in an application, and looks at what is written down about them."""

    def __init__(self, context: AppContext) -> None:
        self.context = context
        self._acme: UUID | None = None

    @property
    def acme(self) -> UUID:
        """An account on the enterprise edition, policy optional: where people belong unless a test says otherwise."""
        if self._acme is None:
            self._acme = self.account()
        return self._acme

    def account(self, name: str = "Acme", *, at: datetime = EARLIER, **change: Any) -> UUID:
        """Make an account; policy, required_from and what an operator may say of it can be named."""
        said = {name: value for name, value in change.items() if name in AccountChange._fields}
        made = accounts_flow.create_account(
            self.context.db, AccountChange(name=name, **said), origin=Origin(at, actor=acting.CONSOLE),
        )  # fmt: skip
        assert isinstance(made, UUID), made
        if rest := {name: value for name, value in change.items() if name not in said}:
            self.set_account(made, **rest)
        return made

    def user(
        self,
        email: str = ADA,
        *,
        name: str = "",
        account: UUID | None = None,
        role: str = "member",
        licensed: bool = True,
        password: str | None = PASSWORD,
        at: datetime = EARLIER,
        came: bool | None = None,
        **values: Any,
    ) -> User:
        """Make a user who signs in with PASSWORD; further columns of the row can be named.

        Whoever has a password and helps others is somebody who has signed in before, unless `came` is False.
        """
        named = name or email.partition("@")[0].replace(".", " ").title()
        account = None if role == "support" else account or self.acme
        made = add_user_flow.create_user(
            self.context,
            account,
            NewUser(email, named, role, licensed, password),
            origin=Origin(at, actor=acting.CONSOLE),
        )
        assert isinstance(made, UUID), made
        if came or (came is None and role != "member" and password is not None):
            values.setdefault("first_signed_in_at", at)
        if values:
            self.set_user(made, **values)
        return self.look_up(made)

    def look_up(self, known: User | UUID) -> User:
        """Read a user anew."""
        with self.context.db.read() as connection:
            found = directory.find_user(connection, known if isinstance(known, UUID) else known.id)
        assert found is not None
        return found

    def set_account(self, account: UUID, **values: Any) -> None:
        """Write columns of an account, as features above will."""
        with self.context.db.write() as connection:
            connection.execute(accounts.update().where(accounts.c.id == account).values(values))

    def set_user(self, known: User | UUID, **values: Any) -> None:
        """Write columns of a user, as features above will; no session ends by it."""
        user_id = known if isinstance(known, UUID) else known.id
        with self.context.db.write() as connection:
            connection.execute(users.update().where(users.c.id == user_id).values(values))

    def choose(self, user: User, language: str | None = None, zone: str | None = None) -> None:
        """Let somebody choose their language and time zone."""
        with self.context.db.write() as connection:
            assert preference_flow.choose(connection, user, language, zone) is None

    def set_counts(self, user: User, *, wrong: int, wrong_in_row: int | None = None) -> None:
        """Write how many wrong codes somebody has behind them; none of them from an unknown browser."""
        values = {"wrong": wrong, "wrong_in_row": wrong if wrong_in_row is None else wrong_in_row, "unknown_wrong": 0}
        with self.context.db.write() as connection:
            own = second_factor_budgets.c.user_id == user.id
            connection.execute(unknown_wrong_codes.delete().where(unknown_wrong_codes.c.user_id == user.id))
            changed = connection.execute(second_factor_budgets.update().where(own).values(values))
        assert changed.rowcount == 1

    def protect(self, user: User, *, at: datetime = EARLIER, password: str = PASSWORD, name: str = "") -> Factor:
        """Let somebody set up two-factor authentication."""
        session = self.sign_in(user, at=at, password=password)
        asked = SetUp(password, "", None, name)
        opened = enrolment_flow.open_in_session(self.context, session, asked, origin=Origin(at, CLIENT_INFO))
        assert isinstance(opened, Opened), opened
        phone = phone_of(opened)
        changed = enrolment_flow.confirm_in_session(
            self.context, session, opened.id, phone.code(at), origin=Origin(at, CLIENT_INFO),
        )  # fmt: skip
        assert isinstance(changed, Changed), changed
        assert changed.backup_code is not None
        return Factor(phone, changed.backup_code)

    def give_passkey(self, user: User) -> UUID:
        """Give somebody who has a second factor a passkey that nobody holds; return its id."""
        passkey = new_id()
        with self.context.db.write() as connection:
            records.insert(
                connection,
                {
                    "id": passkey, "user_id": user.id, "account_id": user.account_id, "name": "Key", "counter": 0,
                    "credential_id": passkey.bytes, "public_key": b"", "synced": False, "transports": "",
                    "domain": "", "created_at": EARLIER, "last_used_at": None,
                },
            )  # fmt: skip
        return passkey

    def protected(self, email: str = ADA, **values: Any) -> tuple[User, Factor]:
        """Make a user who has had two-factor authentication since yesterday."""
        user = self.user(email, **values)
        factor = self.protect(user)
        return self.look_up(user), factor

    def agent(self, email: str = "sam@operator.example", name: str = "Sam Vimes") -> Ada:
        """Make a support agent who has set up a second factor, as each of them must."""
        user = self.user(email, name=name, role="support")
        with self.context.db.write() as connection:
            held = directory.lock_user_row(connection, user.id)
            assert held is not None
            opened = enrolment_flow.open_for(self.context, connection, held, "test", at=EARLIER)
            phone, origin = phone_of(opened), Origin(EARLIER, CLIENT_INFO)
            code = phone.code(EARLIER)
            done = enrolment_flow.confirm(self.context, connection, held, "test", opened.id, code, origin=origin)
        assert isinstance(done, Confirmed), done
        assert done.backup_code is not None
        return self.look_up(user), Factor(phone, done.backup_code)

    def operator_key(self, *, at: datetime = NOON) -> str:
        """Make a key for a program of the operator's: `Api(http, people.operator_key())`."""
        made = key_flow.create_key(self.context.db, "The product", actor=acting.CONSOLE, at=at)
        assert isinstance(made, key_flow.MadeKey), made
        return made.key

    def begin(
        self,
        user: User,
        *,
        at: datetime = NOON,
        password: str = PASSWORD,
        channel: str = "page",
        client: str | None = None,
        return_to: str = "",
        client_info: ClientInfo = CLIENT_INFO,
    ) -> Any:
        """Give address and password; return what comes of it."""
        given = Credentials(user.email, password, client, channel, return_to)
        return password_flow.submit_password(self.context, given, origin=Origin(at, client_info))

    def attempt(self, user: User, *, at: datetime = NOON, channel: str = "page", password: str = PASSWORD) -> str:
        """Give address and password; return the token of the sign-in that goes on."""
        due = self.begin(user, at=at, channel=channel, password=password)
        assert isinstance(due, Due), due
        return due.sign_in

    def give_code(
        self,
        sign_in: str,
        typed: Given,
        *,
        at: datetime = NOON,
        channel: str = "page",
        client: str | None = None,
        client_info: ClientInfo = CLIENT_INFO,
    ) -> Any:
        """Give the second factor of a sign-in; return what comes of it."""
        return signin.submit_code(
            self.context, sign_in, typed, channel=channel, client=client, origin=Origin(at, client_info),
        )  # fmt: skip

    def sign_in(
        self,
        user: User,
        phone: Authenticator | None = None,
        *,
        at: datetime = NOON,
        channel: str = "page",
        password: str = PASSWORD,
    ) -> Session:
        """Sign somebody in, all the way; return the session."""
        return self.session(self.token(user, phone, at=at, channel=channel, password=password), at=at)

    def token(
        self,
        user: User,
        phone: Authenticator | None = None,
        *,
        at: datetime = NOON,
        channel: str = "page",
        password: str = PASSWORD,
    ) -> str:
        """Sign somebody in, all the way; return the token of the session."""
        outcome = self.begin(user, at=at, channel=channel, password=password)
        if phone is not None:
            assert isinstance(outcome, Due), outcome
            outcome = self.give_code(outcome.sign_in, phone.code(at), at=at, channel=channel)
        assert isinstance(outcome, SignedIn), outcome
        return outcome.session.token

    def mailed_code(self, to: str = ADA, *, at: datetime = NOON) -> str:
        """Write the last letter with a code for a sign-in, as it goes out; return its code."""
        with self.context.db.write() as connection:
            code = set_up_flow.mint_mailed_code(self.context, connection, self.letters("sign_in_code", to)[-1], at)
        assert code is not None
        return code.code

    def session(self, token: str, *, at: datetime = NOON) -> Session:
        """Find the session of a token."""
        found = self.find_session(token, at=at)
        assert found is not None, "there is no such session (any more)"
        return found

    def find_session(self, token: str, *, at: datetime = NOON) -> Session | None:
        """Find the session of a token, if it holds."""
        return sessions.find(self.context.db, self.context.settings, token, at)

    def events(self, *kinds: str) -> Sequence[sa.Row[Any]]:
        """Return what the audit log says, the oldest first; of some kinds only, if any are named."""
        query = sa.select(audit_events).order_by(audit_events.c.number)
        if kinds:
            query = query.where(audit_events.c.kind.in_(kinds))
        with self.context.db.read() as connection:
            return connection.execute(query).all()

    def letters(self, kind: str = "", to: str = "") -> list[Entry]:
        """Return the letters that were dropped into the outbox, the oldest first."""
        with self.context.db.read() as connection:
            rows = connection.execute(sa.select(outbox).order_by(outbox.c.created_at, outbox.c.id)).all()
        return [
            Entry._make((*row[:5], _facts(row.facts), row.created_at, row.tries, Priority(row.turn)))
            for row in rows
            if kind in ("", row.kind) and to in ("", row.recipient)
        ]

    def count(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        """Count rows."""
        with self.context.db.read() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar_one()


def phone_of(opened: Opened) -> Authenticator:
    """Add what a set-up shows to the app of a phone."""
    return Authenticator(totp.base32(opened.secret))


def _facts(text: str) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])
