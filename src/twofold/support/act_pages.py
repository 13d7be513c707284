"""A support agent acts for somebody of any account.

Every act lands in that account's audit log with its reason and is mailed to its administrators. Nobody acts for
themselves; another agent helps an agent.
"""

from litestar import get, post

from twofold.admin import act_views
from twofold.kit.http.pools import quick
from twofold.kit.http.requests import AnyRequest, AnyResponse
from twofold.kit.words import gettext as _
from twofold.support import guard

FRAME = act_views.Frame(
    guard.agent,
    "/support/users",
    "support/act.html",
    not_yourself=lambda: _("Nobody can do this for themselves. Ask another support agent."),
    no_mail=lambda: _("This needs an email, and no mail server is set up."),
)


@get("/support/users/{user_id:str}/reset")
@quick
def show_reset(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what a reset is, and ask why."""
    return act_views.show(request, user_id, "reset", FRAME)


@post("/support/users/{user_id:str}/reset")
@quick
def submit_reset(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Send the email from which somebody confirms their reset."""
    return act_views.submit(request, user_id, body, "reset", FRAME)


@get("/support/users/{user_id:str}/unlock")
@quick
def show_unlock(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what unlocking means, and ask why."""
    return act_views.show(request, user_id, "unlock", FRAME)


@post("/support/users/{user_id:str}/unlock")
@quick
def submit_unlock(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Lift somebody's lock."""
    return act_views.submit(request, user_id, body, "unlock", FRAME)


@get("/support/users/{user_id:str}/unfreeze")
@quick
def show_unfreeze(request: AnyRequest, user_id: str) -> AnyResponse:
    """Say what unfreezing means, and ask why."""
    return act_views.show(request, user_id, "unfreeze", FRAME)


@post("/support/users/{user_id:str}/unfreeze")
@quick
def submit_unfreeze(request: AnyRequest, user_id: str, body: bytes) -> AnyResponse:
    """Let somebody in again who was frozen."""
    return act_views.submit(request, user_id, body, "unfreeze", FRAME)


handlers = [show_reset, submit_reset, show_unlock, submit_unlock, show_unfreeze, submit_unfreeze]
