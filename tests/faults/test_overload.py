"""More people at once than there are threads, and then more than may wait."""

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable

import httpx

from tests.conftest import Serve
from tests.faults.conftest import ServeCheaply
from tests.faults.crowd import Program, crowd, now
from tests.faults.volley import Shot, fire, get, post
from tests.harness.people import PASSWORD
from tests.harness.wire import client_to

NO_OVERLOAD = 128
UNHURRIED = "60000"  # ms: how long the database may take on a slow machine is not what these tests are about
OF_NO_SIGN_IN = {"sign_in": f"tf_signin_{0:043}", "code": "123456"}


def passwords(count: int) -> list[bytes]:
    """Sign-ins of people who do not exist, each under an address of their own: the same work as for those who do."""
    return [post("/api/v1/sign-ins", {"email": f"nobody{n}@acme.example", "password": PASSWORD}) for n in range(count)]


def test_128_who_wait_are_all_answered(cheap: ServeCheaply, database_url: str) -> None:
    """Stops: refusing people because many come at nine in the morning."""
    server = cheap(database_url, database_timeout_ms=UNHURRIED)
    codes = [post("/api/v1/sign-ins/code", {"sign_in": f"tf_signin_{n:043}", "code": "123456"}) for n in range(64)]
    shots = fire(server.url, [*passwords(NO_OVERLOAD), *codes, *[get("/sign-in")] * 64])
    assert Counter(shot.status for shot in shots) == {401: NO_OVERLOAD + 64, 200: 64}


def test_a_flood_of_passwords_is_refused_quickly_and_leaves_everybody_else_alone(
    serve: Serve, database_url: str
) -> None:
    """Stops: a queue that grows until nobody is answered in time, and takes session checks with it."""
    server = serve(database_url, database_timeout_ms=UNHURRIED)  # hashes as slowly as in production
    ada = crowd(database_url, 1)[0]
    with Program([server.url]) as program:
        session = program.sign_in(ada.email, ada.factor.phone.code(now())).body["session_token"]
    others = Others(server.url, session)
    shots = fire(server.url, passwords(800))
    others.stop()
    served, refused = [one for one in shots if one.status == 401], [one for one in shots if one.status == 503]
    assert len(served) + len(refused) == len(shots)
    assert len(served) >= NO_OVERLOAD
    assert len(refused) >= NO_OVERLOAD
    assert {one.header("Retry-After") for one in refused} == {"2"}
    usual = statistics.median(seconds_of(served))  # on this machine, at this hour
    assert statistics.median(seconds_of(refused)) < usual
    assert max(seconds_of(refused)) < max(seconds_of(served)), "a refusal waits for no hash"
    assert others.statuses == {("session", 200), ("code", 401)}
    assert all(statistics.median(seconds) < usual / 4 for seconds in others.seconds.values())
    with Program([server.url]) as program:
        assert program.sign_in(ada.email, ada.factor.backup_code).status == 200


class Others:
    """Somebody signed in, and somebody with a code, who go on while others flood."""

    def __init__(self, url: str, token: str) -> None:
        self.statuses: set[tuple[str, int]] = set()
        self.seconds: dict[str, list[float]] = {"session": [], "code": []}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(url, {"Authorization": f"Bearer {token}"}))
        self._thread.start()

    def _run(self, url: str, bearer: dict[str, str]) -> None:
        with client_to(url, headers=bearer) as http:
            while not self._stopping.wait(0.05):
                self._note("session", lambda: http.get("/api/v1/session"))
                self._note("code", lambda: http.post("/api/v1/sign-ins/code", json=OF_NO_SIGN_IN))

    def _note(self, what: str, ask: Callable[[], httpx.Response]) -> None:
        begun = time.monotonic()
        self.statuses.add((what, ask().status_code))
        self.seconds[what].append(time.monotonic() - begun)

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()


def seconds_of(shots: list[Shot]) -> list[float]:
    return [shot.seconds for shot in shots]
