"""The pages of the demo's mailbox. They exist under `twofold demo` alone."""

from typing import cast

from litestar import Response, get
from litestar.enums import MediaType

from twofold.demo.mailbox import Mail, Mailbox
from twofold.kit import clock
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, problem_page
from twofold.kit.http.requests import AnyRequest, AnyResponse, row_id
from twofold.kit.words import gettext as _
from twofold.sessions import guard

# A letter is shown as a mail program shows it: its own styles, no script, no picture from anywhere, no form, and an
# origin of its own, so that nothing in it could act for whoever reads it.
OWN_POLICY = (
    "sandbox allow-popups allow-top-navigation-by-user-activation; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)


@get("/demo/mailbox")
@quick
def show_mailbox(request: AnyRequest) -> AnyResponse:
    """List every letter, the newest first."""
    session = guard.session_of_page(request, clock.now())
    viewer = None if session is None else guard.viewer_of(session)
    return page(request, "demo/mailbox.html", mails=_mailbox(request).newest_first(), viewer=viewer)


@get("/demo/mailbox/{mail_id:str}")
@quick
def show_mail(request: AnyRequest, mail_id: str) -> AnyResponse:
    """Show a letter as text, its links ready to press."""
    session = guard.session_of_page(request, clock.now())
    mail = _mailbox(request).find(row_id(mail_id))
    if mail is None:
        return _missing(request)
    viewer = None if session is None else guard.viewer_of(session)
    return page(request, "demo/mail.html", mail=mail, viewer=viewer)


@get("/demo/mailbox/{mail_id:str}/html")
@quick
def show_html(request: AnyRequest, mail_id: str) -> AnyResponse:
    """Show a letter as a mail program does, in a sandbox."""
    mail = _mailbox(request).find(row_id(mail_id))
    return _missing(request) if mail is None else _sandboxed(mail)


def _mailbox(request: AnyRequest) -> Mailbox:
    return cast("Mailbox", request.app.state.transport)


def _missing(request: AnyRequest) -> AnyResponse:
    what = _("There is no such email: the demo forgets everything when it ends.")
    return problem_page(request, 404, _("Not found"), what, "", ("/demo/mailbox", _("Demo mailbox")))


def _sandboxed(mail: Mail) -> AnyResponse:
    return Response(mail.html, media_type=MediaType.HTML, headers={"Content-Security-Policy": OWN_POLICY})


handlers = [show_mailbox, show_mail, show_html]
