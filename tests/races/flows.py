"""Everything that is done to a user and their account in a transaction, each ready to be done at any moment."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.cli.program import Program
from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.passkeys import SoftKey
from tests.harness.people import CLIENT_INFO, NEW_PASSWORD, PASSWORD, Factor, People, phone_of
from twofold.abuse import block_flow
from twofold.abuse import flow as abuse
from twofold.abuse.blocklist import Block
from twofold.admin import act_flow as acts
from twofold.admin import adoption_flow, policy_flow, remind_all_flow, reminder_flow, time_zone_flow
from twofold.admin.policy import Policy
from twofold.audit import export_flow
from twofold.directory import accounts_flow, add_user_flow
from twofold.directory.accounts_flow import AccountChange
from twofold.directory.add_user_flow import NewUser
from twofold.directory.user import User
from twofold.factors import change_flow, enrolment_flow, passkey_registration_flow, removal_flow
from twofold.factors import flow as factors
from twofold.factors.backup_code import flow as backup_code_flow
from twofold.factors.change_flow import Proofs
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import AwaitsLastQuestion, Opened
from twofold.factors.passkey_registration_flow import Registering
from twofold.factors.passkeys import challenge
from twofold.factors.passkeys import flow as passkeys
from twofold.factors.passkeys.passkey import Assertion
from twofold.kit import acting, nodes
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.hashing import Hasher
from twofold.kit.crypto.tokens import digest, new_id
from twofold.kit.mail.delivery import Delivery
from twofold.kit.mail.outbox import MOST_DECOYS_WAITING
from twofold.kit.mail.smtp import Delivered
from twofold.lockouts.tables import second_factor_budgets
from twofold.oidc import (
    assertion_flow,
    authorize_flow,
    logout_flow,
    own_flow,
    pushed_flow,
    registration_flow,
    rule_flow,
    token_flow,
)
from twofold.oidc import key_flow as signing
from twofold.oidc.answer import Answer, Mode
from twofold.oidc.application import Application, Registration
from twofold.oidc.authorize_flow import Asked, Waiting
from twofold.oidc.grant_tables import grants
from twofold.oidc.key_tables import oidc_keys
from twofold.oidc.pushed_flow import Pushed
from twofold.oidc.registration_flow import Registered
from twofold.oidc.request import AuthorizationRequest, Parameters
from twofold.oidc.token_flow import Code, Tokens
from twofold.operations import jobs
from twofold.operations.jobs import COMPOSERS
from twofold.operations.worker import Job, Worker
from twofold.profile import flow as profile
from twofold.profile import preference_flow
from twofold.provisioning import account_flow, key_flow, new_user_flow
from twofold.provisioning import flow as provisioning
from twofold.provisioning.flow import UserChange
from twofold.recovery import browser_flow, not_me_flow, password_flow, server_reset_flow
from twofold.resets import act_flow as case_acts
from twofold.resets import confirm_flow
from twofold.resets import flow as cases
from twofold.resets.confirm_flow import Given
from twofold.resets.outcomes import CaseOpened
from twofold.sessions import destination_flow, ending_flow
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session
from twofold.signin import attempt_flow, set_up_flow, set_up_passkey_flow, step_up_flow
from twofold.signin import flow as signin
from twofold.signin.first_factor import passkey_flow
from twofold.signin.first_factor import password_flow as first_factor
from twofold.signin.first_factor.passkey_flow import Presented
from twofold.signin.first_factor.password_flow import Credentials
from twofold.signin.outcomes import Due
from twofold.support import audit_flow
from twofold.support.audit_search import Filters

CALLBACK = "https://crm.example/callback"
REASON = "She called, and I know her voice."

Act = Callable[[AppContext], object]
Flow = Callable[["World"], Act]


class World:
    """An account with an administrator and Ada, who has two phones, and a colleague who has to set one up."""

    def __init__(self, people: People) -> None:
        self.people, self.context = people, people.context
        self.name = secrets.token_hex(4)
        self.account = people.account(f"Account {self.name}")
        self.boss = self._user("boss", role="admin", password=None)
        self.ada = self._user("ada")
        self.factor = people.protect(self.ada)
        self.at = NOON
        self._newcomer: User | None = None
        self._case: UUID | None = None
        self._link: str | None = None
        self._phone: UUID | None = None
        self._last: list[Callable[[], object]] = []

    def last(self, do: Callable[[], object]) -> None:
        """Do something once everything else is ready, because nothing could be made ready after it."""
        self._last.append(do)

    def ready(self, flows: Sequence["Flow"]) -> list["Act"]:
        """Make flows ready to be done, in one another's presence."""
        if phone_is_removed in flows:
            self.another_phone()  # before there is any session: it would end
        acts = [flow(self) for flow in flows]
        for do in self._last:
            do()
        return acts

    def _user(self, name: str, **values: Any) -> User:
        return self.people.user(f"{name}@{self.name}.example", account=self.account, **values)

    def now(self) -> datetime:
        """Let a time step pass, so that the next code is a fresh one."""
        self.at = later(at=self.at, seconds=30)
        return self.at

    def current(self, user: User | None = None) -> User:
        return self.people.look_up(user or self.ada)

    def session(self) -> Session:
        at = self.now()
        return self.people.sign_in(self.current(), self.factor.phone, at=at)

    def fresh_backup_code(self) -> str:
        """Return a backup code of Ada's that nothing else has spent."""
        with self.context.db.write() as connection:
            return backup_code_flow.issue(connection, self.current(), self.at)

    def newcomer(self) -> User:
        """Return somebody without a second factor in the same account."""
        if self._newcomer is None:
            self._newcomer = self._user("new")
        return self.current(self._newcomer)

    def forced(self, channel: str = "page") -> tuple[User, str, datetime]:
        """Return a sign-in that waits for the code from the mailbox."""
        user = self._user(f"forced-{secrets.token_hex(2)}")
        self.people.set_account(self.account, policy="required")
        at = self.now()
        sign_in = self.people.attempt(user, at=at, channel=channel)
        self.people.set_account(self.account, policy="optional")
        return user, sign_in, at

    def told(self, kind: str, to: User) -> dict[str, Any]:
        """Compose the newest letter of a kind, as when it goes out."""
        [*_, entry] = self.people.letters(kind, to.email)
        with self.context.db.write() as connection:
            told = COMPOSERS[kind](self.context, connection, entry, self.at)
        assert told is not None, kind
        return told

    def case(self) -> UUID:
        """Return the open case about Ada."""
        if self._case is None:
            opened = cases.open_case(
                self.context, self.current(self.boss), self.current(), REASON, origin=Origin(self.now())
            )
            assert isinstance(opened, CaseOpened), opened
            self._case = opened.id
        return self._case

    def reset_link(self) -> str:
        """Return the link of that case."""
        if self._link is None:
            self.case()
            self._link = str(self.told("reset_confirm", self.ada)["link"]).rpartition("/")[2]
        return self._link

    def another_phone(self) -> UUID:
        """Give Ada a second phone and return its id."""
        if self._phone is not None:
            return self._phone
        session = self.session()
        asked = SetUp(PASSWORD, self.factor.phone.code(self.now()), None, "Second")
        opened = enrolment_flow.open_in_session(self.context, session, asked, origin=Origin(self.at, CLIENT_INFO))
        assert isinstance(opened, Opened), opened
        self._confirm(session, opened.id, phone_of(opened), self.context)
        with self.context.db.read() as connection:
            self._phone = factors.show(connection, self.ada.id).authenticators[-1].id
        return self._phone

    def _confirm(self, session: Session, enrolment: UUID, phone: Authenticator, context: AppContext) -> object:
        at = self.at
        return enrolment_flow.confirm_in_session(
            context, session, enrolment, phone.code(at), origin=Origin(at, CLIENT_INFO)
        )

    def soft_key(self) -> SoftKey:
        """Return an authenticator that will make a passkey for this application."""
        return SoftKey(origin=self.context.settings.base_url)

    def proofs(self) -> tuple[Proofs, datetime]:
        at = self.now()
        return Proofs(PASSWORD, self.factor.phone.code(at), None), at


