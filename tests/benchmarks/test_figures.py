"""The arithmetic of the benchmarks."""

import pytest
from benchmarks import figures
from benchmarks.figures import Spread

SERIES = {
    "ours": [{"cpu": 1.0}, {"cpu": 4.0}, {"cpu": 2.0}],
    "theirs": [{"cpu": 2.0}, {"cpu": 40.0}, {"cpu": 5.0}],
}


def test_a_spread_is_a_median_and_its_range():
    """One turn that something disturbed does not move the figure."""
    assert Spread.of([3.0, 100.0, 1.0]) == Spread(3.0, 1.0, 100.0)


def test_nothing_measured_is_no_figure():
    """A goal cannot be reached by measuring nothing."""
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


def test_a_ratio_is_taken_turn_by_turn():
    """What slowed a turn down slowed both, so the ratio of that turn stands."""
    assert figures.ratio(SERIES, "ours", "theirs", "cpu") == Spread(0.4, 0.1, 0.5)


def test_an_excess_is_taken_turn_by_turn():
    """What the machine did meanwhile is no part of the difference."""
    assert figures.excess(SERIES, "theirs", "ours", "cpu") == Spread(3.0, 1.0, 36.0)


def test_turns_that_do_not_pair_are_an_error():
    """A subject that missed a turn is not compared with another turn's."""
    with pytest.raises(ValueError, match="zip"):
        figures.ratio({**SERIES, "ours": SERIES["ours"][:2]}, "ours", "theirs", "cpu")


def test_a_spread_in_another_unit():
    """Seconds become microseconds in all three."""
    assert Spread(1.0, 0.5, 2.0).scaled(10) == Spread(10.0, 5.0, 20.0)
