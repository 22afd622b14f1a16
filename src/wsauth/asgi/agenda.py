"""What is due when, for many connections of one event loop, with one timer for all of them."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

TICK = 30.0  # seconds between two looks at the wall clock
JUMP = 1.0  # seconds that the wall clock may run ahead of the loop's before that counts as a jump
SLICE = 500  # items: those that were born together are due together


class Agenda(Generic[T]):
    """Calls `due` with the items whose moment (of the loop's time) has come, and the time. An item comes due once.

    `jumped`, where given, is called with every item when the wall clock has run ahead of the loop's: it was set, or the
    machine has slept, and the loop's clock slept with it. `at_once` is how many items are handled in one turn of the loop.
    """

    __slots__ = (
        "_ahead",
        "_at_once",
        "_context",
        "_due",
        "_heap",
        "_jumped",
        "_loop",
        "_moments",
        "_serial",
        "_timer",
        "_wake_at",
        "_wall",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        due: Callable[[list[T], float], None],
        jumped: Callable[[list[T]], None] | None = None,
        wall: Callable[[], float] = time.time,
        at_once: int = SLICE,
    ) -> None:
        self._loop = loop
        self._due = due
        self._jumped = jumped
        self._wall = wall
        self._at_once = at_once
        self._ahead = 0.0
        self._heap: list[tuple[float, int, T]] = []  # with stale entries among them
        self._moments: dict[T, tuple[float, int, T]] = {}  # the entries that count
        self._serial = 0
        self._timer: asyncio.TimerHandle | None = None
        self._wake_at = 0.0  # not `timer.when()`: uvloop gives a plain handle for a moment that has come
        # Its own: that of the connection which happened to come first is none of the others' business.
        self._context = contextvars.Context()

    def __len__(self) -> int:
        return len(self._moments)

    def __contains__(self, item: T) -> bool:
        return item in self._moments

    def set(self, item: T, when: float) -> None:
        """Put an item in, or move it. An infinite moment never comes."""
        if not self._moments:
            self._ahead = self._wall() - self._loop.time()
        self._serial += 1
        entry = self._moments[item] = (when, self._serial, item)
        heapq.heappush(self._heap, entry)
        self._tidy()
        self._arm()

    def moment(self, item: T) -> float:
        """When an item is due; infinite for one that is not in."""
        entry = self._moments.get(item)
        return float("inf") if entry is None else entry[0]

    def discard(self, item: T) -> None:
        if self._moments.pop(item, None) is None:
            return
        self._tidy()
        if not self._moments and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tidy(self) -> None:
        """Let go of items that were moved or taken out, before they are the greater part."""
        if not self._moments:
            self._heap.clear()
        elif len(self._heap) > 2 * len(self._moments) + 16:
            self._heap = list(self._moments.values())
            heapq.heapify(self._heap)

    def _arm(self) -> None:
        """Wake at the next moment; where the wall clock matters, at the next tick at the latest."""
        when = self._heap[0][0]
        if self._jumped is not None:
            when = min(when, self._loop.time() + TICK)
        if when == float("inf") or (self._timer is not None and self._wake_at <= when):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._fire, when, context=self._context)
        self._wake_at = when

    def _fire(self, when: float) -> None:
        self._timer = None
        if self._jumped is not None:
            self._look_at_the_clock(self._jumped)
        now = max(self._loop.time(), when)  # a loop may be early, by the resolution of its clock
        due: list[T] = []
        while self._heap and self._heap[0][0] <= now and len(due) < self._at_once:
            entry = heapq.heappop(self._heap)
            if self._moments.get(entry[2]) is entry:
                del self._moments[entry[2]]
                due.append(entry[2])
        if self._moments:
            self._arm()
        if due:
            self._due(due, now)

    def _look_at_the_clock(self, jumped: Callable[[list[T]], None]) -> None:
        ahead, before = self._wall() - self._loop.time(), self._ahead
        if ahead > before + JUMP:
            self._ahead = ahead
            jumped(list(self._moments))
        else:
            self._ahead = min(ahead, before)  # a clock that was put back may be put forward again