# --- sign-in


def _code(w: World, typed: Callable[[Factor, datetime], str], channel: str = "page") -> Act:
    sign_in = w.people.attempt(w.current(), at=w.now(), channel=channel)
    code, at = typed(w.factor, w.at), w.at
    return lambda context: signin.submit_code(
        context, sign_in, code, channel=channel, client=None, origin=Origin(at, CLIENT_INFO),
    )  # fmt: skip


def code(w: World) -> Act:
    return _code(w, lambda factor, at: factor.phone.code(at))


def code_with_a_password_set_by_mail(w: World) -> Act:
    w.people.set_user(w.ada, password_unproven=True)
    return code(w)


def backup_code(w: World) -> Act:
    return _code(w, lambda factor, _at: factor.backup_code)


def backup_code_of_a_program(w: World) -> Act:
    return _code(w, lambda factor, _at: factor.backup_code, "api")


def wrong_code_that_locks(w: World) -> Act:
    sign_in = w.people.attempt(w.current(), at=w.now())
    at, wrong = w.at, w.factor.phone.wrong_code(w.at)
    w.last(lambda: w.people.set_counts(w.ada, wrong=4))
    return lambda context: signin.submit_code(
        context, sign_in, wrong, channel="page", client=None, origin=Origin(at, CLIENT_INFO),
    )  # fmt: skip


def help_is_asked_for(w: World) -> Act:
    w.people.user(f"helper-{secrets.token_hex(2)}@{w.name}.example", account=w.account, role="admin")
    sign_in, at = w.people.attempt(w.current(), at=w.now()), w.at
    return lambda context: signin.ask_for_reset(context, sign_in, origin=Origin(at, CLIENT_INFO))


def backup_code_is_saved(w: World) -> Act:
    sign_in = w.people.attempt(w.current(), at=w.now())
    due = w.people.give_code(sign_in, w.fresh_backup_code(), at=w.at)
    attempt = attempt_flow.find(w.context, due.sign_in, w.at)
    assert attempt is not None
    w.factor = replace(w.factor, backup_code=set_up_flow.show_backup_code(w.context, attempt) or "")
    w.people.set_user(w.ada, password_unproven=True)
    at = w.at
    return lambda context: signin.submit_saved(context, due.sign_in, client=None, origin=Origin(at, CLIENT_INFO))


def _password(w: World, user: User, typed: str = PASSWORD) -> Act:
    given, at = Credentials(user.email, typed, None, "page"), w.now()
    return lambda context: first_factor.submit_password(context, given, origin=Origin(at, CLIENT_INFO))


def password(w: World) -> Act:
    return _password(w, w.ada)


def password_under_a_new_hash(w: World) -> Act:
    act = password(w)
    return lambda context: act(replace(context, hasher=Hasher(8192, 1)))


def wrong_password(w: World) -> Act:
    return _password(w, w.ada, "wrong")


def password_alone(w: World) -> Act:
    return _password(w, w.newcomer())


def password_of_a_program(w: World) -> Act:
    given, at = Credentials(w.newcomer().email, PASSWORD, None, "legacy"), w.now()
    return lambda context: first_factor.submit_legacy(context, given, origin=Origin(at, CLIENT_INFO))


def password_before_a_forced_set_up(w: World) -> Act:
    w.last(lambda: w.people.set_account(w.account, policy="required"))
    return _password(w, w.newcomer())


def step_down(w: World) -> Act:
    session = w.people.sign_in(w.newcomer(), at=w.now())
    at = w.at
    return lambda context: signin.step_down(context, session, origin=Origin(at, CLIENT_INFO))


def mailed_code_again(w: World) -> Act:
    _user, sign_in, at = w.forced()
    return lambda context: set_up_flow.resend(context, sign_in, channel="page", at=at)


def mailed_code(w: World) -> Act:
    user, sign_in, at = w.forced()
    minted = w.told("sign_in_code", user)
    return lambda context: set_up_flow.submit_mailed_code(
        context, sign_in, minted["code"], channel="page", origin=Origin(at, CLIENT_INFO),
    )  # fmt: skip


