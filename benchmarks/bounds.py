"""The guard against regressions: ratios of a short run held against those that were recorded. Never times, which are a
machine's: what is compared was measured in the same minute on the same core.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from benchmarks import figures, plan
from benchmarks.figures import Series
from benchmarks.people import REFUSED

# What is guarded, by name: cell, metric, ours, theirs. All are ratios where less is better, of CPU, bytes or seconds.
GUARDED: dict[str, tuple[str, str, str, str]] = {
    "session, 100 at once": ("session-100", "total", plan.WSAUTH, plan.AMS),
    "session, one at a time": ("session-1", "total", plan.WSAUTH, plan.AMS),
    "session, SQLite": ("session-1-sqlite", "cpu", plan.WSAUTH, plan.AMS),
    "token and user, 100 at once": ("user-100", "total", plan.WSAUTH, plan.PYJWT),
    "token and user, one at a time": ("user-1", "total", plan.WSAUTH, plan.PYJWT),
    "uvicorn": ("uvicorn", "total", plan.WSAUTH, plan.AMS),
    "token, Starlette": ("jwt-starlette", "cpu", plan.WSAUTH, plan.STARLETTE),
    "token, FastAPI": ("jwt-fastapi", "cpu", plan.WSAUTH, plan.DEPENDS),
    "token, bare": ("jwt-bare", "cpu", plan.WSAUTH, plan.BARE),
    **{f"refused, {case}": ("refused", "cpu", case, plan.BARE) for case in REFUSED},
    "message": ("message", "cpu", plan.WSAUTH, plan.BARE),
    "memory, token": ("memory-quick", "traced", plan.TOKEN, plan.AMS),
    "memory, session": ("memory-quick", "traced", plan.SESSION, plan.AMS),
    "revoke records": ("revoke-quick", "busy", plan.RECORDS, plan.GROUP_SEND),
    "revoke connections": ("revoke-quick", "busy", plan.CONNECTIONS, plan.GROUP_SEND),
}
SLACK = 1.35  # of what was recorded: more than the rounds differ, less than a mistake costs
NEVER = ("refused-traces", "reached")  # what a refused handshake reaches must stay nothing where it was nothing


def ratios(cells: Mapping[str, Series]) -> dict[str, float]:
    """Of everything that is guarded, as far as it was measured: our best turn by their best.

    What disturbs a turn makes it slower, never faster. `group_send` also takes one of two times, by the order of a set.
    """
    found = {
        name: figures.single(cells[cell], ours, metric).low / figures.single(cells[cell], theirs, metric).low
        for name, (cell, metric, ours, theirs) in GUARDED.items()
        if cell in cells
    }
    cell, metric = NEVER
    for case in cells.get(cell, {}):
        found[f"reached, {case}"] = figures.single(cells[cell], case, metric).median
    return found


def record(cells: Mapping[str, Series], path: Path) -> None:
    """Keep what was found, with some slack, as the bounds of runs to come."""
    bounds = {name: round(ratio * SLACK, 4) for name, ratio in ratios(cells).items()}
    path.write_text(json.dumps(bounds, indent=2) + "\n", "utf-8")


def breaches(cells: Mapping[str, Series], bounds: Mapping[str, float]) -> list[str]:
    """Say what is above its bound."""
    found = ratios(cells)
    return [name for name, bound in bounds.items() if name in found and found[name] > bound]


def cells_of(names: list[str]) -> set[str]:
    """The cells that have to be measured again for these names."""
    return {GUARDED[name][0] if name in GUARDED else NEVER[0] for name in names}
