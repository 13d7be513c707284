"""Links: built from the settings alone, spent by nobody who only opens them, dead when they should be.

What else holds this class: `resets/test_confirm.py`, `recovery/test_password_flow.py`, `recovery/test_flow.py` and
`recovery/test_not_me_flow.py` (each kind by its own flow), `resets/test_pages.py` and `recovery/test_pages.py` (what
the pages say), `attacks/test_parallel.py` (one link many times at once). Here every kind goes through the door that a
person, a mail scanner or a thief uses.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from tests.admin.room import agent
from tests.attacks.forged import EVIL, OWN, VARIANTS, Headers
from tests.attacks.postbox import Postbox
from tests.harness.api import Api
from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.databases import Backend
from tests.harness.houses import Hands, client_of, house_on
from tests.harness.pages import Visitor
from tests.harness.people import NEW_PASSWORD, PASSWORD, VISITOR, Factor, People
from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.person import Person
from twofold.kit.db import metadata
from twofold.kit.tokens import new_id
from twofold.provisioning import key_flow
from twofold.recovery import flow as recovery
from twofold.recovery import password_flow
from twofold.resets import flow as resets
from twofold.resets.outcomes import CaseOpened

BASE = f"https://{OWN}"
REASON = "Lost her phone on the train."


class Stage:
    """Grace, an administrator, Sam, an agent, the operator's program, and as many others as a test needs."""

    def __init__(self, people: People, http: httpx.Client) -> None:
        self.people, self.house, self.http = people, people.house, http
        self.post = Postbox(people)
        self.grace, self.graces = people.protected("grace@acme.example", role="admin")
        self.session = people.token(self.grace, self.graces.phone, at=later(minutes=-2))
        made = key_flow.create_key(self.house.db, "The product", actor=audit.CONSOLE, at=NOON)
        assert isinstance(made, key_flow.MadeKey)
        self.key = made.key
        self._sam: Person | None = None
        self.post.deliver()

    @property
    def sam(self) -> Person:
        """An agent, made when one is needed."""
        if self._sam is None:
            self._sam, _ = agent(self.people)
        return self._sam

    def other(self, **values: Any) -> Person:
        """Make somebody whom nobody has met."""
        return self.people.person(f"{new_id().hex}@acme.example", **values)

    def with_factor(self) -> Person:
        """Make somebody whose second factor can be reset; nobody will use it."""
        return self.other(second_factor_since=later(days=-1))

    def form(self, path: str, headers: Headers, *, session: str = "", **fields: str) -> httpx.Response:
        """Send a form of our own page, with headers that say otherwise."""
        own = [("Origin", BASE), ("Cookie", f"__Host-twofold_session={session}")] if session else [("Origin", BASE)]
        return self.http.post(path, data=fields, headers=[*own, *headers])

    def call(self, method: str, path: str, headers: Headers, token: str, **body: Any) -> httpx.Response:
        own = [("Authorization", f"Bearer {token}")]
        return self.http.request(method, f"/api/v1{path}", json=body, headers=[*own, *headers])

    def open_case(self, person: Person, by: Person | None = None, at: datetime = NOON) -> UUID:
        opened = resets.open_case(self.house, by or self.grace, person, REASON, visitor=VISITOR, at=at)
        assert isinstance(opened, CaseOpened), opened
        return opened.id

    def link(self, kind: str, person: Person, at: datetime = NOON) -> str:
        """Let a link of a kind be asked for at noon, and go out at a moment; return its token."""
        KINDS[kind].ask(self, person)
        return self.post.token(KINDS[kind].path, at, to=person.email)

    def use(self, kind: str, token: str) -> int:
        """Press the button of a link; return what is answered."""
        fields = KINDS[kind].fields
        return Visitor(self.http).post(f"/{KINDS[kind].path}/{token}", **fields).status

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return everything that rests in the database."""
        with self.house.db.read() as connection:
            return {
                table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
                for table in metadata.sorted_tables
            }


# --- each link leads to the configured address, whatever a request says of where it came to


@pytest.fixture
def public(database_url: str, hands: Hands) -> Iterator[Stage]:
    """Serve a house by https under a name of its own, as behind a proxy."""
    with house_on(database_url, base_url=BASE) as house, client_of(house) as http:
        yield Stage(People(house), http)


Door = Callable[[Stage, Headers], httpx.Response]


def forgot_password(stage: Stage, forged: Headers) -> httpx.Response:
    return stage.form("/forgot-password", forged, email=stage.other(password=None).email)


def sign_in(stage: Stage, forged: Headers) -> httpx.Response:
    """Lead to the mailed code, whose letter names the page for a forgotten password."""
    stage.people.set_account(stage.people.acme, policy="required")
    return stage.form("/sign-in", forged, email=stage.other().email, password=PASSWORD)


def invitation(stage: Stage, forged: Headers) -> httpx.Response:
    body = {"email": f"{new_id().hex}@acme.example", "name": "New"}
    return stage.call("POST", "/invitations", forged, stage.session, **body)


def invitation_by_form(stage: Stage, forged: Headers) -> httpx.Response:
    new = {"email": f"{new_id().hex}@acme.example", "name": "New", "role": "member", "licensed": "yes"}
    return stage.form("/people/invite", forged, session=stage.session, **new)


def invitation_again(stage: Stage, forged: Headers) -> httpx.Response:
    waiting = stage.other(password=None)
    return stage.form(f"/people/{waiting.id}/invitation", forged, session=stage.session)


def reset(stage: Stage, forged: Headers) -> httpx.Response:
    path = f"/users/{stage.with_factor().id}/two-factor-resets"
    return stage.call("POST", path, forged, stage.session, reason=REASON)


def reset_by_form(stage: Stage, forged: Headers) -> httpx.Response:
    return stage.form(f"/people/{stage.with_factor().id}/reset", forged, session=stage.session, reason=REASON)


def reset_again(stage: Stage, forged: Headers) -> httpx.Response:
    case = stage.open_case(stage.with_factor())
    return stage.form(f"/resets/case/{case}/delivery", forged, session=stage.session)


def refusal(stage: Stage, forged: Headers) -> httpx.Response:
    """Tell the administrators, with the address of the case."""
    return stage.form(f"/resets/{stage.link('reset', stage.with_factor())}", forged, answer="refuse")


def new_address(stage: Stage, forged: Headers) -> httpx.Response:
    """Tell the old mailbox, with a link to freeze the account."""
    path = f"/users/{stage.other(password=None).id}"
    return stage.call("PATCH", path, forged, stage.key, email=f"{new_id().hex}@acme.example")


def freezing(stage: Stage, forged: Headers) -> httpx.Response:
    """Tell the administrators, with the address of the person."""
    return stage.form(f"/not-me/{stage.link('not me', stage.other(password=None))}", forged)


def unfreezing(stage: Stage, forged: Headers) -> httpx.Response:
    frozen = stage.other(password=None, frozen_at=NOON)
    return stage.form(f"/people/{frozen.id}/unfreeze", forged, session=stage.session, reason=REASON)


PREPARING = {"reset_confirm"}  # what goes out before a door is tried

SENDING = [
    forgot_password, sign_in, invitation, invitation_by_form, invitation_again, reset, reset_by_form, reset_again,
    refusal, new_address, freezing, unfreezing,
]  # fmt: skip


@pytest.mark.parametrize("door", SENDING, ids=lambda door: door.__name__)
def test_no_header_of_a_request_gets_into_a_letter_or_a_redirect(public: Stage, backend: Backend, door: Door) -> None:
    """Stops: poisoned links, with the name of a host that the request brings along."""
    taken = 0
    for forged in some(VARIANTS, backend):
        answer = door(public, forged)
        clean(answer, forged)
        letters = public.post.deliver()
        if answer.status_code == 400 and forged[0][0] == "Host":  # no name of a host at all: refused by everything
            assert not [letter for letter in letters if letter.kind not in PREPARING], forged
            continue
        assert answer.status_code in {200, 201, 303}, (forged, answer.text)
        assert letters, forged
        assert any(f"{BASE}/" in letter.text for letter in letters), forged
        taken += 1
        for letter in letters:
            links = re.findall(r"[a-z]+://[^\s<>\"')]+", letter.text + letter.html)
            assert all(link.rstrip(".,") == BASE or link.startswith(f"{BASE}/") for link in links), (forged, links)
            assert EVIL not in (letter.text + letter.html + letter.subject).lower(), (forged, letter.kind)
    assert taken >= (50 if backend == "sqlite" else 5)


REDIRECTS = {
    "/": "/profile",
    "/profile": "/sign-in?return_to=/profile",
    "/people": "/sign-in?return_to=/people",
    "/resets": "/sign-in?return_to=/resets",
    "/support": "/sign-in?return_to=/support",
    "/sign-in/code": "/sign-in",
    "/sign-in/verify-email": "/sign-in",
    "/forgot-password": None,
    "/nowhere": None,
    "/profile/": "/sign-in?return_to=/profile",
    f"//{EVIL}/profile": None,
}


def test_every_redirect_is_a_path_of_our_own(public: Stage, backend: Backend) -> None:
    """Stops: a redirect to the host that a request names; every one of ours is a path."""
    for path, leads_to in REDIRECTS.items():
        for forged in some(VARIANTS, backend):
            answer = public.http.get(f"{BASE}{path}", headers=forged)
            clean(answer, forged)
            if answer.status_code != 400:
                assert answer.headers.get("location") == leads_to, (path, forged)


def some(variants: list[Headers], backend: Backend) -> list[Headers]:
    """Return all variants, or a few: no database ever sees a header, and letters are composed alike on both."""
    return variants if backend == "sqlite" else variants[::9]


def clean(answer: httpx.Response, forged: Headers) -> None:
    """Check that nothing of a forged header is in an answer, and that it leads nowhere else."""
    assert EVIL not in answer.text.lower(), forged
    assert EVIL not in repr(answer.headers.raw).lower(), forged
    location = answer.headers.get("location", "/")
    assert re.match(r"/(?![/\\])", location), (forged, location)


# --- every kind of link


class Kind:
    """A kind of link: how it is asked for, where it leads, what is sent by its button, how long it lives."""

    def __init__(self, ask: Callable[[Stage, Person], object], path: str, life: timedelta, **fields: str) -> None:
        self.ask, self.path, self.life, self.fields = ask, path, life, fields


def ask_forgot(stage: Stage, person: Person) -> None:
    password_flow.ask(stage.house, person.email, visitor=VISITOR, at=NOON)


def ask_invitation(stage: Stage, person: Person) -> None:
    with stage.house.db.write() as connection:
        recovery.invite(stage.house, connection, person, NOON, audit.user(stage.grace.id))


def ask_unfrozen(stage: Stage, person: Person) -> None:
    stage.people.set_person(person, frozen_at=NOON)
    with stage.house.db.write() as connection:
        recovery.unfreeze(stage.house, connection, person, actor=audit.CONSOLE, reason=REASON, at=NOON)


def ask_not_me(stage: Stage, person: Person) -> None:
    """Be told of a change."""
    with stage.house.db.write() as connection:
        directory.tell(stage.house, connection, person, "password_changed", NOON, address="", browser="")


def ask_agent(stage: Stage, person: Person) -> None:
    stage.open_case(person, stage.sam)


CHOSEN = {"new_password": NEW_PASSWORD}
CONFIRMED = {"answer": "confirm", "password": PASSWORD}
KINDS = {
    "reset": Kind(Stage.open_case, "resets", timedelta(minutes=15), **CONFIRMED),
    "reset by an agent": Kind(ask_agent, "resets", timedelta(minutes=15), **CONFIRMED),
    "forgot": Kind(ask_forgot, "set-password", timedelta(hours=1), **CHOSEN),
    "invitation": Kind(ask_invitation, "set-password", timedelta(hours=1), **CHOSEN),
    "unfrozen": Kind(ask_unfrozen, "set-password", timedelta(days=1), **CHOSEN),
    "not me": Kind(ask_not_me, "not-me", timedelta(days=7)),
}


@pytest.fixture
def stage(people: People, http: httpx.Client) -> Stage:
    return Stage(people, http)


SINCE = {"second_factor_since": later(days=-1)}
HOLDERS: dict[str, dict[str, Any]] = {"reset": SINCE, "reset by an agent": SINCE, "invitation": {"password": None}}


def holder(stage: Stage, kind: str) -> Person:
    """Make somebody who can be sent a link of a kind."""
    return stage.people.person(**HOLDERS.get(kind, {}))


SCANNERS: list[Headers] = [
    [],
    [("Purpose", "prefetch")],
    [("Sec-Purpose", "prefetch;prerender"), ("Sec-Fetch-Mode", "navigate")],
    [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "document")],
    [("User-Agent", "Mozilla/5.0 (compatible; BingPreview/1.0b)")],
    [("Range", "bytes=0-1023")],
]


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_only_opens_a_link_spends_nothing(stage: Stage, kind: str) -> None:
    """Stops: mail scanners, prefetching browsers and previews that use a link up, or do what its button does."""
    person = holder(stage, kind)
    path = f"/{KINDS[kind].path}/{stage.link(kind, person)}"
    before = stage.rows()
    for _ in range(2):
        for headers in SCANNERS:
            opened = [stage.http.request(method, path, headers=headers) for method in ("GET", "HEAD", "OPTIONS")]
            assert [answer.status_code for answer in opened][:2] == [200, 200]
            assert "set-cookie" not in opened[0].headers
    for query in ("?utm_source=mail", "?answer=confirm&password=x", "?new_password=x", "?confirm=1", "?_method=POST"):
        assert stage.http.get(path + query).status_code == 200
    for method in ("GET", "HEAD", "POST"):  # a click that was sent on by another site, or by a program
        stage.http.request(method, path, headers={"X-HTTP-Method-Override": "POST", "Sec-Fetch-Site": "cross-site"})
    assert stage.rows() == before
    assert stage.use(kind, path.rpartition("/")[2]) == 200


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_link_lives_to_the_second_counted_from_when_its_letter_went_out(
    stage: Stage, hands: Hands, kind: str, seconds: int
) -> None:
    """Stops: a link that outlives its time, or dies in a slow queue: 14:59 counts, 15:00 and 15:01 do not."""
    hands.at = later(hours=2)
    token = stage.link(kind, holder(stage, kind), hands.at)
    hands.at += KINDS[kind].life + timedelta(seconds=seconds)
    assert stage.use(kind, token) == (200 if seconds < 0 else 410)
    assert stage.use(kind, token) == 410


# --- older after newer (the same reset sent again: resets/test_flow.py)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("reset", "reset"),
        ("forgot", "forgot"),
        ("invitation", "invitation"),
        ("invitation", "forgot"),
        ("forgot", "unfrozen"),
        ("unfrozen", "forgot"),
    ],
)
def test_a_newer_link_is_the_only_one_that_counts(stage: Stage, older: str, newer: str) -> None:
    """Stops: an old letter, found later; also one of another kind that opens the same door."""
    person = holder(stage, older)
    old, new = (stage.link(kind, person) for kind in (older, newer))
    assert old != new
    assert stage.use(older, old) == 410
    assert stage.use(newer, new) == 200
    assert stage.use(older, old) == 410


# --- what else a link dies of, by the doors that such things happen at (more: test_confirm.py, test_password_flow.py)


Happens = Callable[[Stage, Person, Factor], None]


def owner(stage: Stage, person: Person, factor: Factor) -> Api:
    return Api(stage.http, stage.people.token(person, factor.phone, at=later(minutes=-5)))


def confirm(api: Api, opened: Any, code_at: datetime = NOON) -> None:
    phone = Authenticator.open(opened["otpauth_uri"])
    path = f"/two-factor/enrolments/{opened['enrolment']}/confirmation"
    api.keep(api.post(path, code=phone.code(code_at)))


def new_phone(stage: Stage, person: Person, factor: Factor) -> None:
    """Find the backup code again, and replace the phone."""
    api = owner(stage, person, factor)
    [old] = api.get("/two-factor")["authenticators"]
    proofs = {"password": PASSWORD, "backup_code": factor.backup_code, "replaces": old["id"]}
    confirm(api, api.post("/two-factor/enrolments", **proofs))


def patched(of: str, **change: Any) -> Happens:
    def happens(stage: Stage, person: Person, _factor: Factor) -> None:
        """Let the operator's program change them."""
        stage.people.person("linus@acme.example", role="admin")  # so that Grace is not the last one
        wanted = {"owner": person, "issuer": stage.grace}[of]
        answer = Api(stage.http, stage.key).patch(f"/users/{wanted.id}", **change)
        assert answer.status == 200, answer

    return happens


