"""Links that were mailed: the token leaves the address at the first look, for a cookie.

An address is written down in many places: logs of proxies, histories, the Referer of whatever a page loads. So whoever
opens a link is led on to an address without the token at once, and keeps it in a cookie for a quarter of an hour. A new
kind of link is one line, `KIND = Link(...)`, and a handler at each of its two addresses.

Opening a link looks at nothing and changes nothing, because programs that check mail open links as well.
"""

from typing import NamedTuple

from litestar.datastructures import Cookie

from twofold.kit.crypto.tokens import fingerprint
from twofold.kit.http.forms import Form
from twofold.kit.http.render import problem_page, see_other
from twofold.kit.http.requests import (
    TOKEN,
    AnyRequest,
    AnyResponse,
    ShortCircuit,
    context_of,
    cookie_name,
    make_cookie,
)
from twofold.kit.words import gettext as _
from twofold.settings import Settings

LIFE = 15 * 60  # seconds; the link itself lives as long as ever, and can be opened again
FIELD = "link"  # of a form: which link it belongs to


class Link(NamedTuple):
    """A kind of link: the kind of its token (`reset` of `tf_reset_…`), and where its page is."""

    kind: str
    path: str

    def is_token(self, text: str) -> bool:
        """Tell whether a text may be a token of such a link."""
        return text.startswith(f"tf_{self.kind}_") and TOKEN.fullmatch(text) is not None

    def cookie(self, settings: Settings, token: str, *, max_age: int = LIFE) -> Cookie:
        """Make the cookie that holds a token of this kind, and of no other; `max_age` is in seconds."""
        return make_cookie(settings, self._name(settings), token, max_age=max_age)

    def trade(self, request: AnyRequest, token: str) -> AnyResponse:
        """Give a cookie for a token, and lead on to the page."""
        return see_other(self.path, [self.cookie(context_of(request).settings, token)])

    def token(self, request: AnyRequest) -> str:
        """Return the token that a request for the page carries.

        Raises:
            ShortCircuit: it carries none; the answer is a page with 410.

        """
        token = request.cookies.get(self._name(context_of(request).settings), "")
        if not self.is_token(token):
            what = _("We keep a link for 15 minutes after you open it, and for one browser.")
            raise ShortCircuit(_open_again(request, 410, _("Open the link again"), what))
        return token

    def token_of_form(self, request: AnyRequest, form: Form) -> str:
        """Return the token to which a form of the page belongs.

        Two links may be open in two tabs, or a page of somebody else may have led this browser to a link of theirs
        meanwhile: what was filled in for one link must not count for another.

        Raises:
            ShortCircuit: the request carries no token (410), or that of another link (409).

        """
        token = self.token(request)
        if form[FIELD] != fingerprint(token):
            what = _("You have opened another link since, so nothing was done with this one.")
            raise ShortCircuit(_open_again(request, 409, _("Open the link again"), what))
        return token

    def spent(self, request: AnyRequest, answer: AnyResponse) -> AnyResponse:
        """Let the browser forget the token with an answer: it is good for nothing more."""
        answer.cookies.append(self.cookie(context_of(request).settings, "", max_age=0))
        return answer

    def _name(self, settings: Settings) -> str:
        return cookie_name(settings, f"{self.kind}_link")


def _open_again(request: AnyRequest, status: int, heading: str, what: str) -> AnyResponse:
    return problem_page(request, status, heading, what, _("Go back to the email and open its link once more."))