def _forced_enrolment(w: World, channel: str) -> tuple[str, Opened, datetime]:
    user, sign_in, at = w.forced(channel)
    typed = w.told("sign_in_code", user)["code"]
    set_up_flow.submit_mailed_code(w.context, sign_in, typed, channel=channel, origin=Origin(at, CLIENT_INFO))
    opened = set_up_flow.open_enrolment(w.context, sign_in, channel=channel, at=at)
    assert isinstance(opened, tuple), opened
    return sign_in, opened[1], at


def forced_set_up_begins(w: World) -> Act:
    sign_in, _opened, at = _forced_enrolment(w, "page")
    return lambda context: set_up_flow.open_enrolment(context, sign_in, channel="page", at=at)


def forced_set_up(w: World, channel: str = "page") -> Act:
    sign_in, opened, at = _forced_enrolment(w, channel)
    typed = phone_of(opened).code(at)
    return lambda context: set_up_flow.confirm_enrolment(
        context, sign_in, opened.id, typed, channel=channel, client=None, origin=Origin(at, CLIENT_INFO),
    )  # fmt: skip


def forced_set_up_of_a_program(w: World) -> Act:
    return forced_set_up(w, "api")


def forced_set_up_begins_again(w: World) -> Act:
    sign_in, _opened, at = _forced_enrolment(w, "page")
    return lambda context: set_up_flow.begin_again(context, sign_in, origin=Origin(at))


def forced_set_up_by_passkey_begins(w: World) -> Act:
    sign_in, _opened, at = _forced_enrolment(w, "page")
    return lambda context: set_up_passkey_flow.open_registration(context, sign_in, channel="page", origin=Origin(at))


def forced_set_up_by_passkey(w: World) -> Act:
    sign_in, _opened, at = _forced_enrolment(w, "page")
    opened = set_up_passkey_flow.open_registration(w.context, sign_in, channel="page", origin=Origin(at))
    assert isinstance(opened, Registering), opened
    made, origin = json.dumps(w.soft_key().make(opened.options)), Origin(at, CLIENT_INFO)
    return lambda context: set_up_passkey_flow.complete(
        context, sign_in, opened.id, made, channel="page", client=None, origin=origin
    )


def _step_up(w: World, channel: str, session: Session, typed: str) -> Act:
    given, at = step_up_flow.Proofs(PASSWORD, typed, None), w.at
    return lambda context: step_up_flow.step_up(
        context, session, given, channel=channel, origin=Origin(at, CLIENT_INFO)
    )


def session_is_stepped_up(w: World) -> Act:
    session, at = w.session(), w.now()
    return _step_up(w, "page", session, w.factor.phone.code(at))


def session_is_stepped_up_by_backup_code(w: World) -> Act:
    return _step_up(w, "page", w.session(), w.factor.backup_code)


def program_is_stepped_up_by_backup_code(w: World) -> Act:
    return _step_up(w, "api", w.session(), w.factor.backup_code)


def backup_code_of_a_step_up_is_saved(w: World) -> Act:
    due = _step_up(w, "page", w.session(), w.fresh_backup_code())(w.context)
    assert isinstance(due, Due), due
    at = w.at
    return lambda context: signin.submit_saved(context, due.sign_in, client=None, origin=Origin(at, CLIENT_INFO))


def destination_is_kept(w: World) -> Act:
    at = w.now()
    return lambda context: destination_flow.keep(
        context.db, "/people", browser=w.name, address=CLIENT_INFO.address, at=at
    )


# --- applications


def _application(w: World, backchannel_logout_uri: str | None = None, *, first_party: bool = True) -> Application:
    said = Registration(
        "CRM", public=False, redirect_uris=(CALLBACK,), backchannel_logout_uri=backchannel_logout_uri, pkce=False,
        first_party=first_party,
    )  # fmt: skip
    made = registration_flow.create(w.context, said, origin=Origin(w.at))
    assert isinstance(made, Registered), made
    return made.application


def _asked(w: World, application: Application) -> Asked:
    request = AuthorizationRequest(
        client_id=application.id, redirect_uri=CALLBACK, mode=Mode.QUERY, state=None, scope="openid offline_access",
        nonce=None, challenge=None, prompts=frozenset(), max_age=None, acr_values=(),
    )  # fmt: skip
    return Asked(request, application)


def _application_code(w: World, application: Application) -> Code:
    answer = authorize_flow.answer(w.context, _asked(w, application), w.session(), stepped_down=False, at=w.at)
    assert isinstance(answer, Answer), answer
    return Code(answer.fields["code"], CALLBACK, None)


def _tokens(w: World, application: Application) -> Tokens:
    tokens = token_flow.exchange(w.context, application, _application_code(w, application), origin=Origin(w.at))
    assert isinstance(tokens, Tokens), tokens
    return tokens


def application_is_answered_at_once(w: World) -> Act:
    asked, session, at = _asked(w, _application(w)), w.session(), w.at
    return lambda context: authorize_flow.answer(context, asked, session, stepped_down=False, at=at)


def application_waits(w: World) -> Act:
    request, at = _asked(w, _application(w)).request, w.now()
    return lambda context: authorize_flow.keep(context, request, None, browser=w.name, origin=Origin(at, CLIENT_INFO))


def request_is_pushed(w: World) -> Act:
    application, origin = _application(w), Origin(w.now(), CLIENT_INFO)
    return lambda context: pushed_flow.push(context, application, _asks(application), origin=origin)


def pushed_request_is_used(w: World) -> Act:
    application, at = _application(w), w.at
    pushed = pushed_flow.push(w.context, application, _asks(application), origin=Origin(at, CLIENT_INFO))
    assert isinstance(pushed, Pushed)
    brings = Parameters({"client_id": str(application.id), "request_uri": pushed.request_uri}, frozenset())
    return lambda context: pushed_flow.take(context, brings, at)


def _asks(application: Application) -> dict[str, str]:
    return {"redirect_uri": CALLBACK, "response_type": "code", "scope": "openid", "client_id": str(application.id),
            "code_challenge": "a" * 43, "code_challenge_method": "S256"}  # fmt: skip


