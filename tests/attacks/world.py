"""People in every state, what they hold, and a call to each operation of the API that goes all the way.

The database is put back as it was before each call, so that every call finds everything that it can use up.
"""

from typing import Any, NamedTuple

import httpx
import sqlalchemy as sa

from tests.attacks.canaries import TOKEN
from tests.harness.api import Answer, Api
from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.passkeys import SoftKey
from tests.harness.people import ADA, CLIENT_INFO, NEW_PASSWORD, PASSWORD, People, proved
from twofold.abuse import block_flow
from twofold.abuse.blocklist import Block
from twofold.directory.user import User
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.oidc import registration_flow
from twofold.oidc.application import Registration
from twofold.operations.jobs import COMPOSERS
from twofold.schema import metadata
from twofold.sessions import flow as sessions

REASON = "asked on the telephone"
BYSTANDER = "bystander@globex.example"
# What is only ever added to, and whose turn it is: neither is put back.
STAYS = {"audit_events", "audit_chains", "audit_signing_keys", "leases", "reset_events"}
FILLED = " UNION ALL ".join(
    f"SELECT '{table.name}' WHERE EXISTS (SELECT 1 FROM {table.name})"  # noqa: S608 - names of our own
    for table in metadata.sorted_tables
    if table.name not in STAYS
)


class Seed(NamedTuple):
    """A call that succeeds: who makes it, with what in the address, the query and the body."""

    role: str
    path: dict[str, Any] = {}  # noqa: RUF012 - a tuple's field, which nobody changes
    query: dict[str, Any] = {}  # noqa: RUF012 - the same
    body: dict[str, Any] | None = None


