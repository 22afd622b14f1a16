"""A run, from the first process to the last line of the table."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from benchmarks import bounds, plot, readme
from benchmarks.cells import Cell, LastClose, Loopback, Run, Subject
from benchmarks.configuration import Configuration
from benchmarks.plan import CELLS, QUICK
from benchmarks.processes import ROOT, Process, Worker
from benchmarks.results import HERE, Results, about, markdown, number, profile_key, spread
from benchmarks.services import services

BOUNDS = HERE / "bounds.json"
REASONS = HERE / "reasons.json"
PROFILED = 1000  # handshakes


def say(text: str) -> None:
    """Show how far it is, where somebody looks: in place on a terminal, line by line in a log."""
    sys.stderr.write(f"\r\033[K{text}" if sys.stderr.isatty() else f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def full(directory: Path, rounds: int, seconds: float, only: Collection[str] = ()) -> Results:
    """Measure the cells (all, or those named), and write table, plot and raw figures into the directory."""
    with tempfile.TemporaryDirectory() as temporary, services() as running:
        run = Run(running, _loadgen(Path(temporary)), rounds, seconds, say)
        results = Results(about(rounds, seconds))
        for cell in CELLS:
            if not only or cell.name in only:
                results.cells[cell.name] = cell.measure(run)
                results.titles[cell.name] = cell.title
                results.save(directory / "results.json")  # whatever comes
        results.profiles = _profiles(results, run)
    results.save(directory / "results.json")
    (directory / "results.svg").write_text(plot.svg(readme.TITLE, readme.pairs(results)), "utf-8")
    reasons = json.loads(REASONS.read_text("utf-8")) if REASONS.exists() else {}
    (directory / "RESULTS.md").write_text(markdown(results, reasons), "utf-8")
    return results


def table(results: Results) -> str:
    """The goals in a terminal."""
    return "\n".join(
        f"{v.goal.row:>4} {'reached' if v.reached else 'MISSED ':8} {v.goal.what[:66]:66} {v.goal.text:44}"
        f" {spread(v.found, v.goal.unit)}"
        for v in results.verdicts
    )


def quick(seconds: float = 0.25, rounds: int = 3, *, record: bool = False) -> int:
    """Hold a short run against the recorded bounds, or record them. What breaches one is measured again before it counts."""
    recorded = {} if record else json.loads(BOUNDS.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as temporary, services() as running:
        run = Run(running, _loadgen(Path(temporary)), rounds, seconds, say)
        cells = {cell.name: cell.measure(run) for cell in QUICK}
        again = bounds.cells_of(bounds.breaches(cells, recorded))
        longer = replace(run, rounds=rounds + 2)
        cells |= {cell.name: cell.measure(longer) for cell in QUICK if cell.name in again}
    say("")
    if record:
        bounds.record(cells, BOUNDS)
        return 0
    found, broken = bounds.ratios(cells), bounds.breaches(cells, recorded)
    for name, bound in recorded.items():
        mark = "BREACH" if name in broken else "ok"
        sys.stdout.write(f"{mark:7}{name:36} {number(found[name]):>8}  at most {number(bound)}\n")
    return int(bool(broken))


def _loadgen(directory: Path) -> Path:
    """Compile the load generator, where the compiler is found."""
    target = directory / "loadgen"
    with Process([str(ROOT / "scripts" / "loadgen"), str(target)], 0) as building:
        if building.process.wait():
            raise SystemExit("the load generator could not be compiled")
    return target


def _profiles(results: Results, run: Run) -> dict[str, str]:
    """Where the time went, for every goal that was missed and has a process to look into."""
    cells = {cell.name: cell for cell in CELLS}
    profiles = {}
    for verdict in results.verdicts:
        goal = verdict.goal
        key = profile_key(goal.cell, goal.ours)
        subject = next((s for s in cells[goal.cell].subjects if s.label == goal.ours), None)
        if verdict.reached or subject is None or subject.what == "traces" or key in profiles:
            continue
        run.progress(f"profile of {key}")
        profiles[key] = _profile(cells[goal.cell], subject, run)
    return profiles


def _profile(cell: Cell, subject: Subject, run: Run) -> str:
    """The same in process. What a server adds is the server's."""
    configuration: Configuration = subject.placed(run.services)
    arguments = dict(subject.arguments)
    what = subject.what
    if isinstance(cell, Loopback):
        arguments["at_once"] = cell.in_flight
    if isinstance(cell, LastClose):
        what, arguments = "revoke_all", {"count": cell.count}
    with Worker(configuration) as worker:
        if what == "memory":
            return str(worker.ask("allocations", count=arguments["count"])["profile"])
        if what in ("handshakes", "refusals", "messages"):
            arguments["count"] = PROFILED
            worker.ask(what, **arguments)
        return str(worker.ask("profile", doing=what, **arguments)["profile"])
