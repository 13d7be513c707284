"""Replay: a code that was accepted once, again in every operation, in every form, the one before it, on every node.

What else holds this class: `factors/test_prove.py` (one operation, by its flow), `attacks/test_parallel.py` (many at
once, and in every form on the other node of two real ones), `faults/test_workers_killed.py` and
`faults/test_restore.py` (a server of real processes that was killed, or restored, in between), `faults/test_clock.py`
(a clock that jumps).
"""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.attacks.mailbox import Mailbox
from tests.attacks.typed import FORMS, NO_FORMS
from tests.harness.api import Answer, Api
from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock, context_on
from tests.harness.pages import Page, WebClient
from tests.harness.people import NEW_PASSWORD, PASSWORD, People
from twofold.directory.user import User
from twofold.factors.outcomes import UsedCode
from twofold.factors.totp.tables import authenticators
from twofold.lockouts import flow as lockouts
from twofold.signin.outcomes import SignedIn

SESSION = "twofold_session"

# --- the operations that take a code


class Operations:
    """Ada with two phones and a session, and every operation in which she can be asked for a code."""

    def __init__(self, people: People, http: httpx.Client, frozen_clock: FrozenClock) -> None:
        self.people, self.http, self.frozen_clock, self.password = people, http, frozen_clock, PASSWORD
        self._open: dict[str, str] = {}
        self.user, factor = people.protected()
        self.phone = factor.phone
        self.token = people.token(self.user, self.phone, at=later(minutes=-10))
        frozen_clock.at = later(minutes=-8)
        self.spare = _add_a_phone(self.api(), self.phone, frozen_clock)
        frozen_clock.at = NOON
        self.token = self.people.token(self.again(), self.phone, at=later(minutes=-6))

    def give(self, operation: str, typed: str) -> str:
        """Give something typed to an operation; say what came of it: taken, used or malformed."""
        came = OPERATIONS[operation](self, typed)
        said = _said_by_api(came) if isinstance(came, Answer) else _said_on_page(came)
        if said == "taken":
            self._open.clear()
            self.password = NEW_PASSWORD if "password" in operation else self.password
        return said

    def again(self) -> User:
        return self.people.look_up(self.user)

    def api(self) -> Api:
        return Api(self.http, self.token)

    def browser(self) -> WebClient:
        web_client = WebClient(self.http)
        web_client.cookies.set(SESSION, self.token)
        return web_client

    def sign_in_by_program(self) -> str:
        return self._attempt("api")

    def sign_in_on_pages(self) -> WebClient:
        web_client = WebClient(self.http)
        web_client.cookies.set("twofold_sign_in", self._attempt("page"))
        return web_client

    def _attempt(self, channel: str) -> str:
        """Begin a sign-in, or go on with the one that is still open."""
        if channel not in self._open:
            self._open[channel] = self.people.attempt(
                self.again(), at=self.frozen_clock.at, channel=channel, password=self.password
            )
        return self._open[channel]

    def left_alone(self) -> bool:
        """Tell that nobody was charged, and that both phones are there."""
        with self.people.context.db.read() as connection:
            uncharged = lockouts.counts(connection, self.user.id) == (0, 0)
        return uncharged and self.people.count(authenticators) == 2


def _add_a_phone(api: Api, phone: Authenticator, frozen_clock: FrozenClock) -> str:
    """Add a second phone, so that one of two can be removed; return its id."""
    opened = api.post("/two-factor/enrolments", password=PASSWORD, code=phone.code(frozen_clock.at), name="Spare")
    code = Authenticator.open(opened["otpauth_uri"]).code(frozen_clock.at)
    api.keep(api.post(f"/two-factor/enrolments/{opened['enrolment']}/confirmation", code=code))
    return str(api.get("/two-factor")["authenticators"][1]["id"])


def _said_by_api(answer: Answer) -> str:
    if answer.status in {200, 201}:
        return "taken"
    if answer.refusal == (401, "invalid_code"):
        return str(answer["hint"])
    return "malformed" if answer.refusal == (400, "invalid_request") else str(answer)


def _said_on_page(page: Page) -> str:
    said = page.errors.get("code") or page.errors.get("backup_code") or ""
    if page.status == 200 and not said:
        return "taken"
    if page.status == 401 and "already used this code" in said:
        return "used"
    return "malformed" if page.status == 400 else f"{page.status} {said or page.text[:300]}"