def application_proves_itself_by_its_key(w: World) -> Act:
    key, at = ECKey.generate_key("P-256"), w.at
    keys = json.dumps({"keys": [key.as_dict(private=False)]})
    said = Registration("CRM", public=False, redirect_uris=(CALLBACK,), jwks=keys, assertion_algorithm="ES256")
    made = registration_flow.create(w.context, said, origin=Origin(at))
    assert isinstance(made, Registered), made
    client_id, exp = str(made.application.id), int(later(at=at, minutes=5).timestamp())
    claims = {"iss": client_id, "sub": client_id, "aud": w.context.settings.base_url, "jti": w.name, "exp": exp}
    assertion = jwt.encode({"alg": "ES256"}, claims, key)
    return lambda context: assertion_flow.authenticate(context, assertion, "", at)


def application_is_answered_after_a_sign_in(w: World) -> Act:
    kept = application_waits(w)(w.context)
    assert isinstance(kept, UUID)
    waiting = authorize_flow.find(w.context, kept, browser=w.name, at=w.at)
    assert waiting is not None
    session, at = w.session(), w.at
    return lambda context: authorize_flow.resume(
        context, waiting, session, authorization=kept, browser=w.name, stepped_down=False, at=at
    )


def somebody_agrees(w: World) -> Act:
    waiting, kept = _waits_for_consent(w)
    session, at = w.session(), w.at
    return lambda context: authorize_flow.resume(
        context, waiting, session, authorization=kept, browser=w.name, stepped_down=False, at=at,
        agreed=Origin(at, CLIENT_INFO),
    )  # fmt: skip


def somebody_does_not_agree(w: World) -> Act:
    waiting, kept = _waits_for_consent(w)
    at = w.at
    return lambda context: authorize_flow.refuse(context, waiting, authorization=kept, browser=w.name, at=at)


def _waits_for_consent(w: World) -> tuple[Waiting, UUID]:
    request = _asked(w, _application(w, first_party=False)).request
    kept = authorize_flow.keep(w.context, request, None, browser=w.name, origin=Origin(w.now(), CLIENT_INFO))
    assert kept is not None
    waiting = authorize_flow.find(w.context, kept, browser=w.name, at=w.at)
    assert waiting is not None
    return waiting, kept


def access_is_removed(w: World) -> Act:
    application = _application(w)
    _tokens(w, application)
    session, origin = w.session(), Origin(w.at, CLIENT_INFO)
    return lambda context: own_flow.revoke(context, session, application.id, origin=origin)


def rule_for_an_application_is_set(w: World) -> Act:
    application, session, at = _application(w), w.session()._replace(user=w.current(w.boss)), w.at
    return lambda context: rule_flow.change(context, session, application.id, "", "15", origin=Origin(at, CLIENT_INFO))


def code_is_exchanged(w: World) -> Act:
    application = _application(w)
    code, at = _application_code(w, application), w.at
    return lambda context: token_flow.exchange(context, application, code, origin=Origin(at, CLIENT_INFO))


def code_is_exchanged_twice(w: World) -> Act:
    application = _application(w)
    code, at = _application_code(w, application), w.at
    token_flow.exchange(w.context, application, code, origin=Origin(at))
    return lambda context: token_flow.exchange(context, application, code, origin=Origin(at, CLIENT_INFO))


def token_is_refreshed(w: World) -> Act:
    application = _application(w)
    token, at = _tokens(w, application).issued.refresh_token or "", later(at=w.at, minutes=2)
    return lambda context: token_flow.refresh(context, application, token, None, origin=Origin(at, CLIENT_INFO))


def token_is_refreshed_long_after(w: World) -> Act:
    application = _application(w)
    token, at = _tokens(w, application).issued.refresh_token or "", w.at
    token_flow.refresh(w.context, application, token, None, origin=Origin(at))
    later_on = Origin(later(at=at, minutes=1), CLIENT_INFO)
    return lambda context: token_flow.refresh(context, application, token, None, origin=later_on)


def tokens_are_revoked(w: World) -> Act:
    application = _application(w)
    issued, origin = _tokens(w, application).issued, Origin(w.at, CLIENT_INFO)

    def act(context: AppContext) -> None:
        token_flow.revoke(context, application, issued.access_token, origin=origin)
        token_flow.revoke(context, application, issued.refresh_token or "", origin=origin)

    return act


def ending_is_announced(w: World) -> Act:
    _sign_out_of_application(w)
    return lambda context: ending_flow.announce(context, jobs.SUBSCRIBERS, w.at)


def application_is_told(w: World) -> Act:
    _sign_out_of_application(w)
    ending_flow.announce(w.context, jobs.SUBSCRIBERS, w.at)
    return lambda context: logout_flow.deliver(context, w.at)


def _sign_out_of_application(w: World) -> None:
    """End a session from which an application is to be told: in a network where nobody is asked."""
    application = _application(w, backchannel_logout_uri="http://127.0.0.1:1/")
    _tokens(w, application)
    with w.context.db.read() as connection:
        [session_id] = connection.execute(
            sa.select(grants.c.session_id).where(grants.c.application_id == application.id)
        ).scalars()
        session = sessions.find_by_id(w.context, connection, session_id, w.at)
    assert session is not None
    sessions.sign_out(w.context.db, session, origin=Origin(w.at))


# --- factors


def set_up_begins_after_a_code(w: World) -> Act:
    session, at = w.session(), w.now()
    asked = SetUp(PASSWORD, "", None)
    return lambda context: enrolment_flow.open_in_session(context, session, asked, origin=Origin(at, CLIENT_INFO))


def set_up_begins(w: World) -> Act:
    session, at = w.session(), w.now()
    asked = SetUp(PASSWORD, w.factor.phone.code(at), None)
    return lambda context: enrolment_flow.open_in_session(context, session, asked, origin=Origin(at, CLIENT_INFO))


def _set_up(w: World, *, replaces: bool) -> Act:
    session, at = w.session(), w.now()
    with w.context.db.read() as connection:
        [phone, *_] = factors.show(connection, w.ada.id).authenticators
    asked = SetUp(PASSWORD, w.factor.phone.code(at), None, "New", phone.id if replaces else None)
    opened = enrolment_flow.open_in_session(w.context, session, asked, origin=Origin(at, CLIENT_INFO))
    assert isinstance(opened, Opened), opened
    return lambda context: w._confirm(session, opened.id, phone_of(opened), context)


def phone_is_added(w: World) -> Act:
    return _set_up(w, replaces=False)


def phone_is_replaced(w: World) -> Act:
    return _set_up(w, replaces=True)


