"""A PostgreSQL of the tests' own: a private cluster in a temporary folder, on a free port of loopback.

It may be stopped, killed and started again. PostgreSQL refuses to run as root, so there it runs as the user `postgres`
whom Debian's package makes; the cluster that the package may have started is never touched.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Literal, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.harness import processes
from tests.harness.certificates import self_signed
from tests.harness.ports import free_port

OLDEST_VERSION = 15
SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class Cluster:
    """A database cluster; `durable=False` gives up on surviving a power cut (fsync) for speed.

    A `replica_of` another one begins as its copy, follows it, and takes no writes until it is promoted.
    """

    host = "127.0.0.1"
    user = "twofold"

    def __init__(self, *, durable: bool = True, replica_of: "Cluster | None" = None) -> None:
        self.durable = durable
        self.folder = Path(tempfile.mkdtemp(prefix="twofold-postgres-"))
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._programs = find_programs()
        self._owner = "postgres" if os.geteuid() == 0 else None
        if self._owner:
            owner = pwd.getpwnam(self._owner)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        try:
            if replica_of is None:
                self._run("initdb", *self._initdb_options())
            else:
                self._run("pg_basebackup", *self._copy_options(replica_of))
        except BaseException:
            self.remove()
            raise

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, the same after every restart."""
        return self.host, self.port

    def start(self) -> None:
        """Start the server and wait until it takes connections; after a kill that includes the recovery."""
        if self.is_running:
            return
        fixed = self.port
        for _ in range(3):
            self.port = fixed or free_port()
            if self._launch():
                return
            if "Address already in use" not in self._logged():
                break
        raise RuntimeError(f"PostgreSQL did not start:\n{self._logged()[-4000:]}")

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop the server in one of PostgreSQL's three ways; `immediate` leaves the recovery to the next start."""
        if self._process is not None and self.is_running:
            self._process.send_signal(SIGNALS[mode])
            self._process.wait(timeout=processes.LONGEST)

    def kill(self) -> None:
        """Kill every process of the server at once, as a power cut would."""
        if self._process is not None and self.is_running:
            processes.kill_family(self._process.pid)
            self._process.wait(timeout=processes.LONGEST)

    def restart(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Stop and start; open connections are lost."""
        self.stop(mode)
        self.start()

    def pause(self) -> None:
        """Stop every process in its tracks: connections stay open and nothing answers, as behind a dead network."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._signal_all(signal.SIGCONT)

    def promote(self) -> None:
        """Make a replica a primary; done when it takes writes."""
        with self.connect() as connection:
            connection.execute("SELECT pg_promote(wait => true)")

    def commit_at_both(self, standby: "Cluster") -> None:
        """Let no commit be answered from now on before its standby has it too; return once they are in step."""
        with self.connect() as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            processes.wait_until(lambda: connection.execute(synchronous).fetchone() == (1,), what="a standby in step")

    def speak_tls(self) -> Path:
        """Take encrypted connections too; return the file with the certificate to check it against."""
        certificate, key = self.folder / "server.crt", self.folder / "server.key"
        for file, content in zip((certificate, key), self_signed(self.host), strict=True):
            file.write_bytes(content)
            file.chmod(0o600)
            if self._owner:
                shutil.chown(file, self._owner)
        with self.connect() as connection:
            for name, value in (("ssl_cert_file", certificate), ("ssl_key_file", key), ("ssl", "on")):
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), str(value)))
            connection.execute("SELECT pg_reload_conf()")
        processes.wait_until(lambda: self._answers(sslmode="require"), what="TLS")
        return certificate

    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{self.user}@{self.host}:{self.port}/{database}"

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """Create a database, empty or as a copy of another one to which nobody is connected; return its URL."""
        copy = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copy)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def connect(self, database: str = "postgres", **options: str) -> "psycopg.Connection[tuple[object, ...]]":
        """Open a connection of the test's own, each statement its own transaction."""
        address = {"host": self.host, "port": str(self.port), "user": self.user, "dbname": database} | options
        return psycopg.connect(make_conninfo("", **address), autocommit=True)

    def remove(self) -> None:
        """End the server and delete its data."""
        if self._process is not None and self.is_running:
            self.resume()
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _initdb_options(self) -> list[str]:
        options = {"pgdata": self.data, "username": self.user, "auth": "trust", "encoding": "UTF8", "locale": "C"}
        return [*(f"--{name}={value}" for name, value in options.items()), *([] if self.durable else ["--no-sync"])]

    def _copy_options(self, primary: "Cluster") -> list[str]:
        address = f"host={primary.host} port={primary.port} user={primary.user}"
        waiting = ["--checkpoint=fast", *([] if self.durable else ["--no-sync"])]
        return [f"--pgdata={self.data}", f"--dbname={address}", "--write-recovery-conf", *waiting]

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
            "wal_retrieve_retry_interval": "100ms",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]

    def _launch(self) -> bool:
        """Start the process; tell whether it came up."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data, *self._options()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, start_new_session=True,
                user=self._owner, group=self._owner, extra_groups=[] if self._owner else None,
            )  # fmt: skip
        self._process = process
        processes.wait_until(lambda: process.poll() is not None or self._answers(), what="PostgreSQL's start")
        return process.poll() is None

    def _logged(self) -> str:
        return self.log.read_text(errors="replace")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=self.folder,
            user=self._owner, group=self._owner, extra_groups=[] if self._owner else None,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program} failed:\n{done.stderr}")

    def _answers(self, **options: str) -> bool:
        try:
            self.connect(**options).close()
        except psycopg.OperationalError:
            return False
        return True

    def _execute(self, statement: sql.Composed) -> None:
        with self.connect() as connection:
            connection.execute(statement)

    def _signal_all(self, number: signal.Signals) -> None:
        if self._process is not None and self.is_running:
            for pid in processes.family(self._process.pid):
                with contextlib.suppress(ProcessLookupError):  # a backend may end of itself meanwhile
                    os.kill(pid, number)


def find_programs() -> Path:
    """Return the folder of the newest PostgreSQL's server programs, from Debian's place or the PATH."""
    folders = [folder for folder in Path("/usr/lib/postgresql").glob("*/bin") if (folder / "initdb").exists()]
    if folders:
        newest = max(folders, key=lambda folder: int(folder.parent.name))
        if int(newest.parent.name) >= OLDEST_VERSION:
            return newest
    if initdb := shutil.which("initdb"):
        return Path(initdb).resolve().parent
    raise RuntimeError(f"PostgreSQL {OLDEST_VERSION} or newer is not installed: see tools/system-packages")
