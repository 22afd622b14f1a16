"""What is to be looked at when it may have lapsed: in steps of two minutes, a few at a time."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence

STEP = 120.0  # seconds by which something may be looked at too late


class Lapses:
    """Numbers, each with a moment. One costs the eight bytes that refer to it, and the same to come and to go.

    Nothing is due before `soonest`.
    """

    def __init__(self) -> None:
        self._steps: dict[int, list[int]] = {}
        self._order: list[int] = []  # a heap of the steps
        self.soonest = math.inf

    def add(self, moment: float, number: int) -> None:
        """Have a number looked at soon after that moment."""
        step = int(moment // STEP) + 1
        numbers = self._steps.get(step)
        if numbers is None:
            numbers = self._steps[step] = []
            heapq.heappush(self._order, step)
            self.soonest = self._order[0] * STEP
        numbers.append(number)

    def due(self, now: float, most: int) -> list[int]:
        """Take out numbers whose moment is over, so many at most."""
        found: list[int] = []
        while len(found) < most and self.soonest <= now:
            numbers = self._steps[self._order[0]]
            left = len(numbers) - min(len(numbers), most - len(found))
            found += numbers[left:]
            del numbers[left:]
            if not numbers:
                del self._steps[heapq.heappop(self._order)]
                self.soonest = self._order[0] * STEP if self._order else math.inf
        return found

    def slices(self, size: int) -> Iterator[Sequence[int]]:
        """Yield all numbers, so many at once. What is put off meanwhile may come twice, and nothing is left out."""
        seen: set[int] = set()
        while steps := sorted(self._steps.keys() - seen):
            seen.update(steps)
            for step in steps:
                start = 0
                while numbers := self._steps.get(step, [])[start : start + size]:
                    yield numbers
                    start += size
