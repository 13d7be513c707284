"""Attacks with nonsense: the API against its own description, and pages against forms that no browser sends.

Whatever comes in, the answer is one that is declared: nothing breaks, nobody is let in, nobody else pays for it.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

import httpx
import pytest
import schemathesis
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.admin.room import agent
from tests.harness.databases import Backend
from tests.harness.houses import Hands
from tests.harness.people import ADA, PASSWORD, VISITOR, People
from twofold.app import PAGES
from twofold.audit import flow as audit
from twofold.directory.person import Person
from twofold.directory.tables import users
from twofold.factors.tables import authenticators, backup_codes
from twofold.kit.problems import MEDIA_TYPE, TITLES
from twofold.lockouts.tables import mailbox_budgets, second_factor_budgets
from twofold.provisioning import key_flow
from twofold.provisioning.key_flow import MadeKey
from twofold.sessions import flow as sessions

UNAVAILABLE = {"no_mail", "unavailable"}
EXAMPLES = {"sqlite": 8, "postgresql": 3}
OWN = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
FORM = "application/x-www-form-urlencoded"
BYSTANDER = "bystander@globex.example"


@dataclass
class Company:
    """Somebody of each role, with a token; what could be typed that is real; and a bystander in another account."""

    people: People
    hands: Hands
    users: dict[str, Person]
    tokens: dict[str, str]
    real: dict[str, list[str]]
    bystander: Person

    def token(self, role: str) -> str:
        """Return a token that holds: calls end sessions, and change who may have one."""
        if role in self.users:
            self.tokens[role] = self._session(self.users[role])
        return self.tokens.get(role, "")

    def _session(self, known: Person) -> str:
        """Start a session through its one door, without the sign-in before it: hundreds are needed."""
        self.people.set_person(known, active=True, frozen_at=None, role=known.role)
        person = self.people.look_up(known)
        with self.people.house.db.write() as connection:
            started = sessions.start(
                connection, self.people.house.settings, person, security_version=person.security_version,
                methods=("pwd", "otp"), channel="api", visitor=VISITOR, at=self.hands.at,
            )  # fmt: skip
        assert started is not None
        return started.token

    def of_the_bystander(self) -> list[str]:
        """Return what counts for or against the bystander, and what they hold."""
        tables = (users, second_factor_budgets, mailbox_budgets, authenticators, backup_codes)
        with self.people.house.db.read() as connection:
            return [
                repr(tuple(row))
                for table in tables
                for row in connection.execute(
                    sa.select(table).where((table.c.id if table is users else table.c.user_id) == self.bystander.id)
                )
            ]


@pytest.fixture
def company(people: People, hands: Hands) -> Company:
    admin, _ = people.protected("boss@acme.example", role="admin")
    member, factor = people.protected(ADA)
    sam, _ = agent(people)
    bystander, _ = people.protected(BYSTANDER, account=people.account("Globex"))
    key = key_flow.create_key(people.house.db, "Shop", actor=audit.CONSOLE, at=hands.at)
    assert isinstance(key, MadeKey)
    ids = [str(one) for one in (member.id, member.account_id, admin.id, people.person("new@acme.example").id)]
    real = {
        "id": ids, "user": ids, "account": ids, "email": [ADA, "free@acme.example"], "password": [PASSWORD],
        "new_password": ["marble ferry cinnamon"], "code": ["000000", factor.phone.code(hands.at)],
        "backup_code": [factor.backup_code, "0" * 24], "sign_in": [people.attempt(member, channel="api")],
        "role": ["admin", "support"], "reason": ["asked on the telephone"], "name": ["Ada", "a\u0301\u200b"],
    }  # fmt: skip
    roles = {"member": member, "admin": admin, "support": sam}
    return Company(people, hands, roles, {"operator": key.key}, real, bystander)


# --- the API


def operations(http: httpx.Client) -> Iterator[Any]:
    """Return the calls of the description."""
    schema = schemathesis.openapi.from_dict(http.get("/api/openapi.json").json())
    for result in schema.get_all_operations():
        yield result.ok()


@st.composite
def calls(draw: st.DrawFn, operation: Any, real: dict[str, list[str]]) -> tuple[str, Case]:
    """Draw who calls, and with what: nonsense, what the description allows, and in its midst what is real."""
    mode = draw(st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE]))
    case: Case = draw(operation.as_strategy(generation_mode=mode))
    for place in (case.path_parameters, case.query, case.body):
        for name in place if isinstance(place, dict) else ():
            known = real.get(name) or (real["id"] if place is case.path_parameters else [])
            if known and draw(st.booleans()):
                cast("dict[str, Any]", place)[name] = draw(st.sampled_from(known))
    return draw(st.sampled_from(["nobody", "member", "admin", "support", "operator"])), case


def send(http: httpx.Client, case: Case, token: str) -> httpx.Response:
    """Send what was drawn, as it was drawn."""
    said = case.as_transport_kwargs(base_url=str(http.base_url).rstrip("/"))
    headers = {
        name: value for name, value in said["headers"].items() if str(value).isascii() and "\n" not in str(value)
    }
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    body = {"json": said["json"]} if "json" in said else {"content": said.get("data")}
    answer = http.request(said["method"], said["url"], params=said["params"], headers=headers, **body)
    http.cookies.clear()
    return answer


def fault_of(case: Case, answer: httpx.Response) -> str:
    """Say what is wrong with an answer; nothing where it is as the description has it."""
    declared = set(case.operation.definition.raw["responses"])
    status, kind = answer.status_code, answer.headers.get("content-type", "")
    problem = answer.json() if kind.startswith(MEDIA_TYPE) else {}
    at_the_door = status in (405, 415) or (status == 404 and problem.get("code") == "not_found")
    if status >= 500 and not (status == 503 and problem.get("code") in UNAVAILABLE):
        return f"broke: {status} {answer.text[:300]}"
    if str(status) not in declared and not at_the_door:
        return f"answered {status}, declared are {sorted(declared)}: {answer.text[:300]}"
    if status >= 400 and (problem.get("code") not in TITLES or problem.get("status") != status):
        return f"refused without a stable code: {status} {kind} {answer.text[:300]}"
    return ""


def test_the_api_answers_nonsense_as_its_description_says(
    http: httpx.Client, company: Company, backend: Backend
) -> None:
    load_all_checks()
    [conforms] = CHECKS.get_by_names(["response_schema_conformance"])
    before, seen = company.of_the_bystander(), set[int]()
    for operation in operations(http):

        @settings(
            max_examples=EXAMPLES[backend], derandomize=True, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(drawn=calls(operation, company.real))
        def run(drawn: tuple[str, Case]) -> None:
            role, case = drawn
            answer = send(http, case, company.token(role))
            seen.add(answer.status_code)
            fault = fault_of(case, answer)
            assert not fault, (role, case.method, case.formatted_path, case.query, case.body, fault)
            if answer.status_code < 400:
                case.validate_response(answer, checks=[conforms])

        run()
    assert {200, 204, 400, 401, 403, 404} <= seen, seen
    assert company.of_the_bystander() == before


# --- pages

FIELDS = (
    "email", "password", "new_password", "code", "backup_code", "saved", "reason", "policy", "required_from", "name",
    "role", "confirmation",
)  # fmt: skip


def _all(value: str) -> bytes:
    return "&".join(f"{field}={value}" for field in FIELDS).encode()


MALFORMED: dict[str, tuple[bytes, str]] = {
    "doubled": (_all("x") + b"&" + _all("y"), FORM),
    "over-long": (_all("x" * 4097), FORM),
    "NUL": (_all("a%00b"), FORM),
    "NUL in a name": (b"co\0de=1&" + _all("x%00"), FORM),
    "invalid UTF-8": (_all("%ff%fe"), FORM),
    "bytes": (b"code=\xff\xfe\x00\x80", FORM),
    "hundreds of fields": (b"&".join(b"f%d=1" % number for number in range(500)), FORM),
    "text": (b"code=1", "text/plain"),
    "JSON": (b'{"code": "1"}', "application/json"),
    "multipart": (b"--x\r\nContent-Disposition: form-data; name=code\r\n\r\n1\r\n--x--", "multipart/form-data; boundary=x"),
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
}


def pages() -> Iterator[tuple[str, bool]]:
    """Return every address that takes a form, and whether it looks into it."""
    for handler in PAGES:
        if "POST" in cast("Any", handler).http_methods:
            reads = "body" in inspect.signature(cast("Any", handler).fn).parameters
            for path in sorted(cast("Any", handler).paths):
                yield path, reads


def cookies_of(company: Company, path: str) -> dict[str, str]:
    """Be whoever may open a page."""
    role = (
        "support" if path.startswith("/support") else "admin" if path.startswith(("/people", "/account")) else "member"
    )
    sign_in = company.people.attempt(company.users["member"])
    return {"Cookie": f"twofold_session={company.token(role)}; twofold_sign_in={sign_in}"}


def fill(company: Company, path: str) -> str:
    """Put an id that exists, or a token that does not, into an address."""
    path = path.replace("{token:str}", "tf_reset_" + "A" * 43)
    if "authenticator" in path:
        return re.sub(r"\{[^}]+\}", str(company.users["member"].id), path)
    named = company.users["member"].account_id if "{account" in path else company.real["id"][3]
    return re.sub(r"\{[^}]+\}", str(named), path)


@pytest.mark.parametrize("forms", [MALFORMED, ODD], ids=["malformed", "odd"])
def test_no_form_breaks_a_page_or_lets_anybody_in(
    http: httpx.Client, company: Company, backend: Backend, forms: dict[str, tuple[bytes, str]]
) -> None:
    before, faults, asked = company.of_the_bystander(), [], 0
    for path, reads in pages():
        who = cookies_of(company, path)
        for name, (body, kind) in list(forms.items())[:: 1 if backend == "sqlite" else 4]:
            headers = OWN | ({"Content-Type": kind} if kind else {})
            for cookies in (who, {}):
                answer = http.post(fill(company, path), content=body, headers=headers | cookies)
                http.cookies.clear()
                asked += 1
                if fault := fault_of_page(answer, refuses=forms is MALFORMED and reads):
                    faults.append((path, name, bool(cookies), fault))
                if cookies and answer.status_code < 400:
                    who = cookies_of(company, path)
    assert asked >= 100
    assert not faults, faults
    assert company.of_the_bystander() == before


def fault_of_page(answer: httpx.Response, *, refuses: bool) -> str:
    """Say what is wrong with the answer to a form."""
    status = answer.status_code
    kept = [line for line in answer.headers.get_list("set-cookie") if "max-age=0" not in line.lower()]
    if status >= 500:
        return f"broke: {status} {answer.text[:200]}"
    if any("session" in line.partition("=")[0] for line in kept):
        return f"a session: {kept}"
    turned = status == 303 and answer.headers["location"].startswith("/sign-in")
    if refuses and not turned and not 400 <= status < 500:
        return f"taken: {status} {answer.headers.get('location', '')}"
    if status >= 400 and not answer.headers["content-type"].startswith("text/html"):
        return f"no page: {answer.headers['content-type']}"
    return ""
