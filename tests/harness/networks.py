"""The application as it is reached from other networks, and a stopwatch for its limits that stands still."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx
import msgspec
import pytest
import throttled.utils
from litestar.testing import TestClient
from litestar.types import ASGIApp, Receive, Scope, Send

from twofold.kit.context import AppContext
from twofold.kit.http import anonymous

OFFICE, NEXT_OPERATION, ELSEWHERE = "192.0.2.7", "192.0.2.250", "198.51.100.66"


class Networks:
    """A client whose requests come from whatever address is set; `forward` lets the limits' stopwatch go on."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.address = OFFICE
        self.seconds = 1_000.0
        self.http: httpx.Client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cast("dict[str, Any]", scope)["client"] = (self.address, 40_000)
        await self.app(scope, receive, send)

    @property
    def anonymous(self) -> Any:
        """The layer of the application that limits anonymous."""
        layer: Any = self.app
        while not isinstance(layer, anonymous.AnonymousLimits):
            layer = layer._app
        return layer

    def forward(self, seconds: float) -> None:
        self.seconds += seconds

    def send(self, method: str, path: str, *, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """Send one request as a page of our own or a program does, with no cookie but those in `headers`."""
        self.http.cookies.clear()
        own = {"Origin": str(self.http.base_url).rstrip("/"), **(headers or {})}
        answer = self.http.request(method, path, headers=own, **body)
        self.http.cookies.clear()
        return answer


@contextmanager
def networks_of(context: AppContext, **chosen: Any) -> Iterator[Networks]:
    """Serve an application here, to people on networks; its limits are fresh, `chosen` goes over its settings."""
    from twofold.app import build_app  # noqa: PLC0415 - tests of one feature run also while another does not

    object.__setattr__(context, "settings", msgspec.structs.replace(context.settings, **chosen))
    networks = Networks(build_app(context))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(anonymous, "HELD_BACK", 0.0)
        patch.setattr(throttled.utils, "now_mono_f", lambda: networks.seconds)
        with TestClient(networks, base_url=context.settings.base_url) as client:
            client.follow_redirects = False
            client.headers.clear()
            networks.http = client
            yield networks
