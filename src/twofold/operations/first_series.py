"""The series of counters that are there from the start, at 0: where one begins at 1, `increase` misses the first."""

from typing import get_args

from twofold.abuse.flow import UNKNOWN_LETTER, UNKNOWN_SIGN_IN
from twofold.events import registry
from twofold.factors import kinds_flow
from twofold.factors.outcomes import Passed, ProofRefused
from twofold.kit import metrics
from twofold.kit.http.connection_registry import Refusal
from twofold.kit.http.limits import Kind
from twofold.kit.mail.delivery import OUTCOMES


def begin() -> None:
    """Begin the series whose labels are known: every one that an alert looks at (tests/deploy/test_alerts.py)."""
    for kind in registry.all_kinds():
        for result in ("done", "refused"):
            metrics.events.labels(kind, result)
    for refused in (UNKNOWN_SIGN_IN, UNKNOWN_LETTER, *(f"limited_{kind}" for kind in Kind)):
        metrics.refusals.labels(refused)
    for reason in Refusal:
        metrics.connections_refused.labels(reason.value)
    for outcome in OUTCOMES:
        metrics.letters.labels(outcome)
    for what in ("connection", "turn", "share"):
        metrics.database_wait_seconds.labels(what)
    for factor in kinds_flow.KINDS:
        for proved in get_args(Passed | ProofRefused):
            metrics.second_factors.labels("sign_in", factor.method, proved.__name__)