def first_set_up(w: World) -> Act:
    user = w.newcomer()
    session = w.people.sign_in(user, at=w.now())
    asked = SetUp(PASSWORD, "", None)
    opened = enrolment_flow.open_in_session(w.context, session, asked, origin=Origin(w.at, CLIENT_INFO))
    assert isinstance(opened, Opened), opened
    return lambda context: w._confirm(session, opened.id, phone_of(opened), context)


def passkey_registration_begins(w: World) -> Act:
    session, at = w.session(), w.now()
    asked = SetUp(PASSWORD, "", None)
    return lambda context: passkey_registration_flow.open_in_session(
        context, session, asked, origin=Origin(at, CLIENT_INFO)
    )


def passkey_is_added(w: World) -> Act:
    return _completed(w, w.session(), w.soft_key())


def _completed(w: World, session: Session, key: SoftKey) -> Act:
    origin = Origin(w.now(), CLIENT_INFO)
    opened = passkey_registration_flow.open_in_session(w.context, session, SetUp(PASSWORD, "", None), origin=origin)
    assert isinstance(opened, Registering), opened
    made = json.dumps(key.make(opened.options))
    return lambda context: passkey_registration_flow.complete_in_session(
        context, session, opened.id, made, "Key", origin=origin
    )


def _holder(w: World) -> tuple[User, SoftKey]:
    user, key = w._user(f"holder-{secrets.token_hex(2)}"), w.soft_key()
    _completed(w, w.people.sign_in(user, at=w.now()), key)(w.context)
    return w.current(user), key


def _signed(w: World, key: SoftKey, holder: str, *, alone: bool) -> str:
    party = passkeys.party_of(w.context.settings)
    assert party is not None
    return json.dumps(key.sign(passkeys.request_options(w.context, party, holder, (), w.at, alone=alone)))


def passkey_signs_in_alone(w: World) -> Act:
    _user, key = _holder(w)
    at, credential = w.now(), _signed(w, key, challenge.SIGN_IN_PAGE, alone=True)
    given = Presented(credential, challenge.SIGN_IN_PAGE, None, "page")
    return lambda context: passkey_flow.submit_passkey(context, given, origin=Origin(at, CLIENT_INFO))


def passkey_signs_in_while_locked_for_good(w: World) -> Act:
    user, key = _holder(w)
    w.people.set_counts(user, wrong=5, wrong_in_row=100)
    at, credential = w.now(), _signed(w, key, challenge.SIGN_IN_PAGE, alone=True)
    given = Presented(credential, challenge.SIGN_IN_PAGE, None, "page")
    return lambda context: passkey_flow.submit_passkey(context, given, origin=Origin(at, CLIENT_INFO))


def passkey_is_the_second_factor(w: World) -> Act:
    user, key = _holder(w)
    sign_in, at = w.people.attempt(user, at=w.now()), w.now()
    holder = challenge.of_sign_in(digest(sign_in))
    given = Assertion(_signed(w, key, holder, alone=False), holder)
    origin = Origin(at, CLIENT_INFO)
    return lambda context: signin.submit_code(context, sign_in, given, channel="page", client=None, origin=origin)


def backup_code_is_regenerated(w: World) -> Act:
    session, (given, at) = w.session(), w.proofs()
    return lambda context: change_flow.regenerate(context, session, given, origin=Origin(at, CLIENT_INFO), seen=False)


def backup_code_is_regenerated_by_itself(w: World) -> Act:
    session, at = w.session(), w.now()
    given = Proofs(PASSWORD, w.factor.backup_code, None)
    return lambda context: change_flow.regenerate(context, session, given, origin=Origin(at, CLIENT_INFO), seen=True)


def removal_is_asked(w: World) -> Act:
    session, (given, at) = w.session(), w.proofs()
    return lambda context: removal_flow.ask_removal(context, session, given, origin=Origin(at, CLIENT_INFO))


def removal_is_answered(w: World) -> Act:
    session, (given, at) = w.session(), w.proofs()
    asked = removal_flow.ask_removal(w.context, session, given, origin=Origin(at, CLIENT_INFO))
    assert isinstance(asked, AwaitsLastQuestion), asked
    return lambda context: removal_flow.answer_removal(
        context, session, asked.confirmation, origin=Origin(at, CLIENT_INFO)
    )


def removal(w: World) -> Act:
    session, (given, at) = w.session(), w.proofs()
    return lambda context: removal_flow.remove(context, session, given, origin=Origin(at, CLIENT_INFO))


def phone_is_removed(w: World) -> Act:
    phone = w.another_phone()
    session, (given, at) = w.session(), w.proofs()
    return lambda context: removal_flow.remove_one(context, session, phone, given, origin=Origin(at, CLIENT_INFO))


def phone_is_renamed(w: World) -> Act:
    session = w.session()
    with w.context.db.read() as connection:
        [phone, *_] = factors.show(connection, w.ada.id).authenticators
    return lambda context: change_flow.rename(context, session, phone.id, "Renamed", origin=Origin(w.at, CLIENT_INFO))


def code_is_said_to_be_saved(w: World) -> Act:
    return lambda context: backup_code_flow.say_saved(context, w.ada.id, w.factor.backup_code)


def password_is_changed(w: World) -> Act:
    session, at = w.session(), w.now()
    asked = profile.NewPassword(PASSWORD, NEW_PASSWORD, w.factor.phone.code(at), None)
    return lambda context: profile.change_password(context, session, asked, origin=Origin(at, CLIENT_INFO))


# --- sessions


def session_is_seen(w: World) -> Act:
    token, at = w.people.token(w.current(), w.factor.phone, at=w.now()), later(at=w.at, minutes=5)
    return lambda context: sessions.find(context.db, context.settings, token, at)


def sign_out(w: World) -> Act:
    session = w.session()
    return lambda context: sessions.sign_out(context.db, session, origin=Origin(w.at, CLIENT_INFO))


def other_session_is_ended(w: World) -> Act:
    session, other = w.session(), w.session()
    return lambda context: sessions.end_one(context.db, session, other.id, origin=Origin(w.at, CLIENT_INFO))


def other_sessions_are_ended(w: World) -> Act:
    session, _other = w.session(), w.session()
    return lambda context: sessions.end_others(context.db, session, origin=Origin(w.at, CLIENT_INFO))


