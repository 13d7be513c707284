"""A form of another site, as the query under which it is asked for again."""

from urllib.parse import parse_qsl, urlencode

from twofold.kit.http.render import problem_page
from twofold.kit.http.requests import AnyRequest, ShortCircuit
from twofold.kit.words import gettext as _
from twofold.oidc.request import MOST_PARAMETERS

LONGEST_QUERY = 8 * 1024  # bytes


def as_query(request: AnyRequest, body: bytes) -> str:
    """Return the parameters of a form as a query, in their order, those that came twice as well.

    Raises:
        ShortCircuit: it is no form, or too long for an address.

    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )  # fmt: skip
        query = urlencode(pairs)
    except ValueError:
        query = None
    is_form = not body or kind == "application/x-www-form-urlencoded"
    if query is None or len(query) > LONGEST_QUERY or not is_form:
        raise ShortCircuit(
            problem_page(
                request, 400, _("That did not work"), _("What the application sent with you could not be read."),
                _("Tell the people who run the application."),
            )
        )  # fmt: skip
    return query
