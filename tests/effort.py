"""What work costs, counted in calls: the same on every machine, and however busy it is."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

CALLS = ("call", "c_call")
ENDLESS = (
    60.0  # seconds of CPU: a linear scan of a megabyte takes a thousandth of it, a quadratic one many times as much
)


class Counter:
    """Counts the calls of this thread's functions, Python's and C's; a generator's counts each time that it goes on."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event in CALLS:
            self.calls += 1


@contextmanager
def counted() -> Iterator[Counter]:
    """Count the calls within the block."""
    counter, before = Counter(), sys.getprofile()
    sys.setprofile(counter)
    try:
        yield counter
    finally:
        sys.setprofile(before)


def calls(work: Callable[[], object]) -> int:
    """Return how many calls a call of `work` takes."""
    with counted() as counter:
        work()
    return counter.calls


async def most_calls_in_a_turn(until: Callable[[], bool], before_each: Callable[[], object] = lambda: None) -> int:
    """Let the loop turn until the condition holds; return how many calls the turn with the most of them took."""
    most = 0
    while not until():
        before_each()
        with counted() as counter:
            await asyncio.sleep(0)
        most = max(most, counter.calls)
    return most


@contextmanager
def must_end() -> Iterator[None]:
    """Fail what goes on for ever within one call, as a regular expression may; the time is this process's own."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"this goes on for over {ENDLESS:.0f} s")

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, ENDLESS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
