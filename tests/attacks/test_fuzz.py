"""Attacks with nonsense: the API against its own description, and pages against forms that no browser sends.

Each operation of the description is first called as it should be, and must succeed (tests/attacks/world.py). Then
schemathesis draws what the description allows and what it forbids, and fields of it are mixed into the call that
succeeds: what is drawn alone would seldom come further than the first check. The database is put back before each call.
Whatever comes in, nothing breaks (no 5xx), status and content type are declared, the body is as its schema says, and
nothing happens to a bystander in another account.
"""

import inspect
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.attacks.world import Seed, World
from tests.harness.api import ROOT
from tests.harness.contexts import FrozenClock
from tests.harness.databases import Backend
from tests.harness.people import People
from twofold.app import PAGES
from twofold.kit.http.problems import MEDIA_TYPE, TITLES

EXAMPLES = {"sqlite": 5, "postgresql": 1}
FEW = 1
# As long as an id, and none; an id written otherwise; one of nothing.
ODD_IDS = ["x" * 36, "\u0660" * 36, "-" * 36, "{00000000-0000-4000-8000-0000000000}"]
ROLES = ["nobody", "member", "plain", "admin", "support", "operator"]
OWN = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"


@pytest.fixture
def world(people: People, http: httpx.Client, frozen_clock: FrozenClock) -> World:
    return World(people, http, frozen_clock)


# --- the API


class Fuzz:
    """The operations of the description, and what is wrong with an answer."""

    def __init__(self, world: World) -> None:
        load_all_checks()
        self.world, self.seeds = world, world.seeds()
        self.schema = schemathesis.openapi.from_dict(world.http.get("/api/openapi.json").json())
        self.operations = {
            f"{one.method.upper()} {one.path.removeprefix(ROOT)}": one
            for one in (cast("Any", result).ok() for result in self.schema.get_all_operations())
        }
        self._conforms = CHECKS.get_by_names(["response_schema_conformance"])
        self.seen: Counter[int] = Counter()

    def send(self, case: Any, role: str) -> httpx.Response:
        """Send a call as it was drawn, to the database as it was at first."""
        self.world.restore()
        token = self.world.tokens[role]
        said = case.as_transport_kwargs(base_url=str(self.world.http.base_url).rstrip("/"))
        headers = {k: v for k, v in said["headers"].items() if str(v).isascii() and str(v).isprintable()}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        body = {"json": said["json"]} if "json" in said else {"content": said.get("data")}
        answer = self.world.http.request(said["method"], said["url"], params=said["params"], headers=headers, **body)
        self.world.http.cookies.clear()
        self.seen[answer.status_code] += 1
        return answer

    def fault(self, operation: Any, answer: httpx.Response, case: Any = None) -> str:
        """Say what is wrong with an answer; nothing where it is as the description has it."""
        status, kind = answer.status_code, answer.headers.get("content-type", "").partition(";")[0]
        declared = operation.definition.raw["responses"]
        if status >= 500:
            return f"broke: {status} {answer.text[:300]}"
        if str(status) not in declared:
            return f"answered {status}, declared are {sorted(declared)}: {answer.text[:300]}"
        kinds = list(declared[str(status)].get("content", {}))
        if kinds != ([kind] if kind else []):
            return f"answered {status} as {kind or 'nothing'}, declared is {kinds}"
        if status >= 400:
            problem = answer.json()
            if kind != MEDIA_TYPE or problem["code"] not in TITLES or problem["status"] != status:
                return f"refused without a stable code: {status} {kind} {answer.text[:300]}"
        elif bool(answer.content) != bool(kinds):
            return f"answered {status} with {len(answer.content)} bytes, declared is {kinds}"
        if case is not None and kinds:
            case.validate_response(answer, checks=self._conforms)
        return ""


def seeded(operation: Any, seed: Seed) -> Any:
    """Return the call that goes all the way."""
    body = {} if seed.body is None else {"body": dict(seed.body), "media_type": "application/json"}
    return operation.Case(path_parameters=dict(seed.path), query=dict(seed.query), **body)


@st.composite
def calls(draw: st.DrawFn, operation: Any, seed: Seed) -> tuple[str, Any]:
    """Draw who calls, and with what: the call that succeeds, with parts of it left out or drawn from the schema."""
    mode = draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    case: Any = draw(operation.as_strategy(generation_mode=mode))
    case.path_parameters = {
        name: kept if draw(st.booleans()) or "/" in str(drawn) or str(drawn) in ("", ".", "..") else drawn
        for name, drawn in (case.path_parameters or {}).items()
        for kept in (seed.path[name],)
    }
    if draw(st.integers(0, 3)):
        case.query = mixed(draw, case.query, seed.query)
        if seed.body is not None:
            case.body, case.media_type = mixed(draw, case.body, seed.body), "application/json"
    return draw(st.sampled_from([seed.role] * 8 + ROLES)), case


