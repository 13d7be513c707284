"""Turning results into tables, plots, and the generated parts of docs/performance.md."""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.distance import Distance
from bench.enumeration import Watched
from bench.floods import SIGN_INS, Flooded
from bench.floor import LIBSODIUM
from bench.measure import Cell
from bench.neighbours import Neighbours
from bench.plan import Counted, Results
from bench.plots import Bar, bars
from bench.scale import Grown
from bench.storm import Storm

NAMES = {
    "full_sign_in": "full sign-in (password + code)",
    "second_factor": "second factor alone",
    "backup_code_sign_in": "sign-in with a backup code",
    "session_check": "session check",
    "sign_in_page": "sign-in page",
    "sign_in": "sign-in",
    "forgot_password": "forgot password",
    "email_link": "email me a link",
    "userinfo": "userinfo",
    "introspection": "introspection",
    "token_exchange": "code for tokens (ES256)",
    "token_refresh": "refresh token for tokens (ES256)",
}
STORES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

# What DESIGN asks for, CPU in milliseconds.
OVER_THE_HASH = 1.5
SECOND_FACTOR = {"sqlite": 0.8, "postgresql": 1.2}
SESSION_CHECK = {"sqlite": 0.3, "postgresql": 0.6}
TOKENS = {"sqlite": 0.9, "postgresql": 1.4}
LOOK_UP_OVER_CHECK = 1.2
STATEMENTS, COMMITS, MEMORY_MIB, SHARE_OF_BARE = 14, 4, 110, 0.9


class Group:
    """The rounds of one cell, taken together: medians, and how far the rounds lie apart."""

    def __init__(self, cells: Iterable[Cell]) -> None:
        self.cells = list(cells)
        self.first = self.cells[0]

    def middle(self, of: Callable[[Cell], float]) -> float:
        return median(map(of, self.cells))

    @property
    def cpu(self) -> float:
        return self.middle(lambda cell: cell.server_cpu_ms)

    @property
    def database_cpu(self) -> float:
        return self.middle(lambda cell: cell.database_cpu_ms)

    @property
    def per_second(self) -> float:
        return self.middle(lambda cell: cell.per_second)

    @property
    def spread(self) -> str:
        """The least and the most CPU of any round."""
        found = [cell.server_cpu_ms for cell in self.cells]
        return f"{min(found):.2f} to {max(found):.2f}"


def group(results: Results, operation: str, store: str, workers: int, connections: int) -> Group | None:
    """Return the rounds of one cell, None where it was not measured."""
    wanted = (operation, store, workers, connections)
    cells = [c for c in results.cells if (c.operation, c.store, c.workers, c.connections) == wanted]
    return Group(cells) if cells else None


def blocks_of(results: Results) -> dict[str, str]:
    """Return the generated parts of docs/performance.md by name."""
    tables = {f"cells-{store}": cells_table(results, store) for store in results.plan.stores}
    return {
        "machine": _machine(results), "goals": goals_table(results), "floor": floor_table(results),
        "statements": statements_table(results), "texts": _texts(results), **tables,
    }  # fmt: skip


def write_blocks(path: Path, blocks: dict[str, str]) -> None:
    """Put generated parts between their marks in a document; the rest of it stays as somebody wrote it."""
    text = path.read_text(encoding="utf-8")
    for name, block in blocks.items():
        marks = re.compile(rf"(<!-- bench:{re.escape(name)} -->\n).*?(<!-- /bench -->)", re.DOTALL)
        text = marks.sub(partial(_between, block), text)
    path.write_text(text, encoding="utf-8")


def _between(block: str, marks: re.Match[str]) -> str:
    return f"{marks[1]}{block}\n{marks[2]}"


