"""`python -m benchmarks`: the whole comparison, or with `--quick` the guard against regressions."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from benchmarks import run
from benchmarks.plan import CELLS
from benchmarks.results import HERE


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under 3 minutes; fails where a ratio is above its bound")
    parser.add_argument("--rounds", type=int, default=7, help="turns that each subject has")
    parser.add_argument("--seconds", type=float, default=0.6, help="how long one turn lasts")
    parser.add_argument("--only", nargs="*", default=(), choices=[cell.name for cell in CELLS], help="these cells")
    parser.add_argument("--directory", type=Path, default=HERE, help="where the results go")
    parser.add_argument("--record-bounds", action="store_true", help="with --quick: keep its ratios as the bounds")
    options = parser.parse_args()
    began = time.monotonic()
    if options.quick:
        status = run.quick(record=options.record_bounds)
    else:
        options.directory.mkdir(parents=True, exist_ok=True)
        results = run.full(options.directory, options.rounds, options.seconds, options.only)
        sys.stdout.write(f"\n{run.table(results)}\n")
        status = 0
    run.say(f"{time.monotonic() - began:.0f} s\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
