import os
from collections.abc import Iterator

import psycopg
import pytest

from tests.harness import processes
from tests.harness.postgres import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster(durable=True) as cluster:
        yield cluster


def note(cluster: Cluster, text: str) -> None:
    with cluster.connect() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (text text)")
        connection.execute("INSERT INTO notes VALUES (%s)", [text])


def notes(cluster: Cluster) -> list[object]:
    with cluster.connect() as connection:
        return [text for (text,) in connection.execute("SELECT text FROM notes")]


def test_it_is_new_enough_and_listens_on_loopback_alone(cluster: Cluster) -> None:
    with cluster.connect() as connection:
        assert connection.info.server_version >= 15_00_00
        assert connection.execute("SHOW listen_addresses").fetchone() == ("127.0.0.1",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_what_was_committed_outlives_a_kill(cluster: Cluster) -> None:
    note(cluster, "before the kill")
    address = cluster.address
    cluster.kill()
    assert not cluster.is_running
    with pytest.raises(psycopg.OperationalError):
        cluster.connect()
    cluster.start()
    assert "before the kill" in notes(cluster)
    assert cluster.address == address


def test_what_was_committed_outlives_a_restart(cluster: Cluster) -> None:
    note(cluster, "before the restart")
    cluster.restart()
    assert "before the restart" in notes(cluster)


def test_a_restart_cuts_open_connections(cluster: Cluster) -> None:
    with cluster.connect() as connection:
        cluster.restart()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_a_paused_server_is_silent_and_goes_on_afterwards(cluster: Cluster) -> None:
    cluster.pause()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(cluster.url("postgres").replace("+psycopg", ""), connect_timeout=2)
    cluster.resume()
    note(cluster, "after the pause")


def test_a_copied_database_has_what_its_template_had(cluster: Cluster) -> None:
    url = cluster.create_database("pattern")
    with cluster.connect("pattern") as connection:
        connection.execute("CREATE TABLE things AS SELECT 7 AS number")
    copy = cluster.create_database("copy", template="pattern")
    assert url.startswith("postgresql+psycopg://")
    with cluster.connect(copy.rpartition("/")[2]) as connection:
        assert connection.execute("SELECT number FROM things").fetchone() == (7,)
        cluster.drop_database("copy")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_nothing_is_left_of_a_removed_cluster() -> None:
    with Cluster(durable=False) as cluster:
        with cluster.connect() as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
        members = [pid for pid in processes.children(os.getpid()) if str(cluster.data) in processes.command_line(pid)]
        assert row
        assert members
    assert not cluster.folder.exists()
    assert not any(processes.is_alive(pid) for pid in members)