def goals_table(results: Results) -> str:
    """Compare with the numbers that were asked for."""
    rows = []
    for store in results.plan.stores:
        name = STORES[store]
        one = group(results, "full_sign_in", store, 1, 8)
        if one is not None:
            most = max(g.per_second for g in _groups(results, "full_sign_in", store))
            bare, own = _bare(results, store, 2), _bare(results, store, 2, serving=True)
            over, share = f"{one.cpu - bare.cpu_ms:+.2f} ms", f"{most / bare.per_second:.0%}"
            rows.append((f"full sign-in above the bare hash of libsodium, {name}", over, f"≤ {OVER_THE_HASH} ms"))
            rows.append((f"full sign-ins a second, of what libsodium's bare hash allows, {name}", share, "≥ 90 %"))
            allowed = results.machine.cores * 1000 / own.cpu_ms
            over, share = f"{one.cpu - own.cpu_ms:+.2f} ms", f"{most / allowed:.0%}"
            rows.append((f"full sign-in above the hash that serves ({own.way}), {name}", over, ""))
            rows.append((f"full sign-ins a second, of what that one allows on all cores, {name}", share, ""))
        for operation, goal in (("second_factor", SECOND_FACTOR), ("session_check", SESSION_CHECK)):
            found = group(results, operation, store, 1, 8)
            if found is not None:
                rows.append((f"{NAMES[operation]}, {name}", f"{found.cpu:.2f} ms", f"≤ {goal[store]} ms"))
        for counted in (c for c in results.counted if c.store == store and c.operation == "full_sign_in"):
            rows.append((f"statements of a full sign-in, {name}", f"{counted.statements:.1f}", f"≤ {STATEMENTS}"))
            rows.append((f"commits of a full sign-in, {name}", f"{counted.commits:.1f}", f"≤ {COMMITS}"))
        memory = [mib for served in results.served if served.store == store for mib in served.memory_mib]
        rows.append((f"memory of a worker, {name}", f"{max(memory):.0f} MiB", f"≤ {MEMORY_MIB} MiB"))
    return _table(("what", "measured", "asked for"), rows)


def applications_table(results: Results) -> str:
    """Show what applications ask for beside a session check, with what was asked of each."""
    rows = []
    for store in results.plan.stores:
        check = group(results, "session_check", store, 1, 8)
        for counted in (c for c in results.counted if c.store == store):
            found = group(results, counted.operation, store, 1, 8)
            if found is None or check is None:
                continue
            goal = TOKENS[store] if counted.operation.startswith("token") else check.cpu * LOOK_UP_OVER_CHECK
            rows.append((
                STORES[store], NAMES[counted.operation], f"**{found.cpu:.2f}**", found.spread,
                f"{found.database_cpu:.2f}", "" if counted.operation == "session_check" else f"≤ {goal:.2f}",
                f"{counted.statements:.1f}", f"{counted.commits:.1f}", f"{found.per_second:.0f}",
            ))  # fmt: skip
    bare = ", ".join(
        f"{_bare(results, store, 1).cpu_ms:.2f} ms beside {STORES[store]}" for store in results.plan.stores
    )
    head = ("database", "operation", "CPU ms", "of the rounds", "database CPU ms", "asked for", "statements", "commits",
            "a second")  # fmt: skip
    return f"{_table(head, rows)}\n\nA bare verify of libsodium took {bare} in the same minutes."


def floor_table(results: Results) -> str:
    """Show the bare hash in the same minutes as each server, and the server's memory and rest."""
    rows = []
    for served in results.served:
        bare = [_bare(results, served.store, threads) for threads in (1, 2)]
        own = [_bare(results, served.store, threads, serving=True) for threads in (1, 2)]
        rows.append((
            STORES[served.store], str(served.workers),
            *(f"{found.cpu_ms:.2f} ms, {found.per_second:.0f}/s" for found in (*bare, *own)),
            ", ".join(f"{mib:.0f}" for mib in served.memory_mib), f"{served.idle_cpu_percent:.1f} %",
        ))  # fmt: skip
    head = (
        "database", "workers", "libsodium, 1 thread", "2 threads", "what serves, one at a time", "kept busy",
        "MiB a worker (PSS)", "CPU when idle",
    )  # fmt: skip
    return _table(head, rows)


def cells_table(results: Results, store: str) -> str:
    """Show every cell of one database."""
    rows = [
        (
            NAMES[found.first.operation], str(found.first.workers), str(found.first.connections),
            f"**{found.cpu:.2f}**", found.spread, f"{found.database_cpu:.2f}", f"{found.per_second:.0f}",
            f"{found.middle(lambda c: c.p50):.1f}", f"{found.middle(lambda c: c.p99):.1f}",
            f"{found.middle(lambda c: c.load_cpu_ms):.2f}",
        )
        for operation in results.plan.operations
        for found in _groups(results, operation, store)
    ]  # fmt: skip
    head = (
        "operation", "workers", "connections", "CPU ms", "of the rounds", "database CPU ms", "a second", "p50 ms",
        "p99 ms", "load program CPU ms",
    )  # fmt: skip
    return _table(head, rows)


def statements_table(results: Results) -> str:
    """Show statements and commits of each operation."""
    by_store: dict[str, dict[str, Counted]] = {}
    for counted in results.counted:
        by_store.setdefault(counted.operation, {})[counted.store] = counted
    rows = [
        (NAMES[operation], *(
            f"{stores[store].statements:.1f} / {stores[store].commits:.1f}" for store in results.plan.stores
        ))
        for operation, stores in by_store.items()
    ]  # fmt: skip
    return _table(("operation", *(f"{STORES[store]}: statements / commits" for store in results.plan.stores)), rows)


