"""How refusals of the directory are answered in the API."""

from twofold.directory.refusals import Refused
from twofold.kit.http.problems import problem
from twofold.kit.http.requests import AnyResponse

STATUSES = {"invalid_request": 400, "weak_password": 422, "not_allowed": 403, "no_mail": 503}
CONFLICT = 409


def refused_problem(refused: Refused) -> AnyResponse:
    """Answer with a refusal, naming the field it is about."""
    status = STATUSES.get(refused.code, CONFLICT)
    if refused.code == "weak_password":
        return problem(status, refused.code, fields=[refused.field], why=refused.why)
    return problem(status, refused.code, fields=[refused.field], detail=refused.why)
