"""What is still to be proved before an application gets its code, or why it gets none. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from twofold.oidc.application import Application
from twofold.oidc.request import AuthorizationRequest, Prompt, Refused
from twofold.sessions.methods import (
    ONE_FACTOR,
    PHISHING_RESISTANT,
    TWO_FACTORS,
    acr,
    authenticated_at,
    has_second_factor,
    second_factor_at,
)
from twofold.sessions.session import Session

KNOWN = (ONE_FACTOR, TWO_FACTORS, PHISHING_RESISTANT)


class Need(StrEnum):
    """What somebody has to do first."""

    SIGN_IN = "sign_in"
    STEP_DOWN = "step_down"  # a policy asks them to set up a second factor before anything else
    PASSWORD = "password"  # noqa: S105 - a step, not a password
    CODE = "code"
    PASSKEY = "passkey"
    CONSENT = "consent"  # to agree to what the application may see
    SET_UP = "set_up"  # the application asks for a second factor, which they may have and have not


class Standing(NamedTuple):
    """What decides about somebody who is signed in, beside their session."""

    stepped_down: bool
    may_set_up: bool
    agreed: frozenset[str] = frozenset()  # scopes, to which they agreed before
    agreed_now: bool = False  # on the page that this request showed


class OtherAccount(NamedTuple):
    """The application is not for the account of whoever is signed in."""


class Unmet(NamedTuple):
    """The assurance that is asked for cannot be reached by whoever is signed in."""

    lacking: str | None  # what they would have to have first; None where nothing does that is known here


class Ready(NamedTuple):
    """The session is all that the application asks for."""

    session: Session


def decide(
    asked: AuthorizationRequest,
    application: Application,
    session: Session | None,
    standing: Standing,
    *,
    proved_after: datetime | None,
    at: datetime,
) -> Ready | Need | Refused | OtherAccount | Unmet:
    """Decide what is needed first.

    What was proved after `proved_after`, when the request began, was proved for it; None says that it begins now.
    """
    if session is None:
        return Need.SIGN_IN
    if application.accounts and session.user.account_id not in application.accounts:
        return OtherAccount()
    if asked.subject is not None and asked.subject != str(session.user.id):
        return Refused("login_required", "Somebody else is signed in than the ID token names.")
    if standing.stepped_down:
        return Need.STEP_DOWN
    proved = authenticated_at(session.methods)
    if not _is_fresh(proved, proved_after):
        if Prompt.SELECT_ACCOUNT in asked.prompts:
            return Need.SIGN_IN
        if Prompt.LOGIN in asked.prompts or _older(proved, asked.max_age, at):
            return Need.PASSWORD
    needed = _second_factor(asked, application, session, standing, proved_after, at)
    return needed or _consent(asked, application, standing) or Ready(session)


def silently(needed: Need | OtherAccount | Unmet) -> Refused:
    """Return the error for `prompt=none`, where nothing may be asked (OpenID Connect Core section 3.1.2.6)."""
    if isinstance(needed, Unmet):
        return Refused("unmet_authentication_requirements", "The authentication asked for cannot be reached.")
    if isinstance(needed, OtherAccount):
        return Refused("access_denied", "The application is not for the account of whoever is signed in.")
    if needed in (Need.SIGN_IN, Need.PASSWORD):
        return Refused("login_required", "Somebody has to sign in first.")
    if needed is Need.CONSENT:
        return Refused("consent_required", "Whoever is signed in has not agreed to this yet.")
    return Refused("interaction_required", "A second factor has to be proved or set up first.")


def _consent(asked: AuthorizationRequest, application: Application, standing: Standing) -> Need | None:
    """Ask people what an application of others may see; an operator answers for their own."""
    if application.first_party or standing.agreed_now:
        return None
    remembered = set(asked.scope.split(" ")) <= standing.agreed
    return None if remembered and Prompt.CONSENT not in asked.prompts else Need.CONSENT


def _second_factor(
    asked: AuthorizationRequest,
    application: Application,
    session: Session,
    standing: Standing,
    proved_after: datetime | None,
    at: datetime,
) -> Need | Unmet | None:
    can = session.user.has_second_factor
    wanted = _wanted(asked, application, _reachable(session, standing))
    if isinstance(wanted, Unmet):
        return wanted
    if wanted == ONE_FACTOR:
        return None
    if not can:
        return Need.SET_UP
    proved = second_factor_at(session.methods)
    again = Need.PASSKEY if wanted == PHISHING_RESISTANT else Need.CODE
    if not has_second_factor(session.methods) or proved is None:
        return again
    if wanted == PHISHING_RESISTANT and acr(session.methods) != PHISHING_RESISTANT:
        return again
    age = application.second_factor_age
    too_old = age is not None and at - proved > age
    return again if too_old and not _is_fresh(proved, proved_after) else None


def _reachable(session: Session, standing: Standing) -> tuple[str, ...]:
    """Return what somebody can prove: a passkey only who has one, for nobody is made to buy a key on the way."""
    if session.user.has_passkey:
        return (ONE_FACTOR, TWO_FACTORS, PHISHING_RESISTANT)
    return (ONE_FACTOR, TWO_FACTORS) if session.user.has_second_factor or standing.may_set_up else (ONE_FACTOR,)


def _wanted(asked: AuthorizationRequest, application: Application, reachable: tuple[str, ...]) -> str | Unmet:
    """Return the assurance to reach: what the application always asks for, and the best of what this request names.

    A request that names only what we have never heard of asks for nothing (`acr_values` are wishes, OpenID Connect Core
    section 3.1.2.1); one that names what we know is not answered with less, nor one that calls it essential (5.5.1.1).
    """
    always = application.acr or (TWO_FACTORS if application.second_factor_age is not None else ONE_FACTOR)
    named = [value for value in asked.acr_values if value in KNOWN]
    reached = [value for value in reachable if value in named]
    essential = [value for value in reachable if value in (asked.acr_essential or reachable)]
    for does in ((always,), named or reachable, asked.acr_essential or reachable):
        if not set(does) & set(reachable):
            least = min((value for value in does if value in KNOWN), key=KNOWN.index, default=None)
            return Unmet(TWO_FACTORS if least and TWO_FACTORS not in reachable else least)
    demanded = [] if asked.acr_essential is None else essential
    return max([always, *reached, *demanded], key=KNOWN.index)


def _is_fresh(proved: datetime, proved_after: datetime | None) -> bool:
    return proved_after is not None and proved > proved_after


def _older(proved: datetime, seconds: int | None, at: datetime) -> bool:
    """Tell whether a proof is older than `max_age`; 0 asks for a new one, as `prompt=login` does."""
    return seconds is not None and (seconds == 0 or at - proved > timedelta(seconds=seconds))
