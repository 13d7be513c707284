"""The pages of the demo's mailbox. They exist under `twofold demo` alone."""

from typing import NamedTuple, cast

from litestar import Response, get
from litestar.enums import MediaType

from twofold.demo.letters import every_letter
from twofold.demo.mailbox import Mail, Mailbox
from twofold.kit import clock
from twofold.kit.http.pools import quick
from twofold.kit.http.render import page, problem_page
from twofold.kit.http.requests import AnyRequest, AnyResponse, context_of, row_id
from twofold.kit.words import gettext as _
from twofold.sessions import guard

# A letter is shown as a mail program shows it: its own styles, no script, no picture from anywhere, no form, and an
# origin of its own, so that nothing in it could act for whoever reads it.
OWN_POLICY = (
    "sandbox allow-popups allow-top-navigation-by-user-activation; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)


class Folder(NamedTuple):
    """Where letters are shown, and how the page is called."""

    path: str
    heading: str
    about: str
    mails: list[Mail]

    def find(self, mail_id: str) -> Mail | None:
        """Find a letter."""
        return next((mail for mail in self.mails if mail.id == row_id(mail_id)), None)


@get(["/demo/mailbox", "/demo/letters"])
@quick
def show_folder(request: AnyRequest) -> AnyResponse:
    """List every letter that was sent, the newest first, or one of each kind."""
    return page(request, "demo/mailbox.html", folder=_folder(request), viewer=_viewer(request))


@get(["/demo/mailbox/{mail_id:str}", "/demo/letters/{mail_id:str}"])
@quick
def show_mail(request: AnyRequest, mail_id: str) -> AnyResponse:
    """Show a letter as text, its links ready to press."""
    folder = _folder(request)
    mail = folder.find(mail_id)
    if mail is None:
        return _missing(request, folder)
    return page(request, "demo/mail.html", folder=folder, mail=mail, viewer=_viewer(request))


@get(["/demo/mailbox/{mail_id:str}/html", "/demo/letters/{mail_id:str}/html"])
@quick
def show_html(request: AnyRequest, mail_id: str) -> AnyResponse:
    """Show a letter as a mail program does, in a sandbox."""
    folder = _folder(request)
    mail = folder.find(mail_id)
    if mail is None:
        return _missing(request, folder)
    return Response(mail.html, media_type=MediaType.HTML, headers={"Content-Security-Policy": OWN_POLICY})


def _folder(request: AnyRequest) -> Folder:
    return _letters(request) if request.url.path.startswith("/demo/letters") else _mailbox(request)


def _mailbox(request: AnyRequest) -> Folder:
    about = _("Every email this demo has sent, newest first. None of it leaves this computer.")
    mails = cast("Mailbox", request.app.state.transport).newest_first()
    return Folder("/demo/mailbox", _("Demo mailbox"), about, mails)


def _letters(request: AnyRequest) -> Folder:
    about = _("Every email in each of its forms, with made-up facts. None of them was sent.")
    mails = every_letter(context_of(request).settings, clock.now())
    return Folder("/demo/letters", _("All emails"), about, mails)


def _missing(request: AnyRequest, folder: Folder) -> AnyResponse:
    what = _("There is no such email: the demo forgets everything when it ends.")
    return problem_page(request, 404, _("Not found"), what, "", (folder.path, folder.heading))


def _viewer(request: AnyRequest) -> guard.Viewer | None:
    session = guard.session_of_page(request, clock.now())
    return None if session is None else guard.viewer_of(session)


handlers = [show_folder, show_mail, show_html]