# --- resets and recovery


def reset_is_asked(w: World) -> Act:
    at = w.now()
    return lambda context: cases.open_case(context, w.current(w.boss), w.current(), REASON, origin=Origin(at))


def reset_is_sent_again(w: World) -> Act:
    case, at = w.case(), w.at
    return lambda context: case_acts.send_again(context, w.current(w.boss), case, origin=Origin(at))


def reset_is_cancelled(w: World) -> Act:
    case, at = w.case(), w.at
    return lambda context: case_acts.cancel(context, w.current(w.boss), case, origin=Origin(at))


def reset_is_approved(w: World) -> Act:
    case, at = w.case(), w.at
    linus = w._user(f"linus-{secrets.token_hex(2)}", role="admin")
    return lambda context: case_acts.approve(context, linus, case, origin=Origin(at))


def reset_is_confirmed(w: World) -> Act:
    link, at = w.reset_link(), w.at
    return lambda context: confirm_flow.confirm(context, link, Given(PASSWORD), origin=Origin(at, CLIENT_INFO))


def reset_is_confirmed_with_a_new_password(w: World) -> Act:
    link, at = w.reset_link(), w.at
    return lambda context: confirm_flow.confirm(
        context, link, Given(PASSWORD, NEW_PASSWORD), origin=Origin(at, CLIENT_INFO)
    )


def reset_is_confirmed_wrongly(w: World) -> Act:
    link, at = w.reset_link(), w.at
    return lambda context: confirm_flow.confirm(context, link, Given("wrong"), origin=Origin(at, CLIENT_INFO))


def reset_is_refused(w: World) -> Act:
    link, at = w.reset_link(), w.at
    return lambda context: confirm_flow.refuse(context, link, origin=Origin(at, CLIENT_INFO))


def dead_reset_link_is_found(w: World) -> Act:
    link, at = w.reset_link(), w.at
    w.last(lambda: w.people.set_user(w.boss, role="member"))
    return lambda context: confirm_flow.confirm(context, link, Given(PASSWORD), origin=Origin(at, CLIENT_INFO))


def password_link_is_asked(w: World) -> Act:
    at = w.now()
    return lambda context: password_flow.ask(context, w.ada.email, origin=Origin(at, CLIENT_INFO))


def password_is_chosen(w: World) -> Act:
    password_flow.ask(w.context, w.ada.email, origin=Origin(w.now(), CLIENT_INFO))
    token, at = str(w.told("password_link", w.ada)["url"]).rpartition("/")[2], w.at
    return lambda context: password_flow.choose(context, token, NEW_PASSWORD, origin=Origin(at, CLIENT_INFO))


def browser_link_is_asked(w: World) -> Act:
    at = w.now()
    return lambda context: browser_flow.ask(context, w.ada.email, origin=Origin(at, CLIENT_INFO))


def browser_becomes_known(w: World) -> Act:
    at = w.now()
    browser_flow.ask(w.context, w.ada.email, origin=Origin(at, CLIENT_INFO))
    token = w.told("browser_link", w.ada)["url"].rpartition("/")[2]
    return lambda context: browser_flow.know(context, token, None, origin=Origin(at, CLIENT_INFO))


def account_is_frozen(w: World) -> Act:
    token, at = str(w.told("two_factor_set_up", w.ada)["not_me_url"]).rpartition("/")[2], w.now()
    return lambda context: not_me_flow.freeze(context, token, origin=Origin(at, CLIENT_INFO))


# --- administrators and operators


def unlock(w: World) -> Act:
    w.last(lambda: w.people.set_counts(w.ada, wrong=5))
    at = w.now()
    return lambda context: acts.unlock(context, w.current(w.boss), w.ada.id, REASON, origin=Origin(at, CLIENT_INFO))


def unfreeze(w: World) -> Act:
    w.last(lambda: w.people.set_user(w.ada, frozen_at=NOON))
    at = w.now()
    return lambda context: acts.unfreeze(context, w.current(w.boss), w.ada.id, REASON, origin=Origin(at, CLIENT_INFO))


def invite(w: World) -> Act:
    new, at = NewUser(f"{secrets.token_hex(4)}@{w.name}.example", "Nora New"), w.now()
    return lambda context: acts.invite(context, w.current(w.boss), new, origin=Origin(at, CLIENT_INFO))


def invite_again(w: World) -> Act:
    user = w._user(f"invited-{secrets.token_hex(2)}", password=None)
    at = w.now()
    return lambda context: acts.invite_again(context, w.current(w.boss), user.id, origin=Origin(at, CLIENT_INFO))


def policy_is_changed(w: World) -> Act:
    session, at = w.session()._replace(user=w.current(w.boss)), w.at
    return lambda context: policy_flow.change_policy(
        context, session, Policy("off", None), origin=Origin(at, CLIENT_INFO), most=5
    )


def zone_is_changed(w: World) -> Act:
    session, at = w.session()._replace(user=w.current(w.boss)), w.at
    return lambda context: time_zone_flow.change_zone(context, session, "Europe/Berlin", origin=Origin(at, CLIENT_INFO))


def preferences_are_chosen(w: World) -> Act:
    session = w.session()
    return lambda context: preference_flow.choose(context, session, "en-GB", "Europe/Berlin")


def _change_user(w: World, **said: Any) -> Act:
    at = w.now()
    return lambda context: provisioning.change_user(
        context,
        origin=Origin(at, CLIENT_INFO, acting.CONSOLE),
        subject_id=w.ada.id,
        change=UserChange(**said),
        within=None,
    )


def address_and_password_are_set(w: World) -> Act:
    w.case()
    return _change_user(w, email=f"{secrets.token_hex(4)}@{w.name}.example", password=NEW_PASSWORD)


def deactivation(w: World) -> Act:
    w.case()
    return _change_user(w, active=False)


def support_agent_is_made(w: World) -> Act:
    new, at = NewUser(f"{secrets.token_hex(4)}@operator.example", "Sue Support", "support"), w.now()
    return lambda context: new_user_flow.create_user(context, None, new, origin=Origin(at, CLIENT_INFO, acting.CONSOLE))


