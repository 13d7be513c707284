"""Turning what was measured beside the peers into a table and a plot; ratios are taken round by round."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from bench.peers.run import PeerResults
from bench.plots import Bar, bars

NAMES = {"twofold": "Twofold", "allauth": "django-allauth", "better-auth": "better-auth"}
PEERS = ("allauth", "better-auth")
OPERATIONS = {
    "full_sign_in": "full sign-in (password + code)",
    "second_factor": "second factor alone",
    "session_check": "session check",
}

# What DESIGN asks for: at most this share of what the best peer takes.
GOALS = {"full_sign_in": (1 / 2, "half"), "second_factor": (1 / 5, "a fifth"), "session_check": (1 / 4, "a quarter")}


class Figures:
    """The results by subject and operation, a value for each round."""

    def __init__(self, results: PeerResults) -> None:
        self.results = results

    def cpu(self, subject: str, operation: str) -> list[float]:
        """Return CPU milliseconds, one for each round."""
        return [c.cpu_ms for c in self.results.cells if (c.subject, c.operation) == (subject, operation)]

    def bare(self, subject: str) -> list[float]:
        """Return CPU milliseconds of the bare hash, one for each round."""
        return [bare.cpu_ms for bare in self.results.bare if bare.subject == subject]

    def above(self, subject: str) -> list[float]:
        """Return what a full sign-in takes above the bare hash of the same round."""
        return [cpu - bare for cpu, bare in zip(self.cpu(subject, "full_sign_in"), self.bare(subject), strict=True)]

    def share(self, operation: str) -> list[float]:
        """Return Twofold's share of what the best peer of the same round takes."""
        best = map(min, zip(*(self.cpu(peer, operation) for peer in PEERS), strict=True))
        return [own / other for own, other in zip(self.cpu("twofold", operation), best, strict=True)]

    def p50(self, subject: str, operation: str) -> float:
        """Return the median answer time in milliseconds."""
        return median(c.p50 for c in self.results.cells if (c.subject, c.operation) == (subject, operation))


def block(results: PeerResults) -> str:
    """Return the generated part of docs/performance.md."""
    figures = Figures(results)
    parts = (_machine(results), _cpu_table(figures), _verdict(figures), _rest_table(figures), _cached(figures))
    return "\n\n".join(parts)


def _cpu_table(figures: Figures) -> str:
    rows = []
    for operation, name in OPERATIONS.items():
        goal, _ = GOALS[operation]
        cells = [_middle(figures.cpu(subject, operation)) for subject in NAMES]
        share = figures.share(operation)
        rows.append((
            f"**{name}**", *cells, f"**{median(share):.2f}** ({min(share):.2f} to {max(share):.2f})", f"≤ {goal:.2g}",
        ))  # fmt: skip
        if operation == "full_sign_in":
            rows.append(("of which the bare hash", *(_middle(figures.bare(subject)) for subject in NAMES), "", ""))
            above = [figures.above(subject) for subject in NAMES]
            best = [own / min(others) for own, *others in zip(*above, strict=True)]
            rows.append(("what stands above it", *map(_middle, above), f"{median(best):.2f}", ""))
    return _table(("CPU ms", *NAMES.values(), "of the best peer (of the rounds)", "asked for"), rows)


def _verdict(figures: Figures) -> str:
    """Say of each goal whether it is met."""
    lines = []
    for operation, name in OPERATIONS.items():
        goal, words = GOALS[operation]
        share = median(figures.share(operation))
        said = "met" if share <= goal else "**not met**"
        lines.append(f"- {name}: at most {words} of the best peer's CPU was asked for: {said} ({share:.0%}).")
    return "\n".join(lines)


def _rest_table(figures: Figures) -> str:
    rows = [
        (name, *(f"{_rate(figures.results, subject, operation):.0f} / {figures.p50(subject, operation):.1f}"
                 for subject in NAMES))
        for operation, name in OPERATIONS.items()
    ]  # fmt: skip
    return _table(("a second / p50 ms, 8 connections", *NAMES.values()), rows)


def _cached(figures: Figures) -> str:
    cached, own = (median(figures.cpu(name, "session_check")) for name in ("better-auth-cached", "twofold"))
    return (
        "better-auth can also believe a signed copy of the session in a cookie for some minutes, in which an ended "
        f"session is still let in. That is not the same work and stands outside the ratios: {cached:.2f} ms a check, "
        f"where Twofold asks its database each time in {own:.2f} ms."
    )


def _machine(results: PeerResults) -> str:
    listed = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    return (
        f"Measured on {results.at:%d %B %Y} on {results.machine}; Python {results.machine.python}; {listed}. "
        f"{results.plan.rounds} rounds of {results.plan.seconds:g} seconds, in each of which every subject has its "
        "turn; shown are medians, ratios taken within a round."
    )


def write_plot(results: PeerResults, folder: Path) -> None:
    """Draw how many times Twofold's CPU each takes."""
    figures = Figures(results)
    rows: list[Bar | None] = []
    for operation, name in OPERATIONS.items():
        own = median(figures.cpu("twofold", operation))
        for place, (subject, called) in enumerate(NAMES.items()):
            cpu = median(figures.cpu(subject, operation))
            parts = tuple(cpu / own if place == part else 0.0 for part in range(len(NAMES)))
            label = f"{name.partition(' (')[0]}, {called}"
            rows.append(Bar(label, parts, f"{cpu / own:.1f} ×, {cpu:.2f} ms"))
        rows.append(None)
    bars(folder / "peers.svg", "CPU beside others, Twofold = 1", "times Twofold's", list(NAMES.values()), rows[:-1])


def _rate(results: PeerResults, subject: str, operation: str) -> float:
    return median(c.per_second for c in results.cells if (c.subject, c.operation) == (subject, operation))


def _middle(values: Sequence[float]) -> str:
    return f"{median(values):.2f}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
