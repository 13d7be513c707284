"""Links lead to the configured address, whatever a request says of where it came to.

Two defences, each tried alone: a request that names another Host is turned away at the edge; and behind it nothing that
a request says of a host gets into a letter or a redirect.

What else holds this class: `kit/test_letters.py` and `resets/test_letters.py` (letters are built from the settings).
"""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.attacks.forged import COMMON, EVIL, VARIANTS, Headers
from tests.attacks.mailed import BASE, REASON, Stage
from tests.harness.clock import NOON
from tests.harness.contexts import FrozenClock, client_of, context_on
from tests.harness.databases import Backend
from tests.harness.people import PASSWORD, People
from twofold.kit.crypto.tokens import new_id
from twofold.kit.http.addresses import OwnHost


@pytest.fixture
def public(database_url: str, frozen_clock: FrozenClock) -> Iterator[Stage]:
    """Serve an application by https under a name of its own, as behind a proxy."""
    with context_on(database_url, base_url=BASE) as context, client_of(context) as http:
        yield Stage(People(context), http)


Operation = Callable[[Stage, Headers], httpx.Response]


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


PREPARING = {"reset_confirm"}  # what goes out before a path is tried

SENDING: list[Operation] = [
    forgot_password, sign_in, invitation, invitation_by_form, invitation_again, reset, reset_by_form, reset_again,
    refusal, new_address, freezing, unfreezing,
]  # fmt: skip


# What is tried with each operation. Each other variant meets a fourth of them, since no letter's writer sees a request.
EVERYWHERE = [variant for variant in VARIANTS if len(variant) == 1 and variant[0] in COMMON]
SHARES = 4


@pytest.mark.parametrize("operation", SENDING, ids=lambda operation: operation.__name__)
def test_a_request_to_another_host_sends_nobody_a_letter(public: Stage, backend: Backend, operation: Operation) -> None:
    """Stops: poisoned links at the edge; and DNS rebinding."""
    for forged in some([variant for variant in VARIANTS if variant[0][0] == "Host"], backend):
        answer = operation(public, forged)
        clean(answer, forged)
        assert answer.status_code == 421, forged
        assert not [letter for letter in public.post.deliver() if letter.kind not in PREPARING], forged


@pytest.fixture
def any_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the edge take every Host."""
    monkeypatch.setattr(OwnHost, "fits", lambda *_: True)


@pytest.mark.usefixtures("any_host")
@pytest.mark.parametrize("operation", SENDING, ids=lambda operation: operation.__name__)
def test_no_header_of_a_request_gets_into_a_letter_or_a_redirect(
    public: Stage, backend: Backend, operation: Operation
) -> None:
    """Stops: poisoned links, with the name of a host that the request brings along."""
    variants = EVERYWHERE + VARIANTS[SENDING.index(operation) % SHARES :: SHARES]
    taken = taken_and_clean(public, operation, some(variants, backend))
    assert taken >= (15 if backend == "sqlite" else 2)


@pytest.mark.soak
@pytest.mark.usefixtures("any_host")
@pytest.mark.parametrize("operation", SENDING, ids=lambda operation: operation.__name__)
def test_none_of_all_headers_gets_into_a_letter_or_a_redirect(public: Stage, operation: Operation) -> None:
    assert taken_and_clean(public, operation, VARIANTS) >= 50


def taken_and_clean(public: Stage, operation: Operation, variants: list[Headers]) -> int:
    """Check what an operation answers and mails to forged headers; return how many requests were taken."""
    taken = 0
    for forged in variants:
        answer = operation(public, forged)
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
    return taken


HANDLE = re.compile(r"[0-9a-f-]{36}$")  # of where somebody wanted to go: it is kept by us
REDIRECTS = {
    "/": "/profile",
    "/profile": "/sign-in",
    "/people": "/sign-in?return_to=",
    "/resets": "/sign-in?return_to=",
    "/support": "/sign-in?return_to=",
    "/sign-in/code": "/sign-in",
    "/sign-in/verify-email": "/sign-in",
    "/forgot-password": None,
    "/nowhere": None,
    "/profile/": None,
    f"//{EVIL}/profile": None,
}


@pytest.mark.usefixtures("any_host")
def test_every_redirect_is_a_path_of_our_own(public: Stage, backend: Backend) -> None:
    """Stops: a redirect to the host that a request names; every one of ours is a path."""
    for path, leads_to in REDIRECTS.items():
        for forged in some(VARIANTS, backend):
            answer = public.http.get(f"{BASE}{path}", headers=forged)
            clean(answer, forged)
            if answer.status_code != 400:
                location = answer.headers.get("location")
                assert location == leads_to or HANDLE.sub("", location or "") == leads_to, (path, forged)


def some(variants: list[Headers], backend: Backend) -> list[Headers]:
    """Return all variants, or a few: no database ever sees a header, and letters are composed alike on both."""
    return variants if backend == "sqlite" else variants[::9]


def clean(answer: httpx.Response, forged: Headers) -> None:
    """Check that nothing of a forged header is in an answer, and that it leads nowhere else."""
    assert EVIL not in answer.text.lower(), forged
    assert EVIL not in repr(answer.headers.raw).lower(), forged
    location = answer.headers.get("location", "/")
    assert re.match(r"/(?![/\\])", location), (forged, location)
