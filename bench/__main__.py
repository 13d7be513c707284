"""Measuring Twofold: `make bench`, or `python -m bench`.

python -m bench            every operation, both databases, 1 and 2 workers, 8 and 32 connections; keeps the results
python -m bench --quick    the same in a minute and a half; prints the results and keeps nothing
python -m bench report     write docs/performance.md and the plots anew from the results that were kept
"""

import argparse
from pathlib import Path

import msgspec

from bench import plan, report
from bench.plan import Results

RESULTS = Path(__file__).parent / "results"
DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("main", "report"), default="main")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if arguments.what == "report":
        write_report()
    elif arguments.quick:
        show(plan.run(plan.QUICK))
    else:
        results = plan.run(plan.FULL)
        keep("main", results)
        show(results)
        write_report()


def show(results: Results) -> None:
    """Print the tables."""
    for name in ("machine", "goals", "floor", *(f"cells-{store}" for store in results.plan.stores), "statements"):
        print(report.blocks_of(results)[name], end="\n\n")


def keep(name: str, results: msgspec.Struct) -> None:
    """Keep results as JSON."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def write_report() -> None:
    """Write the document and its plots from whatever results there are."""
    main_results = msgspec.json.decode((RESULTS / "main.json").read_bytes(), type=Results)
    report.write_plots(main_results, RESULTS)
    report.write_blocks(DOCUMENT, report.blocks_of(main_results))


if __name__ == "__main__":
    main()
