import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import Serve
from tests.harness.contexts import context_on
from tests.harness.pages import WebClient
from tests.harness.people import ADA, NEW_PASSWORD, PASSWORD, People
from tests.harness.processes import LONGEST, wait_until
from tests.harness.server import Server, worker
from tests.harness.smtp import SmtpServer
from tests.harness.wire import client_to
from twofold.operations.worker import STOPS_WITHIN


def user(database_url: str) -> None:
    with context_on(database_url) as context:
        People(context).user()


@contextmanager
def asked(server: Server) -> Iterator[WebClient]:
    """Be somebody who has asked for a link."""
    with client_to(server.url) as http:
        web_client = WebClient(http)
        page = web_client.submit(web_client.get("/forgot-password"), "Send link", email=ADA)
        assert page.heading == "Look in your mailbox"
        yield web_client


def test_a_letter_goes_out_by_itself_and_its_link_works(database_url: str, serve: Serve, smtp: SmtpServer) -> None:
    user(database_url)
    server = serve(database_url, smtp=smtp, argon2_memory_kib="7168")
    wait_until(lambda: "twofold works" in server.logged, what="the process that delivers")
    with asked(server) as web_client:
        letter = smtp.wait_for(ADA, subject="Choose a new password")
        assert letter.link("/set-password/").startswith(f"{server.url}/set-password/tf_password_")
        page = web_client.submit(
            web_client.get(letter.link("/set-password/")), "Save password", new_password=NEW_PASSWORD
        )
        assert page.notice == "Your password is saved. Sign in with it."
        assert web_client.submit(page, "Sign in", email=ADA, password=NEW_PASSWORD).heading == "Profile"
    assert smtp.wait_for(ADA, subject="Your password was changed").link("/not-me/")
    secrets = [letter.link("/set-password/").rpartition("/")[2], PASSWORD, NEW_PASSWORD, ADA]
    assert not [secret for secret in secrets if secret in server.logged]
    assert server.stop() == 0


def test_a_node_without_a_worker_leaves_letters_to_twofold_worker(
    sqlite_url: str, serve: Serve, smtp: SmtpServer
) -> None:
    user(sqlite_url)
    server = serve(sqlite_url, smtp=smtp, worker="off", argon2_memory_kib="7168")
    with asked(server):
        time.sleep(2)
    assert smtp.letters == []
    with worker(server.environment) as alone:
        smtp.wait_for(ADA, subject="Choose a new password")
        started = time.monotonic()
        os.kill(alone.pid, signal.SIGTERM)
        assert alone.wait(timeout=LONGEST) == 0
        assert time.monotonic() - started < STOPS_WITHIN, "it has nothing to wait for"


def test_a_worker_that_is_killed_loses_no_letter(postgresql_url: str, serve: Serve, smtp: SmtpServer) -> None:
    user(postgresql_url)
    server = serve(postgresql_url, smtp=smtp, worker="off", argon2_memory_kib="7168")
    smtp.delay(8)  # until the first one is dead; a letter is given up after ten
    with asked(server), worker(server.environment) as first:
        with context_on(postgresql_url) as context:
            wait_until(lambda: People(context).letters()[0].tries == 1, what="the first worker has it")
        first.kill()
        first.wait(timeout=LONGEST)
    smtp.stop()  # and nothing of what the first one had begun arrives
    smtp.start()
    smtp.behave()
    assert smtp.letters == []
    with context_on(postgresql_url) as context, context.db.write() as connection:
        connection.exec_driver_sql("UPDATE outbox SET due_at = due_at - interval '2 minutes'")  # its claim is over
    with worker(server.environment):
        smtp.wait_for(ADA, subject="Choose a new password")
