"""A synchronous replica that says nothing: what must last waits for it, and is refused in time; a password does not."""

import threading

import sqlalchemy as sa

from tests.harness.clock import NOON
from tests.harness.houses import house_on
from tests.harness.people import ADA, PASSWORD, Factor, People
from tests.harness.postgres import Cluster
from twofold import migrate
from twofold.audit.flow import HERE
from twofold.kit.house import House
from twofold.kit.patience import Silent, hurry
from twofold.signin import flow as signin
from twofold.signin.finish_flow import Credentials
from twofold.signin.outcomes import Due


def test_a_password_waits_for_no_replica_but_a_code_does(fault_postgres: Cluster) -> None:
    url = fault_postgres.create_database("lasting")
    migrate.upgrade(url)
    told = list[object]()

    def sign_in(house: House, factor: Factor) -> None:
        hurry()  # else it waits for minutes
        given = Credentials(ADA, PASSWORD, None, "api")
        due = signin.submit_password(house, given, visitor=HERE, at=NOON)
        told.append(due)
        assert isinstance(due, Due)
        code = factor.phone.code(NOON)
        try:
            signin.submit_code(house, due.sign_in, code, channel="api", client=None, visitor=HERE, at=NOON)
        except sa.exc.OperationalError as error:
            told.append(error.orig)

    with house_on(url) as house:
        _, factor = People(house).protected()
        with fault_postgres.connect() as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            connection.execute("SELECT pg_reload_conf()")
        thread = threading.Thread(target=sign_in, args=(house, factor))
        thread.start()
        thread.join(30)
    due, silent = told
    assert isinstance(due, Due)
    assert isinstance(silent, Silent)