def user_is_made(w: World) -> Act:
    new, at = NewUser(f"{secrets.token_hex(4)}@{w.name}.example", "Nora New", password=NEW_PASSWORD), w.now()
    return lambda context: add_user_flow.create_user(context, w.account, new, origin=Origin(at, actor=acting.CONSOLE))


def account_is_made(w: World) -> Act:
    change = AccountChange(
        f"Another {w.name}", "enterprise", sso=True, sso_domains=[f"a-{w.name}.example"],
        sso_url="https://sso.acme.example/",
    )  # fmt: skip
    return lambda context: accounts_flow.create_account(context.db, change, origin=Origin(w.at, actor=acting.CONSOLE))


def account_turns_to_sso(w: World) -> Act:
    change = AccountChange(sso=True, sso_domains=[f"b-{w.name}.example"], sso_url="https://sso.acme.example/")
    at = w.now()
    return lambda context: account_flow.change_account(
        context.db, w.account, change, origin=Origin(at, CLIENT_INFO, acting.CONSOLE),
    )  # fmt: skip


def operator_key_is_made_used_and_revoked(w: World) -> Act:
    def act(context: AppContext) -> bool:
        made = key_flow.create_key(context.db, "Billing", actor=acting.CONSOLE, at=w.at)
        assert isinstance(made, key_flow.MadeKey)
        assert key_flow.find_key(context.db, made.key, w.at) == made.id
        return key_flow.revoke_key(context.db, made.id, actor=acting.CONSOLE, at=w.at)

    return act


def application_is_registered_changed_and_deleted(w: World) -> Act:
    said = Registration(
        f"CRM {w.name}", public=False, redirect_uris=("https://crm.example/",), accounts=frozenset({w.account})
    )

    def act(context: AppContext) -> bool:
        origin = Origin(w.at, actor=acting.CONSOLE)
        made = registration_flow.create(context, said, origin=origin)
        assert isinstance(made, registration_flow.Registered), made
        registration_flow.change(context.db, made.application.id, {"algorithm": "ES256"}, origin=origin)
        registration_flow.rotate_secret(context, made.application.id, origin=origin)
        return registration_flow.delete(context.db, made.application.id, origin=origin)

    return act


def signing_keys_are_made_and_rotated(w: World) -> Act:
    with w.context.db.write() as connection:
        connection.execute(oidc_keys.delete())

    def act(context: AppContext) -> object:
        signing.list_keys(context, w.at)
        signing.rotate(context, at_once=False, origin=Origin(w.at, actor=acting.CONSOLE))
        return signing.rotate(context, at_once=True, origin=Origin(w.at, actor=acting.CONSOLE))

    return act


def network_is_blocked_and_let_in_again(w: World) -> Act:
    def act(context: AppContext) -> object:
        network = f"2001:db8:{w.name[:4]}:{w.name[4:6]}00::/56"
        made = block_flow.block(context, network, reason=REASON, life=None, origin=Origin(w.at, actor=acting.CONSOLE))
        assert isinstance(made, Block), made
        return block_flow.unblock(context.db, made.id, reason=REASON, origin=Origin(w.at, actor=acting.CONSOLE))

    return act


def log_is_exported(w: World) -> Act:
    def act(context: AppContext) -> str:
        copy = audit_flow.take_copy(context, w.boss, w.account, Filters(), "json", origin=Origin(w.at, CLIENT_INFO))
        assert not isinstance(copy, audit_flow.CannotSign)
        export_flow.public_key(context.db, context.vault, w.at)
        return "exported" if "".join(copy) else "nothing"

    return act


def _program(w: World, *arguments: str) -> Act:
    program = Program({"TWOFOLD_DATABASE_URL": w.context.settings.database_url, "TWOFOLD_DATA_DIR": "/nonexistent"})
    return lambda _context: "done" if program(*arguments, "--reason", REASON).code == 0 else "refused"


def unlock_on_the_server(w: World) -> Act:
    w.last(lambda: w.people.set_counts(w.ada, wrong=5))
    return _program(w, "unlock", w.ada.email)


def unfreeze_on_the_server(w: World) -> Act:
    w.last(lambda: w.people.set_user(w.ada, frozen_at=NOON))
    return _program(w, "unfreeze", w.ada.email)


def reset_on_the_server(w: World) -> Act:
    at = w.now()
    return lambda context: server_reset_flow.reset_on_server(context, w.ada, REASON, at)


def reset_on_the_server_after_a_lock(w: World) -> Act:
    w.last(lambda: _note_lock(w))
    return reset_on_the_server(w)


def _note_lock(w: World) -> None:
    with w.context.db.write() as connection:
        connection.execute(second_factor_budgets.update().values(last_locked_at=w.at))


# --- behind the pages


class Nowhere:
    """A mail server that takes every letter."""

    def deliver(self, _message: EmailMessage) -> Delivered:
        return Delivered()

    def reach(self) -> None:
        return None


def letters_go_out(w: World) -> Act:
    w.case()
    password_flow.ask(w.context, w.ada.email, origin=Origin(w.now(), CLIENT_INFO))
    w.forced()
    at = w.at

    def act(context: AppContext) -> None:
        delivery = Delivery(context, Nowhere(), COMPOSERS)
        while delivery.run_urgent(context, at) or delivery.run(context, at):
            pass

    return act


def log_is_sealed(w: World) -> Act:
    password_flow.ask(w.context, f"nobody@{w.name}.example", origin=Origin(w.now(), CLIENT_INFO))
    return lambda context: jobs._seal(context, w.at)


def letters_for_nobody_are_dropped(w: World) -> Act:
    with w.context.db.write() as connection:
        for _ in range(MOST_DECOYS_WAITING + 1):
            w.context.outbox.post(
                connection, "password_link", user_id=new_id(), account_id=new_id(), recipient="", at=w.at, facts={},
            )  # fmt: skip
    return lambda context: jobs._drop_surplus(context, w.at)


def limited_requests_are_counted(w: World) -> Act:
    limited = [("192.0.2.0/24", "password", 3), ("198.51.100.0/24", "mail", 1)]
    return lambda context: abuse.count_limited(context.db, limited, w.at)


def node_shows_itself(w: World) -> Act:
    def act(context: AppContext) -> None:
        with nodes.seen(context.db, w.name, "0002", lambda: w.at):
            pass

    return act


