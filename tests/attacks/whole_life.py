"""Everything that happens to secrets, once: driven from outside against a running server, each secret written down."""

from datetime import UTC, datetime, timedelta

from tests.attacks.canaries import TOKEN, Canary, Exchange, Recorder
from tests.cli.program import Program
from tests.harness.api import Answer, Api
from tests.harness.authenticator import Authenticator, code
from tests.harness.contexts import context_on
from tests.harness.pages import WebClient
from tests.harness.people import People
from tests.harness.processes import wait_until
from tests.harness.server import Server
from tests.harness.smtp import SmtpServer
from tests.harness.wire import client_to
from twofold.factors.totp.tables import authenticators
from twofold.signin.tables import sign_in_attempts

REASON = "Called me on the telephone"
ADA, BOSS, BOB = "ada@acme.example", "boss@acme.example", "bob@acme.example"
VERA, FAY = "vera@acme.example", "fay@strict.example"


class Life:
    """A server, the people who use it, and every secret that comes up."""

    def __init__(self, server: Server, database_url: str, smtp: SmtpServer) -> None:
        self.server, self.database_url, self.smtp = server, database_url, smtp
        self.recorder = Recorder()
        self.http = client_to(server.url, transport=self.recorder)
        self.canaries: dict[str, Canary] = {}
        self.commands: list[str] = []
        self._spent: set[tuple[str, str]] = set()

    # --- secrets, as they come up

    def plant(self, kind: str, text: str, *, told: bool = False, mailed: bool = False) -> str:
        """Write a secret down; `told` by the last answer."""
        canary = self.canaries.setdefault(text, Canary(kind, text))
        canary.mailed |= mailed
        if told:
            canary.told_in.add(self.recorder.last.number)
        return text

    def password(self, name: str) -> str:
        """Make a password that nobody could write by chance."""
        return self.plant("password", f'canary "{name}" kettle+lantern/&')

    def typed(self, code: str) -> str:
        """Type six digits as somebody may, with dashes: that is found again as it is, the digits alone as well."""
        self.plant("code", code)
        return self.plant("code", "-".join(code))

    def code_of(self, phone: Authenticator) -> str:
        """Return a code of a phone that has not counted yet; there are three at any time."""
        now = datetime.now(UTC)
        shown = [code(phone.secret, now + timedelta(seconds=30 * step)) for step in (0, 1, -1)]
        fresh = next(digits for digits in shown if (phone.secret, digits) not in self._spent)
        self._spent.add((phone.secret, fresh))
        return self.typed(fresh)

    def wrong_of(self, phone: Authenticator) -> str:
        return self.typed(phone.wrong_code(datetime.now(UTC)))

    def new_backup_code(self, text: str) -> str:
        """Write a backup code down as it was shown, and without its dashes."""
        self.plant("backup code", text.replace("-", ""), told=True)
        return self.plant("backup code", text, told=True)

    def secret(self, base32: str) -> Authenticator:
        phone = Authenticator.type_in(base32)
        self.plant("secret", phone.secret, told=True)
        return phone

    def link(self, address: str, containing: str, count: int = 1) -> str:
        """Wait until so many letters with such a link have come; return the path of the newest link."""

        def come() -> list[str]:
            letters = self.smtp.sent_to(address)
            return [letter.link(containing) for letter in letters if containing in letter.text]

        wait_until(lambda: len(come()) >= count, what=f"{count} letters with {containing}")
        path = come()[-1].removeprefix(self.server.url)
        self.plant(containing, path.rpartition("/")[2], mailed=True)
        return path

    # --- the life

    def live(self) -> None:
        """Let everything happen."""
        with context_on(self.database_url) as context:
            people = People(context)
            self._people(people)
            ada = self._set_up(WebClient(self.http))
            ada = self._sign_ins(*ada)
            api, backup, _phone = self._by_program(*ada)
            boss = self._administrator()
            self._lock_and_reset(api, backup, boss)
            self._forgotten(boss)
            self._forced()
            self._operator()
            self._tampered(people)
        self._looked_at(boss)

    def _people(self, people: People) -> None:
        acme = people.account("Acme")
        strict = people.account("Strict", policy="required")
        self.boss_password, self.ada_password = self.password("boss"), self.password("ada")
        self.bob_password, self.fay_password = self.password("bob"), self.password("fay")
        self.vera_password = self.password("vera")
        people.user(BOSS, account=acme, role="admin", password=self.boss_password)
        people.user(ADA, account=acme, password=self.ada_password)
        people.user(BOB, account=acme, password=self.bob_password)
        people.user(FAY, account=strict, password=self.fay_password)
        self.vera = people.user(VERA, account=acme, password=self.vera_password)
        self.acme = acme

    def _set_up(self, ada: WebClient) -> tuple[WebClient, Authenticator, str]:
        """Sign in, the password wrong first, and set two-factor authentication up on pages."""
        ada.sign_in(ADA, self.password("wrong"))
        ada.sign_in(ADA, self.ada_password)
        page = ada.get("/profile/two-factor/configure")
        page = ada.submit(page, "Continue", password=self.password("wrong again"))
        page = ada.submit(page, "Continue", password=self.ada_password)
        phone = self.secret(page.key)
        page = ada.get("/profile/two-factor/configure?step=scan")
        self.secret(page.key)
        page = ada.submit(page, "Verify", code=self.wrong_of(phone))
        self.secret(page.key)
        page = ada.submit(page, "Verify", code=self.code_of(phone))
        backup = self.new_backup_code(page.backup_code)
        page = ada.submit(page, "Done")
        self.new_backup_code(page.backup_code)
        assert ada.submit(page, "Done", saved="yes").heading == "Profile"
        return ada, phone, backup

    def _sign_ins(self, ada: WebClient, phone: Authenticator, backup: str) -> tuple[WebClient, Authenticator, str]:
        """Sign in with the app, then with the backup code, whose successor is shown until it is saved."""
        ada.post("/sign-out")
        page = ada.sign_in(ADA, self.ada_password, self.wrong_of(phone))
        assert page.status == 401
        assert ada.submit(page, "Verify", code=self.code_of(phone)).heading == "Profile"
        ada.post("/sign-out")
        page = ada.sign_in(ADA, self.ada_password)
        page = ada.submit(ada.get("/sign-in/backup-code"), "Continue", backup_code=backup)
        fresh = self.new_backup_code(page.backup_code)
        self.new_backup_code(ada.get("/sign-in/new-backup-code").backup_code)
        page = ada.submit(page, "Continue", saved="yes")
        assert page.heading == "Profile"
        return ada, phone, fresh

    def _by_program(self, ada: WebClient, phone: Authenticator, backup: str) -> tuple[Api, str, Authenticator]:
        """Do by a program what can be done to factors and password; the backup code proves it, and is replaced."""
        api = Api(self.http)
        begun = api.post("/sign-ins", email=ADA, password=self.ada_password)
        backup = self._renewed(api, api.post("/sign-ins/backup-code", sign_in=begun["sign_in"], backup_code=backup))
        proofs = {"password": self.ada_password}
        opened = api.post("/two-factor/enrolments", **proofs, backup_code=backup, name="Tablet")
        tablet = self.secret(opened["secret"])
        backup = self.new_backup_code(opened["new_backup_code"])
        path = f"/two-factor/enrolments/{opened['enrolment']}/confirmation"
        assert api.post(path, code=self.wrong_of(tablet)).status == 401
        confirmed = api.keep(api.post(path, code=self.code_of(tablet)))
        if confirmed["backup_code"] is not None:
            backup = self.new_backup_code(confirmed["backup_code"])
        backup = self._renewed(api, api.post("/two-factor/backup-code", **proofs, backup_code=backup), "backup_code")
        replaced = self.password("ada, the second")
        changed = api.put("/password", **proofs, new_password=replaced, backup_code=backup)
        self.ada_password = replaced
        backup = self._renewed(api, changed)
        gone = api.get("/two-factor")["authenticators"][-1]["id"]
        one = api.delete(f"/two-factor/authenticators/{gone}", password=replaced, backup_code=backup)
        backup = self._renewed(api, one)
        assert api.put("/password", password=replaced, new_password="password", code="123456").status in (401, 422)
        return api, backup, phone

    def _renewed(self, api: Api, answer: Answer, name: str = "new_backup_code") -> str:
        api.keep(answer)
        return self.new_backup_code(answer[name])

    def _administrator(self) -> WebClient:
        boss = WebClient(self.http)
        assert boss.sign_in(BOSS, self.boss_password).heading == "Profile"
        return boss

    def _lock_and_reset(self, api: Api, backup: str, boss: WebClient) -> None:
        """Guess until it locks; the administrator unlocks and asks for a reset, which the mailed link confirms."""
        begun = api.post("/sign-ins", email=ADA, password=self.ada_password)
        for guess in ("111111", "222222", "333333", "444444", "555555"):
            api.post("/sign-ins/code", sign_in=begun["sign_in"], code=self.typed(guess))
        locked = api.post("/sign-ins/backup-code", sign_in=begun["sign_in"], backup_code=backup)
        assert locked.status in (401, 423), locked
        ada = next(url for said, url in boss.get("/people").links if "Ada" in said)
        assert boss.submit(boss.get(f"{ada}/unlock"), "Unlock", reason=REASON).path == ada
        boss.submit(boss.get(f"{ada}/reset"), "Send reset e-mail", reason=REASON)
        stranger, path = WebClient(self.http), self.link(ADA, "/resets/")
        page = stranger.get(path)
        page = stranger.submit(page, "Confirm", password=self.password("guessed"), new_password=self.password("x"))
        page = stranger.submit(
            page, "Confirm", password=self.ada_password, new_password=self.password("ada, the third")
        )
        assert page.heading == "Two-factor authentication is off", page.text
        assert stranger.get(path).status == 410

    def _forgotten(self, boss: WebClient) -> None:
        """Choose a password by mail, say "this wasn't me", be unfrozen, and choose another."""
        bob = WebClient(self.http)
        bob.submit(bob.get("/forgot-password"), email=BOB)
        path = self.link(BOB, "/set-password/")
        bob.submit(bob.get(path), new_password="password")
        chosen = self.password("bob, the second")
        assert bob.submit(bob.get(path), new_password=chosen).path == "/sign-in"
        not_me = self.link(BOB, "/not-me/")
        assert bob.submit(bob.get(not_me)).status == 200
        assert bob.sign_in(BOB, chosen).status == 403
        found = next(url for said, url in boss.get("/people").links if "Bob" in said)
        boss.submit(boss.get(f"{found}/unfreeze"), "Unfreeze", reason=REASON)
        path = self.link(BOB, "/set-password/", count=2)
        last = self.password("bob, the third")
        bob.submit(bob.get(path), new_password=last)
        legacy = Api(self.http).post("/legacy/sign-ins", email=BOB, password=last)
        assert legacy.status == 201, legacy

    def _forced(self) -> None:
        """Be made to set up during sign-in: the code from the mailbox, then the app, then the backup code."""
        fay = WebClient(self.http)
        page = fay.sign_in(FAY, self.fay_password)
        mailed = self.smtp.wait_for(FAY, subject="code").code
        self.plant("mailed code", mailed, mailed=True)
        page = fay.submit(page, "Continue", code=self.typed(f"{(int(mailed) + 1) % 1_000_000:06}"))
        page = fay.submit(page, "Continue", code=self.plant("mailed code", "  ".join(mailed)))
        assert page.path == "/sign-in/set-up", page.text
        phone = self.secret(page.key)
        page = fay.submit(page, "Verify", code=self.code_of(phone))
        self.new_backup_code(page.backup_code)
        page = fay.submit(page, "Continue")
        self.new_backup_code(page.backup_code)
        assert fay.submit(page, "Continue", saved="yes").heading == "Profile"

    def _operator(self) -> None:
        """Make and change a user with an operator's key; the key is shown once, by the command."""
        twofold = Program(self.server.settings)
        made = twofold.done("operator-keys", "create", "--name", "Shop", "--json")
        key = self.plant("operator key", made.json["key"])
        self.commands += [made.out.replace(key, ""), made.err]
        shop = Api(self.http, key)
        given = self.password("new")
        user = shop.post(f"/accounts/{self.acme}/users", email="new@acme.example", name="New", password=given)
        assert user.status == 201, user
        assert shop.patch(f"/users/{user['id']}", password=self.password("newer")).status == 200
        con = ("users", "create", "--account", str(self.acme), "--email", "con@acme.example", "--name", "Con")
        made = twofold.done(*con, "--password-stdin", stdin=self.password("by the console"))
        exported = twofold.done("audit", "export")
        self.commands += [made.out, made.err, exported.out, exported.err]

    def _tampered(self, people: People) -> None:
        """Make the server fail in the middle of a check: somebody has changed what rests in the database."""
        factor = people.protect(self.vera, password=self.vera_password)
        own = authenticators.c.user_id == self.vera.id
        with people.context.db.write() as connection:
            connection.execute(authenticators.update().where(own).values(box=b"tampered with " * 4))
        web_client, api = WebClient(self.http), Api(self.http)
        page = web_client.sign_in(VERA, self.vera_password)
        assert "We cannot read" in web_client.submit(page, "Verify", code=self.code_of(factor.phone)).text
        begun = api.post("/sign-ins", email=VERA, password=self.vera_password)
        with people.context.db.write() as connection:
            connection.execute(sign_in_attempts.update().values(step="none there is"))
        assert web_client.submit(page, "Verify", code=self.code_of(factor.phone)).status == 500
        failed = api.post("/sign-ins/code", sign_in=begun["sign_in"], code=self.code_of(factor.phone))
        assert failed.status == 500, failed

    def _looked_at(self, boss: WebClient) -> None:
        """Look at everything that tells of all this."""
        for path in (
            "/people", "/people?q=ada", "/resets", "/account/audit", "/account/adoption", "/account/adoption.csv",
            "/account/policy", "/profile", "/profile/sessions", "/healthz", "/readyz", "/api/openapi.json",
        ):  # fmt: skip
            assert boss.get(path).status == 200, path
        for path in ("/account/audit.csv", "/account/audit.jsonl"):
            assert boss.post(path).status == 200, path
        api = Api(self.http)
        begun = api.post("/sign-ins", email=BOSS, password=self.boss_password)
        api.keep(begun)
        for path in ("/audit-events", "/users", "/two-factor-resets", "/sessions", "/session", "/two-factor"):
            assert api.get(path).status == 200, path


