"""An administrator acts for somebody of their account."""

from litestar import get, post

from twofold.admin import act_views, guard, words
from twofold.admin.people_pages import save_change
from twofold.admin.views import find_summary
from twofold.kit import clock
from twofold.kit.http.pools import quick
from twofold.kit.http.requests import AnyRequest, AnyResponse
from twofold.provisioning.flow import UserChange

FRAME = act_views.Frame(guard.administrator, "/people", "admin/act.html", words.not_yourself, words.no_mail)


@get("/people/{user_id:str}/reset")
@quick
def show_reset(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what a reset is, and ask why."""
    return act_views.show(request, user_id, "reset", FRAME)


@post("/people/{user_id:str}/reset")
@quick
def submit_reset(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Send the email from which somebody confirms their reset."""
    return act_views.submit(request, user_id, body, "reset", FRAME)


@get("/people/{user_id:str}/unlock")
@quick
def show_unlock(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what unlocking means, and ask why."""
    return act_views.show(request, user_id, "unlock", FRAME)


@post("/people/{user_id:str}/unlock")
@quick
def submit_unlock(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Lift somebody's lock."""
    return act_views.submit(request, user_id, body, "unlock", FRAME)


@get("/people/{user_id:str}/unfreeze")
@quick
def show_unfreeze(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what unfreezing means, and ask why."""
    return act_views.show(request, user_id, "unfreeze", FRAME)


@post("/people/{user_id:str}/unfreeze")
@quick
def submit_unfreeze(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Let somebody in again who was frozen."""
    return act_views.submit(request, user_id, body, "unfreeze", FRAME)


@get("/people/{user_id:str}/deactivate")
@quick
def show_deactivate(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what deactivating means."""
    return act_views.show(request, user_id, "deactivate", FRAME)


@post("/people/{user_id:str}/deactivate")
@quick
def submit_deactivate(request: AnyRequest, user_id: str) -> AnyResponse:
    """Deactivate somebody: they are signed out everywhere and cannot sign in."""
    return _switch(request, user_id, active=False)


@get("/people/{user_id:str}/activate")
@quick
def show_activate(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what activating means."""
    return act_views.show(request, user_id, "activate", FRAME)


@post("/people/{user_id:str}/activate")
@quick
def submit_activate(request: AnyRequest, user_id: str) -> AnyResponse:
    """Let somebody sign in again who was deactivated."""
    return _switch(request, user_id, active=True)


def _switch(request: AnyRequest, user_id: str, *, active: bool) -> AnyResponse:
    at = clock.now()
    session = guard.administrator(request, at)
    summary = find_summary(request, session.user, user_id, at)
    done = "activated" if active else "deactivated"
    return save_change(request, session, summary, UserChange(active=active), at, done=done)


handlers = [
    show_reset,
    submit_reset,
    show_unlock,
    submit_unlock,
    show_unfreeze,
    submit_unfreeze,
    show_deactivate,
    submit_deactivate,
    show_activate,
    submit_activate,
]