def away_and_back(stage: Stage, person: Person, factor: Factor) -> None:
    patched("owner", active=False)(stage, person, factor)
    assert Api(stage.http, stage.key).patch(f"/users/{person.id}", active=True).status == 200


def sso(stage: Stage, person: Person, _factor: Factor) -> None:
    path = f"/accounts/{person.account_id}"
    change = {"sso": True, "sso_url": "https://sso.acme.example", "sso_domains": ["acme.example"]}
    assert Api(stage.http, stage.key).patch(path, **change).status == 200


def sam(**change: Any) -> Happens:
    def happens(stage: Stage, _person: Person, _factor: Factor) -> None:
        """Change the agent, whom only the people who run Twofold can change."""
        stage.people.set_person(stage.sam, **change)

    return happens


ADDRESS = {"email": "ada@home.example"}
DEATHS: list[tuple[str, str, Happens]] = [
    ("reset", "a new phone", new_phone),
    ("reset", "a new address", patched("owner", **ADDRESS)),
    ("reset", "its owner was away", away_and_back),
    ("reset", "single sign-on", sso),
    ("reset", "its issuer was demoted", patched("issuer", role="member")),
    ("reset by an agent", "its issuer was demoted", sam(role="member")),
    ("reset by an agent", "its issuer was deactivated", sam(active=False)),
    ("forgot", "a new address", patched("owner", **ADDRESS)),
    ("forgot", "its owner was away", away_and_back),
    ("invitation", "a new address", patched("owner", **ADDRESS)),
    ("invitation", "its owner was away", away_and_back),
    ("unfrozen", "a new address", patched("owner", **ADDRESS)),
]
LIVES: list[tuple[str, str, Happens]] = [
    # Whom an account invited it goes on inviting, whoever sent the letter.
    ("invitation", "its issuer was demoted", patched("issuer", role="member")),
    ("invitation", "its issuer was deactivated", patched("issuer", active=False)),
    # The old mailbox is where its owner learns that somebody took the address away.
    ("not me", "a new address", patched("owner", **ADDRESS)),
    ("not me", "a new phone", new_phone),
    # Nothing that a link to choose a password is bound to: the second factor is asked for all the same.
    ("forgot", "a new phone", new_phone),
]


