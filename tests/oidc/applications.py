"""Applications for the tests of this folder."""

from collections.abc import Iterable
from typing import Any

from tests.harness.clock import NOON
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.oidc import registration_flow
from twofold.oidc.application import Registration
from twofold.oidc.registration_flow import Registered

CALLBACK = "https://crm.example/callback"
AT_NOON = Origin(NOON, actor=acting.CONSOLE)


def registration(
    *, name: str = "CRM", public: bool = False, redirect_uris: Iterable[str] = (CALLBACK,), **more: Any
) -> Registration:
    """Say what an application is; what is not told is as usual."""
    return Registration(name, public, tuple(redirect_uris), **more)


def register(context: AppContext, **said: Any) -> Registered:
    """Register an application."""
    made = registration_flow.create(context, registration(**said), origin=AT_NOON)
    assert isinstance(made, Registered), made
    return made
