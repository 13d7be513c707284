"""Measuring Twofold: `make bench`, or `python -m bench`.

python -m bench            every operation, both databases, 1 and 2 workers, 8 and 32 connections; keeps the results
python -m bench --quick    the same in a minute and a half; prints the results and keeps nothing
python -m bench storm      four times as many passwords as can be hashed: do other requests get through?
python -m bench scale      among 10 thousand and 1 million people, with 10 million lines in the audit log
python -m bench enumeration   can a stopwatch tell who exists? 2,000 requests of each state in each operation
python -m bench floods     strangers in floods: how do people who are signed in, or want to be, fare?
python -m bench neighbours    can the answers to others tell who got a letter? 2,000 looks in all (--looks N)
python -m bench applications   codes, refresh tokens and access tokens beside a session check
python -m bench distance  PostgreSQL 0.5 and 2 ms away: what do pipelines save a second factor?
python -m bench peers      the same work given to django-allauth and better-auth; `make bench-peers` installs them first
python -m bench servers    the HTTP server that we use beside others; `make bench-servers` installs those first
python -m bench report     write docs/performance.md and the plots anew from the results that were kept
"""

import argparse
import signal
import sys
from pathlib import Path
from typing import TypeVar

import msgspec

from bench import distance, enumeration, floods, neighbours, plan, report, scale, servers, storm
from bench.distance import Distance
from bench.enumeration import Watched
from bench.floods import Flooded
from bench.neighbours import Neighbours
from bench.peers import run as peers
from bench.peers import table
from bench.peers.run import PeerResults
from bench.plan import Results
from bench.scale import Grown, Size
from bench.storm import Storm

RESULTS = Path(__file__).parent / "results"
DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"

T = TypeVar("T")


def main() -> None:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=formatter)
    what = (
        "main",
        "storm",
        "scale",
        "enumeration",
        "neighbours",
        "floods",
        "distance",
        "applications",
        "peers",
        "servers",
        "report",
    )
    parser.add_argument("what", nargs="?", choices=what, default="main")
    parser.add_argument("--quick", action="store_true", help="shorter, and nothing is kept")
    parser.add_argument("--people", type=int, default=1_000_000, help="of scale, at the larger size")
    parser.add_argument("--events", type=int, default=10_000_000, help="of scale, at the larger size")
    parser.add_argument("--looks", type=int, help="of neighbours, in all; 40 take a minute")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)  # by the way on which servers and databases are stopped and removed
    match arguments.what:
        case "main":
            results = plan.run(plan.QUICK if arguments.quick else plan.FULL)
            show(results)
            keep("main", results, kept=not arguments.quick)
        case "storm":
            keep("storm", storm.run(short=arguments.quick), kept=not arguments.quick)
        case "scale":
            sizes = [Size(10_000, 0), Size(arguments.people, arguments.events)]
            keep("scale", scale.run(sizes), kept=not arguments.quick)
        case "enumeration":
            n, n_real = (100, 30) if arguments.quick else (2_000, 300)
            keep("enumeration", enumeration.run(n, n_real), kept=not arguments.quick)
        case "floods":
            keep("floods", floods.run(short=arguments.quick), kept=not arguments.quick)
        case "neighbours":
            found = neighbours.run(arguments.looks or (100 if arguments.quick else 2_000))
            print(report.neighbours_table(found))
            keep("neighbours", found, kept=not arguments.quick)
        case "distance":
            away = distance.run()
            print(report.distance_table(away))
            keep("distance", away, kept=True)
        case "applications":
            results = plan.run(plan.QUICK_APPLICATIONS if arguments.quick else plan.APPLICATIONS)
            print(report.applications_table(results))
            keep("applications", results, kept=not arguments.quick)
        case "peers":
            beside = peers.run(peers.QUICK if arguments.quick else peers.FULL)
            print(table.block(beside))
            keep("peers", beside, kept=not arguments.quick)
        case "servers":
            print(servers.table(servers.run(short=arguments.quick)))
            return  # docs/decisions/0032-connections.md has them
        case _:
            pass
    if not arguments.quick:
        write_report()


def _leave(*_: object) -> None:
    sys.exit("ended from outside")


def show(results: Results) -> None:
    """Print the tables."""
    blocks = report.blocks_of(results)
    for name in ("machine", "goals", "floor", *(f"cells-{store}" for store in results.plan.stores), "statements"):
        print(blocks[name], end="\n\n")


def keep(name: str, results: object, *, kept: bool) -> None:
    """Keep results as JSON."""
    if kept:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def write_report() -> None:
    """Write the document and its plots from whatever results there are."""
    blocks: dict[str, str] = {}
    if main_results := kept_results("main", Results):
        report.write_plots(main_results, RESULTS)
        blocks |= report.blocks_of(main_results)
    if storms := kept_results("storm", list[Storm]):
        blocks["storm"] = report.storm_table(storms)
    if grown := kept_results("scale", list[Grown]):
        report.write_growth_plot(grown, RESULTS)
        blocks["scale"] = report.growth_table(grown)
    if watched := kept_results("enumeration", list[Watched]):
        blocks["enumeration"] = report.enumeration_table(watched)
    if flooded := kept_results("floods", list[Flooded]):
        blocks["floods"] = report.floods_table(flooded)
    if found := kept_results("neighbours", list[Neighbours]):
        blocks["neighbours"] = report.neighbours_table(found)
    if away := kept_results("distance", list[Distance]):
        blocks["distance"] = report.distance_table(away)
    if of_applications := kept_results("applications", Results):
        blocks["applications"] = report.applications_table(of_applications)
    if beside := kept_results("peers", PeerResults):
        table.write_plot(beside, RESULTS)
        blocks["peers"] = table.block(beside)
    report.write_blocks(DOCUMENT, blocks)


def kept_results(name: str, kind: type[T]) -> T | None:
    """Read results that were kept, if there are any."""
    path = RESULTS / f"{name}.json"
    return msgspec.json.decode(path.read_bytes(), type=kind) if path.exists() else None


if __name__ == "__main__":
    main()