CASES = {
    f"{kind}, {what}": (kind, happens, status)
    for status, cases in ((410, DEATHS), (200, LIVES))
    for kind, what, happens in cases
}


@pytest.mark.parametrize("case", CASES)
def test_a_link_dies_of_what_it_was_bound_to_and_of_nothing_else(stage: Stage, case: str) -> None:
    """Stops: a letter that outlives the reason for it, the mailbox that it went to, or the right of whoever sent it."""
    kind, happens, status = CASES[case]
    person, factor = holder_with_factor(stage, kind)
    token = stage.link(kind, person)
    happens(stage, person, factor)
    assert stage.use(kind, token) == status
    if kind in {"reset", "reset by an agent"}:
        assert stage.people.look_up(person).has_second_factor


def holder_with_factor(stage: Stage, kind: str) -> tuple[Person, Factor]:
    if kind == "invitation":
        return stage.people.person(password=None), stage.graces
    return stage.people.protected()


# --- what one does with a link that was mailed


def test_a_link_never_signs_anybody_in(stage: Stage) -> None:
    """Stops: a mailbox that is a session: no link gives a cookie or a token, and a set password asks for the factor."""
    for number, kind in enumerate(KINDS):
        person = stage.people.person(f"{number}@acme.example", **HOLDERS.get(kind, {}))
        visitor = Visitor(stage.http)
        path = f"/{KINDS[kind].path}/{stage.link(kind, person)}"
        visitor.get(path)
        assert visitor.post(path, **KINDS[kind].fields).status == 200
        assert not visitor.cookie("twofold_session")
        assert visitor.get("/profile").path == "/sign-in"
