"""Links: spent by nobody who only opens them, dead when they should be.

What else holds this class: `resets/test_confirm.py`, `recovery/test_password_flow.py`, `recovery/test_flow.py` and
`recovery/test_not_me_flow.py` (each kind by its own flow), `resets/test_pages.py` and `recovery/test_pages.py` (what
the pages say), `attacks/test_parallel.py` (one link many times at once). Here every kind goes through the page that a
person, a mail scanner or an attacker uses. That no request gets its own host into one: `attacks/test_forged_hosts.py`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.attacks.forged import Headers
from tests.attacks.mailed import KINDS, Stage, holder
from tests.harness.api import Api
from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.pages import WebClient
from tests.harness.people import PASSWORD, Factor, People
from twofold.directory.user import User


@pytest.fixture
def stage(people: People, http: httpx.Client) -> Stage:
    return Stage(people, http)


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
    user = holder(stage, kind)
    path = f"/{KINDS[kind].path}/{stage.link(kind, user)}"
    before = stage.rows()
    for _ in range(2):
        for headers in SCANNERS:
            opened = [stage.http.request(method, path, headers=headers) for method in ("GET", "HEAD", "OPTIONS")]
            assert [answer.status_code for answer in opened][:2] == [303, 303]
            assert session_cookies(opened[0]) == []
            carried = cookie_of(opened[0])
            followed = [
                stage.http.request(method, KINDS[kind].page, headers=[*headers, carried])
                for method in ("GET", "HEAD", "OPTIONS")
            ]
            assert [answer.status_code for answer in followed][:2] == [200, 200]
            assert "set-cookie" not in followed[0].headers
    carried = cookie_of(stage.http.get(path))
    for query in ("?utm_source=mail", "?answer=confirm&password=x", "?new_password=x", "?confirm=1", "?_method=POST"):
        assert stage.http.get(path + query).status_code == 303
        assert stage.http.get(KINDS[kind].page + query, headers=[carried]).status_code == 200
    for method in ("GET", "HEAD", "POST"):  # a click that was sent on by another site, or by a program
        stage.http.request(method, path, headers={"X-HTTP-Method-Override": "POST", "Sec-Fetch-Site": "cross-site"})
    assert stage.rows() == before
    assert stage.use(kind, path.rpartition("/")[2]) == 200


def cookie_of(answer: httpx.Response) -> tuple[str, str]:
    """Return the header by which a browser that got this answer goes on; TestClient keeps no cookies here."""
    return "Cookie", answer.headers["set-cookie"].partition(";")[0]


def session_cookies(answer: httpx.Response) -> list[str]:
    names = [line.partition("=")[0] for line in answer.headers.get_list("set-cookie")]
    return [name for name in names if not name.endswith("_link")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_link_lives_to_the_second_counted_from_when_its_letter_went_out(
    stage: Stage, frozen_clock: FrozenClock, kind: str
) -> None:
    """Stops: a link that outlives its time, or dies in a slow queue: 14:59 counts, 15:00 and 15:01 do not."""
    for number, seconds in enumerate((-1, 0, 1)):
        sent_at = frozen_clock.at = later(hours=2)
        token = stage.link(kind, holder(stage, kind, f"{number}@acme.example"), sent_at)
        frozen_clock.at = sent_at + KINDS[kind].life + timedelta(seconds=seconds)
        assert stage.use(kind, token) == (200 if seconds < 0 else 410), seconds
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
        ("browser", "browser"),
    ],
)
def test_a_newer_link_is_the_only_one_that_counts(stage: Stage, older: str, newer: str) -> None:
    """Stops: an old letter, found later; also one of another kind that opens the same page."""
    user = holder(stage, older)
    old, new = (stage.link(kind, user) for kind in (older, newer))
    assert old != new
    assert stage.use(older, old) == 410
    assert stage.use(newer, new) == 200
    assert stage.use(older, old) == 410


# --- what else a link dies of, by what does it (more: test_confirm.py, test_password_flow.py)


Happens = Callable[[Stage, User, Factor], None]


def owner(stage: Stage, user: User, factor: Factor) -> Api:
    return Api(stage.http, stage.people.token(user, factor.phone, at=later(minutes=-5)))


def confirm(api: Api, opened: Any, code_at: datetime = NOON) -> None:
    phone = Authenticator.open(opened["otpauth_uri"])
    path = f"/two-factor/enrolments/{opened['enrolment']}/confirmation"
    api.keep(api.post(path, code=phone.code(code_at)))


def new_phone(stage: Stage, user: User, factor: Factor) -> None:
    """Find the backup code again, and replace the phone."""
    api = owner(stage, user, factor)
    [old] = api.get("/two-factor")["authenticators"]
    proofs = {"password": PASSWORD, "backup_code": factor.backup_code, "replaces": old["id"]}
    confirm(api, api.post("/two-factor/enrolments", **proofs))


def patched(of: str, **change: Any) -> Happens:
    def happens(stage: Stage, user: User, _factor: Factor) -> None:
        """Let the operator's program change them."""
        stage.people.user("linus@acme.example", role="admin")  # so that Grace is not the last one
        wanted = {"owner": user, "issuer": stage.grace}[of]
        answer = Api(stage.http, stage.key).patch(f"/users/{wanted.id}", **change)
        assert answer.status == 200, answer

    return happens


