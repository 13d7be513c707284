"""Inviting somebody into the account, and inviting them again."""

from typing import Any, assert_never

from litestar import get, post
from litestar.exceptions import NotFoundException

from twofold.admin import act_flow, guard, words
from twofold.admin.act_flow import Made
from twofold.admin.people_pages import user_page
from twofold.admin.views import find_summary
from twofold.directory.add_user_flow import NewUser
from twofold.directory.refusals import NoMail, NoSuchUser, Refused
from twofold.kit import clock
from twofold.kit.acting import Origin
from twofold.kit.http.forms import Form, parse_form
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, reader_of, see_other
from twofold.kit.http.requests import AnyRequest, AnyResponse, client_info_of, context_of
from twofold.kit.moments import moment
from twofold.kit.words import gettext as _
from twofold.lockouts.invitation_flow import InvitedToday, TooManyInvitations
from twofold.recovery.outcomes import Invited, NotInvited
from twofold.sessions.guard import viewer_of
from twofold.sessions.session import Session

EMPTY = {"email": "", "name": "", "role": "member", "licensed": "yes"}


@get("/people/invite")
@quick
def show_invite(request: AnyRequest) -> AnyResponse:
    """Ask whom to invite."""
    return _invite_page(request, guard.administrator(request, clock.now()), Form(EMPTY))


@post("/people/invite")
@quick
def submit_invite(request: AnyRequest, body: bytes) -> AnyResponse:
    """Make somebody and send them an invitation."""
    at, form = clock.now(), parse_form(body, request.headers.get("content-type", ""))
    session = guard.administrator(request, at)
    errors = _missing(form)
    if errors:
        return _invite_page(request, session, form, 400, errors)
    new = NewUser(form["email"], form["name"], form["role"], form["licensed"] == "yes")
    outcome = act_flow.invite(context_of(request), session.user, new, origin=Origin(at, client_info_of(request)))
    match outcome:
        case Made(user):
            return see_other(f"/people/{user.id}?done=invited")
        case Refused(code, field, why):
            status = 400 if code == "invalid_request" else 409
            return _invite_page(request, session, form, status, {field: words.refused(code, why)})
        case TooManyInvitations(most, until):
            errors = {"": words.too_many_invitations(most, moment(until, reader_of(request)))}
            return _invite_page(request, session, form, 429, errors)
        case InvitedToday(until):
            errors = {"email": words.invited_today(moment(until, reader_of(request)))}
            return _invite_page(request, session, form, 429, errors)
        case NoMail():
            return _invite_page(request, session, form, 503, {"": words.no_mail()})
        case NoSuchUser():
            raise NotFoundException
        case _:
            assert_never(outcome)


@post("/people/{user_id:str}/invitation")
@quick
def invite_again(request: AnyRequest, user_id: str) -> AnyResponse:
    """Send another invitation to somebody who has no password yet."""
    at = clock.now()
    session = guard.administrator(request, at)
    summary = find_summary(request, session.user, user_id, at)
    outcome = act_flow.invite_again(
        context_of(request), session.user, summary.user.id, origin=Origin(at, client_info_of(request)),
    )  # fmt: skip
    match outcome:
        case Invited(not_before):
            done = "invited" if not_before is None else "invited_for_later"
            return see_other(f"/people/{summary.user.id}?done={done}")
        case TooManyInvitations(most, until):
            errors = {"": words.too_many_invitations(most, moment(until, reader_of(request)))}
            return user_page(request, session, summary, at, 429, errors)
        case InvitedToday(until):
            errors = {"": words.invited_today(moment(until, reader_of(request)))}
            return user_page(request, session, summary, at, 429, errors)
        case NotInvited():
            return see_other(f"/people/{summary.user.id}?done=not_waiting")
        case NoMail():
            return see_other(f"/people/{summary.user.id}?done=no_mail")
        case NoSuchUser():
            raise NotFoundException
        case _:
            assert_never(outcome)


def _missing(form: Form) -> dict[str, str]:
    errors = {}
    if not form["email"].strip():
        errors["email"] = _("Enter their email address.")
    if not form["name"].strip():
        errors["name"] = _("Enter their name.")
    if form["role"] not in {"member", "admin"}:
        errors["role"] = _("Choose whether they are a member or an administrator.")
    return errors


def _invite_page(
    request: AnyRequest, session: Session, form: Form, status: int = 200, errors: dict[str, Any] | None = None
) -> AnyResponse:
    return page(request, "admin/invite.html", status, viewer=viewer_of(session), typed=form, errors=errors or {})


handlers = [show_invite, submit_invite, invite_again]
