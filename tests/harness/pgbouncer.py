"""A PgBouncer of the tests' own, which lends connections by the transaction, each time another one.

Like PostgreSQL it refuses to run as root, and then runs as the user `postgres`.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psycopg

from tests.harness import processes
from tests.harness.ports import free_port
from tests.harness.postgres import Cluster

CONNECTIONS = 4

# As few connections as it takes to mix them, in turn: whatever one client leaves behind, another one meets. Nothing
# here makes it easier than PgBouncer's defaults do: no start-up option is ignored, nothing resets a connection.
CONFIGURATION = """
[databases]
* = host={host} port={port} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
min_pool_size = {connections}
server_round_robin = 1
server_login_retry = 1
max_client_conn = 200
"""


class PgBouncer:
    """A pooler before a cluster; it runs until it is closed."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="twofold-pgbouncer-"))
        self._log = self._folder / "log"
        (self._folder / "ini").write_text(
            CONFIGURATION.format(
                host=cluster.host, port=cluster.port, user=cluster.user, own_port=self.port, connections=CONNECTIONS
            )
        )
        self._owner = "postgres" if os.geteuid() == 0 else None
        if self._owner:
            os.chown(self._folder, pwd.getpwnam(self._owner).pw_uid, -1)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [_program(), self._folder / "ini"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder, start_new_session=True,
                user=self._owner, group=self._owner, extra_groups=[] if self._owner else None,
            )  # fmt: skip

    def __enter__(self) -> Self:
        try:
            processes.wait_until(self._answers, what="PgBouncer's start")
        except BaseException as failed:
            failed.add_note(self._log.read_text(errors="replace")[-2000:])
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, database: str) -> str:
        """Return the address of a database behind the pooler."""
        return f"postgresql+psycopg://{self.cluster.user}@127.0.0.1:{self.port}/{database}"

    def before(self, url: str) -> str:
        """Return the address behind the pooler of a database in the cluster."""
        return self.url(url.rpartition("/")[2])

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """Open a connection of the test's own; each of its statements runs on the next of the pooler's connections."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=self.cluster.user, dbname=database, autocommit=True,
            prepare_threshold=None,
        )  # fmt: skip

    def close(self) -> None:
        """End it and delete what it wrote."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):  # it waits for whoever is connected
                self._process.wait(timeout=10)
            self._process.kill()
            self._process.wait(timeout=processes.LONGEST)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _answers(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError("PgBouncer did not start")
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


def _program() -> str:
    """Return where PgBouncer is; Debian keeps it from the PATH of ordinary users."""
    if found := shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"):
        return found
    raise RuntimeError("PgBouncer is not installed: see tools/system-packages")
