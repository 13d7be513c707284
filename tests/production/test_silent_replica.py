"""A synchronous replica that says nothing: what must last waits for it, and is refused in time; a password does not."""

import threading
from datetime import timedelta

import sqlalchemy as sa

from tests.harness.clock import NOON
from tests.harness.contexts import context_on
from tests.harness.people import ADA, PASSWORD, Factor, People
from tests.harness.postgres import Cluster
from tests.harness.processes import LONGEST
from twofold.kit.acting import NO_REQUEST, Origin
from twofold.kit.context import AppContext
from twofold.kit.sql.timeouts import ConnectionSilent, mark_interactive
from twofold.operations import migrate
from twofold.signin import flow as signin
from twofold.signin.first_factor import password_flow
from twofold.signin.first_factor.password_flow import Credentials
from twofold.signin.outcomes import Due

TIMEOUT = timedelta(seconds=5)  # more than a slow machine needs for a statement


def test_a_password_waits_for_no_replica_but_a_code_does(fault_postgres: Cluster) -> None:
    url = fault_postgres.create_database("durable")
    migrate.upgrade(url)
    told = list[object]()

    def sign_in(context: AppContext, factor: Factor) -> None:
        mark_interactive()  # else it waits for minutes
        given = Credentials(ADA, PASSWORD, None, "api")
        due = password_flow.submit_password(context, given, origin=Origin(NOON, NO_REQUEST))
        told.append(due)
        assert isinstance(due, Due)
        code = factor.phone.code(NOON)
        try:
            signin.submit_code(context, due.sign_in, code, channel="api", client=None, origin=Origin(NOON, NO_REQUEST))
        except sa.exc.OperationalError as error:
            told.append(error.orig)

    with context_on(url, database_timeout=TIMEOUT) as context:
        _, factor = People(context).protected()
        with fault_postgres.connect() as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        fault_postgres.restart()  # to reload it would take effect some time later
        thread = threading.Thread(target=sign_in, args=(context, factor))
        thread.start()
        thread.join(LONGEST)
    due, silent = told
    assert isinstance(due, Due)
    assert isinstance(silent, ConnectionSilent)