def _form(path: str, **more: str) -> Callable[[Operations, str], Page]:
    def send(operations: Operations, typed: str) -> Page:
        return operations.browser().post(path.format(spare=operations.spare), password=PASSWORD, code=typed, **more)

    return send


Way = Callable[[People, httpx.Client], tuple[User, Authenticator]]

OPERATIONS: dict[str, Callable[[Operations, str], Answer | Page]] = {
    "sign in": lambda operations, typed: operations.api().post(
        "/sign-ins/code", sign_in=operations.sign_in_by_program(), code=typed
    ),
    "sign in, in the backup code's field": lambda operations, typed: operations.api().post(
        "/sign-ins/code", sign_in=operations.sign_in_by_program(), backup_code=typed
    ),
    "sign in, where the backup code goes": lambda operations, typed: operations.api().post(
        "/sign-ins/backup-code", sign_in=operations.sign_in_by_program(), backup_code=typed
    ),
    "add": lambda operations, typed: operations.api().post("/two-factor/enrolments", password=PASSWORD, code=typed),
    "replace": lambda operations, typed: operations.api().post(
        "/two-factor/enrolments", password=PASSWORD, code=typed, replaces=operations.spare
    ),
    "regenerate": lambda operations, typed: operations.api().post(
        "/two-factor/backup-code", password=PASSWORD, code=typed
    ),
    "remove": lambda operations, typed: operations.api().post("/two-factor/removal", password=PASSWORD, code=typed),
    "remove one": lambda operations, typed: operations.api().delete(
        f"/two-factor/authenticators/{operations.spare}", password=PASSWORD, code=typed
    ),
    "password": lambda operations, typed: operations.api().put(
        "/password", password=PASSWORD, new_password=NEW_PASSWORD, code=typed
    ),
    "step up": lambda operations, typed: operations.api().post("/session/step-up", code=typed),
    "page: step up": _form("/sign-in/step-up"),
    "page: sign in": lambda operations, typed: operations.sign_in_on_pages().post("/sign-in/code", code=typed),
    "page: sign in, where the backup code goes": lambda operations, typed: operations.sign_in_on_pages().post(
        "/sign-in/backup-code", backup_code=typed
    ),
    "page: add": _form("/profile/two-factor/configure", name="Third"),
    "page: regenerate": _form("/profile/two-factor/backup-code"),
    "page: remove": _form("/profile/two-factor/remove"),
    "page: remove one": _form("/profile/two-factor/authenticators/{spare}/remove"),
    "page: password": _form("/profile/password", new_password=NEW_PASSWORD),
}


@pytest.fixture
def operations(people: People, http: httpx.Client, frozen_clock: FrozenClock) -> Operations:
    return Operations(people, http, frozen_clock)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_in_every_operation_a_code_counts_once_in_whatever_form(operations: Operations, operation: str) -> None:
    """Stops: replay in another operation, as a variant, N then N-1 then N, and a second reading of what is no code."""
    before, code, after = (operations.phone.code(later(seconds=seconds)) for seconds in (-30, 0, 30))
    for form, write in NO_FORMS.items():
        assert operations.give(operation, write(code)) == "malformed", form
    assert operations.give("sign in", code) == "taken"
    for form, write in FORMS.items():
        assert operations.give(operation, write(code)) == "used", form
    assert [operations.give(operation, typed) for typed in (before, code)] == ["used", "used"]
    assert operations.left_alone()
    write = list(FORMS.values())[list(OPERATIONS).index(operation) % len(FORMS)]
    assert operations.give(operation, write(after)) == "taken"
    if operation != "remove":  # after which no code is asked for
        assert [operations.give(other, after) for other in ("sign in", "page: sign in")] == ["used", "used"]


# --- the code that set an authenticator up


def set_up_in_the_profile(people: People, http: httpx.Client) -> tuple[User, Authenticator]:
    """Set the first phone up from a session."""
    user = people.user()
    api = Api(http, people.token(user))
    return user, _confirm(api, api.post("/two-factor/enrolments", password=PASSWORD))


