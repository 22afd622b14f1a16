"""What a run found, kept as JSON (the raw figures) and told as Markdown (`RESULTS.md`)."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.figures import Sample, Series, Spread
from benchmarks.goals import UNITS, Verdict, judge_all

HERE = Path(__file__).parent
PACKAGES = ("wsauth", "Django", "channels", "starlette", "fastapi", "PyJWT", "joserfc", "uvicorn", "daphne", "psycopg")
NOTE = """\
Medians; beside the first column the range of the rounds. Everything is per handshake, message or connection; a revoke is
told as a whole.
"""
METRICS = {  # by name: heading and unit; those that a cell has, in this order, are its columns
    "total": ("server + PostgreSQL", "µs"),
    "cpu": ("CPU", "µs"),
    "postgres": ("of PostgreSQL", "µs"),
    "rate": ("throughput", "/s"),
    "traced": ("bytes", "B"),
    "resident": ("bytes", "B"),
    "seconds": ("time", "ms"),
    "busy": ("CPU", "ms"),
    "hops": ("hops", ""),
    "queries": ("queries", ""),
    "created": ("applications", ""),
    "frameworks": ("frameworks", ""),
}


@dataclass(slots=True)
class Results:
    """`cells` are the raw figures by cell, `titles` what stands above them, `profiles` those of goals that were missed."""

    about: dict[str, Any]
    cells: dict[str, Series] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    profiles: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Results:
        return cls(**json.loads(path.read_text("utf-8")))

    def save(self, path: Path) -> None:
        content = {"about": self.about, "cells": self.cells, "titles": self.titles, "profiles": self.profiles}
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")

    @property
    def verdicts(self) -> list[Verdict]:
        return judge_all(self.cells)


def about(rounds: int, seconds: float) -> dict[str, Any]:
    """Say on what a run was made."""
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%d"),
        "rounds": rounds,
        "seconds": seconds,
        "python": platform.python_version(),
        "machine": f"{_processor()}, {os.cpu_count()} cores",
        "versions": {name: version(name) for name in PACKAGES},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def number(value: float) -> str:
    """Three digits that mean something, and no more."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) < 0.1 else f"{value:.3g}"


def spread(found: Spread, unit: str = "") -> str:
    """A median with its range: `0.081 (0.078-0.085)`."""
    text = f"{number(found.median)} ({number(found.low)}–{number(found.high)})"  # noqa: RUF001 - a range
    return f"{text} {unit}".strip()


def amount(found: Spread, metric: str) -> str:
    """A figure in the unit of its metric."""
    unit = METRICS[metric][1] if metric in METRICS else ""
    return f"{number(found.median * UNITS[unit])} {unit}".strip()


def markdown(results: Results, reasons: Mapping[str, str]) -> str:
    """The whole of RESULTS.md. `reasons` says by row why a goal was missed."""
    verdicts = results.verdicts
    parts = [
        _head(results, verdicts),
        "## Goals\n",
        *_goal_table(verdicts),
        "\n## Figures\n",
        NOTE,
    ]
    for name, series in results.cells.items():
        parts += [f"### {results.titles[name]}\n", *_table(series), ""]
    parts += ["## What was missed\n", *_missed(results, verdicts, reasons)]
    return "\n".join(parts).rstrip() + "\n"


def _head(results: Results, verdicts: list[Verdict]) -> str:
    given = results.about
    reached = sum(verdict.reached for verdict in verdicts)
    versions = ", ".join(f"{name} {number}" for name, number in given["versions"].items())
    return (
        "# What wsauth costs\n\n"
        f"Written by `make bench`. {reached} of {len(verdicts)} goals are reached.\n\n"
        "![wsauth beside what it replaces](results.svg)\n\n"
        f"{given['when']} on {given['machine']}, Python {given['python']}; {versions}. {given['rounds']} rounds of"
        f" {given['seconds']:g} s, the subjects taking turns: A B A B. Ratios and differences are taken within a round; the"
        " median of the rounds counts, and the lowest and the highest stand beside it. Look at the ratios: the times are"
        " this machine's. [README.md](README.md) says what each row measures.\n"
    )


def _goal_table(verdicts: list[Verdict]) -> Iterator[str]:
    yield "| # | what | goal | wsauth | compared with | found | reached |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for verdict in verdicts:
        goal = verdict.goal
        theirs = "" if verdict.theirs is None else f"{goal.theirs}: {amount(verdict.theirs, goal.metric)}"
        found = spread(verdict.found, "×" if goal.is_ratio else goal.unit)  # noqa: RUF001 - times
        mark = "yes" if verdict.reached else "**no**"
        ours = amount(verdict.ours, goal.metric)
        yield f"| {goal.row} | {goal.what} | {goal.text} | {ours} | {theirs} | {found} | {mark} |"


def _table(series: Series) -> Iterator[str]:
    metrics = [name for name in METRICS if any(name in sample for samples in series.values() for sample in samples)]
    if not any(sample.get("postgres", 0) > 2e-6 for samples in series.values() for sample in samples):
        metrics = [name for name in metrics if name not in ("postgres", "total")]
    if "rate" in metrics:
        metrics.remove("seconds")
    yield f"| | {' | '.join(METRICS[name][0] for name in metrics)} |"
    yield "| --- |" + " ---: |" * len(metrics)
    for label, samples in series.items():
        yield f"| {label} | {' | '.join(_cells(samples, metrics))} |"


def _cells(samples: list[Sample], metrics: list[str]) -> Iterator[str]:
    for place, name in enumerate(metrics):
        unit = METRICS[name][1]
        found = Spread.of([sample[name] for sample in samples]).scaled(UNITS[unit])
        yield f"{number(found.median)} {unit}".strip() if place else spread(found, unit)


def _missed(results: Results, verdicts: list[Verdict], reasons: Mapping[str, str]) -> Iterator[str]:
    missed = [verdict for verdict in verdicts if not verdict.reached]
    if not missed:
        yield "Nothing."
    told: set[str] = set()
    for verdict in missed:
        goal = verdict.goal
        key = profile_key(goal.cell, goal.ours)
        yield f"### {goal.row}: {goal.what}\n"
        yield f"Goal {goal.text}, found {spread(verdict.found, goal.unit)}.\n"
        yield f"Reason: {reasons.get(goal.row, 'not written down yet; it belongs into `benchmarks/reasons.json`.')}\n"
        if key in results.profiles and key not in told:
            told.add(key)
            yield f"```\n{results.profiles[key]}\n```\n"
        elif key in told:
            yield "The profile stands above.\n"


def profile_key(cell: str, subject: str) -> str:
    return f"{cell}: {subject}"