def storm_table(storms: Sequence[Storm]) -> str:
    """Show what got through a storm of passwords."""
    rows = []
    for storm in storms:
        for name in ("session_check", "second_factor"):
            calm, rough = getattr(storm.calm, name), getattr(storm.storm, name)
            rows.append((
                STORES[storm.store], NAMES[name], f"{calm.p50:.1f} / {calm.p99:.1f}",
                f"{rough.p50:.1f} / **{rough.p99:.1f}**", str(rough.operations), str(rough.refused),
            ))  # fmt: skip
        passwords = storm.storm.password
        if passwords is not None:
            rows.append((
                STORES[storm.store],
                f"passwords: {storm.capacity:.0f}/s possible, {storm.offered:.0f}/s offered", "",
                f"{passwords.p50:.0f} / {passwords.p99:.0f}", str(passwords.operations), str(passwords.refused),
            ))  # fmt: skip
    head = ("database", "operation", "calm: p50 / p99 ms", "storm: p50 / p99 ms", "done", "refused (503)")
    return _table(head, rows)


def floods_table(flooded: Sequence[Flooded]) -> str:
    """Show how people fared in each flood."""
    rows = [
        (
            STORES[seen.store], seen.flood, f"{seen.p50:.0f} / **{seen.p99:.0f}**", str(seen.failed),
            f"{max(seen.letters):.1f}", f"{seen.ready} of {seen.ready + seen.not_ready}",
            f"{seen.signed_in} of {SIGN_INS}", str(seen.audit_rows),
        )
        for seen in flooded
    ]  # fmt: skip
    head = (
        "database", "flood", "signed in: p50 / p99 ms", "failed", "slowest letter, s", "/readyz true",
        "owner in", "audit rows",
    )  # fmt: skip
    return _table(head, rows)


def growth_table(grown: Sequence[Grown]) -> str:
    """Show each size, and how the larger ones compare with the smallest of the same database."""
    rows = []
    for one in grown:
        smallest = next(other for other in grown if other.store == one.store)
        bare, bare_there = (
            median(f.cpu_ms for f in size.floor if f.threads == 2 and f.serves) for size in (one, smallest)
        )
        for name in ("full_sign_in", "second_factor", "session_check"):
            here, there = _of(one, name), _of(smallest, name)
            rows.append((
                STORES[one.store], f"{one.size.people:,} / {one.size.events:,}", NAMES[name], f"{here.cpu:.2f}",
                here.spread, f"{here.database_cpu:.2f}", f"{here.per_second:.0f}", f"{bare:.2f}",
                f"{here.cpu / there.cpu:.2f}", f"{(here.cpu / bare) / (there.cpu / bare_there):.2f}",
            ))  # fmt: skip
    head = (
        "database", "people / events", "operation", "CPU ms", "of the rounds", "database CPU ms", "a second",
        "bare hash, the same minutes", "against the smallest", "the same, per bare hash",
    )  # fmt: skip
    sizes = "; ".join(
        f"{STORES[one.store]} with {one.size.people:,} people: {one.bytes_on_disk / 2**30:.1f} GiB, "
        f"{len(one.read_through)} statements that read a table through"
        for one in grown
    )
    plot = "![CPU as the database grows](../bench/results/growth.svg)"
    return f"{_table(head, rows)}\n\n{sizes}.\n\n{plot}"


def enumeration_table(watched: Sequence[Watched]) -> str:
    """Show each state beside unknown addresses."""
    rows = [
        (
            STORES[one.store], f"{NAMES[one.operation]}, {one.argon2}", group.state, str(group.n), f"{group.p50:.3f}",
            f"{group.p90:.3f}", f"{group.slower:.3f} ({group.p_rank:.2f})",
            f"{group.distance:.3f} ({group.p_distance:.2f})",
        )
        for one in watched
        for group in one.groups
    ]  # fmt: skip
    head = ("database", "operation", "state", "n", "p50 ms", "p90 ms", "slower than unknown (p)", "distance (p)")
    return _table(head, rows)


def neighbours_table(found: Sequence[Neighbours]) -> str:
    """Show how often the best way to decide was right, and the ways that were right most often."""
    rows = [
        (
            STORES[one.store], one.watched, str(one.looks), f"{one.requests:,}", guess.by, f"{guess.right:.3f}",
            f"{guess.low:.3f} to {guess.high:.3f}",
        )
        for one in found
        for guess in (one.best, *one.by_statistic[:3])
    ]  # fmt: skip
    return _table(("database", "watched", "looks", "requests", "decided by", "right", "95 %"), rows)


