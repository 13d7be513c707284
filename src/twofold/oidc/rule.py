"""What an account asks of its people's sign-ins to an application, beyond what the application asks. Pure."""

from datetime import timedelta
from typing import NamedTuple

from twofold.directory.rules import Fault
from twofold.oidc.application import LONGEST_AGE, Application
from twofold.oidc.authorization import KNOWN
from twofold.sessions.methods import PHISHING_RESISTANT, TWO_FACTORS

MINUTE = timedelta(minutes=1)


class Rule(NamedTuple):
    """What is asked for; None asks for nothing more."""

    acr: str | None = None
    second_factor_age: timedelta | None = None


def read(acr: str, minutes: str) -> Rule | Fault:
    """Read a rule as a form has it: an assurance or nothing, minutes or nothing."""
    if acr not in {"", TWO_FACTORS, PHISHING_RESISTANT}:
        return Fault("acr", "Choose one of the three.")
    if not minutes:
        return Rule(acr or None)
    most = LONGEST_AGE // MINUTE
    if not minutes.isascii() or not minutes.isdigit() or len(minutes) > len(str(most)) or not 1 <= int(minutes) <= most:
        return Fault("minutes", f"Enter a number of minutes from 1 to {most}, or nothing.")
    return Rule(acr or None, int(minutes) * MINUTE)


def stricter(application: Application, rule: Rule | None) -> Application:
    """Return an application that asks for whichever is more: what it asks for itself, or what the rule does."""
    if rule is None:
        return application
    levels = [acr for acr in (application.acr, rule.acr) if acr is not None]
    ages = [age for age in (application.second_factor_age, rule.second_factor_age) if age is not None]
    return application._replace(
        acr=max(levels, key=KNOWN.index, default=None), second_factor_age=min(ages, default=None)
    )