def away_and_back(stage: Stage, user: User, factor: Factor) -> None:
    patched("owner", active=False)(stage, user, factor)
    assert Api(stage.http, stage.key).patch(f"/users/{user.id}", active=True).status == 200


def sso(stage: Stage, user: User, _factor: Factor) -> None:
    path = f"/accounts/{user.account_id}"
    change = {"sso": True, "sso_url": "https://sso.acme.example", "sso_domains": ["acme.example"]}
    assert Api(stage.http, stage.key).patch(path, **change).status == 200


def sam(**change: Any) -> Happens:
    def happens(stage: Stage, _user: User, _factor: Factor) -> None:
        """Change the agent, whom only the people who run Twofold can change."""
        stage.people.set_user(stage.sam, **change)

    return happens


ADDRESS = {"email": "ada@home.example"}
CLOSE_REASONS: list[tuple[str, str, Happens]] = [
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
    ("browser", "a new address", patched("owner", **ADDRESS)),
    ("browser", "its owner was away", away_and_back),
    ("browser", "single sign-on", sso),
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
    ("browser", "a new phone", new_phone),
]


CASES = {
    f"{kind}, {what}": (kind, happens, status)
    for status, cases in ((410, CLOSE_REASONS), (200, LIVES))
    for kind, what, happens in cases
}


@pytest.mark.parametrize("case", CASES)
def test_a_link_dies_of_what_it_was_bound_to_and_of_nothing_else(stage: Stage, case: str) -> None:
    """Stops: a letter that outlives the reason for it, the mailbox that it went to, or the right of whoever sent it."""
    kind, happens, status = CASES[case]
    user, factor = holder_with_factor(stage, kind)
    token = stage.link(kind, user)
    happens(stage, user, factor)
    assert stage.use(kind, token) == status
    if kind in {"reset", "reset by an agent"}:
        assert stage.people.look_up(user).has_second_factor


def holder_with_factor(stage: Stage, kind: str) -> tuple[User, Factor]:
    if kind == "invitation":
        return stage.people.user(password=None), Factor(Authenticator(""), "")
    return stage.people.protected()


# --- what one does with a link that was mailed


def test_a_link_never_signs_anybody_in(stage: Stage) -> None:
    """Stops: a mailbox that is a session: no link gives a cookie or a token, and a set password asks for the factor."""
    for number, kind in enumerate(KINDS):
        user = holder(stage, kind, f"{number}@acme.example")
        web_client = WebClient(stage.http)
        path = f"/{KINDS[kind].path}/{stage.link(kind, user)}"
        web_client.get(path)
        assert web_client.post(path, **KINDS[kind].fields).status == 200
        assert not web_client.cookie("twofold_session")
        assert web_client.get("/profile").path == "/sign-in"