def set_up_as_a_replacement(people: People, http: httpx.Client) -> tuple[User, Authenticator]:
    """Replace the phone, proved with the backup code."""
    user, factor = people.protected()
    api = Api(http, people.token(user, factor.phone, at=later(minutes=-5)))
    [old] = api.get("/two-factor")["authenticators"]
    body = {"password": PASSWORD, "backup_code": factor.backup_code, "replaces": old["id"]}
    return user, _confirm(api, api.post("/two-factor/enrolments", **body))


def set_up_as_another_one(people: People, http: httpx.Client) -> tuple[User, Authenticator]:
    """Add a phone to the first."""
    user, factor = people.protected()
    api = Api(http, people.token(user, factor.phone, at=later(minutes=-5)))
    return user, _confirm(api, api.post("/two-factor/enrolments", password=PASSWORD, backup_code=factor.backup_code))


def set_up_by_force(people: People, http: httpx.Client) -> tuple[User, Authenticator]:
    """Be led to the set-up by the policy, while signing in."""
    people.set_account(people.acme, policy="required")
    user, api = people.user(), Api(http)
    sign_in = people.attempt(user, channel="api")
    code = Mailbox(people).code()
    assert api.post("/sign-ins/email-code", sign_in=sign_in, code=code)["next"] == "set_up"
    opened = api.post("/sign-ins/enrolments", sign_in=sign_in)
    return user, _confirm(api, opened, sign_in=sign_in, root="/sign-ins/enrolments")


def _confirm(api: Api, opened: Answer, root: str = "/two-factor/enrolments", **more: str) -> Authenticator:
    phone = Authenticator.open(opened["otpauth_uri"])
    done = api.post(f"{root}/{opened['enrolment']}/confirmation", code=phone.code(NOON), **more)
    assert done.status == 200, done
    return phone


SET_UPS = [set_up_in_the_profile, set_up_as_a_replacement, set_up_as_another_one, set_up_by_force]


@pytest.mark.parametrize("set_up", SET_UPS, ids=lambda set_up: set_up.__name__)
def test_the_code_that_confirmed_a_phone_is_used_up_on_every_node(
    people: People, http: httpx.Client, set_up: Way, elsewhere: People
) -> None:
    """Stops: the code over the shoulder of somebody who sets up, at their first sign-in, here and elsewhere."""
    user, phone = set_up(people, http)
    user, code = people.look_up(user), phone.code(NOON)
    for node in (people, elsewhere):
        sign_in = node.attempt(user)
        for write in FORMS.values():
            assert node.give_code(sign_in, write(code)) == UsedCode(5)
    at = later(seconds=30)
    assert isinstance(elsewhere.give_code(elsewhere.attempt(user, at=at), phone.code(at), at=at), SignedIn)


# --- other nodes, restarts, and codes of the future


@pytest.fixture
def elsewhere(database_url: str) -> Iterator[People]:
    """Another node on the same database, or the same one after a restart: nothing but the database is shared."""
    with context_on(database_url) as context:
        yield People(context)


def test_a_code_is_used_up_after_restarts_and_on_other_nodes_in_every_form(people: People, database_url: str) -> None:
    """Stops: a memory of used codes that is a process's own. N on the first, N-1 on the next, N on the one after."""
    user, factor = people.protected()
    before, code = (factor.phone.code(later(seconds=seconds)) for seconds in (-30, 0))
    assert isinstance(people.give_code(people.attempt(user), code), SignedIn)
    for typed in (before, code, *(write(code) for write in FORMS.values())):
        with context_on(database_url) as context:
            node = People(context)
            assert node.give_code(node.attempt(user), typed) == UsedCode(5)


@pytest.mark.parametrize("operation", ["sign in", "page: add", "remove one"])
def test_a_future_code_that_was_tried_in_one_operation_is_used_up_in_all(
    operations: Operations, frozen_clock: FrozenClock, operation: str
) -> None:
    """Stops: an attacker who saw codes to come, on a phone whose clock was put forward, and has hints check them."""
    frozen_clock.at = later(minutes=3)
    code = operations.phone.code(frozen_clock.at)
    frozen_clock.at = NOON
    assert operations.give(operation, code) not in {"taken", "used", "malformed"}
    frozen_clock.at = later(minutes=3)
    assert [
        operations.give(other, code) for other in ("sign in", "add", "page: sign in", "page: regenerate", operation)
    ] == ["used"] * 5
    assert operations.give(operation, operations.phone.code(frozen_clock.forward(seconds=30))) == "taken"
