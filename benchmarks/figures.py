"""The arithmetic: samples of several turns become a median and its spread. Ratios and differences are taken turn by turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

Sample = dict[str, float]  # of one turn, by metric
Series = dict[str, list[Sample]]  # of one cell, by subject


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several turns, and the lowest and highest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises ValueError where nothing was measured."""
        if not values:
            raise ValueError("nothing was measured")
        return cls(median(values), min(values), max(values))

    def scaled(self, factor: float) -> Spread:
        return Spread(self.median * factor, self.low * factor, self.high * factor)


def single(series: Series, subject: str, metric: str) -> Spread:
    """One subject's own figure."""
    return Spread.of([sample[metric] for sample in series[subject]])


def ratio(series: Series, ours: str, theirs: str, metric: str) -> Spread:
    """How many times theirs ours is."""
    return _paired(series, ours, theirs, metric, lambda one, other: one / other)


def excess(series: Series, ours: str, floor: str, metric: str) -> Spread:
    """What ours comes to above the floor."""
    return _paired(series, ours, floor, metric, lambda one, other: one - other)


def _paired(series: Series, ours: str, theirs: str, metric: str, compare: Callable[[float, float], float]) -> Spread:
    turns = zip(series[ours], series[theirs], strict=True)
    return Spread.of([compare(one[metric], other[metric]) for one, other in turns])
