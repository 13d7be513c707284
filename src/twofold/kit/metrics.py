"""The numbers that Prometheus collects; labels are few and never hold anything of a person.

Processes write their numbers into files of one folder (PROMETHEUS_MULTIPROC_DIR, which `serve` sets), and the parent
adds them up. Only where a single one serves, it counts in its memory, which is quicker, and adds what stands in the
files of the process beside it.
"""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # any other a client has made up

registry = CollectorRegistry()

requests = Counter("twofold_requests_total", "Requests answered.", ["method", "route", "status"], registry=registry)
unexpected_errors = Counter(
    "twofold_unexpected_errors_total", "Requests that ended in an error which nobody expected.", registry=registry
)
request_seconds = Histogram(
    "twofold_request_seconds",
    "Seconds from request to answer.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=registry,
)
events = Counter(
    "twofold_events_total",
    "What the audit log was told: signed_in, sign_in_refused, locked, reset_confirmed, …",
    ["kind", "result"],
    registry=registry,
)
refusals = Counter(
    "twofold_refusals_total",
    "Refusals that stand in no log, because nobody is known: unknown addresses, limited networks.",
    ["kind"],
    registry=registry,
)
second_factors = Counter(
    "twofold_second_factors_total",
    "Second factors that were tried, by operation, method and outcome.",
    ["operation", "method", "outcome"],
    registry=registry,
)
password_hash_seconds = Histogram(
    "twofold_password_hash_seconds",
    "Seconds that verifying a password hash took, with the wait for a thread that hashes.",
    buckets=(0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 1),
    registry=registry,
)
letters = Counter("twofold_letters_total", "Letters by what became of them.", ["outcome"], registry=registry)
pool_inside = Gauge(
    "twofold_pool_inside", "Requests waiting or running in a thread pool.", ["pool"], registry=registry,
    multiprocess_mode="livesum",
)  # fmt: skip
connections = Gauge(
    "twofold_connections", "Connections of clients and proxies that are open.", registry=registry,
    multiprocess_mode="livesum",
)  # fmt: skip
connections_refused = Counter(
    "twofold_connections_refused_total",
    "Connections that were refused or ended because of a limit, by the limit.",
    ["reason"],
    registry=registry,
)
connections_in_use = Gauge(
    "twofold_database_connections_in_use", "Connections of the pool that are lent out.", registry=registry,
    multiprocess_mode="livesum",
)  # fmt: skip
database_wait_seconds = Histogram(
    "twofold_database_wait_seconds",
    "Seconds of waiting for a connection of the pool, or for the turn to write; whoever waited for neither counts not.",
    ["what"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    registry=registry,
)


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request; `route` is its template, `seconds` how long the answer took."""
    requests.labels(method if method in METHODS else "other", route, str(status)).inc()
    request_seconds.observe(seconds)


def add_other_processes(folder: Path) -> None:
    """Count in memory, and add the numbers of other processes out of a folder."""
    _OtherProcesses.folder = folder


def exposition(*more: Collector) -> bytes:
    """Return all numbers in the text format of Prometheus, with those of further collectors."""
    others = CollectorRegistry()
    for collector in more:
        others.register(collector)
    return generate_latest(_together()) + generate_latest(others)


def _together() -> CollectorRegistry:
    folder = _OtherProcesses.folder or os.environ.get(FOLDER)  # where the library itself looks when it is imported
    if folder is None:
        return registry
    for pid in {int(file.stem.rpartition("_")[2]) for file in Path(folder).glob("gauge_live*_*.db")}:
        if not _is_alive(pid):  # a process that was killed took nothing back
            mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]  # theirs has no types
    together = CollectorRegistry()
    if _OtherProcesses.folder is not None:
        together.register(_Added(_OtherProcesses.folder))
    else:
        MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]  # the same
    return together


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's by now, and cannot be told from ours
    return True


class _OtherProcesses:
    """Where other processes write their numbers, if this one keeps its own in memory."""

    folder: Path | None = None


class _Added(Collector):
    """The numbers of this process, with those of others added."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        """Add number to number by name and labels; when one was first counted is nobody's sum, and left out."""
        others: Any = MultiProcessCollector(CollectorRegistry(), str(self._folder))  # type: ignore[no-untyped-call]  # the same
        theirs = {metric.name: metric for metric in others.collect()}
        for metric in registry.collect():
            counted: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
            for sample in chain(metric.samples, theirs[metric.name].samples if metric.name in theirs else ()):
                place = sample.name, tuple(sorted(sample.labels.items()))
                counted[place] = counted.get(place, 0.0) + (0.0 if sample.name.endswith("_created") else sample.value)
            metric.samples = [
                Sample(name, dict(labels), value)
                for (name, labels), value in counted.items()
                if not name.endswith("_created")
            ]
            yield metric
