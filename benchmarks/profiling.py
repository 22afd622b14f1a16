"""Where the CPU of a handshake goes, for goals that were missed: in the event loop's thread and in Django's."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from benchmarks.measure import Stopwatch

LINES = 12
WAITING = {  # for the other thread, for the database: no work
    "<method 'poll' of 'select.epoll' objects>",
    "<method 'get' of '_queue.SimpleQueue' objects>",
    "<method 'acquire' of '_thread.lock' objects>",
    "wait",  # psycopg's
}
Row = tuple[float, float, int, str]  # seconds in it and below, seconds in itself, calls, place


async def profile(work: Callable[[], Awaitable[object]], count: int) -> str:
    """Do the work under a profiler, which sees what a `Stopwatch` measures, and tell what each of `count` things costs."""
    from asgiref.sync import sync_to_async

    here, there = cProfile.Profile(), cProfile.Profile()
    Stopwatch.profiler = here
    await sync_to_async(there.enable)()
    await work()
    await sync_to_async(there.disable)()
    rows = list(_rows(pstats.Stats(here, there)))
    by_itself = sorted(rows, key=lambda row: -row[1])[:LINES]
    ours = sorted((row for row in rows if "wsauth/" in row[3]), key=lambda row: -row[0])[:LINES]
    head = f"{'total µs':>9} {'own µs':>8} {'calls':>7}   under the profiler, for each"
    return "\n".join([head, *_lines(by_itself, count), "", "and of wsauth, with what it calls:", *_lines(ours, count)])


def _rows(stats: Any) -> Iterable[Row]:
    for (file, line, function), (_, calls, own, total, _) in stats.stats.items():
        if function in WAITING:
            continue
        place = "/".join(file.replace("/__init__.py", "").split("/")[-3:])
        yield total, own, calls, function if file == "~" else f"{place}:{line} {function}"


def _lines(rows: Iterable[Row], count: int) -> Iterable[str]:
    for total, own, calls, place in rows:
        yield f"{total / count * 1e6:9.1f} {own / count * 1e6:8.2f} {calls / count:7.2f}   {place}"