def clean_up(w: World) -> Act:
    w.session(), w.case()
    return lambda context: jobs._clean_up(context, later(at=w.at, days=365))


def reminders(w: World) -> Act:
    w.newcomer()
    w.last(lambda: w.people.set_account(w.account, policy="required", required_from=later(at=w.at, days=5)))
    return lambda context: reminder_flow.remind(context, w.at)


def everybody_is_reminded(w: World) -> Act:
    w.newcomer()
    at = w.now()
    return lambda context: remind_all_flow.remind_all(context, w.current(w.boss), origin=Origin(at, CLIENT_INFO))


def adoption_is_counted(w: World) -> Act:
    w.newcomer()
    return lambda context: adoption_flow.store_counts(context, w.at)


def lease(w: World) -> Act:
    def act(context: AppContext) -> None:
        job = Job("remind", later(seconds=1) - NOON, lambda _context, _at: None, alone=True)
        worker = Worker(context, [job])
        worker._run(job, w.at)
        worker._give_leases_up()

    return act


ON_THE_SERVER = (unlock_on_the_server, unfreeze_on_the_server)

# Each with what comes of it where nothing else happens: the kind of the outcome.
FLOWS: Mapping[Flow, str] = {
    code: "SignedIn",
    code_with_a_password_set_by_mail: "SignedIn",
    backup_code: "Due",
    backup_code_of_a_program: "SignedIn",
    wrong_code_that_locks: "WrongCode",
    backup_code_is_saved: "SignedIn",
    help_is_asked_for: "AskedForHelp",
    password: "Due",
    password_under_a_new_hash: "Due",
    wrong_password: "WrongPassword",
    password_alone: "SignedIn",
    password_of_a_program: "SignedIn",
    password_before_a_forced_set_up: "Due",
    step_down: "Due",
    mailed_code_again: "GoesOn",
    mailed_code: "GoesOn",
    forced_set_up_begins: "tuple",
    forced_set_up: "Due",
    forced_set_up_begins_again: "NoneType",
    forced_set_up_by_passkey_begins: "Registering",
    forced_set_up_by_passkey: "Due",
    forced_set_up_of_a_program: "SignedIn",
    session_is_stepped_up: "SteppedUp",
    session_is_stepped_up_by_backup_code: "Due",
    program_is_stepped_up_by_backup_code: "SteppedUp",
    backup_code_of_a_step_up_is_saved: "SignedIn",
    destination_is_kept: "UUID",
    application_is_answered_at_once: "Answer",
    application_waits: "UUID",
    application_proves_itself_by_its_key: "Application",
    request_is_pushed: "Pushed",
    pushed_request_is_used: "Asked",
    application_is_answered_after_a_sign_in: "Answer",
    rule_for_an_application_is_set: "RuleSaved",
    access_is_removed: "bool",
    somebody_agrees: "Answer",
    somebody_does_not_agree: "Answer",
    code_is_exchanged: "Tokens",
    code_is_exchanged_twice: "Refused",
    token_is_refreshed: "Tokens",
    token_is_refreshed_long_after: "Refused",
    tokens_are_revoked: "NoneType",
    ending_is_announced: "bool",
    application_is_told: "bool",
    set_up_begins: "Opened",
    set_up_begins_after_a_code: "Opened",
    phone_is_added: "Changed",
    phone_is_replaced: "Changed",
    first_set_up: "Changed",
    passkey_registration_begins: "Registering",
    passkey_is_added: "Changed",
    passkey_signs_in_alone: "SignedIn",
    passkey_signs_in_while_locked_for_good: "LockedOut",
    passkey_is_the_second_factor: "SignedIn",
    backup_code_is_regenerated: "Changed",
    backup_code_is_regenerated_by_itself: "Changed",
    removal_is_asked: "AwaitsLastQuestion",
    removal_is_answered: "Changed",
    removal: "Changed",
    phone_is_removed: "Changed",
    phone_is_renamed: "bool",
    code_is_said_to_be_saved: "NoneType",
    password_is_changed: "PasswordChanged",
    session_is_seen: "Session",
    sign_out: "NoneType",
    other_session_is_ended: "bool",
    other_sessions_are_ended: "int",
    reset_is_asked: "CaseOpened",
    reset_is_sent_again: "Acted",
    reset_is_cancelled: "Acted",
    reset_is_approved: "Acted",
    reset_is_confirmed: "ResetDone",
    reset_is_confirmed_with_a_new_password: "ResetDone",
    reset_is_confirmed_wrongly: "WrongPassword",
    reset_is_refused: "RefusalDone",
    dead_reset_link_is_found: "LinkOver",
    password_link_is_asked: "Requested",
    password_is_chosen: "PasswordSaved",
    browser_link_is_asked: "Requested",
    browser_becomes_known: "KnownHere",
    account_is_frozen: "Froze",
    unlock: "Unlocked",
    unfreeze: "Unfrozen",
    invite: "Made",
    invite_again: "Invited",
    policy_is_changed: "PolicySaved",
    everybody_is_reminded: "Reminded",
    preferences_are_chosen: "PreferencesSaved",
    zone_is_changed: "ZoneSaved",
    address_and_password_are_set: "User",
    deactivation: "User",
    support_agent_is_made: "MadeUser",
    user_is_made: "UUID",
    account_is_made: "UUID",
    account_turns_to_sso: "CustomerAccount",
    operator_key_is_made_used_and_revoked: "bool",
    application_is_registered_changed_and_deleted: "bool",
    signing_keys_are_made_and_rotated: "Rotated",
    network_is_blocked_and_let_in_again: "Block",
    log_is_exported: "exported",
    unlock_on_the_server: "done",
    unfreeze_on_the_server: "done",
    reset_on_the_server: "ResetOnServer",
    reset_on_the_server_after_a_lock: "ResetOnServer",
    letters_go_out: "NoneType",
    log_is_sealed: "NoneType",
    letters_for_nobody_are_dropped: "bool",
    limited_requests_are_counted: "NoneType",
    node_shows_itself: "NoneType",
    clean_up: "NoneType",
    reminders: "int",
    adoption_is_counted: "NoneType",
    lease: "NoneType",
}
