"""What is due when, for many connections of one event loop, with one timer for all of them."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

TICK = 30.0  # seconds between two looks at the wall clock
JUMP = 1.0  # seconds that the wall clock may run ahead of the loop's before that counts as a jump


class Agenda(Generic[T]):
    """Calls `due` with the items whose moment (of the loop's time) has come.

    `jumped`, where given, is called with every item when the wall clock has run ahead of the loop's: it was set, or the
    machine has slept, and the loop's clock slept with it.
    """

    __slots__ = ("_ahead", "_due", "_heap", "_jumped", "_loop", "_moments", "_serial", "_timer", "_wall")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        due: Callable[[list[T]], None],
        jumped: Callable[[Iterable[T]], None] | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._loop = loop
        self._due = due
        self._jumped = jumped
        self._wall = wall
        self._ahead = wall() - loop.time()
        self._heap: list[tuple[float, int, T]] = []
        self._moments: dict[T, tuple[float, int]] = {}
        self._serial = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._moments)

    def __contains__(self, item: T) -> bool:
        return item in self._moments

    def set(self, item: T, when: float) -> None:
        """Put an item in, or move it. An infinite moment never comes."""
        if not self._moments:
            self._ahead = self._wall() - self._loop.time()
        self._serial += 1
        self._moments[item] = (when, self._serial)
        if len(self._heap) > 2 * len(self._moments) + 16:
            self._heap = [(at, serial, kept) for kept, (at, serial) in self._moments.items()]
            heapq.heapify(self._heap)
        else:
            heapq.heappush(self._heap, (when, self._serial, item))
        self._arm()

    def moment(self, item: T) -> float:
        """When an item is due; infinite for one that is not in."""
        return self._moments.get(item, (float("inf"), 0))[0]

    def discard(self, item: T) -> None:
        if self._moments.pop(item, None) is not None and not self._moments:
            self._heap.clear()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _arm(self) -> None:
        """Wake at the next moment; where the wall clock matters, at the next tick at the latest."""
        when = self._heap[0][0]
        if self._jumped is not None:
            when = min(when, self._loop.time() + TICK)
        if when == float("inf") or (self._timer is not None and self._timer.when() <= when):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._jumped is not None:
            ahead, before = self._wall() - self._loop.time(), self._ahead
            self._ahead = ahead if ahead > before + JUMP else min(ahead, before)
            if self._ahead > before:
                self._jumped(list(self._moments))
        now, due = self._loop.time(), []
        while self._heap and self._heap[0][0] <= now:
            _, serial, item = heapq.heappop(self._heap)
            if self._moments.get(item, (0.0, 0))[1] == serial:
                del self._moments[item]
                due.append(item)
        if due:
            self._due(due)
        if self._moments and self._heap:
            self._arm()