def collect_tokens(life: Life) -> list[str]:
    """Write down every token that an answer or a letter has handed over; return those handed over twice.

    Only the cookie by which a browser is known is set anew at each sign-in, to last another 90 days; and the token of a
    link goes back to whoever opens it, in a cookie and nowhere else.
    """
    twice = []
    for exchange in life.recorder.exchanges:
        for token in set(TOKEN.findall(exchange.answer.decode("latin-1"))):
            known = life.canaries.setdefault(token, Canary(token.split("_")[1], token))
            if known.mailed and trades(exchange, token):
                known.told_in.add(exchange.number)
                continue
            if known.told_in and f"set-cookie: twofold_browser={token}".encode() not in exchange.answer:
                twice.append(f"{exchange}: {known.kind}")
            elif not known.mailed:
                known.told_in.add(exchange.number)
    return twice


def trades(exchange: Exchange, token: str) -> bool:
    """Tell whether an answer gives a cookie for the token in the address, and has the token nowhere else."""
    cookie = f"set-cookie: twofold_{token.split('_')[1]}_link={token};".encode()
    asked = (exchange.method, exchange.status) == ("GET", 303) and exchange.path.endswith(f"/{token}")
    return asked and cookie in exchange.answer and exchange.answer.count(token.encode()) == 1