class World:
    """Acme and Strict with their people, an agent, an operator; and a bystander, to whom nothing may happen."""

    def __init__(self, people: People, http: httpx.Client, frozen_clock: FrozenClock) -> None:
        self.people, self.http, self.frozen_clock = people, http, frozen_clock
        self.boss, _ = people.protected("boss@acme.example", role="admin")
        self.ada, self.factor = people.protected(ADA)
        self.sam, _ = people.agent()
        self.plain = people.user("plain@acme.example")
        self.locked, _ = people.protected("locked@acme.example")
        people.set_counts(self.locked, wrong=5)
        self.frozen = people.user("frozen@acme.example", frozen_at=NOON)
        self.bystander, _ = people.protected(BYSTANDER, account=people.account("Globex"))
        self.spare = people.account("Spare")
        key = people.operator_key()
        blocked = block_flow.block(
            people.context, "203.0.113.0/24", reason=REASON, life=None, origin=Origin(NOON, actor=acting.CONSOLE),
        )  # fmt: skip
        assert isinstance(blocked, Block)
        self.block = str(blocked.id)
        self.crm = self._application()
        self.tablet = self._second_app()
        self.tokens = {
            "nobody": "", "operator": key, "member": self._session(self.ada), "other": self._session(self.ada),
            "plain": self._session(self.plain, "pwd"), "admin": self._session(self.boss),
            "support": self._session(self.sam),
        }  # fmt: skip
        self._holder()
        self.case, self.link = self._case(self.ada)
        self.unproven, _ = people.protected("eve@acme.example")
        self.waiting, _link = self._case(self.unproven)
        people.set_user(self.unproven, password_unproven=True)
        self.opened = Api(http, self.tokens["plain"]).post("/two-factor/enrolments", password=PASSWORD).body
        self._strict()
        self.at_code = people.attempt(self.ada, channel="api", at=frozen_clock.at)
        self.page_at_code = people.attempt(self.ada, at=frozen_clock.at)
        self.at = frozen_clock.forward(minutes=1)
        self.code = self.factor.phone.code(self.at)
        self._kept = self._keep()

    def restore(self) -> None:
        """Put everything back as it was, the log of what happened apart."""
        self.frozen_clock.at = self.at
        with self.people.context.db.write() as connection:
            filled = {name for (name,) in connection.exec_driver_sql(FILLED)}  # most tables are empty all the time
            for table in reversed(metadata.sorted_tables):
                if table.name in filled:
                    connection.exec_driver_sql(f"DELETE FROM {table.name}")  # noqa: S608 - a name of our own
            for name in self._kept:
                connection.exec_driver_sql(f"INSERT INTO {name} SELECT * FROM kept_{name}")  # noqa: S608 - the same

    def of_the_bystander(self) -> list[str]:
        """Return all rows that tell of the bystander or of their account."""
        ids = (str(self.bystander.id), str(self.bystander.account_id), "bystander@")
        return sorted(
            f"{name} {text}"
            for name, rows in self._read().items()
            for text in map(str, rows)
            if any(one in text for one in ids)
        )

    def seeds(self) -> dict[str, Seed]:
        """Return a call to every operation that goes all the way."""
        proofs, reason = {"password": PASSWORD, "code": self.code}, {"reason": REASON}
        backup, ada, acme = self.factor.backup_code, str(self.ada.id), str(self.ada.account_id)
        at_mail, due = {"sign_in": self.at_mail}, {"sign_in": self.at_set_up}
        app, case = {"authenticator": self.tablet}, {"case_id": self.case}
        setting_up = {"enrolment": self.opened["enrolment"]}
        new_app = Authenticator.type_in(self.opened["secret"]).code(self.at)
        crm = {"client_id": self.crm}
        key, signed = {"passkey": self.passkey}, self.key.sign(self.asked["options"])
        made = {"registration": self.registering["registration"], "name": "Third"}
        made["credential"] = self.third.make(self.registering["options"])
        invited = {"email": "new@acme.example", "name": "New", "role": "admin", "licensed": True}
        return {
            "POST /sign-ins": Seed("nobody", body={"email": ADA, "password": PASSWORD}),
            "POST /legacy/sign-ins": Seed("nobody", body={"email": self.plain.email, "password": PASSWORD}),
            "POST /sign-ins/code": Seed("nobody", body={"sign_in": self.at_code, "code": self.code}),
            "POST /sign-ins/backup-code": Seed("nobody", body={"sign_in": self.at_code, "backup_code": backup}),
            "POST /sign-ins/email-code": Seed("nobody", body=at_mail | {"code": self.mailed}),
            "POST /sign-ins/email-code/delivery": Seed("nobody", body=at_mail),
            "POST /sign-ins/enrolments": Seed("nobody", body=due),
            "POST /sign-ins/enrolments/{enrolment}/confirmation": Seed(
                "nobody", {"enrolment": self.forced["enrolment"]}, body=due | {"code": self._forced_code()}
            ),
            "POST /sign-ins/passkey/options": Seed("nobody", body={}),
            "POST /sign-ins/passkey": Seed("nobody", body={"sign_in": self.asked["sign_in"], "credential": signed}),
            "POST /sign-ins/passkeys/options": Seed("nobody", body=due),
            "POST /sign-ins/passkeys": Seed("nobody", body=due | self._forced_key()),
            "POST /session/passkey/options": Seed("holder"),
            "GET /two-factor/passkeys": Seed("holder"),
            "POST /two-factor/passkeys/options": Seed("holder", body={"password": PASSWORD}),
            "POST /two-factor/passkeys": Seed("holder", body=made),
            "PATCH /two-factor/passkeys/{passkey}": Seed("holder", key, body={"name": "Key"}),
            "DELETE /two-factor/passkeys/{passkey}": Seed(
                "holder", key, body={"password": PASSWORD, "backup_code": self.holders_code}
            ),
            "GET /two-factor": Seed("member"),
            "POST /two-factor/enrolments": Seed("member", body=proofs | {"name": "Watch", "replaces": self.tablet}),
            "POST /two-factor/enrolments/{enrolment}/confirmation": Seed("plain", setting_up, body={"code": new_app}),
            "DELETE /two-factor/authenticators/{authenticator}": Seed("member", app, body=proofs),
            "PATCH /two-factor/authenticators/{authenticator}": Seed("member", app, body={"name": "Tablet"}),
            "POST /two-factor/backup-code": Seed("member", body=proofs),
            "POST /two-factor/removal": Seed("member", body={"password": PASSWORD, "backup_code": backup}),
            "GET /session": Seed("member"),
            "DELETE /session": Seed("member"),
            "POST /session/step-up": Seed("member", body=proofs),
            "GET /sessions": Seed("member"),
            "DELETE /sessions/{session_id}": Seed("member", {"session_id": self._other_session()}),
            "PUT /password": Seed("member", body=proofs | {"new_password": NEW_PASSWORD}),
            "GET /accounts": Seed("operator", query={"limit": 2}),
            "POST /accounts": Seed("operator", body={"name": "Initech", "edition": "enterprise", "seats": 5}),
            "GET /accounts/{account}": Seed("support", {"account": acme}),
            "PATCH /accounts/{account}": Seed("operator", {"account": str(self.spare)}, body={"name": "Other"}),
            "POST /accounts/{account}/users": Seed(
                "operator", {"account": acme}, body=invited | {"password": NEW_PASSWORD, "active": True}
            ),
            "GET /two-factor-resets": Seed("support", query={"account": acme, "user": ada}),
            "GET /two-factor-resets/{case_id}": Seed("admin", case),
            "POST /two-factor-resets/{case_id}/cancellation": Seed("admin", case),
            "POST /two-factor-resets/{case_id}/approval": Seed("support", {"case_id": self.waiting}),
            "POST /two-factor-resets/{case_id}/delivery": Seed("admin", case),
            "POST /resets/confirmation": Seed("nobody", body={"token": self.link, "password": PASSWORD}),
            "POST /resets/refusal": Seed("nobody", body={"token": self.link}),
            "GET /users": Seed("support", query={"account": acme, "search": "a", "limit": 3, "state": "on"}),
            "GET /users/{user_id}": Seed("admin", {"user_id": ada}),
            "PATCH /users/{user_id}": Seed("admin", {"user_id": ada}, body={"role": "admin", "licensed": True}),
            "POST /invitations": Seed("admin", body=invited),
            "POST /users/{user_id}/two-factor-resets": Seed("support", {"user_id": ada}, body=reason),
            "POST /users/{user_id}/unlock": Seed("admin", {"user_id": str(self.locked.id)}, body=reason),
            "POST /users/{user_id}/unfreeze": Seed("admin", {"user_id": str(self.frozen.id)}, body=reason),
            "GET /account/policy": Seed("admin"),
            "PUT /account/policy": Seed("admin", body={"policy": "required", "dry_run": True}),
            "GET /audit-events": Seed("support", query={"account": acme, "user": ada, "limit": 3}),
            "GET /abuse": Seed("operator", query={"hours": 2}),
            "GET /abuse/blocks": Seed("operator"),
            "POST /abuse/blocks": Seed("operator", body=reason | {"network": "198.51.100.0/24", "hours": 2}),
            "GET /applications": Seed("operator"),
            "POST /applications": Seed("operator", body={"name": "CRM", "redirect_uris": ["https://crm.example/"]}),
            "GET /applications/{client_id}": Seed("operator", crm),
            "PATCH /applications/{client_id}": Seed("operator", crm, body={"name": "CRM 2"}),
            "DELETE /applications/{client_id}": Seed("operator", crm),
            "POST /applications/{client_id}/secrets": Seed("operator", crm),
            "POST /abuse/blocks/{block}/lift": Seed("operator", {"block": self.block}, body=reason),
        }

    # --- making it

    def _holder(self) -> None:
        """Make somebody with two passkeys, a third that waits to be added, and a sign-in that asks for one."""
        origin, self.holders_code = self.people.context.settings.base_url, ""
        self.key, self.third = SoftKey(origin=origin), SoftKey(origin=origin)
        user = self.people.user("holder@acme.example")
        api = Api(self.http)
        api.sign_in(user.email, PASSWORD)
        self.passkey = self._registered(api, self.key)["passkey"]["id"]
        self._registered(api, SoftKey(origin=origin))
        self.tokens["holder"] = str(api.token)
        self.registering = api.post("/two-factor/passkeys/options", password=PASSWORD)
        self.asked = api.post("/sign-ins/passkey/options")

    def _forced_key(self) -> dict[str, Any]:
        key = SoftKey(origin=self.people.context.settings.base_url)
        return {
            "registration": self.by_passkey["registration"], "credential": key.make(self.by_passkey["options"]),
        }  # fmt: skip

    def _registered(self, api: Api, key: SoftKey) -> Answer:
        opened = api.post("/two-factor/passkeys/options", password=PASSWORD)
        made = {"registration": opened["registration"], "credential": key.make(opened["options"])}
        added = api.keep(api.post("/two-factor/passkeys", **made))
        self.holders_code = added["backup_code"] or self.holders_code
        return added

    def _application(self) -> str:
        made = registration_flow.create(
            self.people.context, Registration("CRM", public=False, redirect_uris=("https://crm.example/",)),
            origin=Origin(NOON, actor=acting.CONSOLE),
        )  # fmt: skip
        assert isinstance(made, registration_flow.Registered), made
        return str(made.application.id)

    def _second_app(self) -> str:
        api = Api(self.http, self.people.token(self.ada, self.factor.phone, at=later(minutes=-5), channel="api"))
        opened = api.post("/two-factor/enrolments", password=PASSWORD, code=self.factor.phone.code(NOON))
        phone = Authenticator.type_in(opened["secret"])
        done = api.post(f"/two-factor/enrolments/{opened['enrolment']}/confirmation", code=phone.code(NOON))
        assert done.status == 200, done
        api.keep(done)
        return str(api.get("/two-factor")["authenticators"][-1]["id"])

    def _session(self, user: User, *methods: str) -> str:
        user = self.people.look_up(user)
        with self.people.context.db.write() as connection:
            started = sessions.start(
                self.people.context, connection, user, security_version=user.security_version,
                methods=proved(*(methods or ("pwd", "otp"))), channel="api", origin=Origin(NOON, CLIENT_INFO),
            )  # fmt: skip
        assert started is not None
        return started.token

    def _other_session(self) -> str:
        mine = Api(self.http, self.tokens["member"]).get("/sessions")["sessions"]
        return str(next(one["id"] for one in mine if not one["current"]))

    def _case(self, subject: User) -> tuple[str, str]:
        """Ask for a reset, and let its letter go out."""
        api = Api(self.http, self.tokens["admin"])
        opened = api.post(f"/users/{subject.id}/two-factor-resets", reason=REASON)
        entry = self.people.letters("reset_confirm", subject.email)[-1]
        with self.people.context.db.write() as connection:
            told = COMPOSERS[entry.kind](self.people.context, connection, entry, NOON)
        return opened["id"], TOKEN.findall(str(told))[0]

    def _strict(self) -> None:
        """Two people who must set up: one is asked for the code from the mailbox, one has an app before them."""
        strict = self.people.account("Strict", policy="required", required_from=later(days=-1))
        self.at_mail, self.mailed = self._due("mail@strict.example", strict)
        self.at_set_up, mailed = self._due("due@strict.example", strict)
        api = Api(self.http)
        assert api.post("/sign-ins/email-code", sign_in=self.at_set_up, code=mailed).status == 200
        self.forced = api.post("/sign-ins/enrolments", sign_in=self.at_set_up).body
        self.by_passkey = api.post("/sign-ins/passkeys/options", sign_in=self.at_set_up).body

    def _due(self, email: str, account: Any) -> tuple[str, str]:
        token = self.people.attempt(self.people.user(email, account=account), channel="api")
        entry = self.people.letters("sign_in_code", email)[-1]
        with self.people.context.db.write() as connection:
            told = COMPOSERS[entry.kind](self.people.context, connection, entry, NOON)
        assert told is not None
        return token, str(told["code"])

    def _forced_code(self) -> str:
        return Authenticator.type_in(self.forced["secret"]).code(self.at)

    def _keep(self) -> list[str]:
        """Copy what is in the tables; return their names, so that each comes after those that it refers to."""
        with self.people.context.db.write() as connection:
            filled = {name for (name,) in connection.exec_driver_sql(FILLED)}
            kept = [table.name for table in metadata.sorted_tables if table.name in filled]
            for name in kept:
                connection.exec_driver_sql(f"CREATE TABLE kept_{name} AS SELECT * FROM {name}")  # noqa: S608 - our own
        return kept

    def _read(self) -> dict[str, list[dict[str, Any]]]:
        with self.people.context.db.read() as connection:
            return {
                table.name: [dict(row._mapping) for row in connection.execute(sa.select(table))]
                for table in metadata.sorted_tables
                if table.name not in STAYS
            }
