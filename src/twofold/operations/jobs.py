"""What works behind the pages, collected from the features: who composes which letter, what is done again and again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa

from twofold.abuse import block_flow
from twofold.abuse import flow as abuse
from twofold.abuse import unknown_flow as unknown
from twofold.admin import adoption_flow
from twofold.admin import letters as admin_letters
from twofold.admin import reminder_flow as reminders
from twofold.audit import seal_flow
from twofold.events.notices import Notice
from twofold.factors import flow as factors
from twofold.kit import nodes, tracing
from twofold.kit.context import AppContext
from twofold.kit.http.gate import Gate
from twofold.kit.mail import outbox
from twofold.kit.mail.delivery import Delivery
from twofold.kit.mail.letters import Composer
from twofold.kit.mail.outbox import Priority
from twofold.kit.mail.smtp import SmtpTransport, Transport
from twofold.lockouts import flow as lockouts
from twofold.oidc import assertion_flow as assertions
from twofold.oidc import grant_flow as grants
from twofold.oidc import logout_flow as logout
from twofold.operations.worker import Job, Worker
from twofold.recovery import flow as recovery
from twofold.recovery import letters as recovery_letters
from twofold.resets import flow as resets
from twofold.resets import help_flow
from twofold.resets import letters as resets_letters
from twofold.sessions import destination_flow as destinations
from twofold.sessions import ending_flow as endings
from twofold.sessions import flow as sessions
from twofold.settings import Settings
from twofold.signin import attempt_flow
from twofold.signin import letters as signin_letters

# The features below recovery cannot ask for the link "this wasn't me": it is added to what they tell a user.
TOLD_TO_THEIR_USER = (Notice.RESET_CONFIRM, Notice.RESET_DONE, Notice.RESET_REFUSED_BY_YOU)

_COMPOSERS: Mapping[str, Composer] = {
    **signin_letters.COMPOSERS,
    **recovery_letters.COMPOSERS,
    **resets_letters.COMPOSERS,
    **{kind: recovery_letters.with_not_me(resets_letters.COMPOSERS[kind]) for kind in TOLD_TO_THEIR_USER},
    **admin_letters.COMPOSERS,
}
COMPOSERS = {kind: recovery_letters.with_reader(composer) for kind, composer in _COMPOSERS.items()}

# Somebody waits for these before a page: they do not queue behind ten thousand reminders. What anybody can ask for
# comes after what somebody with a password waits for: a stranger may have a list of addresses.
PRIORITIES: Mapping[str, Priority] = {
    Notice.SIGN_IN_CODE: Priority.WAITED_FOR,
    Notice.RESET_CONFIRM: Priority.WAITED_FOR,
    Notice.PASSWORD_LINK: Priority.ASKED_FOR,
    Notice.BROWSER_LINK: Priority.ASKED_FOR,
}
# Who is told of sessions that ended before their time, in the transaction that notes it.
SUBSCRIBERS: Sequence[endings.Subscriber] = (logout.subscriber,)
LOGOUTS_AT_ONCE = 4  # an application that does not answer takes one of them at a time

LETTERS_AT_ONCE = 3  # one of which takes the oldest; another thread takes only what somebody waits for

FORGET: tuple[Callable[[sa.Connection, datetime], object], ...] = (
    sessions.forget_over,
    endings.forget_over,
    destinations.forget_over,
    attempt_flow.forget_over,
    factors.forget_over,
    lockouts.forget_old,
    resets.forget_over,
    help_flow.forget_over,
    recovery.forget_over,
    adoption_flow.forget_over,
    reminders.forget_over,
    outbox.forget_settled,
    grants.forget_over,
    assertions.forget_over,
    logout.forget_settled,
    abuse.forget_old,
    nodes.forget_gone,
)


def worker_of(context: AppContext, transport: Transport | None = None) -> Worker:
    """Build the worker of an application; without a transport letters go to the mail server of the settings.

    Raises:
        SettingsError: traces are on without OpenTelemetry.
        OSError: the file with the mail server's certificates cannot be read.

    """
    return Worker(context, jobs_of(context, transport or _mail_server(context.settings)))


def jobs_of(context: AppContext, transport: Transport | None) -> list[Job]:
    """List what is to be done; letters only where something delivers them."""
    jobs = [
        Job("seal", timedelta(seconds=3), _seal),
        Job("remind", timedelta(minutes=10), reminders.remind, alone=True),
        Job("count-adoption", timedelta(minutes=10), adoption_flow.store_counts, alone=True),
        Job("clean-up", timedelta(minutes=10), _clean_up, alone=True),
    ]
    second = timedelta(seconds=1)
    jobs.append(Job("announce-endings", second, _announce_endings, alone=True))
    jobs += [Job(f"logouts-{number}", second, logout.deliver) for number in range(1, LOGOUTS_AT_ONCE + 1)]
    if transport is not None:
        delivery = Delivery(context, transport, COMPOSERS)
        jobs += [Job(f"letters-{number}", second, delivery.run) for number in range(1, LETTERS_AT_ONCE)]
        jobs.append(Job("letters-oldest", second, delivery.run_oldest))
        jobs.append(Job("letters-urgent", second, delivery.run_urgent))
        jobs.append(Job("letters-surplus", second, _drop_surplus, alone=True))
    return jobs


def of_every_node(gate: Gate) -> list[Job]:
    """List what each process that serves has to do for itself, wherever letters and reminders are worked off."""

    def apply_blocks(context: AppContext, at: datetime) -> None:
        gate.apply(block_flow.in_force(context.db, at))

    return [Job("obey-blocks", timedelta(seconds=2), apply_blocks)]


def _mail_server(settings: Settings) -> Transport | None:
    if settings.smtp_url is None:
        return None
    own_name = urlsplit(settings.base_url).hostname or "localhost"
    smtp = SmtpTransport(settings.smtp_url, login=settings.smtp_login, ca=settings.smtp_ca, own_name=own_name)
    return tracing.tools(settings).transport(smtp)


def _seal(context: AppContext, at: datetime) -> None:
    seal_flow.seal_everything(context.db, at)
    unknown.discard(context.db, at)


def _announce_endings(context: AppContext, at: datetime) -> bool:
    return endings.announce(context, SUBSCRIBERS, at)


def _drop_surplus(context: AppContext, _at: datetime) -> bool:
    """Delete the decoys that wait beyond a bound, with their links; tell whether there were any: more may be left."""
    with context.db.read() as connection:
        if not outbox.has_surplus(connection):
            return False
    with context.db.write() as connection:
        decoys = outbox.drop_surplus(connection)
        recovery.forget_decoys(connection, decoys)
    return bool(decoys)


def _clean_up(context: AppContext, at: datetime) -> None:
    for forget in FORGET:
        with context.db.write() as connection:  # each its own, so that none holds the others up for long
            forget(connection, at)