def distance_table(found: Sequence[Distance]) -> str:
    """Show a second factor at each distance of the database."""
    rows = [
        (
            f"{one.round_trip:g} ms", f"{one.one_by_one:.2f} ms", f"{one.pipelined:.2f} ms", f"{one.saved:.0%}",
        )
        for one in found
    ]  # fmt: skip
    return _table(("round trip added", "one by one", "pipelined", "saved"), rows)


def write_growth_plot(grown: Sequence[Grown], folder: Path) -> None:
    """Draw what takes no password at each size."""
    rows = [
        Bar(f"{NAMES[name]}, {STORES[one.store]}, {one.size.people:,}", (found.cpu, found.database_cpu))
        for name in ("second_factor", "session_check")
        for one in grown
        for found in [_of(one, name)]
    ]
    bars(folder / "growth.svg", "CPU as the database grows", "ms CPU", ("Twofold", "database"), rows)


def _of(grown: Grown, operation: str) -> Group:
    return Group(cell for cell in grown.cells if cell.operation == operation)


def write_plots(results: Results, folder: Path) -> None:
    """Draw what the tables say, one worker at eight connections."""
    rows: list[Bar | None] = []
    for store in results.plan.stores:
        bare, own = _bare(results, store, 2), _bare(results, store, 2, serving=True)
        rows.append(Bar(f"bare hash, {bare.way}, {STORES[store]}", (0.0, 0.0, bare.cpu_ms)))
        rows.append(Bar(f"bare hash, {own.way}, {STORES[store]}", (0.0, 0.0, own.cpu_ms)))
        rows.extend(
            _stacked(found, f"{NAMES[operation].partition(' (')[0]}, {STORES[store]}", own.cpu_ms)
            for operation in ("full_sign_in", "backup_code_sign_in")
            if (found := group(results, operation, store, 1, 8))
        )
        rows.append(None)
    legend = ("Twofold", "database", "the hash itself")
    bars(folder / "sign-in.svg", "CPU of a sign-in, beside the bare hash", "ms CPU", legend, rows[:-1])
    small = [
        _stacked(found, f"{NAMES[operation]}, {STORES[store]}", 0.0)
        for operation in ("second_factor", "session_check", "sign_in_page")
        for store in results.plan.stores
        if (found := group(results, operation, store, 1, 8))
    ]
    bars(folder / "quick.svg", "CPU of what takes no password", "ms CPU", legend[:2], small)


def _stacked(found: Group, label: str, hash_ms: float) -> Bar:
    own = found.cpu - hash_ms
    says = f"{found.cpu:.2f}" + (f" + {found.database_cpu:.2f}" if found.database_cpu else "")
    return Bar(label, (own, found.database_cpu, hash_ms), says)


def _groups(results: Results, operation: str, store: str) -> list[Group]:
    found = (
        group(results, operation, store, workers, connections)
        for workers in results.plan.workers
        for connections in results.plan.connections
    )
    return [one for one in found if one is not None]


class _Bare(NamedTuple):
    """What a bare verify takes: the medians of a database's minutes."""

    way: str
    cpu_ms: float
    per_second: float


def _bare(results: Results, store: str, threads: int, *, serving: bool = False) -> _Bare:
    """Return what a bare verify took through libsodium, or in the way that the server uses."""
    floors = [f for served in results.served if served.store == store for f in served.floor if f.threads == threads]
    chosen = [f for f in floors if f.serves] if serving else []
    chosen = chosen or [f for f in floors if f.way == LIBSODIUM]  # which alone is there in older results
    return _Bare(chosen[0].way, median(f.cpu_ms for f in chosen), median(f.per_second for f in chosen))


def _machine(results: Results) -> str:
    machine, plan = results.machine, results.plan
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    return (
        f"Measured on {results.at:%d %B %Y} on {machine}; Python {machine.python}, SQLite {machine.sqlite}, PostgreSQL "
        f"{machine.postgresql}; {packages}. Each cell: {plan.rounds} rounds of {plan.seconds:g} seconds, of which the "
        "medians are shown."
    )


def _texts(results: Results) -> str:
    """List the statements of a full sign-in, shortened to what they do."""
    lines = []
    for counted in results.counted:
        if counted.store == "postgresql" and counted.operation == "full_sign_in":
            lines += [f"{text.split(' SET ')[0].split('(')[0].strip()[:100]}" for text in counted.texts]
    return "```\n" + "\n".join(lines) + "\n```"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