def mixed(draw: st.DrawFn, drawn: Any, kept: dict[str, Any]) -> dict[str, Any]:
    """Put drawn fields into a seed, each in one of four draws, and leave one in eight away."""
    others = drawn if isinstance(drawn, Mapping) else {}
    fields = kept | {name: value for name, value in others.items() if draw(st.integers(0, 3)) == 0}
    return {name: value for name, value in fields.items() if draw(st.integers(0, 7))}


def others(operation: Any, seed: Seed) -> Iterator[tuple[str, Any]]:
    """Return the call that succeeds as everybody else would make it, and with ids that are none."""
    for role in ROLES:
        yield role, seeded(operation, seed)
    for odd in ODD_IDS if seed.path else ():
        yield seed.role, seeded(operation, seed._replace(path=dict.fromkeys(seed.path, odd)))


def fuzz(world: World, examples: int, *, derandomize: bool) -> Fuzz:
    """Call every operation as it should be, then as often as told in other ways; fail at the first fault."""
    fuzz = Fuzz(world)
    assert fuzz.operations.keys() == fuzz.seeds.keys()
    for name, operation in fuzz.operations.items():
        seed = fuzz.seeds[name]
        case = seeded(operation, seed)
        answer = fuzz.send(case, seed.role)
        assert answer.status_code < 300, (name, answer.status_code, answer.text)
        assert not fuzz.fault(operation, answer, case), (name, fuzz.fault(operation, answer, case))
        for role, case in others(operation, seed) if examples > FEW else ():
            fault = fuzz.fault(operation, fuzz.send(case, role), case)
            assert not fault, (name, role, case.path_parameters, fault)

        @settings(
            max_examples=examples, derandomize=derandomize, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(drawn=calls(operation, seed))
        def run(drawn: tuple[str, Any]) -> None:
            role, case = drawn
            answer = fuzz.send(case, role)
            fault = fuzz.fault(case.operation, answer, case)
            assert not fault, (case.operation.label, role, case.path_parameters, case.query, case.body, fault)

        run()
    return fuzz


def test_the_api_answers_nonsense_as_its_description_says(world: World, backend: Backend) -> None:
    before = world.of_the_bystander()
    seen = fuzz(world, EXAMPLES[backend], derandomize=True).seen
    assert world.of_the_bystander() == before
    assert {200, 201, 204, 400, 401, 404} <= seen.keys(), seen
    deep = sum(count for status, count in seen.items() if status < 300)
    assert deep > seen.total() / 4, seen


@pytest.mark.soak
def test_the_api_answers_more_nonsense_as_its_description_says(world: World) -> None:
    before = world.of_the_bystander()
    fuzz(world, 150, derandomize=False)
    assert world.of_the_bystander() == before


def test_a_body_that_is_none_is_refused_as_the_description_says(world: World, backend: Backend) -> None:
    """Another type, no JSON, far too much of it, nothing at all: whoever calls, and whether a body is due or not."""
    fuzz, faults, seen = Fuzz(world), [], Counter[int]()
    for name, operation in fuzz.operations.items():
        method, path = name.split(" ")
        seed = fuzz.seeds[name]
        address = ROOT + path.format(**seed.path)
        world.restore()
        for content, kind in NO_BODIES[:: 1 if backend == "sqlite" else 3]:
            token = world.tokens[seed.role]
            headers = {"Content-Type": kind} if kind else {}
            headers |= {"Authorization": f"Bearer {token}"} if token else {}
            answer = world.http.request(method, address, params=seed.query, content=content, headers=headers)
            seen[answer.status_code] += 1
            if answer.status_code < 400:
                world.restore()
            if fault := fuzz.fault(operation, answer):
                faults.append((name, kind, content[:20], fault))
    assert not faults, faults
    assert {400, 415} <= seen.keys(), seen
    assert backend == "postgresql" or 413 in seen, seen


JSON = "application/json"
NO_BODIES = [
    (b"a=1", FORM), (b'{"password": "x"}', "text/plain"), (b"{", JSON), (b"[]", JSON), (b"null", JSON), (b'"x"', JSON),
    (b"\xff\xfe", JSON), (b"[" * 5000, JSON), (b'{"code": "\\u0000"}', JSON), (b'{"code": "\\ud800"}', JSON), (b"", ""),
    (json.dumps({"password": "x" * 70_000}).encode(), JSON), (b'{"a": 1, "a": 2}', JSON), (b"1e999", JSON),
]  # fmt: skip


# --- pages

FIELDS = (
    "email", "password", "new_password", "code", "backup_code", "saved", "reason", "policy", "required_from", "name",
    "role", "confirmation", "enrolment", "replaces", "answer", "exception_until", "licensed", "return_to", "needs",
)  # fmt: skip


def _all(value: str) -> bytes:
    return "&".join(f"{field}={value}" for field in FIELDS).encode()


# No form at all: refused wherever a page looks into it.
MALFORMED: dict[str, tuple[bytes, str]] = {
    "doubled": (_all("x") + b"&" + _all("y"), FORM),
    "over-long": (_all("x" * 4097), FORM),
    "NUL": (_all("a%00b"), FORM),
    "NUL in a name": (b"co\0de=1&" + _all("x%00"), FORM),
    "invalid UTF-8": (_all("%ff%fe"), FORM),
    "bytes": (b"code=\xff\xfe\x00\x80", FORM),
    "hundreds of fields": (b"&".join(b"f%d=1" % number for number in range(500)), FORM),
    "text": (b"code=1", "text/plain"),
    "JSON": (b'{"code": "1"}', JSON),
    "multipart": (b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--", MULTIPART),
    "no type": (b"code=1", ""),
    "huge": (b"code=" + b"1" * 200_000, FORM),
}  # fmt: skip
# Odd, but a form: a field by such a name is one that nobody asks for.
ODD: dict[str, tuple[bytes, str]] = {
    "arrays": ("&".join(f"{field}[]=1&{field}[a][b]=2" for field in FIELDS).encode(), FORM),
    "percent": (_all("%zz%%%1"), FORM),
    "separators": (b"&&;;==&=&=x&%3d=%26", FORM),
    "empty": (b"", FORM),
    "surrogates": (_all(quote("\U0010ffff\u202e\u2028'\"<script>")), FORM),
    "deep blanks": (_all("+" * 4000), FORM),
    "numbers": (_all("-1e999"), FORM),
    "dates": (_all("9999-12-31T23:59:60%2B99:99"), FORM),
}
# What a page may answer to a form: it is shown again, leads on, or says why not.
ANSWERS = {200, 303, 400, 401, 403, 404, 409, 410, 413, 422, 423, 429}


def pages() -> Iterator[tuple[str, bool]]:
    """Return every address that takes a form, and whether it looks into it."""
    for handler in PAGES:
        if "POST" in cast("Any", handler).http_methods:
            hands_on = "oidc" in cast("Any", handler).fn.__module__  # a form of elsewhere: the same again as a query
            reads = "body" in inspect.signature(cast("Any", handler).fn).parameters and not hands_on
            for path in sorted(cast("Any", handler).paths):
                yield path, reads


def fill(world: World, path: str) -> str:
    """Put what exists into an address."""
    known = {
        "token": world.link if path.startswith("/resets") else "tf_password_" + "A" * 43,
        "user_id": str(world.ada.id), "account": str(world.ada.account_id), "case_id": world.case,
        "authenticator": world.tablet, "session_id": str(world.ada.id),
        "authorization": str(world.ada.id), "application": world.crm,
    }  # fmt: skip
    return re.sub(r"\{(\w+):[a-z]+\}", lambda found: known[found[1]], path)


def carried(world: World, path: str) -> dict[str, str]:
    """Be whoever may open a page."""
    admins = ("/people", "/account", "/resets/case")
    role = "support" if path.startswith("/support") else "admin" if path.startswith(admins) else "member"
    return {"Cookie": f"twofold_session={world.tokens[role]}; twofold_sign_in={world.page_at_code}"}


@pytest.mark.parametrize("forms", [MALFORMED, ODD], ids=["malformed", "odd"])
def test_no_form_breaks_a_page_or_lets_anybody_in(
    world: World, backend: Backend, forms: dict[str, tuple[bytes, str]]
) -> None:
    before, faults, seen = world.of_the_bystander(), [], Counter[int]()
    for path, reads in pages():
        for name, (body, kind) in list(forms.items())[:: 1 if backend == "sqlite" else 6]:
            headers = OWN | ({"Content-Type": kind} if kind else {})
            for cookies in (carried(world, path), {}):
                answer = world.http.post(fill(world, path), content=body, headers=headers | cookies)
                world.http.cookies.clear()
                if answer.status_code < 400:
                    world.restore()
                seen[answer.status_code] += 1
                if fault := fault_of_page(answer, refuses=forms is MALFORMED and reads):
                    faults.append((path, name, bool(cookies), fault))
    assert seen.total() >= 80, seen
    assert not faults, faults
    assert {303, 400} <= seen.keys(), seen
    assert world.of_the_bystander() == before


def fault_of_page(answer: httpx.Response, *, refuses: bool) -> str:
    """Say what is wrong with the answer to a form."""
    status, kind = answer.status_code, answer.headers.get("content-type", "").partition(";")[0]
    kept = [line for line in answer.headers.get_list("set-cookie") if "max-age=0" not in line.lower()]
    if status not in ANSWERS:
        return f"broke: {status} {answer.text[:200]}"
    if any("session" in line.partition("=")[0] for line in kept):
        return f"a session: {kept}"
    turned = status == 303 and answer.headers["location"].startswith("/sign-in")
    if refuses and not turned and not 400 <= status < 500:
        return f"taken: {status} {answer.headers.get('location', '')}"
    kinds = {"text/html"} if status >= 400 else {"text/html", "text/csv", "application/jsonl"}
    if status != 303 and kind not in kinds:
        return f"no page: {status} {kind}"
    return ""
