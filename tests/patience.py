"""Deadlines that a test sets for what it tests, and that a slow machine must not miss before the test is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

HANG = 60.0  # seconds: what comes, comes long before; only what hangs takes as long

T = TypeVar("T")


async def until(condition: Callable[[], object]) -> None:
    """Wait until it holds. How long that takes is the machine's affair; fail where it never does."""
    ends = time.monotonic() + HANG
    while not condition():
        assert time.monotonic() < ends, "it never came true"
        await asyncio.sleep(0.005)


class TooLate(Exception):
    """The machine was too slow for a deadline of this length, so nothing was tested."""


@contextmanager
def before(moment: float, clock: Callable[[], float] = time.time) -> Iterator[None]:
    """Arrange something that has to be there before the moment. Raises TooLate where it was not."""
    try:
        yield
    except Exception:
        if clock() < moment:
            raise
        raise TooLate from None
    if clock() >= moment:
        raise TooLate


async def in_time(play: Callable[[float], Awaitable[T]], *lengths: float) -> T:
    """Play with a deadline of each length in turn, in seconds, until the machine is fast enough for one."""
    *most, last = lengths
    for seconds in most:
        try:
            return await play(seconds)
        except TooLate:
            continue
    return await play(last)
